"""How good a ranking is: precision@k, recall@k and mean average precision over the whole gallery."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from retrieval.core import AppError, Attributes, Catalog, EncoderSpec
from retrieval.indexing.build import stored_blocks
from retrieval.search.searcher import Searcher

CUTS = (1, 10)
MEASURES = (*(f"p_at_{k}" for k in CUTS), *(f"r_at_{k}" for k in CUTS), "map")
_PREFERRED = ("label", "garment", "category")
_BLOCK = 256
_CELLS = 1 << 22
_TIMED_PICTURES = 50
_TIMED_SEARCHES = 500


@dataclass(frozen=True, slots=True)
class Collection:
    """Vectors with what is known of each: `vectors` float32 (n, dim) of unit length, ids and attributes beside."""

    ids: Sequence[str]
    vectors: np.ndarray
    attributes: Sequence[Attributes]

    @classmethod
    def of(cls, folder: Path, spec: EncoderSpec) -> Collection:
        """Read every vector of the finished index of `spec` in `folder`."""
        ids: list[str] = []
        vectors, attributes = [np.empty((0, spec.dim), np.float32)], []
        for block in stored_blocks(folder, spec):
            ids += block[0]
            vectors.append(block[1])
            attributes += block[2]
        return cls(ids, np.concatenate(vectors), attributes)


@dataclass(frozen=True, slots=True)
class Quality:
    """Averages over queries; `unmatched` queries have nothing relevant in the gallery and count as 0 everywhere."""

    queries: int
    gallery: int
    unmatched: int
    precision: dict[int, float]
    recall: dict[int, float]
    mean_average_precision: float

    def as_dict(self) -> dict[str, Any]:
        """Return the figures under the names that the command line prints."""
        return {
            "queries": self.queries,
            "gallery": self.gallery,
            "unmatched": self.unmatched,
            **{f"p_at_{k}": value for k, value in self.precision.items()},
            **{f"r_at_{k}": value for k, value in self.recall.items()},
            "map": self.mean_average_precision,
        }


@dataclass(frozen=True, slots=True)
class PerQuery:
    """The measures of every query, `values` float64 (n, len(MEASURES)).

    `rows` int (n,) are the queries' rows in their collection, `matched` bool (n,) says whether anything in the gallery
    is relevant, `gallery` counts its items.
    """

    rows: np.ndarray
    values: np.ndarray
    matched: np.ndarray
    gallery: int


def matchable(attributes: Iterable[Attributes]) -> dict[str, int]:
    """Return attribute -> how many items share their value with another, for those that tell items apart.

    The first is the one to match by when nobody says otherwise: a label, one garment in several pictures, a category.
    """
    counts: dict[str, Counter[str]] = {}
    for each in attributes:
        for name, value in each.items():
            counts.setdefault(name, Counter())[_plain(value)] += 1
    shared = {name: sum(n for n in c.values() if n > 1) for name, c in counts.items() if len(c) > 1}
    return {name: shared[name] for name in sorted(shared, key=_preference) if shared[name]}


def classes(collection: Collection, match: str, exclude: Sequence[str] = ()) -> np.ndarray:
    """Return, for each item, what must be equal for two items to match, as str (n,); empty where it is left out.

    `match` is "label" (the attribute, else the category), "name" (the file's name) or any other attribute; values
    compare without case; `exclude` leaves labels out.
    """
    left_out = {_plain(label) for label in exclude}
    labels = [_plain(a.get("label") or a.get("category", "")) for a in collection.attributes]
    if match == "label":
        names = labels
    elif match == "name":
        names = [PurePosixPath(item_id).name for item_id in collection.ids]
    else:
        names = [_plain(a.get(match, "")) for a in collection.attributes]
    return np.array(["" if label in left_out else name for name, label in zip(names, labels, strict=True)], object)


def evaluate(
    gallery: Collection,
    queries: Collection | None,
    match: str,
    exclude: Sequence[str] = (),
) -> Quality:
    """Average the measures of `per_query` over all queries."""
    measured = per_query(gallery, queries, match, exclude)
    means = measured.values.mean(axis=0).tolist()
    return Quality(
        queries=len(measured.rows),
        gallery=measured.gallery,
        unmatched=int((~measured.matched).sum()),
        precision=dict(zip(CUTS, means[: len(CUTS)], strict=True)),
        recall=dict(zip(CUTS, means[len(CUTS) : -1], strict=True)),
        mean_average_precision=means[-1],
    )


def knn_accuracy(
    gallery: Collection, queries: Collection | None, match: str, exclude: Sequence[str] = (), k: int = 10
) -> float:
    """Return for what part of the queries the vote of the k nearest names the right class.

    The class with the most votes wins, and of several that of the nearest item; without `queries`, leave one out.
    """
    galleried = _Known.of(gallery, match, exclude, "gallery")
    asked = galleried if queries is None else _Known.of(queries, match, exclude, "queries")
    _, numbers = np.unique(np.concatenate([galleried.classes, asked.classes]), return_inverse=True)
    known, right = numbers[: len(galleried.classes)], numbers[len(galleried.classes) :]
    k = min(k, len(known) - (queries is None))
    if k < 1:
        return 0.0
    correct = 0
    size = max(1, min(_BLOCK, _CELLS // len(galleried.rows)))
    for start in range(0, len(right), size):
        scores = asked.vectors[start : start + size] @ galleried.vectors.T
        if queries is None:
            scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        some = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best = np.take_along_axis(some, np.argsort(-np.take_along_axis(scores, some, 1), axis=1, kind="stable"), 1)
        voted = known[best]
        counts = (voted[:, :, None] == voted[:, None, :]).sum(axis=2)
        won = voted[np.arange(len(voted)), counts.argmax(axis=1)]
        correct += int((won == right[start : start + size]).sum())
    return correct / len(right)


def per_query(
    gallery: Collection,
    queries: Collection | None,
    match: str,
    exclude: Sequence[str] = (),
    most: int | None = None,
    track: Callable[[int, int], None] = lambda done, total: None,
) -> PerQuery:
    """Rank the whole gallery for every query; without `queries`, leave one out of the gallery.

    Precision@k is relevant results among the first k over k; recall@k relevant results among the first k over all
    that are relevant; average precision the mean of the precisions at each relevant result (Manning, Raghavan,
    Schuetze 2008, chapter 8). Items without a label are in neither queries nor gallery. At most `most` queries are
    asked, a seeded sample; `track` hears how many of how many are done, and may raise to stop.
    """
    galleried = _Known.of(gallery, match, exclude, "gallery")
    asked = galleried if queries is None else _Known.of(queries, match, exclude, "queries")
    chosen = np.arange(len(asked.rows))
    if most is not None and most < len(chosen):
        chosen = np.sort(np.random.default_rng(0).choice(len(chosen), most, replace=False))
        asked = _Known(asked.rows[chosen], asked.vectors[chosen], asked.classes[chosen])
    values, matched = np.empty((len(chosen), len(MEASURES))), np.empty(len(chosen), bool)
    size = max(1, min(_BLOCK, _CELLS // len(galleried.rows)))
    for start in range(0, len(chosen), size):
        track(start, len(chosen))
        part = slice(start, start + size)
        scores = asked.vectors[part] @ galleried.vectors.T
        relevant = asked.classes[part, None] == galleried.classes[None]
        if queries is None:
            scores[np.arange(len(scores)), chosen[part]] = -np.inf
            relevant[np.arange(len(scores)), chosen[part]] = False
        ranked = np.take_along_axis(relevant, np.argsort(-scores, axis=1, kind="stable"), axis=1)
        matched[part] = relevant.any(axis=1)
        values[part] = _measures(ranked)
    return PerQuery(asked.rows, values, matched, len(galleried.rows))


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
    """Return float64 (n, 2 len(CUTS) + 1) of precisions, recalls and average precision of rankings (n, gallery)."""
    found = np.cumsum(ranked, axis=1)
    total = np.maximum(found[:, -1:], 1)
    at_cut = found[:, [min(k, ranked.shape[1]) - 1 for k in CUTS]]
    precision = at_cut / np.array(CUTS)
    precisions = found / np.arange(1, ranked.shape[1] + 1)
    average = (precisions * ranked).sum(axis=1, keepdims=True) / total
    return np.concatenate([precision, at_cut / total, average], axis=1)


@dataclass(frozen=True, slots=True)
class _Known:
    rows: np.ndarray
    vectors: np.ndarray
    classes: np.ndarray

    @classmethod
    def of(cls, collection: Collection, match: str, exclude: Sequence[str], what: str) -> _Known:
        found = classes(collection, match, exclude)
        known = np.flatnonzero(found != "")
        if not len(known):
            raise AppError(_unlabelled(collection, match, what))
        # Integers compare a hundred times faster than strings, and equal strings must be equal in both collections.
        return cls(known, collection.vectors[known], np.array([hash(name) for name in found[known]], np.int64))


def _unlabelled(collection: Collection, match: str, what: str) -> str:
    if match in ("label", "name"):
        return f"No picture of the {what} has a label. Give labels by folder names, metadata.csv or --label-pattern."
    known = ", ".join(sorted({"label", "name"}.union(*collection.attributes)))
    return f"No picture of the {what} has the attribute '{match}' to match by. Choose one of: {known}."


def _preference(name: str) -> tuple[int, str]:
    return (_PREFERRED.index(name) if name in _PREFERRED else len(_PREFERRED)), name


def _plain(label: str) -> str:
    return label.strip().casefold()
