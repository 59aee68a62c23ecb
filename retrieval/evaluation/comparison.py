"""Engines side by side on one catalogue: how well each finds, how sure that is, how fast it is and how large."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from retrieval.core import Catalog
from retrieval.evaluation import speed
from retrieval.evaluation.intervals import Interval, bootstrap
from retrieval.evaluation.measures import MEASURES, Collection, PerQuery, per_query
from retrieval.evaluation.protocol import JOINT, EvaluationProtocol, matched_by
from retrieval.evaluation.speed import Speed
from retrieval.search.searcher import Searcher

MOST_QUERIES = 5000
TOP = 5
DISAGREEMENTS = 12


@dataclass(frozen=True, slots=True)
class Contestant:
    """One engine under its name, with what it made of the catalogue."""

    name: str
    title: str
    collection: Collection
    searcher: Searcher


@dataclass(frozen=True, slots=True)
class Measured:
    """One engine's figures; `quality` holds an interval for each of MEASURES, or nothing without a way to match.

    `on_front`: no other engine is better or faster without being worse or slower (Pareto), by mean average precision
    and pictures encoded a second.
    """

    name: str
    title: str
    quality: Mapping[str, Interval]
    speed: Speed
    on_front: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean average precision of `better` less that of `other`, on the same queries."""

    better: str
    other: str
    map: Interval

    @property
    def clear(self) -> bool:
        """Tell whether the interval leaves out zero."""
        return self.map.low > 0


@dataclass(frozen=True, slots=True)
class Found:
    """One result: `right` when it matches the query."""

    id: str
    score: float
    right: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What one engine gave for a query: its average precision and its first results."""

    name: str
    average_precision: float
    hits: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A query on which engines differ: its id, the value that a right result shares with it, the answers."""

    id: str
    wanted: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it; `failed` maps the engines that could not take part to the reason.

    `unmatched` of the `queries` have nothing right in the gallery and count as 0 everywhere.
    """

    match: str | None
    queries: int
    gallery: int
    unmatched: int
    engines: tuple[Measured, ...]
    differences: tuple[Difference, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """How far a comparison is: which engine, doing what, how much of how much of that."""

    title: str
    doing: str
    done: int
    total: int
    seconds_left: float | None = None


OnProgress = Callable[[Step], None]


def compare(
    contestants: Sequence[Contestant], catalog: Catalog, protocol: EvaluationProtocol | None, on_progress: OnProgress
) -> Comparison:
    """Measure the contestants on the same queries; without a protocol only speed. `on_progress` may raise to stop."""
    fair = _on_common_pictures(contestants)
    measured = [_rank(each, protocol, on_progress) for each in fair] if protocol is not None else []
    speeds = [_time(each, catalog, on_progress) for each in fair]
    engines = [Measured(c.name, c.title, {}, cost) for c, cost in zip(fair, speeds, strict=True)]
    if protocol is None or not measured:
        return Comparison(None, 0, len(fair[0].collection.ids) if fair else 0, 0, tuple(engines))
    means, pairs = bootstrap(np.stack([each.values for each in measured]))
    front = pareto([row[-1].value for row in means], [each.pictures_per_second for each in speeds])
    return Comparison(
        match=protocol.match,
        queries=len(measured[0].rows),
        gallery=measured[0].gallery,
        unmatched=int((~measured[0].matched).sum()),
        engines=tuple(
            replace(engine, quality=dict(zip(MEASURES, means[place], strict=True)), on_front=place in front)
            for place, engine in enumerate(engines)
        ),
        differences=_differences([each.name for each in fair], pairs),
        disagreements=_disagreements(fair, measured, protocol.match),
    )


def pareto(quality: Sequence[float], rate: Sequence[float]) -> list[int]:
    """Return the places of those that no other beats in one of the two without losing in the other."""
    pairs = list(zip(quality, rate, strict=True))
    return [
        place
        for place, (good, fast) in enumerate(pairs)
        if not any(g >= good and f >= fast and (g, f) != (good, fast) for g, f in pairs)
    ]


def row(engine: Measured) -> dict[str, Any]:
    """Return one engine's figures as flat names and values, as tables, CSV and JSON show them."""
    figures: dict[str, Any] = {"engine": engine.name, "title": engine.title}
    for name, value in engine.quality.items():
        figures |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
    return figures | {
        "pictures_per_second": engine.speed.pictures_per_second,
        "query_ms": engine.speed.query_ms,
        "weights_mb": engine.speed.weights_mb,
        "index_mb": engine.speed.index_mb,
        "on_front": engine.on_front,
    }


