"""Colours as a picture's own profile means them: Display P3, Adobe RGB, CMYK, grey, … become sRGB."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
_UNSEEN = 2
"""A profile that moves no colour further, in steps of 0 to 255, is sRGB under another name."""


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return `image` (RGB, L or CMYK) as RGB, its colours turned from `profile` to sRGB.

    A profile that is damaged, or is for other channels than the picture has, is passed over, as viewers do.
    """
    transform = _transform(profile, image.mode) if profile and image.mode in _SPACES else None
    if transform is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    return ImageCms.applyTransform(image, transform) or image.convert("RGB")


def matters(profile: bytes | None, mode: str) -> bool:
    """Return whether the colours of a picture of `mode` change by its profile."""
    return bool(profile) and mode in _SPACES and _transform(profile or b"", mode) is not None


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != _SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )  # fmt: skip
        if mode == "CMYK":
            return transform
        shown = ImageCms.applyTransform(_colours(mode), transform)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if shown is None:
        return None
    moved = np.abs(np.asarray(shown, np.int16) - np.asarray(_colours(mode).convert("RGB"), np.int16)).max()
    return transform if moved > _UNSEEN else None


def _colours(mode: str) -> Image.Image:
    """Return a picture of colours from all over the cube, or of all greys."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), -1).reshape(27, 27, 3))
