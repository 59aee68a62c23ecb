"""How good a ranking is: precision@k, recall@k and mean average precision over the whole gallery."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.core import AppError, Attributes, Catalog, EncoderSpec
from retrieval.evaluation.protocol import (
    EvaluationProtocol,
    Where,
    excluded,
    matched_by,
    meeting,
    nothing_to_match,
    plain,
)
from retrieval.indexes.region_index import region_scores
from retrieval.indexing.build import stored_regions
from retrieval.search.searcher import Searcher

CUTS = (1, 10)
MEASURES = (*(f"p_at_{k}" for k in CUTS), *(f"r_at_{k}" for k in CUTS), "hit_at_10", "map")
HIT_CUTS = (5, 10, 20)
_PREFERRED = ("label", "garment", "category")
_BLOCK = 256
_CELLS = 1 << 22
_TIMED_PICTURES = 50
_TIMED_SEARCHES = 500


@dataclass(frozen=True, slots=True)
class Collection:
    """Vectors with what is known of each: `vectors` float32 (n, dim) of unit length, ids and attributes beside.

    `regions` float32 (n, count, dim) are there where the index holds several of every item, `vectors` the first.
    """

    ids: Sequence[str]
    vectors: np.ndarray
    attributes: Sequence[Attributes]
    regions: np.ndarray | None = None

    @classmethod
    def of(cls, folder: Path, spec: EncoderSpec) -> Collection:
        """Read every vector of the finished index of `spec` in `folder`."""
        ids: list[str] = []
        blocks, attributes = [np.empty((0, 1, spec.dim), np.float32)], []
        for block in stored_regions(folder, spec):
            ids += block[0]
            blocks.append(block[1])
            attributes += block[2]
        held = np.concatenate(blocks[1:] or blocks)
        return cls(ids, np.ascontiguousarray(held[:, 0]), attributes, held if held.shape[1] > 1 else None)

    def part(self, rows: Sequence[int] | np.ndarray) -> Collection:
        """Return the items at `rows`, in that order."""
        regions = None if self.regions is None else self.regions[rows]
        return Collection([self.ids[n] for n in rows], self.vectors[rows], [self.attributes[n] for n in rows], regions)

    def scores(self, queries: np.ndarray) -> np.ndarray:
        """Return float32 (q, n), what every item scores for float32 (q, dim), as the index scores it."""
        if self.regions is None:
            return queries @ self.vectors.T
        return region_scores(queries, self.regions)


@dataclass(frozen=True, slots=True)
class Quality:
    """Averages over queries; `unmatched` queries have nothing relevant in the gallery and count as 0 everywhere.

    `hit` is the share of the queries that have something relevant among the first k.
    """

    queries: int
    gallery: int
    unmatched: int
    precision: dict[int, float]
    recall: dict[int, float]
    hit: dict[int, float]
    mean_average_precision: float

    def as_dict(self) -> dict[str, Any]:
        """Return the figures under the names that the command line prints."""
        return {
            "queries": self.queries,
            "gallery": self.gallery,
            "unmatched": self.unmatched,
            **{f"p_at_{k}": value for k, value in self.precision.items()},
            **{f"r_at_{k}": value for k, value in self.recall.items()},
            **{f"hit_at_{k}": value for k, value in self.hit.items()},
            "map": self.mean_average_precision,
        }


@dataclass(frozen=True, slots=True)
class PerQuery:
    """The measures of every query, `values` float64 (n, len(MEASURES)).

    `rows` int (n,) are the queries' rows in their collection, `first_right` int (n,) is the rank, from 1, of the first
    relevant item, 0 where the gallery has none; `gallery_rows` are the rows that were searched.
    """

    rows: np.ndarray
    values: np.ndarray
    first_right: np.ndarray
    gallery_rows: np.ndarray

    @property
    def gallery(self) -> int:
        """How many items were searched."""
        return len(self.gallery_rows)

    @property
    def matched(self) -> np.ndarray:
        """Bool (n,), whether anything in the gallery is relevant."""
        return self.first_right > 0

    def hit(self, k: int) -> float:
        """Return the share of the queries that have something relevant among the first `k`."""
        return float((self.matched & (self.first_right <= k)).mean())


def matchable(attributes: Iterable[Attributes]) -> dict[str, int]:
    """Return attribute -> how many items share their value with another, for those that tell items apart.

    The first is the one to match by when nobody says otherwise: a label, one garment in several pictures, a category.
    """
    counts: dict[str, Counter[str]] = {}
    for each in attributes:
        for name, value in each.items():
            counts.setdefault(name, Counter())[plain(value)] += 1
    shared = {name: sum(n for n in c.values() if n > 1) for name, c in counts.items() if len(c) > 1}
    return {name: shared[name] for name in sorted(shared, key=_preference) if shared[name]}


def check(gallery: Collection, queries: Collection | None, protocol: EvaluationProtocol) -> None:
    """Raise AppError where a protocol finds nothing to ask or to match; no vector is looked at."""
    _Trial.of(gallery, queries, protocol)


def evaluate(gallery: Collection, queries: Collection | None, protocol: EvaluationProtocol) -> Quality:
    """Average the measures of `per_query` over all queries."""
    return averaged(per_query(gallery, queries, protocol))


def averaged(measured: PerQuery) -> Quality:
    """Return the averages over the queries that were measured."""
    means = measured.values.mean(axis=0).tolist()
    return Quality(
        queries=len(measured.rows),
        gallery=measured.gallery,
        unmatched=int((~measured.matched).sum()),
        precision=dict(zip(CUTS, means[: len(CUTS)], strict=True)),
        recall=dict(zip(CUTS, means[len(CUTS) : 2 * len(CUTS)], strict=True)),
        hit={k: measured.hit(k) for k in HIT_CUTS},
        mean_average_precision=means[-1],
    )


def knn_accuracy(gallery: Collection, queries: Collection | None, protocol: EvaluationProtocol, k: int = 10) -> float:
    """Return for what part of the queries the vote of the k nearest names the right class.

    The class with the most votes wins, and of several that of the nearest item; without `queries`, leave one out.
    """
    trial = _Trial.of(gallery, queries, protocol)
    _, numbers = np.unique(np.concatenate([trial.gallery.classes, trial.asked.classes]), return_inverse=True)
    known, right = numbers[: len(trial.gallery.rows)], numbers[len(trial.gallery.rows) :]
    k = min(k, len(known) - bool((trial.itself >= 0).any()))
    if k < 1:
        return 0.0
    correct = 0
    for part, scores, _ in trial.blocks():
        some = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best = np.take_along_axis(some, np.argsort(-np.take_along_axis(scores, some, 1), axis=1, kind="stable"), 1)
        voted = known[best]
        counts = (voted[:, :, None] == voted[:, None, :]).sum(axis=2)
        won = voted[np.arange(len(voted)), counts.argmax(axis=1)]
        correct += int((won == right[part]).sum())
    return correct / len(right)


def per_query(
    gallery: Collection,
    queries: Collection | None,
    protocol: EvaluationProtocol,
    most: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> PerQuery:
    """Rank the whole gallery for every query; without `queries` the gallery's own pictures ask, never for themselves.

    Precision@k is relevant results among the first k over k; recall@k relevant results among the first k over all
    that are relevant; average precision the mean of the precisions at each relevant result (Manning, Raghavan,
    Schuetze 2008, chapter 8). Pictures without what has to match ask nothing, and are searched only where the protocol
    says what the gallery is: there they can only be wrong. At most `most` queries are asked, a seeded sample;
    `on_progress` hears how many of how many are done, and may raise to stop.
    """
    trial = _Trial.of(gallery, queries, protocol)
    if most is not None and most < len(trial.asked.rows):
        trial = trial.sample(most)
    count = len(trial.asked.rows)
    values, first_right = np.empty((count, len(MEASURES))), np.empty(count, int)
    for part, scores, relevant in trial.blocks():
        on_progress(part.start, count)
        ranked = np.take_along_axis(relevant, np.argsort(-scores, axis=1, kind="stable"), axis=1)
        first_right[part] = np.where(ranked.any(axis=1), ranked.argmax(axis=1) + 1, 0)
        values[part] = _measures(ranked)
    return PerQuery(trial.asked.rows, values, first_right, trial.gallery.rows)


def time_queries(searcher: Searcher, catalog: Catalog, asked: Collection) -> dict[str, float]:
    """Return warm milliseconds: the median to encode one picture, median and 95th percentile to search with it."""
    side = searcher.encoder.spec.image_size
    sample = np.random.default_rng(0).permutation(len(asked.ids))
    encode = []
    for row in sample[: _TIMED_PICTURES + 1]:
        picture = catalog.open(asked.ids[row], side)
        started = time.perf_counter()
        searcher.encoder.encode_images([picture])
        encode.append(time.perf_counter() - started)
    search = []
    for row in sample[: _TIMED_SEARCHES + 1]:
        started = time.perf_counter()
        searcher.index.query(asked.vectors[row][None], CUTS[-1])
        search.append(time.perf_counter() - started)
    # The first of each pays for what is loaded and cached on first use.
    p50, p95 = np.percentile(search[1:] or search, [50, 95]) * 1e3
    return {
        "encode_ms": float(np.median(encode[1:] or encode) * 1e3),
        "search_ms_p50": float(p50),
        "search_ms_p95": float(p95),
    }


def _measures(ranked: np.ndarray) -> np.ndarray:
    """Return float64 (n, len(MEASURES)) of rankings bool (n, gallery)."""
    found = np.cumsum(ranked, axis=1)
    total = np.maximum(found[:, -1:], 1)
    at_cut = found[:, [min(k, ranked.shape[1]) - 1 for k in CUTS]]
    precision = at_cut / np.array(CUTS)
    precisions = found / np.arange(1, ranked.shape[1] + 1)
    average = (precisions * ranked).sum(axis=1, keepdims=True) / total
    return np.concatenate([precision, at_cut / total, at_cut[:, -1:] > 0, average], axis=1)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The items of a collection that take part: their rows in it, themselves, and their classes as int64 (n,)."""

    rows: np.ndarray
    items: Collection
    classes: np.ndarray

    @classmethod
    def of(cls, collection: Collection, protocol: EvaluationProtocol, where: Where, what: str) -> _Chosen:
        """Choose by `where`; raises AppError where none of them can match."""
        ids, attributes = collection.ids, collection.attributes
        names = matched_by(ids, attributes, protocol.match)
        wanted = meeting(ids, attributes, where) & ~excluded(ids, attributes, protocol.exclude)
        if not (wanted & (names != "")).any():
            raise AppError(nothing_to_match(attributes, protocol.match, what))
        rows = np.flatnonzero(wanted if what == "gallery" and where else wanted & (names != ""))
        # Integers compare a hundred times faster than strings, and equal strings must be equal in both collections.
        return cls(rows, collection.part(rows), np.array([hash(name) for name in names[rows]], np.int64))


