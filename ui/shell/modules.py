"""The page's JavaScript: ES modules that lie beside the Python of their room, served as files and kept by browsers."""

from __future__ import annotations

import functools
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ui.shell import auth

if TYPE_CHECKING:
    from starlette.routing import Route

ROOMS = Path(__file__).resolve().parents[1]
FIRST = ("shell/header", "search/question", "search/results", "search/filters", "search/words_box", "widgets/elements")
"""What the first tab needs at once; browsers are told to fetch it before anything asks for it."""

_YEAR = 31_536_000


@dataclass(frozen=True)
class Modules:
    """Every module by its path under ui/, gzipped, and a digest of all of them that names this state of the page."""

    digest: str
    files: dict[str, bytes]


@functools.cache
def modules() -> Modules:
    """Read the modules once; a change of any of them needs a new start of the app."""
    texts = {str(p.relative_to(ROOMS).as_posix()): p.read_bytes() for p in sorted(ROOMS.rglob("*.js"))}
    digest = hashlib.sha256(b"\0".join(name.encode() + b"\0" + text for name, text in texts.items())).hexdigest()[:16]
    return Modules(digest, {name: gzip.compress(text, 6, mtime=0) for name, text in texts.items()})


def component(name: str, template: str | None = None) -> dict[str, Any]:
    """Return the arguments of the gr.HTML whose script is ui/`name`.js, and its template ui/`name`.html unless given.

    The template has no values in it, because gr.HTML runs rendered templates as JavaScript.
    """
    if template is None:
        template = (ROOMS / f"{name}.html").read_text(encoding="utf-8")
    return {"html_template": template, "js_on_load": script(name), "apply_default_css": False, "padding": False}


def script(name: str) -> str:
    """Return the js_on_load of the component whose script is ui/`name`.js: it imports the module and mounts it."""
    address = f"modules/{modules().digest}/{name}.js"
    return (
        f'import(new URL("{address}", document.baseURI))'
        ".then(({ mount }) => mount({ element, props, trigger, server, upload, watch }))"
        ".catch((error) => console.error(error));"
    )


def preloads() -> str:
    """Return the links of the page's head that fetch the first tab's modules beside Gradio's own."""
    links = (f'<link rel="modulepreload" href="modules/{modules().digest}/{name}.js">' for name in FIRST)
    return "".join(links)


def route() -> Route:
    """Return `GET /modules/{digest}/{path}`, for the `routes` of the web application."""
    return auth.require_login("/modules/{digest}/{path:path}", module)


def module(request: Request) -> Response:
    """Answer with a module, to be kept for a year when the address names its content, else to be asked for again."""
    known = modules()
    data = known.files.get(request.path_params["path"])
    if data is None:
        return PlainTextResponse("There is no such module.", status_code=404)
    current = request.path_params["digest"] == known.digest
    headers = {"Cache-Control": f"private, max-age={_YEAR}, immutable" if current else "no-cache"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    else:
        data = gzip.decompress(data)
    return Response(data, media_type="text/javascript", headers=headers)
