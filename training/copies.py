"""Copies of photos: cropped, turned, mirrored and recoloured, for training and for benchmarks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageOps


@dataclass(frozen=True)
class Copying:
    """How a copy is made: shares of the area kept, most degrees, mirrored share, +- shares of light and colour."""

    area: tuple[float, float] = (0.4, 0.8)
    degrees: float = 25.0
    mirror: float = 0.0
    light: float = 0.35
    saturation: float = 0.35
    hue: float = 0.05
    quarter_turns: bool = False
    fill: tuple[int, int, int] = (0, 0, 0)


def copy_photo(photo: Image.Image, how: Copying, generator: np.random.Generator) -> Image.Image:
    """Make a cropped, turned and recoloured copy of an RGB photo."""
    angle = generator.uniform(-how.degrees, how.degrees)
    turned = photo.rotate(angle, Image.Resampling.BICUBIC, fillcolor=how.fill)
    if how.quarter_turns:
        turned = turned.rotate(90 * int(generator.integers(1, 4)), expand=True)
    scale, stretch = math.sqrt(generator.uniform(*how.area)), math.sqrt(math.exp(generator.uniform(-0.1, 0.1)))
    width, height = min(1.0, scale * stretch) * turned.width, min(1.0, scale / stretch) * turned.height
    left, top = generator.uniform(0, turned.width - width), generator.uniform(0, turned.height - height)
    cropped = turned.crop((round(left), round(top), max(round(left) + 1, round(left + width)), round(top + height)))
    if generator.random() < how.mirror:
        cropped = ImageOps.mirror(cropped)
    light, contrast, colour = 1 + generator.uniform(-1, 1, 3) * (how.light, how.light, how.saturation)
    lit = ImageEnhance.Color(ImageEnhance.Contrast(ImageEnhance.Brightness(cropped).enhance(light)).enhance(contrast))
    hue, saturation, value = lit.enhance(colour).convert("HSV").split()
    shift = round(generator.uniform(-how.hue, how.hue) * 256)
    return Image.merge("HSV", (hue.point([(i + shift) % 256 for i in range(256)]), saturation, value)).convert("RGB")
