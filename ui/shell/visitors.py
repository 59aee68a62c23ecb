"""What the server notes of visitors before Gradio answers: who holds a line open, and how much they have sent."""

from __future__ import annotations

import os
from pathlib import Path

from gradio.routes import API_PREFIX
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from services import Services

_HEARTBEAT = f"{API_PREFIX}/heartbeat/"
_UPLOAD = f"{API_PREFIX}/upload"
FULL = "The files of all visitors fill this machine now. Try again later."


class Visitors:
    """ASGI middleware: a session lasts while its browser's heartbeat does, and files are taken while there is room."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        """Wrap `app`."""
        self._app, self._services = app, services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = scope.get("path", "")
        if path.startswith(_HEARTBEAT):
            with self._services.sessions.presence(path.removeprefix(_HEARTBEAT)):
                await self._app(scope, receive, send)
        elif path.rstrip("/") == _UPLOAD and not await run_in_threadpool(self._fits, scope):
            await PlainTextResponse(FULL, status_code=413)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _fits(self, scope: Scope) -> bool:
        length = Headers(scope=scope).get("content-length", "")
        sent = int(length) if length.isdecimal() else self._services.settings.max_archive_bytes
        return held(Path(scope["app"].uploaded_file_dir)) + sent <= self._services.settings.max_uploads_bytes


def held(folder: Path) -> int:
    """Return how many bytes lie in a folder and below it."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except OSError:  # deleted meanwhile
                continue
    return total
