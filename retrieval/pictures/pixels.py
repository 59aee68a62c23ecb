"""Pixels of any mode become RGB: transparency over white, 16 bits and floats scaled to 8, colours by the profile."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from retrieval.pictures import profiles

_BAND_PIXELS = 1 << 20
_DEEP = ("I", "F")
_TWELVE_BITS = 4095
_MAX_SAMPLE_VALUE = (281, 341)


def bytes_a_pixel(mode: str) -> int:
    """Return how many bytes Pillow keeps for a pixel of `mode`."""
    if mode in ("1", "L", "P"):
        return 1
    return 2 if mode.startswith("I;16") else 4


def to_rgb(image: Image.Image, factor: int = 1) -> Image.Image:
    """Return `image` as RGB in sRGB, each `factor` x `factor` pixels averaged to one.

    It goes band by band, so that what is in between takes little memory whatever the mode.
    """
    profile, white = image.info.get("icc_profile"), _white(image)
    width, height = -(-image.width // factor), -(-image.height // factor)
    if factor == 1 and image.mode == "RGB" and "transparency" not in image.info:
        return profiles.to_srgb(image, profile)
    out = Image.new("RGB", (width, height))
    for top, bottom in _bands(image, factor):
        band = image.crop((0, top, image.width, bottom))
        band.info = image.info
        plain = _plain(band, white)
        out.paste(profiles.to_srgb(plain.reduce(factor) if factor > 1 else plain, profile), (0, top // factor))
    return out


def deep_to_grey(values: np.ndarray, white: float) -> Image.Image:
    """Return numbers (height, width), 0 to `white`, as a picture of mode L; what is no number is black."""
    if white == 65535 and values.dtype == np.uint16:
        return Image.fromarray((values >> 8).astype(np.uint8))
    scaled = np.nan_to_num(values.astype(np.float32)) * (255.0 / white) + 0.5
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def white_of(brightest: float, whole: bool = False) -> float:
    """Return what is white in a picture whose brightest number that is: no such mode says it.

    Of `whole` 16-bit numbers that is 65,535, or 4,095 as of the many cameras and scanners that fill 12 of the bits. Of
    floats and 32-bit numbers it is 1, or else all of 8 or of 16 bits.
    """
    if whole:
        return _TWELVE_BITS if 255 < brightest <= _TWELVE_BITS else 65535
    return next((white for white in (1.0, 255.0) if brightest <= white), 65535.0)


def _white(image: Image.Image) -> float:
    """Return what is white in a picture of more than 8 bits, 255 in any other."""
    whole = image.mode.startswith("I;16")
    if not whole and image.mode not in _DEEP:
        return 255.0
    said = _said_white(image) if whole else None
    if said:
        return said
    brightest = 0.0
    for top, bottom in _bands(image, 1):
        values = np.asarray(image.crop((0, top, image.width, bottom)))
        brightest = max(brightest, float(np.nan_to_num(values.astype(np.float32)).max(initial=0.0)))
    return white_of(brightest, whole)


def _said_white(image: Image.Image) -> float | None:
    """Return the largest value that a TIFF says of itself, where that is the most of 9 to 15 bits."""
    tags = getattr(image, "tag_v2", {})
    for tag in _MAX_SAMPLE_VALUE:
        said = tags.get(tag)
        value = said[0] if isinstance(said, tuple) and said else said
        if isinstance(value, int) and value in {(1 << bits) - 1 for bits in range(9, 16)}:
            return float(value)
    return None


def _bands(image: Image.Image, factor: int) -> Iterator[tuple[int, int]]:
    rows = max(1, _BAND_PIXELS // max(1, image.width) // factor) * factor
    for top in range(0, image.height, rows):
        yield top, min(top + rows, image.height)


def _plain(image: Image.Image, white: float) -> Image.Image:
    """Return `image` as L, RGB or CMYK of 8 bits without transparency."""
    if image.mode.startswith("I;16") or image.mode in _DEEP:
        return deep_to_grey(np.asarray(image), white)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        over = image.convert("RGBA")
        paper = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(paper, over).convert("RGB")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")
