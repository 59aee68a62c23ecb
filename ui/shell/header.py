"""The header, the same for all tabs: the catalogue and how its index stands, followed while it is built."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import gradio as gr

from retrieval.core import AppError, EncoderSpec
from retrieval.indexing.build import WAITING
from services import DEFAULT_ENGINE, CatalogInfo, Services, Status
from services.catalogs.open_catalogs import OURS
from services.models.owned import is_private
from services.sessions import MACHINE
from ui.shell import modules
from ui.shell.error_boundary import PRIVATE, bound

POLL_SECONDS = 1.0
OPENING_SECONDS = 0.4
NAMED_SKIPS = 200

Engine = str
"""An engine as the page holds it: its name, `engine:weights`; handlers look it up when they begin."""


@dataclass(frozen=True)
class Offer:
    """The choice of engines in one tab: `show` returns how `choice` shows one as chosen, None for one of another tab.

    `first` is the engine of the tab before anyone chooses.
    """

    tab: str
    choice: gr.Component
    show: Callable[[Engine], Any]
    first: Engine


@dataclass(frozen=True)
class Header:
    """What tabs listen to and read.

    `opened` changes when a catalogue is opened or becomes searchable; `engine` holds the name of the engine of the
    tab in use, `mode` what that is for. `session` is its id, to which uploads belong. The page's address may name an
    engine: every tab that has a choice of them adds it to `offers`.
    """

    catalog: gr.Dropdown
    engine: gr.State
    mode: gr.State
    opened: gr.State
    session: gr.State
    seen: list[gr.Component]
    offers: list[Offer] = field(default_factory=list)

    def offer(self, tab: gr.Tab, choice: gr.Component, show: Callable[[Engine], Any], first: Engine) -> None:
        """Let the page's address choose an engine in a tab; see Offer."""
        self.offers.append(Offer(str(tab.id), choice, show, first))


def create(services: Services) -> Header:
    """Lay out the title, the catalogue and its status; a choice and the timer keep them true."""
    known = services.catalogs.infos()
    choices = [(info.title, info.key) for info in known]
    with gr.Row(elem_classes="top"):
        gr.HTML("<h1>Visual Search</h1>", apply_default_css=False, min_width=0)
        status = gr.HTML(
            js_on_load=modules.script("shell/header"), apply_default_css=False, elem_classes="status", min_width=160
        )
        catalog = gr.Dropdown(
            choices, value=known[0].key, label="Catalogue", filterable=False, container=False, elem_classes="catalog",
            min_width=140,
        )  # fmt: skip
    engine, opened, timer = gr.State(DEFAULT_ENGINE), gr.State(None), gr.Timer(POLL_SECONDS, active=False)

    session, mode = gr.State(None), gr.State(purpose(services, DEFAULT_ENGINE))
    seen = [status, timer, opened]
    asked = [catalog, engine, session]
    catalog.input(bound(choose, services), asked, seen, **PRIVATE)
    engine.change(bound(enter, services), [*asked, mode], [catalog, mode, *seen], **PRIVATE)
    timer.tick(bound(follow, services), asked, seen, **PRIVATE)
    return Header(catalog, engine, mode, opened, session, seen)


def offered(services: Services, session: str | None, engine: Engine) -> list[tuple[str, str]]:
    """Return (title, key) of a session's catalogues, then of everybody's, those that suit the engine before others."""
    services.saved_catalogs.reopen()
    return [(info.title, info.key) for info in _infos(services, session, engine)]


def purpose(services: Services, engine: Engine, otherwise: str = "") -> str:
    """Return what an engine is mainly for."""
    return next(iter(services.engines.spec(engine).purposes), otherwise)


def _infos(services: Services, session: str | None, engine: Engine) -> list[CatalogInfo]:
    return [*services.uploads.of(session), *services.catalogs.infos(services.engines.spec(engine))]


def enter(
    services: Services, catalog: str, engine: Engine, session: str | None, mode: str
) -> tuple[gr.Dropdown, str, str, gr.Timer, dict[str, Any]]:
    """Offer the catalogues in the order in which they suit another engine, and open the one in use under it.

    Where that is a drawn one of another mode than the tab's, the drawn one of this mode takes its place.
    """
    wanted, spec = purpose(services, engine, mode), services.engines.spec(engine)
    known = {info.key: info for info in services.catalogs.infos()}
    if wanted != mode and catalog in OURS and not known[catalog].suits(spec):
        catalog = next((key for key in OURS if key in known and known[key].suits(spec)), catalog)
    choices = gr.Dropdown(offered(services, session, engine), value=catalog)
    return choices, wanted, *choose(services, catalog, engine, session)


def choose(
    services: Services, catalog: str, engine: Engine, session: str | None = None
) -> tuple[str, gr.Timer, dict[str, Any]]:
    """Start bringing the index up to date, and say how it stands."""
    open_index(services, catalog, services.engines.spec(engine), services.sessions.owner(session))
    return follow(services, catalog, engine, session)


