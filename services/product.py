"""What the product engine says of a picture beyond search: kind, colours, pattern, what goes with it; and by words."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from PIL import Image

import engines
from retrieval import colours, patterns
from retrieval.association import Association, associated
from retrieval.attribute_words import Wanted, parse
from retrieval.colours import Shade
from retrieval.core import AppError, Classifier, Hit, Verdict
from retrieval.cutoff import strong_results
from retrieval.evaluation import Collection
from retrieval.foreground import foreground
from retrieval.searcher import Result
from services.indexes import Indexes
from services.opened import Opened
from services.views import Views

ENGINE = "product"
NEIGHBOURS = 40
LOOKED_AT = 96
SIDE = 256
_KEPT_LOOKS = 20_000
_HEAT = 12.0
_UNLIKE = 0.02
"""What is left of a picture's fit for each thing that it has not: the nearest come when nothing has everything."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a garment looks like: its colours, the largest first, and pattern -> probability, the likeliest first."""

    colours: Sequence[Shade]
    patterns: Mapping[str, float]

    @property
    def pattern(self) -> str:
        """The likeliest pattern."""
        return next(iter(self.patterns))


class Products:
    """Verdicts and looks; safe to share between threads."""

    def __init__(self, opened: Opened, indexes: Indexes, views: Views) -> None:
        """Begin knowing no look."""
        self._opened, self._indexes, self._views = opened, indexes, views
        self._looks: OrderedDict[tuple[str, str], Look] = OrderedDict()
        self._lock = threading.Lock()

    def encoder(self, weights: str | None = None) -> Classifier:
        """Return the loaded network; raises AppError."""
        return cast(Classifier, engines.load(ENGINE, weights))

    def classify(self, images: Sequence[Image.Image], weights: str | None = None) -> list[tuple[Verdict, Look]]:
        """Say of each upright RGB picture what it shows and how that looks; raises AppError."""
        verdicts = self.encoder(weights).classify(images)
        return [(verdict, look(image, verdict.heat)) for image, verdict in zip(images, verdicts, strict=True)]

    def associations(self, catalog: str, result: Result) -> list[Association]:
        """Return which attributes of a catalogue go with a question that was just answered."""
        near = [hit.attributes for hit in result.hits[:NEIGHBOURS]]
        if len(near) < 5:
            return []
        pictures = sum(1 for _ in self._opened.catalog(catalog))
        return associated(near, self._views.facets(catalog), pictures)

    def by_words(self, catalog: str, weights: str | None, text: str, k: int) -> tuple[Wanted, Result]:
        """Find pictures by words for kind, colour and pattern, and by the catalogue's own attribute values.

        A score is how well a picture fits all that was asked, 0 to 1: the probability of the kind, by the embedding,
        times the share of the colour times the probability of the pattern, to the power of one over their number;
        what the catalogue itself says counts as certain. Only the LOOKED_AT likeliest by kind are looked at for colour
        and pattern. Raises AppError when nothing was understood.
        """
        started = time.perf_counter()
        spec = engines.spec(ENGINE, weights)
        encoder = self.encoder(weights)
        held = Collection.of(self._indexes.folder(catalog), spec)
        facets = self._views.facets(catalog)
        wanted = parse(text, encoder.classes, [value for values in facets.values() for value in values])
        if wanted.empty:
            raise AppError(
                f"'{text.strip()[:80]}' names no kind, colour or pattern that is known here. "
                f"Kinds: {', '.join(encoder.classes)}. Try 'red striped shirt'."
            )
        scores = _by_attributes(held, wanted) * self._by_kind(encoder, held, wanted)
        rows = np.argsort(-scores * _hoped(held, wanted), kind="stable")[: max(k, LOOKED_AT)]
        fits = [(self._fit(catalog, held, int(row), wanted, float(scores[row])), int(row)) for row in rows]
        ranked = sorted(fits, key=lambda pair: -pair[0])
        hits = [Hit(held.ids[row], score, held.attributes[row]) for score, row in ranked[:k] if score > 0]
        curve = np.array([score for score, _ in ranked], np.float32)
        query = held.vectors[ranked[0][1]] if ranked else np.zeros(spec.dim, np.float32)
        notes = tuple(f"'{word}' was not understood." for word in wanted.unknown)
        seconds = {"search": time.perf_counter() - started}
        return wanted, Result(hits, min(strong_results(curve), len(hits)), curve, query, seconds, notes)

    def _by_kind(self, encoder: Classifier, held: Collection, wanted: Wanted) -> np.ndarray:
        """Return float32 (n,), how probable it is by the embedding that a picture is of a wanted kind."""
        if not wanted.kinds:
            return np.ones(len(held.ids), np.float32)
        scores = _HEAT * held.vectors @ encoder.prototypes.T
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        odds /= odds.sum(axis=1, keepdims=True)
        chosen = [number for number, name in enumerate(encoder.classes) if name in wanted.kinds]
        said = np.array([_says(attributes, wanted.kinds) for attributes in held.attributes])
        return np.maximum(odds[:, chosen].sum(axis=1), said)

    def _fit(self, catalog: str, held: Collection, row: int, wanted: Wanted, kind: float) -> float:
        """Return how well one picture fits, looking at it where its attributes do not say."""
        attributes, parts = held.attributes[row], [kind]
        look = None
        for names, known in ((wanted.colours, "colours"), (wanted.patterns, "patterns")):
            if not names:
                continue
            if _says(attributes, names):
                parts.append(1.0)
            elif _tells(attributes, known[:-1]):
                parts.append(_UNLIKE)
            else:
                look = look or self._look(catalog, held.ids[row])
                parts.append(max(_share(look, known, names), _UNLIKE))
        return float(np.prod(parts)) ** (1 / len(parts))

    def _look(self, catalog: str, item_id: str) -> Look:
        key = (catalog, item_id)
        with self._lock:
            if key in self._looks:
                return self._looks[key]
        found = look(self._opened.catalog(catalog).open(item_id, SIDE), None)
        with self._lock:
            self._looks[key] = found
            if len(self._looks) > _KEPT_LOOKS:
                self._looks.popitem(last=False)
        return found


