"""Letters and digits of 28 x 28 pixels, bright on dark: what a latent space of clothes must find strange."""

from __future__ import annotations

import string

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GLYPHS = string.ascii_letters + string.digits
_SIDE = 28
_SCALE = 4


def draw(count: int, seed: int = 7) -> np.ndarray:
    """Return uint8 (count, 28, 28): letters and digits, each turned, moved, sized and inked in its own way."""
    rng = np.random.default_rng(seed)
    return np.stack([_glyph(rng, GLYPHS[number % len(GLYPHS)]) for number in range(count)])


def _glyph(rng: np.random.Generator, letter: str) -> np.ndarray:
    side = _SIDE * _SCALE
    font = ImageFont.load_default(size=int(rng.integers(16, 28)) * _SCALE)
    canvas = Image.new("L", (side, side))
    ImageDraw.Draw(canvas).text(
        (side / 2 + rng.normal() * _SCALE, side / 2 + rng.normal() * _SCALE), letter, int(rng.integers(150, 256)), font,
        anchor="mm", stroke_width=int(rng.integers(0, 6)),
    )  # fmt: skip
    turned = canvas.rotate(float(rng.normal() * 10), Image.Resampling.BILINEAR)
    return np.asarray(turned.resize((_SIDE, _SIDE), Image.Resampling.BOX))
