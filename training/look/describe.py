"""What the heads of the engine `look` read of many pictures, computed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from engines.look.network import Trunk
from engines.look.preprocessing import colours, view
from training.look.heads import unit

Features = dict[str, np.ndarray]
_BATCH = 16


def describe(trunk: Trunk, pictures: Iterable[Image.Image], side: int) -> Features:
    """Return what the heads read of pictures, float16 (n, d) by name."""
    parts: list[Features] = []
    chunk: list[Image.Image] = []
    for picture in pictures:
        chunk.append(picture)
        if len(chunk) == _BATCH:
            parts.append(_describe(trunk, chunk, side))
            chunk = []
    if chunk:
        parts.append(_describe(trunk, chunk, side))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@torch.inference_mode()
def _describe(trunk: Trunk, pictures: Sequence[Image.Image], side: int) -> Features:
    views = [view(picture, side) for picture in pictures]
    found: Features = {"colour": unit(np.stack([colours(each) for each in views])).astype(np.float16)}
    for shape in {each.shape for each in views}:
        rows = [row for row, each in enumerate(views) if each.shape == shape]
        batch = torch.from_numpy(np.stack([views[row] for row in rows])).permute(0, 3, 1, 2).float()
        for name, value in trunk(batch.contiguous(memory_format=torch.channels_last)).items():
            found.setdefault(name, np.empty((len(views), value.shape[1]), np.float16))[rows] = value.numpy()
    return found


def read(path: Path) -> Image.Image:
    """Read a photo as RGB, no larger than needed."""
    with Image.open(path) as photo:
        photo.draft("RGB", (400, 400))
        return photo.convert("RGB")
