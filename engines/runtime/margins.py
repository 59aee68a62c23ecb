"""Finding the flat margins of a picture: bars, a mount, a white ground about what it shows."""

from __future__ import annotations

import numpy as np
from PIL import Image

_TOLERANCE = 24
_FLAT = 0.985
_MOST = 0.42


def without_margins(image: Image.Image) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of an RGB picture inside its flat margins (bars, a mount), if it has any."""
    pixels = np.asarray(image).astype(np.int16)
    top, bottom = _margin(pixels), _margin(pixels[::-1])
    across = pixels.transpose(1, 0, 2)
    left, right = _margin(across), _margin(across[::-1])
    height, width = pixels.shape[:2]
    return left, top, width - right, height - bottom


def _margin(rows: np.ndarray) -> int:
    """Count the rows from the first that are all of the colour of its corner, at most _MOST of them."""
    if not _near(rows[:1])[0]:
        return 0
    limit = int(len(rows) * _MOST)
    near = _near(rows[: limit + 1])
    count = int(np.argmin(near)) if not near.all() else len(near)
    return min(count, limit)


def _near(rows: np.ndarray) -> np.ndarray:
    return (np.abs(rows - rows[0, 0]).max(axis=2) <= _TOLERANCE).mean(axis=1) >= _FLAT
