"""The blind taste test: two unlabelled grids for one question, and which engine a visitor prefers unseen."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from retrieval.core import AppError
from retrieval.evaluation.intervals import wilson
from services import Services
from ui.shell import modules
from ui.shell.error_boundary import PRIVATE, bound, detail, user_message
from ui.shell.header import Header

SHOWN = 6
POOL = 200
TRIES = 20


@dataclass
class Taste:
    """A visitor's test: two engines, the questions that may be asked, and the votes so far.

    `swapped`: the second engine is shown as A. `won` counts votes for the first and the second.
    """

    catalog: str
    engines: tuple[str, str]
    pool: list[str]
    swapped: bool = False
    won: list[int] = field(default_factory=lambda: [0, 0])
    ties: int = 0


def create(services: Services, header: Header, names: gr.CheckboxGroup) -> gr.HTML:
    """Return the test; `submit` begins it and `select` brings a vote."""
    shown = gr.HTML(
        **modules.component(
            "tabs/compare/blind_test", '<section class="cmp-taste" aria-label="Blind taste test"></section>'
        )
    )
    taste = gr.State(None)
    shown.submit(bound(begin, services), [header.catalog, names], [shown, taste], **PRIVATE)
    shown.select(bound(vote, services), [taste], [shown, taste], **PRIVATE)
    return shown


def opening(catalog: str) -> dict[str, Any]:
    """Return the test's value for a catalogue just opened."""
    return _notice("The first two engines that are ticked above each answer; you don't see which is which.")


def begin(services: Services, catalog: str, names: Sequence[str]) -> tuple[dict[str, Any], Taste | None]:
    """Begin a test between the first two of `names`."""
    if len(names) < 2:
        return _notice("Tick two engines above first."), None
    try:
        for name in names[:2]:
            services.indexes.searcher(catalog, services.engines.spec(name))
        ids = [item.id for item in services.catalogs.catalog(catalog)]
    except AppError:
        return _notice("Both engines have to know these pictures first: press Compare above, then begin here."), None
    taste = Taste(catalog, (names[0], names[1]), random.sample(ids, min(POOL, len(ids))))
    return ask(services, taste), taste


def vote(services: Services, taste: Taste | None, event: gr.EventData) -> tuple[dict[str, Any], Taste | None]:
    """Count a vote ("a", "b" or "same") and ask the next question."""
    if taste is None:
        return _notice("Begin the test first."), None
    choice = detail(event).get("choice")
    if choice == "same":
        taste.ties += 1
    elif choice in ("a", "b"):
        taste.won[(choice == "b") != taste.swapped] += 1
    return ask(services, taste), taste


def ask(services: Services, taste: Taste) -> dict[str, Any]:
    """Return the next question on which the engines differ, their answers in random order; raises nothing."""
    taste.swapped = random.random() < 0.5
    for _ in range(TRIES):
        query = random.choice(taste.pool)
        try:
            answers = [_answer(services, taste.catalog, name, query) for name in taste.engines]
        except AppError as error:
            trouble = user_message(error)
            continue
        trouble = ""
        if set(answers[0]) != set(answers[1]):
            first, second = reversed(answers) if taste.swapped else answers
            return {
                "state": "pair",
                "at": time.time(),
                "catalog": taste.catalog,
                "query": query,
                "a": first,
                "b": second,
                "score": score(services, taste),
            }
    return _notice(trouble or "The two engines give the same answers here; there is nothing to choose between.")


def score(services: Services, taste: Taste) -> Mapping[str, Any]:
    """Return the running score in words and figures: the share of the first engine among votes that chose."""
    titles = [services.engines.spec(name).title for name in taste.engines]
    played = sum(taste.won)
    share = wilson(taste.won[0], played)
    if not played and not taste.ties:
        return {"text": "", "share": None}
    text = f"{titles[0]} {taste.won[0]} · {titles[1]} {taste.won[1]} · no difference {taste.ties}"
    if not played:
        return {"text": text, "share": None}
    sure = (
        f"{titles[0]} is preferred" if share.low > 0.5 else f"{titles[1]} is preferred" if share.high < 0.5
        else "too few votes to tell"
    )  # fmt: skip
    detail = f"{titles[0]} was chosen in {share.value:.0%}, 95 % interval {share.low:.0%} to {share.high:.0%}: {sure}."
    return {"text": text, "detail": detail, "share": [share.value, share.low, share.high]}


def _answer(services: Services, catalog: str, name: str, query: str) -> list[str]:
    found = services.indexes.searcher(catalog, services.engines.spec(name)).by_id(query, SHOWN)
    return [hit.id for hit in found.hits]


def _notice(text: str) -> dict[str, Any]:
    return {"state": "notice", "at": time.time(), "text": text}