def open_index(services: Services, catalog: str, spec: EncoderSpec, owner: str = MACHINE) -> None:
    """Start bringing the index up to date, and give one that is on disk a moment to open."""
    services.indexes.ensure(catalog, spec, owner)
    deadline = time.monotonic() + OPENING_SECONDS
    while services.indexes.status(catalog, spec).state == "waiting" and not searchable(services, catalog, spec):
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)


def follow(
    services: Services, catalog: str, engine: Engine, session: str | None = None
) -> tuple[str, gr.Timer, dict[str, Any]]:
    """Return the status in words, the timer (running while there is something to follow) and what is open."""
    spec = services.engines.spec(engine)
    services.indexes.look_for(catalog, spec)
    status = services.indexes.status(catalog, spec)
    there = searchable(services, catalog, spec)
    failed = status.error if status.state == "failed" and not there else None
    opened = {"catalog": catalog, "engine": engine, "searchable": there, "failed": failed or ""}
    info = services.catalogs.info(catalog)
    return (
        _open(info, spec, session) + status_html(status, info.note),
        gr.Timer(active=status.state in ("waiting", "building") or status.away),
        opened,
    )


def _open(info: CatalogInfo, spec: EncoderSpec, session: str | None) -> str:
    """Return what is open, for the script that keeps the address and the browser's memory of this session true.

    What only this session may know is not put into the address.
    """
    facts = {
        "catalog": info.key,
        "engine": "" if is_private(spec) else spec.name,
        "session": session or "",
        "shared": "" if info.private else "yes",
    }
    marks = " ".join(f'data-{name}="{escape(text)}"' for name, text in facts.items())
    return f"<i hidden {marks}></i>"


def searchable(services: Services, catalog: str, spec: EncoderSpec) -> bool:
    """Return whether there is an index to answer from."""
    try:
        services.indexes.searcher(catalog, spec)
    except AppError:
        return False
    return True


def status_html(status: Status, note: str = "") -> str:
    """Say how an index stands, and a catalogue's note; what strangers wrote (ids, reasons) is escaped."""
    if status.state == "failed":
        return f'<p class="failed" role="alert">{escape(status.error or "Indexing failed.")}</p>{_skipped(status)}'
    if status.state in ("waiting", "building"):
        return _progress(status)
    if not status.pictures:
        return "<p>no pictures yet</p>" + _skipped(status)
    words = [_pictures(status.pictures), *([escape(note)] if note else []), f"ready{_age(status)}"]
    stuck = f"<p>{escape(status.error)}</p>" if status.error else ""
    return f'<p><span class="dot"></span>{" · ".join(words)}</p>{stuck}{_skipped(status)}'


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def _age(status: Status) -> str:
    if status.checked_at is None:
        return ""
    minutes = int((time.monotonic() - status.checked_at) // 60)
    return " · checked just now" if minutes < 1 else f" · checked {minutes} min ago"


def _progress(status: Status) -> str:
    if status.doing == WAITING:
        return f"<p>{WAITING.lower()} …</p>"
    if not status.total:
        ready = f"{_pictures(status.pictures)} ready, " if status.pictures else ""
        return f"<p>{ready}looking for new pictures …</p>"
    words = [f"{status.done:,} of {_pictures(status.total)}"]
    if status.per_second:
        words.append(f"{status.per_second:.0f} a second")
    if status.seconds_left is not None:
        words.append(f"{_duration(status.seconds_left)} left")
    bar = f'<progress max="{status.total}" value="{status.done}" aria-label="Indexing"></progress>'
    return f"<p>{' · '.join(words)}</p>{bar}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _skipped(status: Status) -> str:
    """List what is in no index, what is in one and cannot be read now, and what of the tables could not be used."""
    noted = "".join(f"<li><b>{escape(name)}</b> {escape(note)}</li>" for name, note in status.notes)
    noted = noted and f"<details><summary>Tables beside the pictures</summary><ul>{noted}</ul></details>"
    return _named("skipped", status.skipped) + _named("unavailable", status.unavailable) + noted


def _named(said: str, files: Sequence[tuple[str, str]]) -> str:
    if not files:
        return ""
    named = "".join(f"<li><b>{escape(i)}</b> {escape(why)}</li>" for i, why in files[:NAMED_SKIPS])
    rest = len(files) - NAMED_SKIPS
    more = f"<li>and {rest:,} more</li>" if rest > 0 else ""
    verb = f"is {said} now" if said == "unavailable" else f"was {said}"
    verbs = f"are {said} now" if said == "unavailable" else f"were {said}"
    counted = f"{len(files):,} file {verb}" if len(files) == 1 else f"{len(files):,} files {verbs}"
    return f"<details><summary>{counted}</summary><ul>{named}{more}</ul></details>"
