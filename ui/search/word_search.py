"""Words that the chosen engine does not read: answered by what is written and seen, and by a picture beside them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.core import EncoderSpec, Hit
from retrieval.search.cutoff import NEAREST, strong_results
from retrieval.search.searcher import Result
from retrieval.words.answer import Answer as Found
from retrieval.words.answer import Scope
from retrieval.words.fusion import Ranking, fused
from services import Services
from services.models.product import AppearanceFilter
from ui.search.question import Question

FUSED = 1000
"""How many of the best by words, and of the nearest to a picture, are put into one order."""


@dataclass(frozen=True)
class Worded:
    """The pictures that fit words, and item -> what of it fits."""

    result: Result
    why: Mapping[str, Sequence[str]]


def answer(
    services: Services, question: Question, spec: EncoderSpec, vector: np.ndarray | None, looks: AppearanceFilter
) -> Worded:
    """Answer a question's words; with the engine's vector of its picture or marks, float32 (dim,), by both.

    The two are fused by rank; `looks` narrow them. Pictures that were not looked at yet are looked at in the
    background, for the next question. Raises AppError.
    """
    started = time.perf_counter()
    services.words.ensure(question.catalog)
    left_out = {*question.disliked, *([question.whole_item] if question.whole_item else [])}
    alone = vector is None and not looks
    wanted = max(question.count, NEAREST) + len(left_out) if alone else FUSED
    scope = Scope(wanted, filter=question.filter)
    found = services.words.search(question.catalog, question.text, scope)
    hits = [Hit(each.id, each.score, each.attributes) for each in found.found]
    if vector is not None:
        index = services.indexes.searcher(question.catalog, spec).index
        near = index.query(vector[None], FUSED, question.filter)[0]
        hits = _joined(hits, near, question.balance if question.pictured else 0.5)
    hits = [hit for hit in hits if hit.id not in left_out]
    notes = tuple(found.notes)
    if looks:
        hits, said = services.products.looking(question.catalog, spec, hits, question.count, looks)
        notes += said
    services.views.may_show(question.catalog, [hit.id for hit in hits[: question.count]])
    curve = np.array([hit.score for hit in hits[:NEAREST]], np.float32)
    hits = hits[: question.count]
    strong = strong_results(curve) if vector is not None else _meeting_all(found, hits)
    query = np.zeros(0, np.float32) if vector is None else vector
    seconds = {"search": time.perf_counter() - started}
    result = Result(hits, min(strong, len(hits)), curve, query, seconds, notes)
    return Worded(result, {each.id: each.why for each in found.found if each.why})


def _meeting_all(found: Found, hits: Sequence[Hit]) -> int:
    """Return how many of `hits`, which are the found ones without some, meet everything that was asked."""
    meeting = {each.id for each in found.found[: found.strong]}
    return sum(hit.id in meeting for hit in hits)


def _joined(words: Sequence[Hit], near: Sequence[Hit], balance: float) -> list[Hit]:
    """Return the hits of both lists in one order; `balance` is how much the second counts, 0 to 1."""
    hits = {hit.id: hit for hit in (*words, *near)}
    places = {item: place for place, item in enumerate(hits)}
    rankings = []
    for some, weight in ((words, 1 - balance), (near, balance)):
        scores = np.full(len(hits), -np.inf, np.float32)
        scores[[places[hit.id] for hit in some]] = [hit.score for hit in some]
        rankings.append(Ranking(scores, weight))
    joined = fused(rankings)
    order = np.argsort(-joined, kind="stable")
    each = list(hits.values())
    return [Hit(each[n].id, float(joined[n]), each[n].attributes) for n in order if joined[n] > 0]
