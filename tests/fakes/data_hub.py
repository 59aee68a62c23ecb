"""A Hub of one data set on this machine: what the library and the Hub's client ask of it, over HTTP, and its faults."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "d" * 40


class DataHub(ThreadingHTTPServer):
    """Serves a folder as the data set `name`.

    `sent` counts the bytes of data files that went out. After `break_after` of them every answer breaks off in its
    middle, as on a connection that is gone. `gated` keeps everybody out who brings no token.
    """

    daemon_threads = True

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.name = folder, name
        self.sent, self.break_after, self.gated = 0, 1 << 62, False
        self.asked: list[str] = []
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> DataHub:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.shutdown()
        self.server_close()

    def entries(self) -> list[dict[str, Any]]:
        """Return every file as the Hub lists it, folders included."""
        found = []
        for path in sorted(self.folder.rglob("*")):
            place = str(path.relative_to(self.folder))
            mark = hashlib.sha1(place.encode()).hexdigest()
            size = 0 if path.is_dir() else path.stat().st_size
            found.append({"type": "directory" if path.is_dir() else "file", "path": place, "size": size, "oid": mark})
        return found


class _Handler(BaseHTTPRequestHandler):
    server: DataHub

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, body: bytes) -> None:
        hub, path = self.server, unquote(urlsplit(self.path).path)
        hub.asked.append(path)
        api, files = f"/api/datasets/{hub.name}", f"/datasets/{hub.name}/resolve/"
        if not path.startswith((api, files)):
            self._send(404, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        elif hub.gated and "Authorization" not in self.headers:
            self._send(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        elif path.startswith(files):
            self._file(hub.folder / path.removeprefix(files).partition("/")[2])
        elif "/tree/" in path:
            below = path.partition("/tree/")[2].partition("/")[2]
            deep = "recursive=true" in self.path.lower()
            self._json([each for each in hub.entries() if _is_below(each["path"], below, deep)])
        elif "/paths-info/" in path:
            wanted = json.loads(body)["paths"] if body[:1] == b"{" else parse_qs(body.decode()).get("paths", [])
            self._json([each for each in hub.entries() if each["path"] in wanted])
        else:
            siblings = [{"rfilename": each["path"]} for each in hub.entries() if each["type"] == "file"]
            self._json({"id": hub.name, "sha": COMMIT, "gated": False, "siblings": siblings,
                        "cardData": {"license": "cc0-1.0"}, "tags": []})  # fmt: skip

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _file(self, path: Path) -> None:
        if not path.is_file():
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        data = path.read_bytes()
        facts = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if not first:
            self._send(200, data, facts)
            return
        start, end = int(first), min(int(last or len(data)), len(data) - 1)
        self._send(206, data[start : end + 1], facts | {"Content-Range": f"bytes {start}-{end}/{len(data)}"})

    def _send(self, status: int, data: bytes, facts: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in (facts | {"Content-Length": str(len(data))}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        hub = self.server
        with hub.lock:
            broken = hub.sent >= hub.break_after
            if "ETag" in facts and not broken:
                hub.sent += len(data)
        self.wfile.write(data[: len(data) // 2] if broken else data)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def _is_below(path: str, folder: str, deep: bool) -> bool:
    inside = path.removeprefix(f"{folder}/") if folder else path
    return (not folder or path.startswith(f"{folder}/")) and (deep or "/" not in inside)
