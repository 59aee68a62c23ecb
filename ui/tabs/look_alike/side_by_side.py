"""One question answered by several engines: a column for each, and what more than one of them found."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from retrieval.core import AppError, EncoderSpec
from services import Services
from ui.search import flow, results
from ui.search.flow import Answer
from ui.search.question import Question
from ui.shell.error_boundary import user_message

MOST = 4


def answer(services: Services, question: Question, first: Answer, others: Sequence[EncoderSpec]) -> Answer:
    """Return the first engine's answer with a side for it and for each of the others, MOST in all.

    It is pending while an index is still being made for one of them.
    """
    sides = [_answered(first, question), *(_side(services, question, spec) for spec in others[: MOST - 1])]
    shared = _mark(sides)
    shown = {
        "state": "sides",
        "at": time.time(),
        "catalog": question.catalog,
        "sides": sides,
        "liked": question.liked,
        "disliked": question.disliked,
        "summary": _summary(shared, [side for side in sides if "hits" in side]),
        "detail": "",
    }
    return replace(first, shown=shown, pending=any("total" in side for side in sides))


def _side(services: Services, question: Question, spec: EncoderSpec) -> dict[str, Any]:
    """Return one engine's hits, what is wrong with it, or how far its index is."""
    try:
        if question.text and not spec.accepts_text:
            raise AppError(f"The engine {spec.engine} cannot read words. Choose one that does.")
        answered = flow.answer(services, question, spec)
    except Exception as error:
        return {"title": spec.title, "problem": user_message(error)}
    if answered.result is not None:
        return _answered(answered, question)
    status = services.indexes.status(question.catalog, spec)
    if status.state == "failed":
        return {"title": spec.title, "problem": status.error}
    far = f": {status.done:,} of {status.total:,}" if status.total else ""
    summary = f"Getting to know these pictures{far}"
    return {"title": spec.title, "summary": summary, "done": status.done, "total": status.total}


def _answered(answer: Answer, question: Question) -> dict[str, Any]:
    """Return the side of an engine that answered."""
    result = answer.result
    assert result is not None
    told = {"summary": results.summary(result), "detail": results.detail(result, question.filter)}
    hits = [results.card(hit, answer.why.get(hit.id, ())) for hit in result.hits]
    return {"title": answer.spec.title, **told, "notes": list(result.notes), "hits": hits}


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
