"""A Hub of one checkpoint on this machine, which can break off in the middle of its weights."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

COMMIT = "a" * 40


class FakeHub(ThreadingHTTPServer):
    """Serves a folder as `name`; `ranges` lists the Range headers that were asked with."""

    daemon_threads = True

    def __init__(self, folder: Path, name: str, break_after: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.name, self.break_after = folder, name, break_after
        self.ranges: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> FakeHub:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        hub = self.server
        if self.path.startswith(f"/api/models/{hub.name}"):
            files = sorted(hub.folder.iterdir())
            tree = [{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": "0" * 40} for f in files]
            facts = {"id": hub.name, "sha": COMMIT, "siblings": [{"rfilename": file.name} for file in files]}
            self._send(json.dumps(tree if "/tree/" in self.path else facts).encode(), {}, 200, body)
            return
        file = hub.folder / self.path.rsplit("/", 1)[-1]
        if not file.is_file():
            self._send(b"", {"X-Error-Code": "EntryNotFound"}, 404, body)
            return
        data = file.read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
        asked = self.headers.get("Range")
        if not (body and asked):
            self._send(data, headers, 200, body)
            return
        hub.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        self._send(data[start:], headers | {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}, 206, body)

    def _send(self, data: bytes, facts: dict[str, str], status: int, body: bool) -> None:
        self.send_response(status)
        for key, value in (facts | {"Content-Length": str(len(data))}).items():
            self.send_header(key, value)
        self.end_headers()
        limit = self.server.break_after
        if body and limit is not None and len(data) > limit:
            self.wfile.write(data[:limit])
            self.server.break_after = 0  # every later transfer breaks at once, as on a network that is gone
            self.close_connection = True
        elif body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass
