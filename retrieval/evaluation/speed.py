"""What an engine costs on this machine: pictures encoded a second, milliseconds to answer a query, megabytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from PIL import Image

from retrieval.core import AppError, Catalog, Encoder, VectorIndex
from retrieval.indexes.region_index import RegionIndex
from retrieval.search.searcher import Searcher

PICTURES = 48
QUERIES = 25
_BATCH = 16
_ROUNDS = 3
_SECONDS = 6.0
_HITS = 10
_MEGA = 1e6

_Track = Callable[[int, int], None]


@runtime_checkable
class Weighed(Protocol):
    """An encoder that knows how many bytes its weights take in memory."""

    weights_bytes: int


@dataclass(frozen=True, slots=True)
class Speed:
    """Pictures encoded a second in batches, the median milliseconds from a picture to its results, megabytes."""

    pictures_per_second: float
    query_ms: float
    weights_mb: float | None
    index_mb: float


def measure(
    searcher: Searcher,
    catalog: Catalog,
    ids: Sequence[str],
    on_progress: _Track = lambda done, total: None,
) -> Speed:
    """Time an engine on a seeded sample of the pictures `ids`, which are decoded before the clock runs.

    The network's own resizing and normalising count. `on_progress` hears of every batch, and may raise to stop.
    """
    encoder, index = searcher.encoder, searcher.index
    pictures = _sample(catalog, ids, encoder.spec.image_size)
    weights = encoder.weights_bytes / _MEGA if isinstance(encoder, Weighed) else None
    return Speed(
        pictures_per_second=_throughput(encoder, pictures, on_progress),
        query_ms=_answering(encoder, index, pictures, on_progress),
        weights_mb=weights,
        index_mb=len(index) * _vectors_each(index) * index.dim * 4 / _MEGA,
    )


def _vectors_each(index: VectorIndex) -> int:
    return index.count if isinstance(index, RegionIndex) else 1


def _throughput(encoder: Encoder, pictures: Sequence[Image.Image], on_progress: _Track) -> float:
    """Return the median over batches of the pictures encoded a second."""
    encoder.encode_images(pictures[:_BATCH])  # pays for what is loaded and cached on first use
    rates, started = [], time.perf_counter()
    for first in [*range(0, len(pictures), _BATCH)] * _ROUNDS:
        on_progress(first, len(pictures))
        batch = pictures[first : first + _BATCH]
        began = time.perf_counter()
        encoder.encode_images(batch)
        rates.append(len(batch) / (time.perf_counter() - began))
        if time.perf_counter() - started > _SECONDS:
            break
    return float(np.median(rates))


def _answering(encoder: Encoder, index: VectorIndex, pictures: Sequence[Image.Image], on_progress: _Track) -> float:
    """Return the median milliseconds to encode one picture and search with it."""
    seconds, started = [], time.perf_counter()
    for picture in pictures[: QUERIES + 1]:
        on_progress(len(pictures), len(pictures))
        began = time.perf_counter()
        index.query(encoder.encode_images([picture]), _HITS)
        seconds.append(time.perf_counter() - began)
        if time.perf_counter() - started > _SECONDS:
            break
    return float(np.median(seconds[1:] or seconds)) * 1e3


def _sample(catalog: Catalog, ids: Sequence[str], side: int) -> list[Image.Image]:
    found: list[Image.Image] = []
    for row in np.random.default_rng(0).permutation(len(ids)):
        try:
            found.append(catalog.open(ids[row], side))
        except AppError:
            continue  # gone since it was indexed
        if len(found) == PICTURES:
            break
    if not found:
        raise AppError(f"No picture of {catalog.name} can be opened to measure the speed. Index the catalogue again.")
    return found