@dataclass(frozen=True, slots=True)
class _Trial:
    """Who asks among whom; `itself` int (queries,) is each query's own place in the gallery, -1 where it is not in."""

    gallery: _Chosen
    asked: _Chosen
    itself: np.ndarray

    @classmethod
    def of(cls, gallery: Collection, queries: Collection | None, protocol: EvaluationProtocol) -> _Trial:
        """Choose gallery and queries; raises AppError where one of them is empty."""
        searched = _Chosen.of(gallery, protocol, protocol.gallery_where, "gallery")
        asked = _Chosen.of(gallery if queries is None else queries, protocol, protocol.query_where, "queries")
        places = np.full(len(gallery.ids), -1)
        places[searched.rows] = np.arange(len(searched.rows))
        itself = places[asked.rows] if queries is None else np.full(len(asked.rows), -1)
        return cls(searched, asked, itself)

    def sample(self, most: int) -> _Trial:
        """Return the trial with `most` of its queries, always the same."""
        some = np.sort(np.random.default_rng(0).choice(len(self.asked.rows), most, replace=False))
        asked = _Chosen(self.asked.rows[some], self.asked.items.part(some), self.asked.classes[some])
        return _Trial(self.gallery, asked, self.itself[some])

    def blocks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield some queries at a time: which, their scores float32 (n, gallery), and what is relevant, bool alike.

        A query itself has no score and is not relevant.
        """
        count = 1 if self.gallery.items.regions is None else self.gallery.items.regions.shape[1]
        size = max(1, min(_BLOCK, _CELLS // (count * len(self.gallery.rows))))
        for start in range(0, len(self.asked.rows), size):
            part = slice(start, start + size)
            scores = self.gallery.items.scores(self.asked.items.vectors[part])
            relevant = self.asked.classes[part, None] == self.gallery.classes[None]
            own = np.flatnonzero(self.itself[part] >= 0)
            scores[own, self.itself[part][own]] = -np.inf
            relevant[own, self.itself[part][own]] = False
            yield part, scores, relevant


def _preference(name: str) -> tuple[int, str]:
    return (_PREFERRED.index(name) if name in _PREFERRED else len(_PREFERRED)), name
