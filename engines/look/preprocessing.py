"""What the engine `look` sees of a picture: without flat margins, in its own aspect, and how its colours are spread."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from engines.runtime.margins import without_margins

LONGEST_ASPECT = 2.0
_STEP = 32
_SEARCHED = 160
_BINS = (5, 8, 8)
_COLOUR_SIDE = 64
_BESIDE, _HERE = 0.2, 0.6
_FEWEST = 200
_WHITE, _GREY = 96.0, 4.0
_TO_XYZ = np.array([[0.433953, 0.376219, 0.189828], [0.212671, 0.715160, 0.072169], [0.017758, 0.109477, 0.872766]])
"""Linear sRGB to XYZ in shares of D65's white."""


def view(image: Image.Image, side: int) -> np.ndarray:
    """Cut off flat margins, and the far ends of what is longer than 2 : 1; scale to about side x side pixels in all.

    Returns uint8 (h, w, 3), sides multiples of 32: nothing is squashed by more than that rounding.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    shrink = math.ceil(max(image.size) / _SEARCHED)
    left, top, right, bottom = (float(edge * shrink) for edge in without_margins(image.reduce(shrink)))
    right, bottom = min(right, image.width), min(bottom, image.height)
    width, height = right - left, bottom - top
    width, height = min(width, height * LONGEST_ASPECT), min(height, width * LONGEST_ASPECT)
    left, top = (left + right - width) / 2, (top + bottom - height) / 2
    grow = side / (width * height) ** 0.5
    size = max(_STEP, round(width * grow / _STEP) * _STEP), max(_STEP, round(height * grow / _STEP) * _STEP)
    box = (left, top, left + width, top + height)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box, reducing_gap=2.0))


def colours(pixels: np.ndarray) -> np.ndarray:
    """Return float32 (320,), roots of the shares of colours in uint8 (h, w, 3): 5 x 8 x 8 bins of CIELAB, smoothed.

    A white ground counts only where there is little else.
    """
    small = Image.fromarray(pixels).resize((_COLOUR_SIDE, _COLOUR_SIDE), Image.Resampling.BOX)
    lab = to_lab(np.asarray(small).reshape(-1, 3))
    ground = (lab[:, 0] > _WHITE) & (np.abs(lab[:, 1:]).max(axis=1) < _GREY)
    kept = lab[~ground] if np.count_nonzero(~ground) >= _FEWEST else lab
    scaled = (kept / (100, 120, 120) + (0, 0.5, 0.5)) * _BINS
    cells = np.clip(scaled, 0, np.subtract(_BINS, 1)).astype(np.int64)
    counts = np.bincount(np.ravel_multi_index(tuple(cells.T), _BINS), minlength=int(np.prod(_BINS)))
    spread = (counts / counts.sum()).reshape(_BINS)
    for axis in range(3):
        along = np.pad(np.moveaxis(spread, axis, 0), ((1, 1), (0, 0), (0, 0)))
        spread = np.moveaxis(_BESIDE * along[:-2] + _HERE * along[1:-1] + _BESIDE * along[2:], 0, axis)
    return np.sqrt(spread.ravel()).astype(np.float32)


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """Turn uint8 (n, 3) sRGB into float32 (n, 3) CIELAB under D65: L in 0..100."""
    shares = rgb.astype(np.float32) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T
    curve = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = curve.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1).astype(np.float32)
