"""The places of a picture whose texture is most like another picture's style."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from engines.style.preprocessing import View
from engines.style.vectors import Projection

LAYER = "block3_conv1"
_PART = 0.36
_STEPS = 4

Box = tuple[float, float, float, float]


def alike_places(
    grams: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    projection: Projection,
    seen: View,
    wanted: np.ndarray,
    count: int,
) -> list[Box]:
    """Return up to `count` square places of `seen` that do not overlap, the most alike first.

    `grams` gives the Gram matrices of a part's pixels, uint8 (h, w, 3); `wanted` is the other picture's block of LAYER.
    A place is left, top, right, bottom in parts of the whole picture.
    """
    height, width = seen.pixels.shape[:2]
    side = int(_PART * min(height, width))
    scored = []
    for top in np.linspace(0, height - side, _STEPS).astype(int).tolist():
        for left in np.linspace(0, width - side, _STEPS).astype(int).tolist():
            found = projection.block(LAYER, grams(seen.pixels[top : top + side, left : left + side])[LAYER])
            scored.append((float(found @ wanted) / max(float(np.linalg.norm(found)), 1e-8), left, top))
    chosen: list[tuple[int, int]] = []
    for _, left, top in sorted(scored, reverse=True):
        if len(chosen) < count and all(abs(left - x) >= side or abs(top - y) >= side for x, y in chosen):
            chosen.append((left, top))
    return [seen.place(left, top, left + side, top + side) for left, top in chosen]
