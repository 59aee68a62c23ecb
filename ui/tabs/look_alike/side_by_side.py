"""One question answered by several engines: a column for each, and what more than one of them found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from retrieval.core import EncoderSpec
from services import Services
from ui.search import filters, flow, results
from ui.search import question as query
from ui.search.flow import Scope
from ui.shell.error_boundary import words
from ui.shell.header import open_index, searchable

MOST = 4


def search(
    services: Services,
    catalog: str,
    asked: Mapping[str, Any] | None,
    chosen: Mapping[str, Any] | None,
    count: int,
    specs: Sequence[EncoderSpec],
) -> tuple[dict[str, Any], bool]:
    """Return the results' value with a side for each engine, and whether an index is still being made for one."""
    try:
        question = query.parse(asked)
        scope = Scope(catalog, specs[0], count, filters.parse((chosen or {}).get("chosen")))
    except Exception as error:
        return results.problem(words(error)), False
    sides = [_side(services, question, replace(scope, spec=spec)) for spec in specs[:MOST]]
    shared = _mark(sides)
    return {
        "state": "sides",
        "at": time.time(),
        "catalog": catalog,
        "sides": sides,
        "liked": question.liked,
        "disliked": question.disliked,
        "summary": _summary(shared, [side for side in sides if "hits" in side]),
        "detail": "",
    }, any("total" in side for side in sides)


def _side(services: Services, question: query.Query, scope: Scope) -> dict[str, Any]:
    """Return one engine's hits, what is wrong with it, or how far its index is."""
    title = {"title": scope.spec.title}
    if not searchable(services, scope.catalog, scope.spec):
        status = services.indexes.status(scope.catalog, scope.spec)
        if status.state == "failed":
            return {**title, "problem": status.error}
        open_index(services, scope.catalog, scope.spec)
    if not searchable(services, scope.catalog, scope.spec):
        status = services.indexes.status(scope.catalog, scope.spec)
        far = f": {status.done:,} of {status.total:,}" if status.total else ""
        return {**title, "summary": f"Getting to know these pictures{far}", "done": status.done, "total": status.total}
    try:
        result, _ = flow.answer(services, question, scope, None)
    except Exception as error:
        return {**title, "problem": words(error)}
    told = {"summary": results.summary(result), "detail": results.detail(result, scope.passing)}
    return {**title, **told, "notes": list(result.notes), "hits": [results.card(hit) for hit in result.hits]}


def _mark(sides: Sequence[dict[str, Any]]) -> int:
    """Say on every hit how many engines found it, if more than one did; return how many pictures those are."""
    there = [side for side in sides if "hits" in side]
    counts = Counter(hit["id"] for side in there for hit in side["hits"])
    for hit in (hit for side in there for hit in side["hits"]):
        if counts[hit["id"]] > 1:
            hit["shared"] = "found by both" if len(there) == 2 else f"found by {counts[hit['id']]} of {len(there)}"
    return sum(number > 1 for number in counts.values())


def _summary(shared: int, sides: Sequence[dict[str, Any]]) -> str:
    if len(sides) < 2:
        return ""
    who = "both engines" if len(sides) == 2 else "more than one engine"
    most = max(len(side["hits"]) for side in sides)
    return f"{shared} of {most} pictures were found by {who}"
