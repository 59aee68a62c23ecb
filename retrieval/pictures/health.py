"""What is wrong with a picture as a picture of a catalogue: blurred, dark or tiny."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

SIDE = 256
TINY, DARK, BLURRED = 128, 55.0, 0.6
"""The shorter side in pixels below which a picture is tiny; the light of 255 that nine tenths of a dark one stay below
(photos darkened to a fifth have 51 at most, others from 60 on); how blurred one is from which on a person sees it (none
of 170 photos of two shops has more than 0.47; blurred by 2 pixels of 256 half of them have 0.65 and more, by 4 all have
0.62 and more)."""
PROBLEMS = ("blurred", "dark", "tiny")


@dataclass(frozen=True, slots=True)
class Health:
    """Measures of one picture: its size in pixels as stored, `blur` 0 (sharp) to 1, `light` 0 (black) to 255."""

    width: int
    height: int
    blur: float
    light: float

    @property
    def problems(self) -> tuple[str, ...]:
        """Those of PROBLEMS that it has; of what is dark nobody can say that it is blurred."""
        dark = self.light < DARK
        found = {"blurred": self.blur > BLURRED and not dark, "dark": dark, "tiny": min(self.width, self.height) < TINY}
        return tuple(name for name in PROBLEMS if found[name])


def examine(image: Image.Image, size: tuple[int, int]) -> Health:
    """Measure an upright RGB picture, decoded to a shorter side of SIDE or more, that is stored as `size` pixels."""
    scale = min(1.0, SIDE / min(image.size))
    small = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), reducing_gap=3.0)
    grey = np.asarray(small.convert("L"), np.float32)
    return Health(*size, max(_blur(grey), _blur(grey.T)), float(np.percentile(grey, 90)))


def _blur(grey: np.ndarray) -> float:
    """Return how little of the changes along the rows a further blur takes away, 0 to 1.

    Crete, Dolmiere, Ladret, Nicolas 2007, "The blur effect: perception and estimation with a new no-reference
    perceptual blur metric", SPIE 6492.
    """
    taps = 9
    if grey.shape[1] <= taps:
        return 0.0
    sums = np.cumsum(np.pad(grey, ((0, 0), (taps // 2 + 1, taps // 2)), "edge"), axis=1)
    blurred = (sums[:, taps:] - sums[:, :-taps]) / taps
    changes = np.abs(np.diff(grey, axis=1))
    lost = np.maximum(0.0, changes - np.abs(np.diff(blurred, axis=1)))
    total = float(changes.sum())
    return 1.0 - float(lost.sum()) / total if total > 0 else 0.0
