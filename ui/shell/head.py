"""What stands in the head of the page before Gradio's own scripts run."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TITLE = "Visual Search"
DESCRIPTION = (
    "Finds pictures by look, by artistic style, by product type and by a learned latent space, and edits them."
)
ICON = Path(__file__).with_name("icon.svg")

_PLACE = b"<head>"
_TOLD = re.compile(rb'(<meta\s+(?:property|name)="(?:og|twitter):(title|description|creator)"\s+content=")[^"]*"')
"""What Gradio tells other sites of every page: that it is called Gradio."""


def script() -> bytes:
    """Return the script that keeps the page's line to its server, as an element."""
    text = Path(__file__).with_name("connection.js").read_bytes()
    return b"<script>\n" + text + b"</script>"


def _named(page: bytes) -> bytes:
    """Return a page that tells search engines, and sites that show a preview of a link, what it is."""
    says = {b"title": TITLE, b"description": DESCRIPTION, b"creator": ""}
    told = _TOLD.sub(lambda meta: meta[1] + says[meta[2]].encode() + b'"', page)
    return told.replace(_PLACE, _PLACE + f'<meta name="description" content="{DESCRIPTION}">'.encode(), 1)


class PageHead:
    """ASGI middleware that puts elements first into the head of the page, as Gradio offers no place so early."""

    def __init__(self, app: ASGIApp, elements: bytes) -> None:
        """Wrap `app`."""
        self._app, self._elements = app, elements

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; all but whole HTML pages pass as they are."""
        started: list[Message] = []
        parts: list[bytes] = []

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                kind = MutableHeaders(scope=message).get("content-type", "")
                if not kind.startswith("text/html"):
                    await send(message)
                    return
                started.append(message)
                return
            if not started or message["type"] != "http.response.body":
                await send(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                body = _named(b"".join(parts)).replace(_PLACE, _PLACE + self._elements, 1)
                MutableHeaders(scope=started[0])["content-length"] = str(len(body))
                await send(started[0])
                await send({"type": "http.response.body", "body": body})

        wanted = scope["type"] == "http" and scope["method"] == "GET"
        await self._app(scope, receive, changed if wanted else send)
