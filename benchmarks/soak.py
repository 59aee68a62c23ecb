"""Does the page stay the same size and give right answers when visitors come and go, round after round?

Each visitor does what a browser does: opens the page and holds its heartbeat, asks with a picture of the catalogue,
fetches the pictures of the results and a map; every fifth also makes a catalogue of a zip and searches it. Then all
leave, and the process of the page is measured. The page is another process, on the same cores.

Example: python -m benchmarks.soak --visitors 50 --rounds 4
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import psutil

from settings import ROOT

K = 24
SECONDS = 300.0
UPLOADERS = 5
"""Every so manyth visitor makes a catalogue too."""

SETTLE_SECONDS = 20.0
"""Longer than the page takes to notice who has left."""
FILE = {"_type": "gradio.FileData"}


@dataclass(frozen=True)
class Questions:
    """The catalogue's key, and pictures of it by id as PNG."""

    catalog: str
    pictures: dict[str, bytes]


@dataclass(frozen=True)
class Page:
    """What a visitor needs to know of the page: numbers of its events, and how many values a search takes."""

    search: int
    given: int
    load: int
    upload: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> Page:
        """Read the page's own description."""
        files = next(c["id"] for c in config["components"] if c["props"].get("label") == "Pictures or a zip")
        events = config["dependencies"]

        def number(trigger: str, given: int | None = None) -> int:
            return next(
                each["id"] for each in events
                if any(name == trigger for _, name in each["targets"]) and (given in each["inputs"] or given is None)
            )  # fmt: skip

        search = next(each for each in events if each["api_name"] == "look_alike")
        return cls(search["id"], len(search["inputs"]), number("load"), number("click", files))


def main() -> None:
    """Serve the page, let rounds of visitors come, and print one line of JSON a round and one of the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", default="sample")
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    questions = chosen(given.catalog, given.visitors, given.seed)
    with tempfile.TemporaryDirectory() as folder:
        app, url = serve(given.catalog, Path(folder))
        try:
            waited: list[float] = []
            wrong = 0
            for number in range(1, given.rounds + 1):
                before = os.getloadavg()[0]
                answers = asyncio.run(visits(url, questions))
                waited += [seconds for seconds, _ in answers]
                wrong += (failures := sum(not right for _, right in answers))
                time.sleep(SETTLE_SECONDS)
                told = {
                    "round": number,
                    **size(app.pid, Path(folder)),
                    "wrong": failures,
                    "load_before": round(before, 1),
                }
                sys.stdout.write(json.dumps(told | {"load_before": round(before, 1)}) + "\n")
                sys.stdout.flush()
        finally:
            app.terminate()
            app.wait(60)
    p50, p95 = np.percentile(waited, (50, 95))
    result = {
        "visitors": given.visitors, "rounds": given.rounds, "wrong": wrong,
        "search_p50_s": round(float(p50), 2), "search_p95_s": round(float(p95), 2),
    }  # fmt: skip
    sys.stdout.write(json.dumps(result) + "\n")


def chosen(name: str, count: int, seed: int) -> Questions:
    """Return pictures of a catalogue to ask with, its index built."""
    from services import Services
    from settings import Settings

    services = Services(Settings.from_environment(), [name])
    key, spec = services.catalogs.key(name), services.engines.first("look-alike")
    services.indexes.build(key, spec)
    catalog = services.catalogs.catalog(key)
    pictures = {}
    for item in random.Random(seed).sample([item.id for item in catalog], count):
        out = io.BytesIO()
        catalog.open(item).save(out, "PNG")
        pictures[item] = out.getvalue()
    services.close()
    return Questions(key, pictures)


def serve(catalog: str, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the page, what is sent to it below `folder`, and return its process and address once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(folder / "sent")}
    command = [sys.executable, "app.py", "--catalog", catalog, "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        app = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}/"
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            httpx.get(url, timeout=20)
        except httpx.HTTPError:
            if app.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text()) from None
            time.sleep(0.2)
        else:
            return app, url


def size(process: int, folder: Path) -> dict[str, float]:
    """Return what the page's process holds now; megabytes, numbers, files that visitors sent, faults in its log."""
    app = psutil.Process(process)
    return {
        "rss_mb": round(app.memory_info().rss / 2**20, 1),
        "threads": app.num_threads(),
        "descriptors": app.num_fds(),
        "sent_files": sum(path.is_file() for path in (folder / "sent").rglob("*")),
        "tracebacks": (folder / "log").read_text().count("Traceback"),
    }


