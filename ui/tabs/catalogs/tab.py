"""The tab Catalogues: what there is, how every engine stands with it, and ways to open another."""

from __future__ import annotations

from typing import Any

import gradio as gr

from retrieval.core import AppError
from services import CatalogInfo, Services
from services.sessions import MACHINE
from ui.shell import header, modules
from ui.shell.error_boundary import PRIVATE, bound, detail, public
from ui.shell.header import Engine, Header
from ui.tabs.catalogs import cards, new_catalog

POLL_SECONDS = 1.0
_ACTS = ("use", "build", "stop", "delete", "remove", "forget")

METHOD = """
**A catalogue** is where pictures come from: the drawn sample, a folder on the machine that runs this app or a bucket in
S3 (given when it is started), a data set of the Hugging Face Hub, or your own upload. **An index** is what one engine
made of a catalogue: a list of numbers for each picture, kept on disk. Building one looks at every picture once;
bringing it up to date looks only at what is new or changed, and stopping keeps what is done.

**From the Hub**, the first picture column is the picture and classes and short texts are its attributes. Only the rows
you ask for are kept; where the connection breaks, the next try goes on from there. A data set that wants to run its own
program is refused.

**Your own pictures** are seen by you alone: their catalogue has a name that nobody can guess, it is in no list, and it
is deleted ten minutes after you leave.
"""


def create(services: Services, top: Header, tab: gr.Tab) -> None:
    """Lay out the catalogues and the two ways to open another."""
    with gr.Column(elem_classes="mode catalogs"):
        shown = gr.HTML(
            **modules.component("tabs/catalogs/tab"), render=False,
        )  # fmt: skip
        timer, seen = gr.Timer(POLL_SECONDS, active=False), gr.State(False)
        with gr.Accordion("Search your own pictures", open=False):
            new_catalog.uploads(services, top, shown)
        with gr.Accordion("Open a data set from the Hugging Face Hub", open=False):
            new_catalog.hub(services, top, shown)
        shown.render()
    with gr.Accordion("How it works", open=False, elem_classes="method"):
        gr.Markdown(METHOD)

    asked = [top.catalog, top.session]
    tab.select(bound(look_at, services), asked, [shown, timer, seen], **PRIVATE)
    top.opened.change(bound(refresh, services), [*asked, seen], [shown, timer], **PRIVATE)
    timer.tick(bound(refresh, services), [*asked, seen], [shown, timer], **PRIVATE)
    shown.select(bound(act, services), [*asked, top.engine], [shown, timer, top.catalog, *top.seen], **PRIVATE)
    gr.api(public(catalogs, services), api_name="catalogs")


def look_at(services: Services, catalog: str, session: str | None) -> tuple[dict[str, Any], gr.Timer, bool]:
    """Show the catalogues to a visitor who has just come to the tab, their pictures compared with the indexes."""
    return *_shown(services, catalog, session, fresh=True), True


def refresh(services: Services, catalog: str, session: str | None, seen: bool) -> Any:  # noqa: ANN401 - or gr.skip()
    """Show how far builds are, to a visitor who has been on the tab."""
    return _shown(services, catalog, session) if seen else (gr.skip(), gr.skip())


def act(services: Services, catalog: str, session: str | None, engine: Engine, event: gr.EventData) -> tuple[Any, ...]:
    """Do what was pressed on a card: use a catalogue, build, stop or delete an index, remove a catalogue."""
    asked = {name: str(text) for name, text in detail(event).items()}
    doing, key = asked.get("act", ""), asked.get("catalog", "")
    if doing not in _ACTS:
        raise AppError("The page asked for something that it cannot do. Read it anew.")
    header_too = [gr.skip()] * 4
    if doing == "forget":
        _need(services.settings.manage)
        services.saved_catalogs.remove(cards.closed_name(services, asked.get("name", "")))
        return *_shown(services, catalog, session), *header_too
    info = services.catalogs.info(key)
    if doing in ("build", "stop", "delete"):
        spec = services.engines.spec(asked.get("engine", ""), asked.get("weights"))
    if doing == "build":
        services.indexes.ensure(key, spec, services.sessions.owner(session))
    elif doing == "stop":
        services.indexes.halt(key, spec, MACHINE if cards.owned(services, info, session) else session or "")
    elif doing == "delete":
        _need(cards.owned(services, info, session))
        services.indexes.delete(key, spec)
    elif doing == "remove":
        _need(cards.removable(services, info, session))
        _remove(services, info, session)
    if doing == "use" or (doing == "remove" and key == catalog):
        catalog = key if doing == "use" else services.catalogs.infos()[0].key
        header_too = list(cards.switched(services, catalog, session, engine))
    elif doing == "remove":
        header_too = [gr.Dropdown(header.offered(services, session, engine)), *[gr.skip()] * 3]
    return *_shown(services, catalog, session, fresh=doing != "use"), *header_too


def _shown(
    services: Services, catalog: str, session: str | None, fresh: bool = False
) -> tuple[dict[str, Any], gr.Timer]:
    shown = cards.view(services, catalog, session, fresh)
    busy = any(row["state"] in ("waiting", "building") for card in shown["catalogs"] for row in card["engines"])
    return shown, gr.Timer(active=busy)


def _need(allowed: bool) -> None:
    if not allowed:
        raise AppError("Other visitors use this too, so it is not deleted from the page.")


def _remove(services: Services, info: CatalogInfo, session: str | None) -> None:
    if info.private:
        services.uploads.remove(session or "", info.key)
        return
    for entry in services.saved_catalogs.entries():
        if entry.key == info.key:
            services.saved_catalogs.remove(entry.name)


def catalogs(services: Services) -> list[dict[str, Any]]:
    """List the catalogues that everybody may search.

    Returns:
        [{"key", "title", "source", "licence", "indexed": ["engine:weights", …]}, …]; other endpoints take the key.
    """
    return [
        {
            "key": info.key, "title": info.title, "source": info.source, "licence": info.licence,
            "indexed": [
                f"{row.engine}:{row.weights}" for row in services.overview.rows(info.key) if row.state == "indexed"
            ],
        }
        for info in services.catalogs.infos()
    ]  # fmt: skip
