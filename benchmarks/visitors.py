"""How long do visitors wait who all ask at once, each with another picture, and does each get the own answer?

Each visitor does what a browser does: sends the picture, joins the queue, reads the answer from the stream of events,
and fetches the pictures of the results. The page is served by this process, warm; the visitors are another one, on the
same cores.

Example: python -m benchmarks.visitors --catalog folder:../shared/data/clothing --visitors 50
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np

K = 24
SECONDS = 300.0


def main() -> None:
    """Serve the page, let every visitor ask once at the same moment, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", default="sample")
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()

    import ui
    from services import Services
    from settings import Settings

    services = Services(Settings.from_environment(), [given.catalog])
    key = services.catalogs.key(given.catalog)
    spec, catalog = services.engines.spec("squeezenet"), services.catalogs.catalog(key)
    services.indexes.build(key, spec)
    services.indexes.searcher(key, spec).by_image(catalog.open(next(iter(catalog)).id), 1)
    ids = random.Random(given.seed).sample([item.id for item in catalog], given.visitors)
    demo = ui.build(services)
    _, url, _ = demo.launch(quiet=True, prevent_thread_lock=True, **ui.launch_options(services))
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, spawn) as elsewhere:
        files = [Path(folder) / f"{place}.png" for place in range(given.visitors)]
        for file, item in zip(files, ids, strict=True):
            catalog.open(item).save(file)
        load = os.getloadavg()[0]
        spent = time.process_time()
        visits = elsewhere.submit(crowd, str(url), key, files).result()
        spent = time.process_time() - spent
    demo.close()
    services.close()
    result: dict[str, Any] = {
        "visitors": given.visitors,
        "found_their_own": sum(score > 0.9 for *_, score in visits),
        "server_cpu_s": round(spent, 2),
        "load_before": round(load, 1),
    }
    for name, seconds in (("answer", [v[0] for v in visits]), ("with_pictures", [v[1] for v in visits])):
        p50, p95 = np.percentile(seconds, (50, 95))
        result |= {f"{name}_p50_s": round(float(p50), 2), f"{name}_p95_s": round(float(p95), 2)}
    sys.stdout.write(json.dumps(result) + "\n")


def crowd(url: str, key: str, files: list[Path]) -> list[tuple[float, float, float]]:
    """Return of each visitor the seconds to the answer and to the last picture of it, and the first result's score."""

    async def together() -> list[tuple[float, float, float]]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=url, timeout=SECONDS, limits=limits) as client:
            config = (await client.get("config")).json()
            number = next(d["id"] for d in config["dependencies"] if d["api_name"] == "look_alike")
            return await asyncio.gather(*(visit(client, number, key, file) for file in files))

    return asyncio.run(together())


async def visit(client: httpx.AsyncClient, number: int, key: str, file: Path) -> tuple[float, float, float]:
    """Ask as one browser does; raises RuntimeError where the page answers with an error."""
    started = time.perf_counter()
    (path,) = (await client.post("gradio_api/upload", files={"files": (file.name, file.read_bytes())})).json()
    picture = {"path": path, "orig_name": file.name, "meta": {"_type": "gradio.FileData"}}
    session = uuid.uuid4().hex
    data = [picture, key, K, None, None, None, None, "", 0.5]
    await client.post(
        "gradio_api/queue/join",
        json={"data": data, "fn_index": number, "session_hash": session},
    )
    found = await _answer(client, session)
    answered = time.perf_counter() - started
    for hit in found["results"]:
        (await client.get(f"picture/{quote(key)}", params={"id": hit["id"], "side": "320"})).raise_for_status()
    return answered, time.perf_counter() - started, found["results"][0]["score"]


async def _answer(client: httpx.AsyncClient, session: str) -> dict[str, Any]:
    async with client.stream("GET", "gradio_api/queue/data", params={"session_hash": session}) as stream:
        async for line in stream.aiter_lines():
            message = json.loads(line[5:]) if line.startswith("data:") else {}
            if message.get("msg") == "process_completed":
                if not message["success"]:
                    raise RuntimeError(str(message["output"]))
                return dict(message["output"]["data"][0])
    raise RuntimeError("the page broke off")


if __name__ == "__main__":
    main()
