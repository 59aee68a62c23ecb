"""Under which names the page answers, and from which other pages it takes nothing."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class Hosts:
    """ASGI middleware that refuses requests under names that are not the page's, and writes from other pages.

    A name that a stranger points at this machine (DNS rebinding) is none of: what the page listens on, localhost, the
    share link, VISUAL_SEARCH_HOSTS. Where it listens to every address, a bare address and the machine's own name will
    do too: neither can be a stranger's. A request that changes something has to come from a page of the same host, or
    from no page at all, as those of programs do.
    """

    def __init__(self, app: ASGIApp, host: str, others: Sequence[str] = ()) -> None:
        """Wrap `app`, which listens on `host`; `others` are the names that its owner adds."""
        self._app = app
        self._names = {*_LOCAL, host.lower(), *map(str.lower, others)}
        self._everywhere = not _is_loopback(host)
        if self._everywhere:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own}.local", socket.getfqdn().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it in a sentence."""
        if scope["type"] in ("http", "websocket"):
            refusal = self._refusal(scope)
            if refusal:
                await PlainTextResponse(refusal, status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        names = self._names | _share_host(scope)
        if not self._is_ours(host, names):
            return f"This page does not answer to the name '{host[:100]}'. Its owner can add it to VISUAL_SEARCH_HOSTS."
        if scope.get("method") in _SAFE or origin is None:
            return None
        place = urlsplit(origin).netloc.lower()
        if place == host.lower() or _name(place) in names - _LOCAL - {""}:
            return None
        return f"A page of '{origin[:100]}' may not send anything here."

    def _is_ours(self, host: str, names: set[str]) -> bool:
        name = _name(host)
        return name in names or (self._everywhere and _is_address(name))


def _share_host(scope: Scope) -> set[str]:
    app = scope.get("app")
    blocks = getattr(app, "blocks", None)
    link = getattr(blocks, "share_url", None)
    return {urlsplit(link).hostname or ""} if link else set()


def _name(host: str) -> str:
    """Return the name in a Host header, without the port and the brackets of IPv6."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
