"""The cards of the tab Catalogues: what a visitor sees of every catalogue, and may do with it."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from retrieval.core import printable
from services import CatalogInfo, Services
from services.catalogs.overview import Facts, IndexSummary
from services.sessions import MACHINE, owns
from ui.shell import header
from ui.shell.header import Engine


def switched(services: Services, catalog: str, session: str | None, engine: Engine) -> tuple[Any, ...]:
    """Return what the header shows once `catalog` is in use: the choice, status, timer, what is open."""
    choice = gr.Dropdown(header.offered(services, session, engine), value=catalog)
    return choice, *header.choose(services, catalog, engine, session)


def view(services: Services, catalog: str, session: str | None, fresh: bool = False) -> dict[str, Any]:
    """Return the value of the list: every catalogue that the visitor may see, the one in use first."""
    services.saved_catalogs.reopen()
    infos = [*services.uploads.of(session), *services.catalogs.infos()]
    infos.sort(key=lambda info: info.key != catalog)
    cards = [_card(services, info, session, catalog, fresh and info.key == catalog) for info in infos]
    problems = []
    if services.settings.manage:
        closed = [each for each in services.saved_catalogs.entries() if each.problem]
        problems = [{"name": printable(each.name), "problem": printable(each.problem)} for each in closed]
    return {"at": time.time(), "catalogs": cards, "closed": problems, "manage": services.settings.manage}


def closed_name(services: Services, shown: str) -> str:
    """Return the name of a catalogue that is not open as it was registered; the page shows it in plain Unicode."""
    return next((each.name for each in services.saved_catalogs.entries() if printable(each.name) == shown), shown)


def _card(services: Services, info: CatalogInfo, session: str | None, chosen: str, fresh: bool) -> dict[str, Any]:
    facts = services.overview.facts(info.key)
    mine = owned(services, info, session)
    asking = MACHINE if mine else session or ""
    return {
        "key": info.key,
        "title": info.title,
        "note": info.note,
        "source": info.source,
        "licence": info.licence,
        "chosen": info.key == chosen,
        "mine": mine,
        "removable": removable(services, info, session),
        "problem": facts.problem,
        "pictures": facts.pictures,
        "sheet": list(facts.sheet),
        "attributes": _traits(facts),
        "engines": [_row(row, asking) for row in services.overview.rows(info.key, fresh)],
    }


def _traits(facts: Facts) -> list[dict[str, Any]]:
    """Return the attributes with their counts; those of which every picture has another value say nothing."""
    return [
        {"name": name, "values": list(values.items()), "different": different}
        for name, (values, different) in facts.attributes.items()
        if different < max(2, facts.pictures)
    ]


def _row(row: IndexSummary, asking: str) -> dict[str, Any]:
    job = row.job
    progress = {
        "done": job.done if job else 0,
        "total": job.total if job else 0,
        "per_second": job.per_second if job else 0.0,
        "seconds_left": job.seconds_left if job else None,
        "stoppable": job is not None and owns(asking, job.owner),
    }
    facts = ("engine", "weights", "title", "state", "why", "pictures", "skipped", "size", "made", "absent", "searched")
    return {name: getattr(row, name) for name in facts} | progress


def owned(services: Services, info: CatalogInfo, session: str | None) -> bool:
    """Return whether a visitor may delete a catalogue's indexes: of an own upload, or where the settings say so."""
    own = info.key in {each.key for each in services.uploads.of(session)}
    return own or (services.settings.manage and not info.private)


def removable(services: Services, info: CatalogInfo, session: str | None) -> bool:
    """Return whether a visitor may remove a catalogue itself: an own upload, or one that was saved."""
    registered = {entry.key for entry in services.saved_catalogs.entries()}
    return owned(services, info, session) and (info.private or info.key in registered)