def look(image: Image.Image, heat: np.ndarray | None) -> Look:
    """Return how the garment in an RGB picture looks; `heat`, float32 (h, w), says where the network saw it."""
    small = image.copy()
    small.thumbnail((2 * SIDE, 2 * SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    garment = foreground(small)
    if heat is not None:
        seen = Image.fromarray((heat * 255).astype(np.uint8)).resize(small.size, Image.Resampling.BILINEAR)
        trusted = garment * np.clip(np.asarray(seen, np.float32) / 255 + 0.5, 0, 1)
        garment = trusted if (trusted > 0.5).mean() > 0.02 else garment
    return Look(colours.colours(small, garment), patterns.pattern(small, garment))


def _share(look: Look, known: str, names: Sequence[str]) -> float:
    if known == "colours":
        return sum(each.share for each in look.colours if each.name in names)
    return sum(look.patterns[name] for name in names)


def _says(attributes: Mapping[str, str], names: Sequence[str]) -> bool:
    wanted = {name.lower() for name in names}
    return any(value.lower() in wanted for value in attributes.values())


def _tells(attributes: Mapping[str, str], name: str) -> bool:
    """Return whether the catalogue tells an attribute of this name, in either spelling, of a picture."""
    return any(each.lower() in (name, name.replace("colour", "color")) for each in attributes)


def _hoped(held: Collection, wanted: Wanted) -> np.ndarray:
    """Return float32 (n,), how likely a picture has the colour and pattern before it is looked at."""
    hopes = np.ones(len(held.ids), np.float32)
    for names, known in ((wanted.colours, "colour"), (wanted.patterns, "pattern")):
        for row, each in enumerate(held.attributes):
            if names and not _says(each, names):
                hopes[row] *= _UNLIKE if _tells(each, known) else 0.5
    return hopes


def _by_attributes(held: Collection, wanted: Wanted) -> np.ndarray:
    """Return float32 (n,): 1 where the catalogue's own attributes fit, 0 where they do not."""
    fits = [
        all(_says(each, [value]) for value in wanted.values) and not (wanted.unwanted and _says(each, wanted.unwanted))
        for each in held.attributes
    ]
    return np.array(fits, np.float32)