def as_dict(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain JSON values."""
    differences = [
        {
            "better": d.better,
            "other": d.other,
            "map": d.map.value,
            "low": d.map.low,
            "high": d.map.high,
            "clear": d.clear,
        }
        for d in found.differences
    ]
    return {
        "match": found.match,
        "queries": found.queries,
        "gallery": found.gallery,
        "unmatched": found.unmatched,
        "engines": [row(engine) for engine in found.engines],
        "differences": differences,
        "disagreements": [asdict(each) for each in found.disagreements],
        "failed": dict(found.failed),
    }


def _on_common_pictures(contestants: Sequence[Contestant]) -> list[Contestant]:
    """Return the contestants with only the pictures that all of them hold, in the same order."""
    common = set.intersection(*(set(each.collection.ids) for each in contestants)) if contestants else set()
    return [replace(each, collection=_part(each.collection, common)) for each in contestants]


def _part(whole: Collection, wanted: set[str]) -> Collection:
    rows = sorted((n for n, name in enumerate(whole.ids) if name in wanted), key=whole.ids.__getitem__)
    return whole.part(rows)


def _rank(contestant: Contestant, protocol: EvaluationProtocol, on_progress: OnProgress) -> PerQuery:
    told = partial(Step, contestant.title, "searching with every picture")
    return per_query(
        contestant.collection, None, protocol, MOST_QUERIES, lambda done, total: on_progress(told(done, total))
    )


def _time(contestant: Contestant, catalog: Catalog, on_progress: OnProgress) -> Speed:
    told = partial(Step, contestant.title, "measuring the speed")
    return speed.measure(
        contestant.searcher, catalog, contestant.collection.ids, lambda done, total: on_progress(told(done, total))
    )


def _differences(names: Sequence[str], pairs: Sequence[Sequence[Sequence[Interval]]]) -> tuple[Difference, ...]:
    """Return every pair of engines once, the better one first."""
    return tuple(
        Difference(names[a], names[b], pairs[a][b][-1])
        for a in range(len(names))
        for b in range(len(names))
        if (pairs[a][b][-1].value, b) > (0, a)
    )


def _disagreements(
    contestants: Sequence[Contestant], measured: Sequence[PerQuery], match: str
) -> tuple[Disagreement, ...]:
    """Return the queries with the largest differences in average precision."""
    shared = contestants[0].collection
    kinds = matched_by(shared.ids, shared.attributes, match)
    precision = np.stack([each.values[:, -1] for each in measured])
    gaps = np.ptp(precision, axis=0)
    chosen = [int(q) for q in np.argsort(-gaps, kind="stable")[:DISAGREEMENTS] if gaps[q] > 0]
    known = measured[0].gallery_rows
    found = []
    for query in chosen:
        asked = int(measured[0].rows[query])
        answers = tuple(
            Answer(each.name, float(precision[place, query]), _first(each.collection, asked, known, kinds))
            for place, each in enumerate(contestants)
        )
        found.append(Disagreement(shared.ids[asked], str(kinds[asked]).replace(JOINT, " · "), answers))
    return tuple(found)


def _first(collection: Collection, asked: int, known: np.ndarray, kinds: np.ndarray) -> tuple[Found, ...]:
    """Return the first results for item `asked` among the items `known`, itself left out."""
    others = known[known != asked]
    scores = collection.part(others).scores(collection.vectors[asked][None])[0]
    best = np.argsort(-scores, kind="stable")[:TOP]
    return tuple(
        Found(collection.ids[others[n]], float(scores[n]), bool(kinds[others[n]] == kinds[asked])) for n in best
    )
