"""What the style front is trained on: crops of clothing photos and of our own drawings, recoloured at random."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.squeezenet.photos import read_photos, split_photos

logger = logging.getLogger("style_data")

SHORTER_SIDE = 240
HELD_OUT = 120
"""Photos of senders who are in no training row, for the scores."""


def training_paths(photos: Path, drawings: Sequence[Path], most: int, seed: int) -> list[Path]:
    """Return the files to train on: at most `most` photos of the training senders, and every drawing."""
    known = read_photos(photos)
    rows = np.random.default_rng(seed).permutation(split_photos(known).train)[:most]
    drawn = [path for folder in drawings for path in sorted(folder.rglob("*.jpg"))]
    return [known.paths[row] for row in rows] + drawn


def held_out_paths(photos: Path, seed: int) -> list[Path]:
    """Return HELD_OUT photos of senders who are not in training."""
    known = read_photos(photos)
    rows = np.random.default_rng(seed).permutation(split_photos(known).unseen_senders)[:HELD_OUT]
    return [known.paths[row] for row in rows]


def load_pictures(paths: Sequence[Path], side: int = SHORTER_SIDE) -> list[np.ndarray]:
    """Decode every file once: uint8 (h, w, 3), the shorter side `side` pixels."""

    def load(path: Path) -> np.ndarray:
        with Image.open(path) as image:
            image.draft("RGB", (side, side))
            scale = side / min(image.size)
            size = max(side, round(image.width * scale)), max(side, round(image.height * scale))
            return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(load, paths))


class Crops:
    """Endless random crops of pictures, in colours that paintings have and photos of clothes do not."""

    def __init__(self, pictures: Sequence[np.ndarray], seed: int) -> None:
        """Draw from `pictures` (uint8 (h, w, 3)) with the generator of `seed`."""
        self._pictures = pictures
        self._random = np.random.default_rng(seed)

    def draw(self, count: int, side: int) -> torch.Tensor:
        """Return float32 (count, 3, side, side) in 0..1."""
        return torch.from_numpy(np.stack([self._one(side) for _ in range(count)])).permute(0, 3, 1, 2).contiguous()

    def _one(self, side: int) -> np.ndarray:
        random = self._random
        picture = self._pictures[int(random.integers(len(self._pictures)))]
        zoom = min(side * float(np.exp(random.uniform(-0.5, 0.9))), *picture.shape[:2])
        top = int(random.integers(picture.shape[0] - int(zoom) + 1))
        left = int(random.integers(picture.shape[1] - int(zoom) + 1))
        cut = Image.fromarray(picture[top : top + int(zoom), left : left + int(zoom)])
        crop = np.asarray(cut.resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255
        if random.random() < 0.5:
            crop = crop[:, ::-1]
        return self._recoloured(crop)

    def _recoloured(self, crop: np.ndarray) -> np.ndarray:
        """Turn hues, mix channels, sharpen the contrast, quantise or add grain, each of them sometimes."""
        random = self._random
        if random.random() < 0.5:
            mix = 0.55 * np.eye(3) + random.uniform(-0.25, 0.6, (3, 3))
            crop = (crop - 0.5) @ (mix / np.abs(mix).sum(1, keepdims=True) * random.uniform(0.8, 1.6)) + 0.5
        if random.random() < 0.15:
            crop = np.repeat(crop.mean(2, keepdims=True), 3, 2)
        if random.random() < 0.4:
            crop = (crop - crop.mean()) * random.uniform(0.4, 2.5) + random.uniform(0.1, 0.9)
        if random.random() < 0.15:
            levels = int(random.integers(2, 7))
            crop = np.round(crop * levels) / levels
        if random.random() < 0.25:
            crop = crop + random.normal(0, random.uniform(0.01, 0.15), crop.shape)
        return np.ascontiguousarray(np.clip(crop, 0, 1), np.float32)