async def visits(url: str, questions: Questions) -> list[tuple[float, bool]]:
    """Let one visitor ask with each picture, all at once; return the seconds of each search and if all was right."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=SECONDS, limits=limits) as client:
        page = Page.of((await client.get("config")).json())
        return await asyncio.gather(
            *(
                visit(Visitor(client, page), questions, item, number % UPLOADERS == 0)
                for number, item in enumerate(questions.pictures)
            )
        )


class Visitor:
    """One browser: its session and what it asks of the page."""

    def __init__(self, client: httpx.AsyncClient, page: Page) -> None:
        """Come with a new session."""
        self.client, self.page = client, page
        self._session = uuid.uuid4().hex

    @asynccontextmanager
    async def here(self) -> AsyncIterator[None]:
        """Hold the heartbeat, as an open page does, and leave at the end."""
        async with self.client.stream("GET", f"gradio_api/heartbeat/{self._session}"):
            yield

    async def send(self, name: str, data: bytes) -> dict[str, Any]:
        """Send a file and return it as an event takes it."""
        (path,) = (await self.client.post("gradio_api/upload", files={"files": (name, data)})).json()
        return {"path": path, "orig_name": name, "meta": FILE}

    async def ask(self, number: int, data: Sequence[Any]) -> list[Any]:
        """Put one event and return its last data; raises RuntimeError where it fails."""
        asked = {"data": data, "fn_index": number, "session_hash": self._session}
        (await self.client.post("gradio_api/queue/join", json=asked)).raise_for_status()
        where = {"session_hash": self._session}
        async with self.client.stream("GET", "gradio_api/queue/data", params=where) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line[5:]) if line.startswith("data:") else {}
                if message.get("msg") == "process_completed":
                    if not message["success"]:
                        raise RuntimeError(str(message["output"]))
                    return list(message["output"]["data"])
        raise RuntimeError("the page broke off")


async def visit(visitor: Visitor, questions: Questions, item: str, uploads: bool) -> tuple[float, bool]:
    """Look around as one browser does; return the seconds that its search took and whether all came as it should."""
    client, page, key = visitor.client, visitor.page, questions.catalog
    async with visitor.here():
        await client.get("")
        await visitor.ask(page.load, [None, ""])
        started = time.perf_counter()
        picture = await visitor.send("question.png", questions.pictures[item])
        found = await visitor.ask(page.search, [picture, key, K] + [None] * (page.given - 3))
        seconds = time.perf_counter() - started
        right = found[0]["results"][0]["id"] == item
        for hit in found[0]["results"]:
            shown = await client.get(f"picture/{quote(key)}", params={"id": hit["id"], "side": "320"})
            right &= shown.status_code == httpx.codes.OK
        laid = await client.get(f"map/{quote(key)}", params={"engine": "look:fashion"})
        right &= laid.status_code < httpx.codes.INTERNAL_SERVER_ERROR
        if uploads:
            archive = await visitor.send("own.zip", _zip(list(questions.pictures.values())[:6]))
            told = await visitor.ask(page.upload, [None, None, None, [archive], "soak"])
            right &= "only you see it" in str(told[0])
    return seconds, right


def _zip(pictures: Sequence[bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, data in enumerate(pictures):
            archive.writestr(f"{number}.png", data)
    return out.getvalue()


if __name__ == "__main__":
    main()
