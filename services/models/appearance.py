"""How garments look, beyond their kind: colours and pattern of what stands before the ground."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from engines.product.prediction import Classifier, Prediction
from retrieval.pictures import colours, patterns
from retrieval.pictures.colours import Shade
from retrieval.pictures.foreground import foreground

SIDE = 256


@dataclass(frozen=True, slots=True)
class Appearance:
    """What a garment looks like: its colours, the largest first, and pattern -> probability, the likeliest first."""

    colours: Sequence[Shade]
    patterns: Mapping[str, float]

    @property
    def pattern(self) -> str | None:
        """The likeliest pattern, None where it cannot be trusted."""
        return patterns.said(self.patterns)


def classified(encoder: Classifier, images: Sequence[Image.Image]) -> list[tuple[Prediction, Appearance]]:
    """Return what each upright RGB picture shows and how that looks, the looking on every core."""
    predictions = encoder.classify(images)
    if len(images) == 1:
        return [(predictions[0], describe(images[0], predictions[0].heat_map))]
    looks = pool().map(describe, images, [prediction.heat_map for prediction in predictions])
    return list(zip(predictions, looks, strict=True))


@cache
def pool() -> ThreadPoolExecutor:
    """Return the threads on which pictures are looked at, one for each core."""
    return ThreadPoolExecutor(os.cpu_count() or 1, "look")


def describe(image: Image.Image, heat_map: np.ndarray | None) -> Appearance:
    """Return how the garment in an RGB picture looks; `heat_map`, float32 (h, w), says where the network saw it."""
    small = image.copy()
    small.thumbnail((2 * SIDE, 2 * SIDE), Image.Resampling.BOX, reducing_gap=2.0)
    garment = foreground(small)
    if heat_map is not None:
        seen = Image.fromarray((heat_map * 255).astype(np.uint8)).resize(small.size, Image.Resampling.BILINEAR)
        trusted = garment * np.clip(np.asarray(seen, np.float32) / 255 + 0.5, 0, 1)
        garment = trusted if (trusted > 0.5).mean() > 0.02 else garment
    return Appearance(colours.colours(small, garment), patterns.pattern(small, garment))
