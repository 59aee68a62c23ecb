"""Why two pictures are alike in style, and the encoders that can say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from retrieval.core import Encoder


@dataclass(frozen=True, slots=True)
class StyleMatch:
    """Why two pictures are alike in style.

    `layers` are (name, cosine of the centred Gram matrices) from the finest to the coarsest; `places` are parts of the
    other picture where its texture is most like the first's: left, top, right, bottom in parts of width and height.
    """

    layers: tuple[tuple[str, float], ...]
    places: tuple[tuple[float, float, float, float], ...]


class StyleEncoder(Encoder, Protocol):
    """An encoder that says why two pictures are alike in style."""

    def match_styles(self, image: Image.Image, other: Image.Image, patches: int) -> StyleMatch:
        """Compare two upright RGB pictures layer by layer, and find up to `patches` places of `other` that show it."""
        ...

    def gram(self, image: Image.Image) -> np.ndarray:
        """Return the Gram matrix of the first layer, float32 (c, c)."""
        ...
