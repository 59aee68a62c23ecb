"""What kind of garment a picture shows, and the encoders that can say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from retrieval.core import Encoder


@dataclass(frozen=True, slots=True)
class Prediction:
    """What kind of garment a picture shows.

    `probabilities` class -> share, adding up to 1; `confident` says whether `confidence`, the share of `label`, is high
    enough to be relied on; `heat_map` float32 (h, w) in 0..1, what the network looked at, over the whole picture.
    """

    label: str
    confidence: float
    confident: bool
    probabilities: Mapping[str, float]
    heat_map: np.ndarray


class Classifier(Encoder, Protocol):
    """An encoder that also names what it sees, out of `classes`; `prototypes` float32 (classes, dim) typify them."""

    prototypes: np.ndarray

    @property
    def classes(self) -> tuple[str, ...]:
        """The names it knows; none when it only encodes."""
        ...

    def classify(self, images: Sequence[Image.Image]) -> list[Prediction]:
        """Return a prediction of each picture; raises AppError when it knows no names."""
        ...

    def features(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, features), what its last layers read."""
        ...
