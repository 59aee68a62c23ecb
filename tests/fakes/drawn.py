"""Garments that a test draws: kinds that a network tells apart, no two pictures the same."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw


def shirt(colour: tuple[int, int, int], seed: int) -> Image.Image:
    """Return a T-shirt, each a little other than the next."""
    by = int(np.random.default_rng(seed).integers(-8, 9))
    image = Image.new("RGB", (240, 300), (236, 233, 228))
    ImageDraw.Draw(image).polygon(
        [(60, 70), (95, 55), (145, 55), (180, 70), (220, 120 + by), (190, 140 + by), (172, 115), (172, 250 + by),
         (68, 250 + by), (68, 115), (50, 140 + by), (20, 120 + by)], fill=colour,
    )  # fmt: skip
    return image


def trousers(colour: tuple[int, int, int], seed: int) -> Image.Image:
    """Return a pair of trousers, each a little other than the next."""
    by = int(np.random.default_rng(seed).integers(-8, 9))
    image = Image.new("RGB", (240, 300), (236, 233, 228))
    ImageDraw.Draw(image).polygon(
        [(85, 40), (155, 40), (172 + by, 270), (135 + by, 270), (120, 120), (105 + by, 270), (68 + by, 270)],
        fill=colour,
    )  # fmt: skip
    return image
