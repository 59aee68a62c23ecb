"""How good a ranking is: precision@k, recall@k and mean average precision over the whole gallery."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from retrieval.core import AppError, Attributes, Catalog, EncoderSpec
from retrieval.indexing import stored_blocks
from retrieval.searcher import Searcher

CUTS = (1, 10)
_BLOCK = 256
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


def classes(collection: Collection, match: str, exclude: Sequence[str] = ()) -> np.ndarray:
    """Return, for each item, what must be equal for two items to match, as str (n,); empty where it is left out.

    `match` is "label" (the attribute, compared without case; `exclude` leaves labels out) or "name" (the file's name).
    """
    if match == "name":
        return np.array([PurePosixPath(item_id).name for item_id in collection.ids], dtype=object)
    if match != "label":
        raise AppError(f"--match is 'label' or 'name', not '{match}'.")
    left_out = {_plain(label) for label in exclude}
    labels = [_plain(a.get("label") or a.get("category", "")) for a in collection.attributes]
    return np.array(["" if label in left_out else label for label in labels], dtype=object)


def evaluate(
    gallery: Collection,
    queries: Collection | None,
    match: str,
    exclude: Sequence[str] = (),
) -> Quality:
    """Rank the whole gallery for every query and average; without `queries`, leave one out of the gallery.

    Precision@k is relevant results among the first k over k; recall@k relevant results among the first k over all
    that are relevant; average precision the mean of the precisions at each relevant result (Manning, Raghavan,
    Schuetze 2008, chapter 8). Items without a label are in neither queries nor gallery.
    """
    galleried = _Known.of(gallery, match, exclude, "gallery")
    asked = galleried if queries is None else _Known.of(queries, match, exclude, "queries")
    sums, unmatched = np.zeros(2 * len(CUTS) + 1), 0
    for start in range(0, len(asked.vectors), _BLOCK):
        rows = slice(start, start + _BLOCK)
        scores = asked.vectors[rows] @ galleried.vectors.T
        relevant = asked.classes[rows, None] == galleried.classes[None]
        if queries is None:
            own = np.arange(start, start + len(scores))
            scores[np.arange(len(scores)), own] = -np.inf
            relevant[np.arange(len(scores)), own] = False
        ranked = np.take_along_axis(relevant, np.argsort(-scores, axis=1, kind="stable"), axis=1)
        unmatched += int((~relevant.any(axis=1)).sum())
        sums += _measures(ranked).sum(axis=0)
    means = (sums / len(asked.vectors)).tolist()
    return Quality(
        queries=len(asked.vectors),
        gallery=len(galleried.vectors),
        unmatched=unmatched,
        precision=dict(zip(CUTS, means[: len(CUTS)], strict=True)),
        recall=dict(zip(CUTS, means[len(CUTS) : -1], strict=True)),
        mean_average_precision=means[-1],
    )


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
    """Return float64 (n, 2 len(CUTS) + 1) of precisions, recalls and average precision of bool rankings (n, gallery)."""
    found = np.cumsum(ranked, axis=1)
    total = np.maximum(found[:, -1:], 1)
    at_cut = found[:, [min(k, ranked.shape[1]) - 1 for k in CUTS]]
    precision = at_cut / np.array(CUTS)
    precisions = found / np.arange(1, ranked.shape[1] + 1)
    average = (precisions * ranked).sum(axis=1, keepdims=True) / total
    return np.concatenate([precision, at_cut / total, average], axis=1)


@dataclass(frozen=True, slots=True)
class _Known:
    vectors: np.ndarray
    classes: np.ndarray

    @classmethod
    def of(cls, collection: Collection, match: str, exclude: Sequence[str], what: str) -> _Known:
        found = classes(collection, match, exclude)
        known = np.flatnonzero(found != "")
        if not len(known):
            raise AppError(
                f"No picture of the {what} has a label. Give labels by folder names, metadata.csv or --label-pattern."
            )
        # Integers compare a hundred times faster than strings, and equal strings must be equal in both collections.
        return cls(collection.vectors[known], np.array([hash(name) for name in found[known]], np.int64))


def _plain(label: str) -> str:
    return label.strip().casefold()
