"""What the product engine says of a picture beyond search: kind, colours, pattern, and what goes with it."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image

import engines
from engines.product.prediction import Classifier, Prediction
from retrieval.core import BadPictureError, EncoderSpec, Filter, Hit
from retrieval.evaluation.measures import Collection
from retrieval.search.association import Association, associated
from retrieval.search.cutoff import NEAREST, strong_results
from retrieval.search.searcher import Result
from services.catalogs.open_catalogs import OpenCatalogs
from services.indexes.indexes import Indexes
from services.indexes.views import Views
from services.models.appearance import SIDE, Appearance, classified, describe, pool

__all__ = ["Association", "Prediction", "Products"]

NEIGHBOURS = 40
FEWEST_NEIGHBOURS = 5
LOOKED_AT = 96
MOST_LOOKED_AT = 384
MOST_NARROWED = 5000
_KEPT_LOOKS = 20_000
_HEAT = 12.0
GARMENT_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class AppearanceFilter:
    """What pictures should look like to pass: of one of the kinds, with one of the colours; empty lets all through."""

    kinds: Sequence[str] = ()
    colours: Sequence[str] = ()

    def __bool__(self) -> bool:
        """Return whether anything is asked."""
        return bool(self.kinds or self.colours)


class Products:
    """Verdicts and looks; safe to share between threads."""

    def __init__(self, catalogs: OpenCatalogs, indexes: Indexes, views: Views) -> None:
        """Begin knowing no look."""
        self._catalogs, self._indexes, self._views = catalogs, indexes, views
        self._looks: OrderedDict[tuple[str, str], Appearance | None] = OrderedDict()
        self._kinds: dict[tuple[str, str], tuple[str, dict[str, int]]] = {}
        self._lock = threading.Lock()
        catalogs.when_closed(self._forget)

    def encoder(self, spec: EncoderSpec) -> Classifier:
        """Return the loaded network; raises AppError."""
        return cast(Classifier, engines.load(spec))

    def classify(self, images: Sequence[Image.Image], spec: EncoderSpec) -> list[tuple[Prediction, Appearance]]:
        """Say of each upright RGB picture what it shows and how that looks; raises AppError."""
        return classified(self.encoder(spec), images)

    def associations(
        self, catalog: str, spec: EncoderSpec, query: np.ndarray, exclude_ids: Sequence[str] = ()
    ) -> list[Association]:
        """Return which attributes of a catalogue go with a vector, float32 (dim,), by its neighbours there.

        Of a small catalogue they are a quarter: the more of it count as near, the less that says.
        """
        index = self._indexes.searcher(catalog, spec).index
        count = min(NEIGHBOURS, len(index) // 4)
        near = [hit for hit in index.query(query[None], count + len(exclude_ids))[0] if hit.id not in exclude_ids][
            :count
        ]
        if len(near) < FEWEST_NEIGHBOURS:
            return []
        return associated([hit.attributes for hit in near], self._views.facets(catalog), len(index))

    def kinds(self, catalog: str, spec: EncoderSpec) -> dict[str, int]:
        """Return kind -> how many pictures of an index the network takes for one, the commonest first."""
        encoder = self.encoder(spec)
        made = self._indexes.made(catalog)
        key = (catalog, encoder.spec.name)
        with self._lock:
            known = self._kinds.get(key)
        if known and made and known[0] == made:
            return known[1]
        held = Collection.of(self._indexes.folder(catalog), encoder.spec)
        counts = Counter(kinds_of(encoder, held.vectors))
        with self._lock:
            self._kinds[key] = made, dict(counts.most_common())
        return dict(counts.most_common())

    def narrowed(
        self,
        catalog: str,
        spec: EncoderSpec,
        query: np.ndarray,
        k: int,
        wanted: AppearanceFilter,
        passing: Filter | None = None,
        exclude_ids: Sequence[str] = (),
    ) -> Result:
        """Search by a vector, float32 (dim,), among the pictures that look as wanted.

        The kind is the network's; colours are looked at from the nearest on, MOST_LOOKED_AT at most, and a picture has
        one when it covers GARMENT_SHARE of the garment. Raises AppError.
        """
        started = time.perf_counter()
        index = self._indexes.searcher(catalog, spec).index
        near = index.query(query[None], min(len(index), MOST_NARROWED), passing)[0]
        near = [hit for hit in near if hit.id not in exclude_ids]
        near, notes = self.looking(catalog, spec, near, k, wanted)
        curve = np.array([hit.score for hit in near[:NEAREST]], np.float32)
        hits = near[:k]
        seconds = {"search": time.perf_counter() - started}
        return Result(hits, min(strong_results(curve), len(hits)), curve, query, seconds, notes)

    def _forget(self, catalog: str) -> None:
        """Drop what is known of a catalogue that was closed."""
        with self._lock:
            for known in (self._looks, self._kinds):
                for key in [key for key in known if key[0] == catalog]:
                    del known[key]

    def looking(
        self, catalog: str, spec: EncoderSpec, hits: Sequence[Hit], k: int, wanted: AppearanceFilter
    ) -> tuple[list[Hit], tuple[str, ...]]:
        """Return those of `hits`, best first, that look as wanted, at least `k` if there are, and what to know of it.

        Kinds are told by the engine `spec`, or by the product engine where that one names none, from its index of the
        catalogue. Raises AppError without such an index.
        """
        found = list(hits)
        notes: tuple[str, ...] = ()
        if wanted.kinds:
            naming = self.naming(spec)
            index = self._indexes.searcher(catalog, naming).index
            found = [hit for hit in found if hit.id in index]
            taken = kinds_of(self.encoder(naming), index.vectors([hit.id for hit in found])) if found else []
            found = [hit for hit, kind in zip(found, taken, strict=True) if kind in wanted.kinds]
        if wanted.colours:
            found, looked, whole = self._coloured(catalog, found, wanted.colours, k)
            notes = () if looked == whole else (f"Colours were looked at on the nearest {looked} of {whole} pictures.",)
        return found, notes

    def naming(self, spec: EncoderSpec) -> EncoderSpec:
        """Return the engine that tells kinds for `spec`: itself, or the product engine where it names none."""
        return spec if "product" in spec.purposes else engines.REGISTRY.first("product")

    def _coloured(self, catalog: str, near: Sequence[Hit], names: Sequence[str], k: int) -> tuple[list[Hit], int, int]:
        """Return the first `k` hits whose garment has one of the colours, how many were looked at, and of how many."""
        found: list[Hit] = []
        looked = 0
        for start in range(0, min(len(near), MOST_LOOKED_AT), LOOKED_AT // 4):
            some = near[start : min(start + LOOKED_AT // 4, MOST_LOOKED_AT)]
            looked += len(some)
            looks = pool().map(lambda hit: self._look(catalog, hit.id), some)
            found += [
                hit for hit, each in zip(some, looks, strict=True)
                if each and _share(each, "colours", names) >= GARMENT_SHARE
            ]  # fmt: skip
            if len(found) >= k:
                return found, looked, looked
        return found, looked, len(near)

    def _look(self, catalog: str, item_id: str) -> Appearance | None:
        """Return how a picture of a catalogue looks, None for one that cannot be read any more."""
        key = (catalog, item_id)
        with self._lock:
            if key in self._looks:
                return self._looks[key]
        try:
            found = describe(self._catalogs.catalog(catalog).open(item_id, SIDE), None)
        except BadPictureError:
            found = None
        with self._lock:
            self._looks[key] = found
            if len(self._looks) > _KEPT_LOOKS:
                self._looks.popitem(last=False)
        return found


def kinds_of(encoder: Classifier, vectors: np.ndarray) -> list[str]:
    """Return what the network takes each embedding, float32 (n, dim), for."""
    return [encoder.classes[number] for number in _probabilities(encoder, vectors).argmax(axis=1)]


def _probabilities(encoder: Classifier, vectors: np.ndarray) -> np.ndarray:
    """Return float32 (n, classes), the probability of each kind by the cosine with its centre."""
    scores = _HEAT * vectors @ encoder.prototypes.T
    probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True))


def _share(look: Appearance, known: str, names: Sequence[str]) -> float:
    if known == "colours":
        return sum(each.share for each in look.colours if each.name in names)
    return sum(look.patterns[name] for name in names)
