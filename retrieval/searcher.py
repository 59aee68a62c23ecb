"""Turning a picture, an id, a text or a set of liked and disliked examples into ranked results."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from retrieval.core import AppError, Encoder, Filter, Hit, VectorIndex
from retrieval.cutoff import NEAREST, strong_results

ALPHA, BETA, GAMMA = 1.0, 0.75, 0.15


@dataclass(frozen=True, slots=True)
class Result:
    """Ranked hits of one query; `hits[:strong]` stand out, the rest are weak by the query's own score curve.

    `curve` is float32 (<= NEAREST,), the scores of the nearest items; `query` float32 (dim,), of unit length;
    `seconds` holds the time of each step that took place.
    """

    hits: list[Hit]
    strong: int
    curve: np.ndarray
    query: np.ndarray
    seconds: dict[str, float] = field(default_factory=dict)


class Searcher:
    """Searches one index with one encoder, which `load` gives when a picture or a text has to be encoded."""

    def __init__(self, index: VectorIndex, load: Callable[[], Encoder]) -> None:
        """Join `index` and the encoder that made its vectors."""
        self.index = index
        self._load = load

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded on first use."""
        return self._load()

    def by_image(self, image: Image.Image, k: int, filter: Filter | None = None) -> Result:
        """Search by an RGB picture."""
        started = time.perf_counter()
        query = self.encoder.encode_images([image])[0]
        return self._search(query, k, filter, {"encode": time.perf_counter() - started})

    def by_id(self, item_id: str, k: int, filter: Filter | None = None) -> Result:
        """Search by an item of the index, which is itself left out of the results."""
        return self._search(self.index.vectors([item_id])[0], k, filter, {}, without={item_id})

    def by_examples(
        self,
        query: np.ndarray | None,
        liked: Sequence[str],
        disliked: Sequence[str],
        k: int,
        filter: Filter | None = None,
    ) -> Result:
        """Search by `query` (float32 (dim,), or None) moved towards the liked items and away from the disliked.

        Rocchio's relevance feedback over embeddings: ALPHA q + BETA mean(liked) - GAMMA mean(disliked), with the
        weights of Manning, Raghavan, Schuetze, "Introduction to Information Retrieval" (2008), section 9.1.1, after
        J. J. Rocchio, "Relevance feedback in information retrieval", in The SMART Retrieval System (1971).
        """
        if query is None and not liked:
            raise AppError("Mark at least one picture as 'more like this', or start from a picture.")
        moved = np.zeros(self.index.dim, np.float32) if query is None else ALPHA * query
        if liked:
            moved = moved + BETA * self.index.vectors(liked).mean(axis=0)
        if disliked:
            moved = moved - GAMMA * self.index.vectors(disliked).mean(axis=0)
        length = float(np.linalg.norm(moved))
        if length < 1e-6:
            raise AppError("The marks cancel each other out. Remove one and search again.")
        return self._search(moved / length, k, filter, {}, without=set(disliked))

    def _search(
        self,
        query: np.ndarray,
        k: int,
        filter: Filter | None,
        seconds: dict[str, float],
        without: Collection[str] = (),
    ) -> Result:
        started = time.perf_counter()
        found = self.index.query(query[None], max(k, NEAREST) + len(without), filter)[0]
        found = [hit for hit in found if hit.id not in without]
        curve = np.array([hit.score for hit in found[:NEAREST]], np.float32)
        seconds["search"] = time.perf_counter() - started
        hits = found[:k]
        return Result(hits, min(strong_results(curve), len(hits)), curve, query, seconds)
