"""Near-duplicates: the groups at a threshold, and how their number changes with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import gradio as gr

from retrieval.core import AppError
from retrieval.search.duplicates import LOWEST, THRESHOLDS, Forest
from services import DEFAULT_ENGINE, Services
from ui.shell import modules
from ui.shell.error_boundary import PRIVATE, bound, user_message
from ui.shell.header import Engine, Header

THRESHOLD = 0.95
SHOWN = 40
MEMBERS = 24


def create(services: Services, header: Header) -> gr.HTML:
    """Return the view; it asks by `submit` when it comes into view, and by `input` when the threshold is moved."""
    shown = gr.HTML(
        **modules.component(
            "tabs/compare/duplicates", '<section class="cmp-twins" aria-label="Near-duplicates"></section>'
        )
    )
    forest = gr.State(None)
    shown.submit(bound(find, services), [header.catalog, header.engine], [shown, forest], **PRIVATE)
    shown.input(move, [shown, forest], [shown], trigger_mode="always_last", **PRIVATE)
    return shown


def opening(catalog: str) -> dict[str, Any]:
    """Return the view's value for a catalogue just opened: it asks as soon as it is seen."""
    return {"state": "unasked", "at": time.time(), "catalog": catalog}


def find(services: Services, catalog: str, engine: Engine) -> tuple[dict[str, Any], Forest | None]:
    """Look for the near-duplicates of a catalogue."""
    try:
        forest = services.evaluation.duplicates(catalog, services.engines.spec(engine))
    except AppError as error:
        return {"state": "notice", "at": time.time(), "catalog": catalog, "text": user_message(error)}, None
    found = [each for each in THRESHOLDS if each <= THRESHOLD and forest.counts(each)[0]]
    return view(catalog, forest, max(found, default=THRESHOLD)), forest


def move(shown: Mapping[str, Any], forest: Forest | None) -> Any:  # noqa: ANN401 - or gr.skip()
    """Show the groups at another threshold."""
    if forest is None:
        return gr.skip()
    return view(shown["catalog"], forest, clipped(shown["threshold"]))


def view(catalog: str, forest: Forest, threshold: float) -> dict[str, Any]:
    """Return the view's value: the groups at `threshold`, and the counts at every one."""
    groups = forest.groups(threshold)
    return {
        "state": "groups",
        "at": time.time(),
        "catalog": catalog,
        "threshold": threshold,
        "counts": [[each, *forest.counts(each)] for each in THRESHOLDS],
        "pictures": sum(len(group.ids) for group in groups),
        "total": len(groups),
        "groups": [
            {"ids": group.ids[:MEMBERS], "count": len(group.ids), "weakest": round(group.weakest, 3)}
            for group in groups[:SHOWN]
        ],
    }


def clipped(threshold: Any) -> float:  # noqa: ANN401 - whatever a browser or a client sends
    """Return a threshold between the lowest and 1; raises AppError for what is no number."""
    try:
        return min(1.0, max(LOWEST, float(threshold)))
    except (TypeError, ValueError):
        raise AppError(f"A threshold is a number from {LOWEST} to 1.") from None


def duplicates(
    services: Services, catalog: str | None = None, threshold: float = THRESHOLD, engine: str = DEFAULT_ENGINE
) -> dict[str, Any]:
    """Group the pictures of a catalogue that are nearly the same.

    Parameters:
        catalog: the catalogue's key; the first one without it.
        threshold: how similar, 0.8 to 1; 1 is the same.
        engine: a name such as "squeezenet" or "squeezenet:imagenet" whose index is built.

    Returns:
        {"groups": [{"ids", "weakest": the lowest similarity that holds the group together}, …] the largest first,
        "by_threshold": [{"threshold", "groups", "pictures"}, …]}
    """
    spec = services.engines.spec(engine)
    forest = services.evaluation.duplicates(catalog or services.catalogs.infos()[0].key, spec)
    by_threshold = [
        dict(zip(("threshold", "groups", "pictures"), (each, *forest.counts(each)), strict=True)) for each in THRESHOLDS
    ]
    return {"groups": [asdict(group) for group in forest.groups(clipped(threshold))], "by_threshold": by_threshold}
