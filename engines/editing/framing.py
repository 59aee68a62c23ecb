"""How a picture is brought to a size that a model takes, and how the answer is cut back to the picture's own frame."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from retrieval.core import Box

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture of `original` (width, height) scaled to lie at `inner` of a canvas of `size`."""

    original: Size
    size: Size
    inner: Box

    @classmethod
    def fit(cls, original: Size, size: Size) -> Frame:
        """Return the frame that shows all of `original` as large as `size` allows, in its middle."""
        scale = min(size[0] / original[0], size[1] / original[1])
        width = min(size[0], max(1, round(original[0] * scale)))
        height = min(size[1], max(1, round(original[1] * scale)))
        left, top = (size[0] - width) // 2, (size[1] - height) // 2
        return cls(original, size, (left, top, left + width, top + height))

    def picture(self, image: Image.Image) -> bytes:
        """Return an RGB picture on the canvas as a PNG; its edges are drawn out over the margins."""
        return _png(Image.fromarray(np.pad(np.asarray(self._scaled(image)), (*self._margins(), (0, 0)), "edge")))

    def mask(self, change: Image.Image) -> bytes:
        """Return what is to change (mode L, 255 for yes) as a PNG of the canvas: transparent there, opaque elsewhere.

        The margins stay opaque: nothing is asked for outside the picture.
        """
        marked = np.pad(np.asarray(self._scaled(change)), self._margins()) >= 128
        pixels = np.zeros((*marked.shape, 4), np.uint8)
        pixels[..., 3] = np.where(marked, 0, 255)
        return _png(Image.fromarray(pixels, "RGBA"))

    def cut(self, answer: Image.Image) -> Image.Image:
        """Return the picture's own part of an answer, in the picture's own size, whatever size the answer has."""
        across, down = answer.width / self.size[0], answer.height / self.size[1]
        left, top, right, bottom = self.inner
        box = (left * across, top * down, right * across, bottom * down)
        return answer.convert("RGB").resize(self.original, Image.Resampling.LANCZOS, box=box)

    def _scaled(self, image: Image.Image) -> Image.Image:
        left, top, right, bottom = self.inner
        return image.resize((right - left, bottom - top), Image.Resampling.LANCZOS)

    def _margins(self) -> tuple[tuple[int, int], tuple[int, int]]:
        left, top, right, bottom = self.inner
        return (top, self.size[1] - bottom), (left, self.size[0] - right)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=4)
    return out.getvalue()
