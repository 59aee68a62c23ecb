"""Turning a picture, an id, a text or a set of liked and disliked examples into ranked results."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
from PIL import Image

from retrieval.core import AppError, Encoder, Filter, Hit, TextEncoder, VectorIndex
from retrieval.search.cutoff import NEAREST, strong_results
from retrieval.search.words import Phrase

ALPHA, BETA, GAMMA = 1.0, 0.75, 0.15
SPREAD_OVER = 5000


@dataclass(frozen=True, slots=True)
class Result:
    """Ranked hits of one query; `hits[:strong]` stand out, the rest are weak by the query's own score curve.

    `curve` is float32 (<= NEAREST,), the scores of the nearest items; `query` float32 (dim,), of unit length;
    `seconds` holds the time of each step that took place; `notes` says, in sentences, what a person should know.
    """

    hits: list[Hit]
    strong: int
    curve: np.ndarray
    query: np.ndarray
    seconds: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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

    def by_images(self, images: Sequence[Image.Image], k: int, filter: Filter | None = None) -> Result:
        """Search by RGB pictures that are one question: what they have in common, the mean of their vectors."""
        started = time.perf_counter()
        query = self.vector(images)
        return self._search(query, k, filter, {"encode": time.perf_counter() - started})

    def vector(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (dim,) of length 1, the mean of the vectors of RGB pictures; raises AppError."""
        mean = self.encoder.encode_images(images).mean(axis=0)
        return _unit(mean, "The pictures cancel each other out. Leave one out.").astype(np.float32)

    def by_words(
        self,
        phrases: Sequence[Phrase],
        k: int,
        filter: Filter | None = None,
        picture: np.ndarray | None = None,
        picture_weight: float = 0.5,
        exclude_ids: Collection[str] = (),
    ) -> Result:
        """Search by weighted phrases, and by a picture's vector (float32 (dim,), unit length) too where one is given.

        The items `exclude_ids` are left out of the results.
        The words are t = sum of w_i t_i over unit vectors t_i, brought to length 1. With a picture p the query is
        (1 - picture_weight) t / s(t) + picture_weight p / s(p), where s(v), the spread of v, is the standard deviation
        of the scores that it gives this index (of the SPREAD_OVER best where it is larger). Pictures lie far from words
        in such a space (Liang et al. 2022, "Mind the Gap", arXiv:2203.02053): words score every picture about 0.2 to
        0.3, a picture scores them 0.4 to 1. Adding the vectors as they are would let the picture decide alone; measured
        in spreads, half means half. Both terms are linear in a picture's vector, so one search does it, and a hit's
        score is its cosine with the mixed query.
        Raises AppError when the engine reads no words or the phrases cancel each other out.
        """
        if not 0 <= picture_weight <= 1:
            raise AppError(f"The picture's weight is {picture_weight}; it is from 0 (words only) to 1 (picture only).")
        encoder = self.encoder
        if not encoder.spec.accepts_text:
            raise AppError(f"{encoder.spec.title} cannot read words. Choose the engine clip.")
        reader = cast(TextEncoder, encoder)
        texts = [phrase.text for phrase in phrases]
        started = time.perf_counter()
        weights = np.array([phrase.weight for phrase in phrases], np.float32)
        query = _unit(weights @ reader.encode_texts(texts), "The phrases cancel each other out. Leave one out.")
        seconds = {"encode": time.perf_counter() - started}
        if picture is not None:
            mixed = (1 - picture_weight) * query / self._spread(query, filter)
            mixed = mixed + picture_weight * picture / self._spread(picture, filter)
            query = _unit(mixed, "The words and the picture cancel each other out. Move the weight to one of them.")
        cut = [text for text, short in zip(texts, reader.truncated(texts), strict=True) if short]
        notes = tuple(f"Only the beginning of '{text[:40]}…' is read: the engine takes no longer text." for text in cut)
        return replace(self._search(query.astype(np.float32), k, filter, seconds, exclude_ids), notes=notes)

    def _spread(self, query: np.ndarray, filter: Filter | None) -> float:
        scores = [hit.score for hit in self.index.query(query[None].astype(np.float32), SPREAD_OVER, filter)[0]]
        return max(float(np.std(scores)), 1e-3) if scores else 1.0

    def by_id(self, item_id: str, k: int, filter: Filter | None = None) -> Result:
        """Search by an item of the index, which is itself left out of the results."""
        return self._search(self.index.vectors([item_id])[0], k, filter, {}, exclude_ids={item_id})

    def by_examples(
        self,
        query: np.ndarray | None,
        liked: Sequence[str],
        disliked: Sequence[str],
        k: int,
        filter: Filter | None = None,
        exclude_ids: Collection[str] = (),
    ) -> Result:
        """Search by `query` (float32 (dim,), or None) moved towards the liked items and away from the disliked.

        The disliked and the items `exclude_ids` are left out of the results.
        Rocchio's relevance feedback over embeddings: ALPHA q + BETA mean(liked) - GAMMA mean(disliked), with the
        weights of Manning, Raghavan, Schuetze, "Introduction to Information Retrieval" (2008), section 9.1.1, after
        J. J. Rocchio, "Relevance feedback in information retrieval", in The SMART Retrieval System (1971).
        """
        moved = self.moved(query, liked, disliked)
        return self._search(moved, k, filter, {}, exclude_ids={*disliked, *exclude_ids})

    def by_vector(
        self, query: np.ndarray, k: int, filter: Filter | None = None, exclude_ids: Collection[str] = ()
    ) -> Result:
        """Search by a vector, float32 (dim,), as it is: scores are inner products; see search.parts."""
        return self._search(query, k, filter, {}, exclude_ids)

    def moved(self, query: np.ndarray | None, liked: Sequence[str], disliked: Sequence[str]) -> np.ndarray:
        """Return `query` moved by marks as `by_examples` does, float32 (dim,) of length 1."""
        if query is None and not liked:
            raise AppError("Mark at least one picture as 'more like this', or start from a picture.")
        moved = np.zeros(self.index.dim, np.float32) if query is None else ALPHA * query
        if liked:
            moved = moved + BETA * self.index.vectors(liked).mean(axis=0)
        if disliked:
            moved = moved - GAMMA * self.index.vectors(disliked).mean(axis=0)
        return _unit(moved, "The marks cancel each other out. Remove one and search again.")

    def _search(
        self,
        query: np.ndarray,
        k: int,
        filter: Filter | None,
        seconds: dict[str, float],
        exclude_ids: Collection[str] = (),
    ) -> Result:
        started = time.perf_counter()
        found = self.index.query(query[None], max(k, NEAREST) + len(exclude_ids), filter)[0]
        found = [hit for hit in found if hit.id not in exclude_ids]
        curve = np.array([hit.score for hit in found[:NEAREST]], np.float32)
        seconds["search"] = time.perf_counter() - started
        hits = found[:k]
        return Result(hits, min(strong_results(curve), len(hits)), curve, query, seconds)


def _unit(vector: np.ndarray, problem: str) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    if length < 1e-6:
        raise AppError(problem)
    return vector / length
