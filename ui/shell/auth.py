"""Who may come in: our own routes stand behind the same log-in as Gradio's."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

_REFUSED = PlainTextResponse("Log in first.", status_code=401)


def require_login(address: str, answer: Callable[[Request], Response | Awaitable[Response]]) -> Route:
    """Return `GET address` for the `routes` of the web application; where the app asks who comes, it asks here too.

    An `answer` that is no coroutine function runs on a thread.
    """

    async def at_once(request: Request) -> Response:
        found = answer(request) if _may_pass(request) else _REFUSED
        return found if isinstance(found, Response) else await found

    def on_a_thread(request: Request) -> Response:
        found = answer(request) if _may_pass(request) else _REFUSED
        assert isinstance(found, Response)
        return found

    endpoint = at_once if inspect.iscoroutinefunction(answer) else on_a_thread
    return Route(address, endpoint, methods=["GET"])


def _may_pass(request: Request) -> bool:
    app = request.app
    if getattr(app, "auth", None) is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(request.cookies.get(name) in app.tokens for name in names)
