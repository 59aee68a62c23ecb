"""The address under which the page fetches a catalogue's pictures, small, when they come into view."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from retrieval.core import AppError
from services import Services
from ui.shell import auth

if TYPE_CHECKING:
    from starlette.routing import Route

SIDES = (160, 320, 640)
KEEP_SECONDS = 600


def route(services: Services) -> Route:
    """Return `GET /picture/{catalog}?id=…&side=…`, for the `routes` of the web application."""
    return auth.require_login("/picture/{catalog}", partial(picture, services))


def picture(services: Services, request: Request) -> Response:
    """Answer with a JPEG whose longer side is one of SIDES, or where it is, or with 404 for what no index holds."""
    try:
        wanted = int(request.query_params.get("side", SIDES[1]))
    except ValueError:
        wanted = SIDES[1]
    side = min(SIDES, key=lambda known: abs(known - wanted))
    asked = (request.path_params["catalog"], request.query_params.get("id", ""))
    kept = {"Cache-Control": f"private, max-age={KEEP_SECONDS}"}
    try:
        if away := services.views.link(*asked):
            return RedirectResponse(away, headers=kept)
        data = services.views.thumbnail(*asked, side)
    except AppError:
        return PlainTextResponse("There is no such picture.", status_code=404)
    return Response(data, media_type="image/jpeg", headers=kept)
