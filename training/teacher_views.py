"""What EfficientNetB4 sees in distorted views of the photos, stage by stage: the lesson of the student's own stages."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.efficientnet_torch import B4, FoldedEfficientNet, from_keras, normalise
from training.fashion_data import Distortion, draw_views

logger = logging.getLogger(__name__)

SIDE = 128
VIEW = Distortion(area=(0.4, 1.0), stretch=0.2, degrees=20, mirror=0.5, light=0.3, saturation=0.3, hue=0.03, erase=0.1)
TAUGHT = {"block3d": (56, 16), "block4f": (112, 8), "block5f": (160, 8), "block6h": (272, 4), "block7b": (448, 4)}
"""Stage ends of the teacher that are kept: channels, and side of the map."""
PORTRAIT = (192, 256)
LANDSCAPE = (256, 192)


def load_teacher(weights: Path) -> FoldedEfficientNet:
    """Read EfficientNetB4 (ImageNet, MIT licence; fp16 npz keyed by keras weight path), folded."""
    with np.load(weights) as stored:
        return from_keras(B4, stored).eval()


def _open(path: Path, shape: tuple[int, ...], dtype: str) -> np.memmap:
    if path.exists():
        return np.lib.format.open_memmap(path, mode="r+")
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def cache_views(
    pixels: np.ndarray, aspects: np.ndarray, rows: np.ndarray, rounds: int, weights: Path, folder: Path, batch: int = 32
) -> dict[str, np.memmap]:
    """Draw `rounds` views of each row once, and keep them and the teacher's maps of them as files in `folder`.

    Gives "views" uint8 (rounds * rows, 128, 128, 3), one float16 (rounds * rows, side, side, channels) per stage end of
    TAUGHT, "pooled" float16 (rounds * rows, 1792). A stopped run goes on where it was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = rounds * len(rows)
    files = {"views": _open(folder / "views.npy", (count, SIDE, SIDE, 3), "uint8")}
    files["pooled"] = _open(folder / "pooled.npy", (count, B4.top), "float16")
    for name, (channels, side) in TAUGHT.items():
        files[name] = _open(folder / f"{name}.npy", (count, side, side, channels), "float16")
    marker = folder / "done.txt"
    begun = int(marker.read_text()) if marker.exists() else 0
    if begun >= count:
        return files
    teacher = load_teacher(weights)
    order = np.tile(rows, rounds)
    for start in range(begun, count, batch):
        chosen = torch.from_numpy(order[start : start + batch])
        generator = torch.Generator().manual_seed(1000 + start)
        views = draw_views(torch.from_numpy(pixels)[chosen], torch.from_numpy(aspects)[chosen], SIDE, VIEW, generator)
        kept = views.mul(255).round().to(torch.uint8)
        with torch.inference_mode():
            ends, pooled = teacher(normalise(kept.float() / 255))
        stop = start + len(chosen)
        files["views"][start:stop] = kept.permute(0, 2, 3, 1).numpy()
        files["pooled"][start:stop] = pooled.numpy()
        for name, maps in zip(teacher.stage_ends, ends, strict=True):
            if name in files:
                files[name][start:stop] = maps.permute(0, 2, 3, 1).numpy()
        if start % (10 * batch) == 0:
            (folder / "done.tmp").write_text(str(stop))
            os.replace(folder / "done.tmp", marker)
            logger.info("teacher: %d of %d views", stop, count)
    marker.write_text(str(count))
    return files


def cache_pooled(paths: list[Path], weights: Path, cache: Path, batch: int = 16) -> np.ndarray:
    """Pool the teacher over whole photos, upright or across: float16 (photos, 1792); resumes like `cache_views`."""
    features = _open(cache, (len(paths), B4.top), "float16")
    left = [row for row in range(len(paths)) if not features[row].any()]
    if not left:
        return features
    by_size: dict[tuple[int, int], list[int]] = {PORTRAIT: [], LANDSCAPE: []}
    for row in left:
        with Image.open(paths[row]) as photo:
            by_size[PORTRAIT if photo.height >= photo.width else LANDSCAPE].append(row)
    teacher = load_teacher(weights)
    for size, rows in by_size.items():
        for start in range(0, len(rows), batch):
            chunk = rows[start : start + batch]
            pictures = []
            for row in chunk:
                with Image.open(paths[row]) as photo:
                    photo.draft("RGB", size)
                    pictures.append(np.asarray(photo.convert("RGB").resize(size, Image.Resampling.BICUBIC)))
            images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
            with torch.inference_mode():
                features[chunk] = teacher(normalise(images))[1].numpy()
            if start % (10 * batch) == 0:
                logger.info("teacher: %d of %d whole photos", start + len(chunk), len(rows))
    return features
