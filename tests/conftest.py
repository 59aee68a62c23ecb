"""Small pictures, and an encoder that needs no weights, for every test."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.core import EncoderSpec

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

COLOUR_SPEC = EncoderSpec(
    engine="colours", weights="none", title="Mean colours", dim=48, image_size=64, licence="", source="", load="",
    digest="d1",
)  # fmt: skip


class ColourEncoder:
    """The mean colours of a 4 x 4 grid, centred: deterministic, quick, and near for pictures that look alike."""

    spec = COLOUR_SPEC

    def __init__(self) -> None:
        self.encoded = 0

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, 48)."""
        self.encoded += len(images)
        if not images:
            return np.empty((0, 48), np.float32)
        grids = np.stack([np.asarray(i.resize((4, 4), Image.Resampling.BOX), np.float32).ravel() for i in images])
        grids = grids - 127.5 + np.linspace(-1, 1, 48, dtype=np.float32)
        return (grids / np.linalg.norm(grids, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def encoder() -> ColourEncoder:
    return ColourEncoder()


def jpeg(seed: int, size: tuple[int, int] = (48, 64)) -> bytes:
    """Return a JPEG of soft random blocks, the same for the same seed."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=92)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of twelve pictures below the folders red, green and blue."""
    for n in range(12):
        path = tmp_path / "pictures" / ("red", "green", "blue")[n % 3] / f"{n:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(n))
    return tmp_path / "pictures"


@pytest.fixture
def write() -> Callable[[Path, int], None]:
    """Return a function that writes picture number `seed` to a path."""
    return lambda path, seed: (path.parent.mkdir(parents=True, exist_ok=True), path.write_bytes(jpeg(seed)))[0]
