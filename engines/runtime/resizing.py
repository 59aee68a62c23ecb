"""Squashing a picture to a network's square input, for the networks that were tuned so."""

from __future__ import annotations

import numpy as np
from PIL import Image

LONGEST_ASPECT = 2.0


def squash(image: Image.Image, side: int) -> np.ndarray:
    """Squash a picture to uint8 (side, side, 3), all of it; what is longer than 2 : 1 loses its far ends first.

    A garment fills its photo, so a centre crop would cut off hems and sleeves; the network was tuned so.
    """
    width, height = image.size
    kept_width, kept_height = min(width, height * LONGEST_ASPECT), min(height, width * LONGEST_ASPECT)
    left, top = (width - kept_width) / 2, (height - kept_height) / 2
    box = (left, top, left + kept_width, top + kept_height)
    return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC, box, reducing_gap=2.0))
