"""The page as strangers meet it: forged paths, oversized files, crowds, other people's pictures, and a locked door."""

from __future__ import annotations

import io
import json
import re
import threading
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from starlette.routing import Route

import ui
from services import Services
from settings import Settings
from tests.conftest import blocks, encoded

PICTURES = 50
VISITORS = 50
PASSWD = Path("/etc/passwd").read_bytes() if Path("/etc/passwd").exists() else b"root:"
TRAVERSALS = ["../../etc/passwd", "/etc/passwd", "..%2f..%2fetc%2fpasswd", "....//etc/passwd", "file:///etc/passwd",
              "sample/../../..", "\0", "x" * 5000, "${7*7}", "<script>alert(1)</script>"]  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)>.jpg"


@dataclass(frozen=True)
class Served:
    """A page that answers at `url`, and what stands behind it."""

    url: str
    services: Services
    demo: gr.Blocks
    key: str

    def number(self, function: str) -> int:
        """Return the number by which a browser calls the event whose handler is `module.function`."""
        for number, event in self.demo.fns.items():
            handler = event.fn
            if handler and f"{handler.__module__}.{handler.__qualname__}".endswith(function):
                return int(number)
        raise AssertionError(function)


@contextmanager
def serving(settings: Settings, folder: Path) -> Iterator[Served]:
    """Serve the real page in this process over `folder`, its index built."""
    services = Services(settings, [f"folder:{folder}", "sample"])
    key = services.catalogs.key(f"folder:{folder}")
    demo = ui.build(services)
    options = ui.launch_options(services)
    _, url, _ = demo.launch(server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, **options)
    for spec in (services.engines.first("look-alike"), services.engines.spec("squeezenet")):
        services.indexes.build(key, spec)
        services.indexes.searcher(key, spec)
    try:
        yield Served(str(url), services, demo, key)
    finally:
        demo.close()
        services.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return pictures of which no two are alike, one with a hostile name, and hostile attributes."""
    place = tmp_path_factory.mktemp("shop")
    names = [HOSTILE, *(f"{n:02}.jpg" for n in range(1, PICTURES))]
    for number, name in enumerate(names):
        (place / name).write_bytes(encoded(blocks(number, (96, 128)), "JPEG", quality=92))
    rows = "".join(f'"{name}","<b>{n % 3}</b>"\n' for n, name in enumerate(names))
    (place / "metadata.csv").write_text("file_name,kind\n" + rows)
    return place


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(index_cache=tmp_path_factory.mktemp("cache"), max_archive_bytes=2_000_000, clip=(), manage=False)


@pytest.fixture(scope="module")
def served(settings: Settings, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("sent")))
        with serving(settings, folder) as page:
            yield page


def event(served: Served, number: int, data: list[Any], detail: Any = None, session: str = "") -> dict[str, Any]:  # noqa: ANN401
    """Call an event as a browser does and return its last message; `data` is whatever a forger likes."""
    session = session or uuid.uuid4().hex
    asked = {"data": data, "event_data": detail, "fn_index": number, "session_hash": session}
    with httpx.Client(base_url=served.url, timeout=60) as client:
        joined = client.post("gradio_api/queue/join", json=asked)
        if joined.status_code != 200:
            return {"msg": "refused", "output": {"error": joined.text}}
        with client.stream("GET", "gradio_api/queue/data", params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:") and (message := json.loads(line[5:]))["msg"] == "process_completed":
                    return dict(message)
    raise AssertionError("no answer")


def sent(served: Served, name: str, data: bytes) -> httpx.Response:
    return httpx.post(f"{served.url}gradio_api/upload", files={"files": (name, data)}, timeout=60)


def uploading(served: Served, path: str, session: str, meta: bool = True) -> dict[str, Any]:
    """Press "Make a catalogue" with a file said to lie at `path`."""
    file = {"path": path, "orig_name": "a.zip", **({"meta": {"_type": "gradio.FileData"}} if meta else {})}
    assert event(served, served.number("link.<locals>.begin"), [None, ""], session=session)["success"]
    numbers = [n for n, each in served.demo.fns.items() if each.concurrency_id == "open"]
    return event(served, numbers[0], [None, None, None, [file], "mine"], session=session)


@pytest.mark.parametrize("text", TRAVERSALS)
def test_no_text_field_of_the_api_leads_to_a_file(served: Served, text: str) -> None:
    client = httpx.Client(base_url=served.url, timeout=60)
    short = text[:300]
    addresses: list[tuple[str, dict[str, str]]] = [
        (f"picture/{served.key}", {"id": text}), (f"picture/{short}", {"id": "01.jpg"}),
        (f"map/{served.key}", {"engine": short}), (f"gradio_api/file={short}", {}),
    ]  # fmt: skip
    for path, query in addresses:
        try:
            answer = client.get(path, params=query)
        except httpx.InvalidURL:
            continue
        # What a client shortens to the page's own address before it asks is answered with the page.
        assert answer.status_code in (400, 403, 404, 405) or answer.url.path == "/", path
        assert PASSWD[:40] not in answer.content
        assert not answer.headers["content-type"].startswith("image/")
    numbers = {name: served.number(name) for name in ("compare.tab.compare", "compare.duplicates.duplicates")}
    for number, data in ((numbers["compare.tab.compare"], [["squeezenet"], text, text, [text], None]),
                         (numbers["compare.duplicates.duplicates"], [text, 0.9, text])):  # fmt: skip
        message = event(served, number, data)
        assert not message.get("success")
        assert "root:" not in json.dumps(message)


@pytest.mark.parametrize("meta", [True, False])
def test_a_forged_reference_to_a_file_of_the_machine_is_refused_everywhere(
    served: Served, folder: Path, meta: bool
) -> None:
    for path in ("/etc/passwd", str(folder / "01.jpg"), str(folder)):
        file = {"path": path, **({"meta": {"_type": "gradio.FileData"}} if meta else {})}
        message = event(
            served, served.number("look_alike.tab.look_alike"), [file, served.key, 5, None, None, "fashion"]
        )
        assert not message.get("success"), path
        message = uploading(served, path, uuid.uuid4().hex, meta)
        assert "only you see it" not in json.dumps(message)
    assert not [p for p in served.services.settings.uploads.rglob("*") if p.suffix == ".jpg"]


def test_an_oversized_upload_is_refused_before_it_is_kept(served: Served) -> None:
    assert sent(served, "big.zip", bytes(3_000_000)).status_code == 413
    assert sent(served, "small.jpg", b"x").status_code == 200


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_a_bomb_is_refused_in_words_and_leaves_nothing(served: Served) -> None:
    (path,) = sent(served, "bomb.zip", zipped({f"{n}.jpg": bytes(900_000) for n in range(30)})).json()
    message = uploading(served, path, uuid.uuid4().hex)
    assert "when unpacked" in json.dumps(message)
    assert not list(served.services.settings.uploads.rglob("*.jpg"))
    assert not Path(path).exists()


def test_an_upload_is_shown_to_who_has_its_name_and_to_nobody_who_guesses(served: Served) -> None:
    session = uuid.uuid4().hex
    visit = served.services.sessions.arrive(session)
    archive = Path(sent(served, "mine.zip", zipped({HOSTILE: encoded(blocks(9), "JPEG")})).json()[0])
    key, _ = served.services.uploads.add(visit, [("mine.zip", archive)])
    served.services.overview.facts(key)
    get = httpx.Client(base_url=served.url, timeout=60).get
    assert get(f"picture/{key}", params={"id": HOSTILE}).status_code == 200
    for guess in ("upload-" + "0" * 32, key[:-1], key.upper(), "upload", f"{key}/../{key}x"):
        assert get(f"picture/{guess}", params={"id": HOSTILE}).status_code == 404
    for told in (
        get("config").text,
        get("").text,
        json.dumps(event(served, served.number("catalogs.tab.catalogs"), [])),
    ):
        assert key not in told
    number = served.number("catalogs.tab.act")
    stranger = event(served, number, [key, None, None], {"act": "remove", "catalog": key})
    assert not stranger.get("success")
    assert get(f"picture/{key}", params={"id": HOSTILE}).status_code == 200


@pytest.mark.parametrize("doing", ["delete", "remove", "forget", "rm -rf", ""])
def test_a_stranger_deletes_nothing_that_others_use(served: Served, doing: str) -> None:
    detail = {"act": doing, "catalog": served.key, "engine": "squeezenet", "weights": "fashion", "name": "sample"}
    assert not event(served, served.number("catalogs.tab.act"), [served.key, None, None], detail).get("success")
    assert served.services.indexes.searcher(served.key, served.services.engines.spec("squeezenet"))
    assert list(served.services.indexes.folder(served.key).glob("*.sqlite"))


def test_two_hundred_requests_at_once_are_answered_or_told_that_the_queue_is_full(served: Served, folder: Path) -> None:
    limit = served.services.settings.max_queue
    number = served.number("compare.duplicates.duplicates")

    def search(_: int) -> str:
        return json.dumps(event(served, number, [served.key, 0.95, "squeezenet:fashion"]))

    def picture(n: int) -> int:
        return httpx.get(
            f"{served.url}picture/{served.key}", params={"id": f"{1 + n % 40:02}.jpg"}, timeout=120
        ).status_code

    with ThreadPoolExecutor(200) as crowd:
        pictures = [crowd.submit(picture, n) for n in range(100)]
        answers = [crowd.submit(search, n) for n in range(100)]
        assert {each.result() for each in pictures} == {200}
        told = [each.result() for each in answers]
    right = sum('"success": true' in each for each in told)
    full = sum(f"{limit} questions wait already" in each for each in told)
    assert right + full == 100
    assert right >= limit // 2
    assert '"success": true' in search(0)


def test_fifty_visitors_at_once_each_get_the_answer_to_their_own_question(served: Served, folder: Path) -> None:
    ids = sorted(path.name for path in folder.glob("*.jpg"))[:VISITORS]
    gate = threading.Barrier(len(ids), timeout=240)

    def visit(name: str) -> tuple[str, float]:
        client = Client(served.url, verbose=False, httpx_kwargs={"timeout": 120})
        gate.wait()
        found = client.predict(picture=handle_file(str(folder / name)), catalog=served.key, k=3, api_name="/look_alike")
        return found["results"][0]["id"], found["results"][0]["score"]

    with ThreadPoolExecutor(len(ids)) as crowd:
        answers = list(crowd.map(visit, ids))
    assert [first for first, _ in answers] == ids
    assert all(score > 0.999 for _, score in answers)


def test_who_is_not_let_in_sees_neither_page_nor_picture(
    settings: Settings, folder: Path, served: Served, tmp_path: Path
) -> None:
    guarded = replace(settings, auth=(("ann", "s3cret"),), index_cache=tmp_path)
    with serving(guarded, folder) as page, httpx.Client(base_url=page.url, timeout=60) as client:
        picture = f"picture/{page.key}?id=01.jpg"
        for address in ("config", "gradio_api/queue/status", f"map/{page.key}?engine=squeezenet"):
            assert client.get(address).status_code == 401
        assert client.get(picture).status_code == 401
        assert client.get(picture, cookies={"access-token-": "x"}).status_code == 401
        assert client.post("login", data={"username": "ann", "password": "guess"}).status_code == 400
        assert client.get(picture).status_code == 401
        assert client.post("login", data={"username": "ann", "password": "s3cret"}).status_code == 200
        assert client.get(picture).status_code == 200


OPEN = {
    "/", "/openapi.json", "/robots.txt", "/manifest.json", "/favicon.ico", "/pwa_icon",
    "/theme.css", "/gradio_api/theme.css",
    "/gradio_api/app_id", "/gradio_api/startup-events", "/gradio_api/token", "/gradio_api/user",
    "/gradio_api/heartbeat/{session_hash}",
}  # fmt: skip
"""What a stranger needs for the log-in itself, or learns nothing from."""


def routes(served: Served) -> set[tuple[str, str]]:
    """Return (path, method) of everything that the web application answers, Gradio's and ours."""
    app = served.demo.app
    documented = {(path, way.upper()) for path, ways in app.openapi()["paths"].items() for way in ways}
    return documented | {
        (each.path, way) for each in app.routes if isinstance(each, Route) for way in each.methods or ()
    }


def test_every_route_is_behind_the_log_in(settings: Settings, folder: Path, served: Served, tmp_path: Path) -> None:
    guarded = replace(settings, auth=(("ann", "s3cret"),), index_cache=tmp_path)
    with serving(guarded, folder) as page, httpx.Client(base_url=page.url, timeout=60) as client:
        known = routes(page)
        assert {"/picture/{catalog}", "/map/{catalog}", "/gradio_api/queue/join"} <= {path for path, _ in known}
        let_in = set()
        for path, method in known:
            address = re.sub(r"\{[^}]*\}", "x", path)
            with client.stream(method, address, json={}, follow_redirects=False) as answer:
                if answer.status_code == 200 and method != "HEAD":
                    let_in.add(path.rstrip("/") or "/")
        assert let_in <= OPEN
        for address in (f"picture/{page.key}?id=01.jpg", f"map/{page.key}?engine=squeezenet&weights=fashion"):
            assert client.get(address).status_code == 401
        page_text = client.get("").text
        assert page.key not in page_text
        assert "01.jpg" not in page_text
