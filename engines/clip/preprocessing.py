"""What a CLIP checkpoint does to a picture before the network sees it, in PIL and NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class Preprocessing:
    """Resize, crop and normalise as a preprocessor_config.json says; the same numbers as transformers' PIL backend.

    `crop_rounds` in a config, which open_clip.py writes, places a crop as torchvision does, by rounding, not cutting.
    """

    def __init__(self, config: Mapping[str, Any], family: str) -> None:
        """Read the config; `family` ("clip" or "siglip") fills in what it does not say."""
        clip = family == "clip"
        size = config.get("size", {"shortest_edge": 224} if clip else {"height": 224, "width": 224})
        crop = config.get("crop_size", 224)
        self._size = {"shortest_edge": size} if isinstance(size, int) else size
        self._crop = (crop, crop) if isinstance(crop, int) else (crop["width"], crop["height"])
        self._resized = config.get("do_resize", True)
        self._half = (lambda rest: round(rest / 2)) if config.get("crop_rounds") else (lambda rest: rest // 2)
        self._cropped = config.get("do_center_crop", clip)
        self._filter = Image.Resampling(config.get("resample", Image.Resampling.BICUBIC))
        scale = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
        normal = config.get("do_normalize", True)
        mean = config.get("image_mean", _CLIP_MEAN if clip else (0.5,) * 3) if normal else (0.0,) * 3
        std = config.get("image_std", _CLIP_STD if clip else (0.5,) * 3) if normal else (1.0,) * 3
        self._gain = np.array([scale / s for s in std], np.float32)
        self._shift = np.array([m / s for m, s in zip(mean, std, strict=True)], np.float32)

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Return float32 (3, height, width)."""
        image = image.convert("RGB")
        if self._resized:
            image = image.resize(self._target(image), self._filter)
        if self._cropped:
            left, top = (self._half(image.width - self._crop[0]), self._half(image.height - self._crop[1]))
            image = image.crop((left, top, left + self._crop[0], top + self._crop[1]))
        pixels = np.asarray(image, np.float32) * self._gain - self._shift
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))

    def _target(self, image: Image.Image) -> tuple[int, int]:
        if "shortest_edge" not in self._size:
            return self._size["width"], self._size["height"]
        side, short, long = self._size["shortest_edge"], min(image.size), max(image.size)
        other = int(side * long / short)
        return (side, other) if image.width <= image.height else (other, side)
