"""Fashion-MNIST's 60,000 training pictures, parted into those that we train on and those that we only measure on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.catalogs.local.idx import read_array
from retrieval.core import AppError

HELD_OUT = 10_000


@dataclass(frozen=True, slots=True)
class Pictures:
    """`pixels` uint8 (n, 28, 28) and class numbers `labels` uint8 (n,)."""

    pixels: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> Pictures:
        """Return those of `rows`, numbers or a mask."""
        return Pictures(self.pixels[rows], self.labels[rows])

    def __len__(self) -> int:
        return len(self.labels)


def load(folder: Path) -> tuple[Pictures, Pictures]:
    """Return (50,000 to train on, 10,000 to measure on) of the training files in `folder`, always the same; AppError.

    The 10,000 test pictures are not touched here: they are for others to examine the result with.
    """
    found = []
    for name, dimensions in (("images-idx3", 3), ("labels-idx1", 1)):
        path = next((p for p in sorted(folder.glob(f"train-{name}-ubyte*"))), None)
        if path is None:
            raise AppError(f"{folder} has no train-{name}-ubyte.gz. Get Fashion-MNIST's training files.")
        found.append(np.asarray(read_array(path, dimensions)))
    everything = Pictures(*found)
    order = np.random.default_rng(0).permutation(len(everything))
    return everything.take(order[HELD_OUT:]), everything.take(order[:HELD_OUT])
