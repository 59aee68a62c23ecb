"""The regions of a picture that an index may hold beside the whole: parts of what its flat margins leave."""

from __future__ import annotations

import numpy as np
from PIL import Image

from retrieval.core import Box

VERSION = 1
"""Counts the ways of cutting regions: an index made under another one is stale."""
REGIONS = ("whole", "upper", "lower", "middle")
_SHARE = 0.6
_EDGE = 0.2
_TOLERANCE = 24
_FLAT = 0.985
_MOST = 0.42


def regions(image: Image.Image) -> list[Image.Image]:
    """Return an RGB picture as it is, and the upper 60 %, the lower 60 % and the middle of what its margins leave.

    Margins rather than the foreground estimate: on the photos of a shop both find the same box, the estimate takes
    longer than the encoding of a region, and a picture without margins keeps all of itself.
    """
    left, top, right, bottom = inside_margins(image)
    width, height = right - left, bottom - top
    boxes = (
        (left, top, right, top + _SHARE * height),
        (left, bottom - _SHARE * height, right, bottom),
        (left + _EDGE * width, top + _EDGE * height, right - _EDGE * width, bottom - _EDGE * height),
    )
    return [image, *(image.crop(_whole_pixels(box)) for box in boxes)]


def inside_margins(image: Image.Image) -> Box:
    """Return the box of an RGB picture without the rows and columns at its edges that are of one colour."""
    pixels = np.asarray(image).astype(np.int16)
    across = pixels.transpose(1, 0, 2)
    left, right = _margin(across), _margin(across[::-1])
    return left, _margin(pixels), image.width - right, image.height - _margin(pixels[::-1])


def _margin(rows: np.ndarray) -> int:
    """Count the rows from the first that are all of the colour of its corner, at most _MOST of them."""
    limit = int(len(rows) * _MOST)
    unlike = np.abs(rows[: limit + 1] - rows[0, 0]).max(axis=2) > _TOLERANCE
    ends = np.flatnonzero(unlike.mean(axis=1) > 1 - _FLAT)
    return int(ends[0]) if len(ends) else limit


def _whole_pixels(box: tuple[float, float, float, float]) -> Box:
    left, top = int(box[0]), int(box[1])
    return left, top, max(left + 1, round(box[2])), max(top + 1, round(box[3]))
