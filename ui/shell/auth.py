"""Who may come in: our own routes stand behind the same log-in as Gradio's."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


def guarded(address: str, answer: Callable[[Request], Response]) -> Route:
    """Return `GET address` for the `routes` of the web application; where the app asks who comes, it asks here too."""

    def endpoint(request: Request) -> Response:
        return answer(request) if _may_pass(request) else PlainTextResponse("Log in first.", status_code=401)

    return Route(address, endpoint, methods=["GET"])


def _may_pass(request: Request) -> bool:
    app = request.app
    if getattr(app, "auth", None) is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(request.cookies.get(name) in app.tokens for name in names)
