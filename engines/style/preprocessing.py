"""What the style engine sees of a picture: without flat margins, in its own aspect, on the same number of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from engines.runtime.margins import without_margins

LONGEST_ASPECT = 2.0
_STEP = 8


@dataclass(frozen=True)
class View:
    """A picture as the network sees it: uint8 (h, w, 3).

    `part` is what of the whole picture that is: left, top, right, bottom in parts of its width and height.
    """

    pixels: np.ndarray
    part: tuple[float, float, float, float]

    def place(self, left: int, top: int, right: int, bottom: int) -> tuple[float, float, float, float]:
        """Return a place in `pixels` in parts of the whole picture."""
        height, width = self.pixels.shape[:2]
        across, down = (self.part[2] - self.part[0]) / width, (self.part[3] - self.part[1]) / height
        return (
            self.part[0] + left * across, self.part[1] + top * down,
            self.part[0] + right * across, self.part[1] + bottom * down,
        )  # fmt: skip


def view(image: Image.Image, side: int) -> View:
    """Cut off flat margins, and the far ends of what is longer than 2 : 1; scale to about side x side pixels in all.

    Nothing is squashed: a stroke keeps its direction and its shape. Sides are multiples of 8, so that few shapes occur.
    """
    image = image.convert("RGB")
    left, top, right, bottom = map(float, without_margins(image))
    width, height = (
        min(right - left, (bottom - top) * LONGEST_ASPECT),
        min(bottom - top, (right - left) * LONGEST_ASPECT),
    )
    left, top = left + (right - left - width) / 2, top + (bottom - top - height) / 2
    scale = side / (width * height) ** 0.5
    size = round(width * scale / _STEP) * _STEP, round(height * scale / _STEP) * _STEP
    place = (left, top, left + width, top + height)
    seen = image.resize(size, Image.Resampling.BICUBIC, place, reducing_gap=2.0)
    part = (place[0] / image.width, place[1] / image.height, place[2] / image.width, place[3] / image.height)
    return View(np.asarray(seen), part)
