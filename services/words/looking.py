"""Looking at pictures for questions in words: colours, pattern and kind of the garment, a batch at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
from PIL import Image

import engines
from engines.product.prediction import Classifier
from retrieval.core import BadPictureError, Catalog, UnreadableError
from retrieval.pictures import colours, patterns
from retrieval.pictures.garment import Garment, garment, on_white
from retrieval.words import seen, vocabulary
from retrieval.words.seen import Seen
from retrieval.words.table import Looked, WordTable
from retrieval.words.vocabulary import Kind
from services.models.appearance import pool

ENGINE = "product"
SIDE = 256
BATCH = 32
_ELSEWHERE, _SOFT = 0.03, 0.03
_CHEST = 0.55
_BARE = ((0.11, 0.24), (0.25, 1.5))
"""Shares of skin about a garment for the upper and the lower body: below the first sleeves or legs are long, from the
second on there are none."""


def version() -> str:
    """Return what the numbers depend on: the shipped weights, the tables of words, and the code that looks."""
    tables = b"".join((vocabulary.FOLDER / f"{name}.csv").read_bytes() for name in ("kinds",))
    digest = f"{engines.digest(engines.spec(ENGINE))} {seen.VERSION}".encode() + tables
    return hashlib.blake2b(digest, digest_size=8).hexdigest()


def look_at_all(table: WordTable, catalog: Catalog, on_progress: Callable[[int, int], None]) -> None:
    """Look at every picture that was not looked at yet; what is done is kept when `on_progress` raises to stop.

    `on_progress` hears how many of how many are done.
    """
    now = version()
    left = total = table.unseen_count(now)
    while rows := table.unseen(now, BATCH):
        on_progress(total - left, total)
        images = list(pool().map(lambda row: _opened(catalog, row[1]), rows))
        found = look_at([image for image in images if image is not None])
        each = iter(found)
        packed = [None if image is None else next(each).pack() for image in images]
        table.note_seen(now, [Looked(row[0], row[2], some) for row, some in zip(rows, packed, strict=True)])
        left -= len(rows)
    on_progress(total, total)


def look_at(images: Sequence[Image.Image]) -> list[Seen]:
    """Return what is seen of upright RGB pictures."""
    if not images:
        return []
    garments = list(pool().map(garment, images))
    encoder = cast(Classifier, engines.load(engines.spec(ENGINE)))
    crops = [on_white(image, each) if each.part else image for image, each in zip(images, garments, strict=True)]
    predictions = encoder.classify(crops)
    shown = pool().map(lambda pair: _surface(*pair), zip(images, garments, strict=True))
    return [
        Seen(shades, kinds_of(prediction.probabilities, each), pattern)
        for prediction, each, (shades, pattern) in zip(predictions, garments, shown, strict=True)
    ]


def kinds_of(probabilities: Mapping[str, float], worn: Garment) -> dict[str, float]:
    """Return kind -> how probable it is, by the network's classes and by what of a body shows round the garment."""
    found = {}
    for name, kind in vocabulary.kinds().items():
        by_class = sum(share * probabilities.get(each, 0.0) for each, share in kind.classes.items())
        found[name] = min(1.0, max(0.0, by_class)) * _worn_so(kind, worn)
    return found


def _worn_so(kind: Kind, worn: Garment) -> float:
    """Return how well a kind goes with what of a body shows: where it is worn, how much of arms or legs is bare."""
    if not worn.part:
        return 1.0
    if worn.part != "whole" and kind.part != worn.part:
        return _ELSEWHERE
    bare, edges = worn.bare, _BARE[kind.part == "lower"]
    if kind.reach:
        beyond = (worn.length - _CHEST) / _SOFT
        return _rising((bare - edges[1]) / _SOFT) * _rising(beyond if kind.reach == "full" else -beyond)
    if kind.sleeves == "long":
        return _rising((edges[0] - bare) / _SOFT)
    if kind.sleeves == "short":
        return _rising((bare - edges[0]) / _SOFT) * _rising((edges[1] - bare) / _SOFT)
    return _rising((bare - edges[1]) / _SOFT) if kind.sleeves else 1.0


def _rising(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def _surface(image: Image.Image, worn: Garment) -> tuple[np.ndarray, dict[str, float]]:
    return colours.groups(image, worn.mask), patterns.pattern(image, worn.mask)


def _opened(catalog: Catalog, item_id: str) -> Image.Image | None:
    try:
        image = catalog.open(item_id, SIDE)
    except (BadPictureError, UnreadableError):
        return None
    image.thumbnail((2 * SIDE, 2 * SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    return image
