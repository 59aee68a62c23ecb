"""How a visitor comes and goes: the page begins where its address says, or where this session was before."""

from __future__ import annotations

import ctypes
import json
import time
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from retrieval.core import AppError
from services import Services, sessions
from ui.shell.error_boundary import PRIVATE, bound
from ui.shell.header import Engine, Header, choose, offered, purpose

_EMPTY_SECONDS = 10.0

REMEMBERED = """(engine) => {
  try { return [engine, sessionStorage.getItem("visual-search") ?? ""]; } catch { return [engine, ""]; }
}"""


def link(services: Services, header: Header, demo: gr.Blocks, tabs: gr.Tabs) -> None:
    """Let the page begin where its address says, or where this session was before, and end a session that is left."""
    remembered = gr.Textbox(visible=False)

    def begin(services: Services, engine: Engine, remembered: str | None, request: gr.Request) -> tuple[Any, ...]:
        return arrive(services, header, engine, remembered, request)

    demo.load(
        bound(begin, services), [header.engine, remembered],
        [header.catalog, *header.seen, header.session, header.engine, header.mode, tabs,
         *(offer.choice for offer in header.offers)],
        js=REMEMBERED, **PRIVATE,
    )  # fmt: skip
    demo.unload(bound(leave, services))
    services.sessions.when_sweeping(partial(tidy, services, demo))


def arrive(
    services: Services, header: Header, engine: Engine, remembered: str | None, request: gr.Request
) -> tuple[Any, ...]:
    """Open tab, catalogue and engine that the page's address names (`?tab=…&catalog=…&engine=…`), as far as they exist.

    Without a catalogue it is the one used before, else the first that suits; without a tab, that of the engine.
    `remembered` is what the browser kept of this session, as JSON; whatever else it holds is ignored.
    """
    before = _before(remembered)
    session = services.sessions.arrive(request.session_hash or "", before.get("session"))
    asked = request.query_params
    linked = _linked(services, asked.get("engine"))
    shown = [offer.show(linked) if linked else None for offer in header.offers]
    tab = asked.get("tab", "")
    if not tab.replace("-", "").isalpha():
        tab = next((o.tab for o, update in zip(header.offers, shown, strict=True) if update is not None), "")
    for offer, update in zip(header.offers, shown, strict=True):
        if offer.tab == tab:
            engine = linked if linked and update is not None else offer.first
    choices = offered(services, session, engine)
    known = [key for _, key in choices]
    catalog = next((key for key in (asked.get("catalog"), before.get("catalog")) if key in known), known[0])
    return (
        gr.Dropdown(choices, value=catalog),
        *choose(services, catalog, engine, session),
        session,
        engine,
        purpose(services, engine),
        gr.Tabs(selected=tab) if tab else gr.skip(),
        *(gr.skip() if update is None else update for update in shown),
    )


def leave(services: Services, request: gr.Request) -> None:
    """Note that a browser is gone: what it uploaded is deleted when it does not come back soon."""
    services.sessions.leave(request.session_hash or "")


def tidy(services: Services, demo: gr.Blocks) -> None:
    """Drop what Gradio holds of pages that have been gone, or of clients that have been silent, for long.

    For each file that is sent Gradio also makes an empty one, which it forgets. Memory that is free again goes back to
    the system: glibc keeps it for each of many threads, and the process seems to grow with every crowd.
    """
    with suppress(OSError, AttributeError):  # another C library, another system
        ctypes.CDLL(None).malloc_trim(0)
    for path in Path(get_upload_folder()).glob("tmp*"):
        with suppress(OSError):
            if path.is_file() and not path.stat().st_size and time.time() - path.stat().st_mtime > _EMPTY_SECONDS:
                path.unlink()
    holder = getattr(demo, "state_holder", None)  # there is none before the page is launched
    if holder is None:
        return
    earliest = datetime.now() - timedelta(seconds=sessions.GRACE_SECONDS)
    for page, used in list(holder.time_last_used.items()):
        if used < earliest and not services.sessions.here(page):
            holder.delete_state(page)
            holder.session_data.pop(page, None)
            holder.time_last_used.pop(page, None)


def _linked(services: Services, name: str | None) -> Engine | None:
    try:
        return services.engines.spec(name or "").name
    except AppError:
        return None


def _before(remembered: str | None) -> dict[str, str]:
    try:
        known = json.loads((remembered or "{}")[:2000])
    except ValueError:
        return {}
    pairs = known.items() if isinstance(known, dict) else ()
    return {name: text for name, text in pairs if isinstance(text, str)}
