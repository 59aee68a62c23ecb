"""One part of an approximate index: up to a million vectors in one byte a number, and lists that say where to look."""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.indexes.faiss_index import InvertedLists

FREE = -1
"""In place of a row number: nothing is in this slot."""
LISTED_FROM = 4096
"""A part with fewer vectors has no lists: looking at all of them is as quick."""
DAMAGE = (OSError, ValueError, KeyError, RuntimeError, EOFError, zipfile.BadZipFile)
"""What reading a part raises when its files are not as they were written."""
_LOOKED_AT = 768
_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Files:
    """The names of a part's files, and how many vectors its centroids were fitted for."""

    lists: str
    codes: str
    slots: str
    trained: int

    @property
    def names(self) -> list[str]:
        """The names of the files that there are."""
        return [name for name in (self.lists, self.codes, self.slots) if name]


@dataclass(frozen=True, slots=True)
class Scale:
    """How numbers become bytes: `low` + `step` x byte, both float32 (dim,)."""

    low: np.ndarray
    step: np.ndarray

    @classmethod
    def fitted(cls, sample: np.ndarray) -> Scale:
        """Return the scale that spans float32 (n, dim) and a little more on both sides."""
        low, high = sample.min(axis=0), sample.max(axis=0)
        margin = 0.05 * (high - low) + 1e-6
        return cls((low - margin).astype(np.float32), ((high - low + 2 * margin) / 255).astype(np.float32))

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """Return uint8 (n, dim); what lies outside the span becomes its end."""
        return np.clip(np.rint((vectors - self.low) / self.step), 0, 255).astype(np.uint8)


class Shard:
    """Bytes in slots, and lists of slots. `rows` int64 (slots,) is the row in the table, `marks` uint64 its content."""

    def __init__(
        self, codes: np.ndarray, rows: np.ndarray, marks: np.ndarray, scale: Scale, lists: InvertedLists | None
    ) -> None:
        """Join what `read` and retrieval.indexes.approximate.building make; `codes` is uint8 (slots, dim)."""
        self.codes, self.rows, self.marks, self.scale, self.lists = codes, rows, marks, scale, lists

    @classmethod
    def read(cls, folder: Path, files: Files) -> Shard:
        """Open a part that `write` finished, its codes memory-mapped; raises one of DAMAGE."""
        with np.load(folder / files.slots, allow_pickle=False) as held:
            rows, marks, scale = held["rows"], held["marks"], Scale(held["low"], held["step"])
        codes = np.asarray(np.memmap(folder / files.codes, np.uint8, "r", shape=(len(rows), len(scale.low))))
        lists = InvertedLists.load(folder / files.lists) if files.lists else None
        return cls(codes, rows, marks, scale, lists)

    def write(self, folder: Path, files: Files) -> None:
        """Write all but the codes, which lie in their file already, and have the disk keep them all."""
        if self.lists is not None:
            self.lists.save(folder / files.lists)
        with (folder / files.slots).open("wb") as file:
            np.savez(file, rows=self.rows, marks=self.marks, low=self.scale.low, step=self.scale.step)
        for name in files.names:
            with (folder / name).open("rb+") as file:
                os.fsync(file.fileno())

    def __len__(self) -> int:
        return int((self.rows != FREE).sum())

    def nearest(
        self, query: np.ndarray, many: int, probes: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return (rows int64 (n,), scores float32 (n,)) of the `many` nearest by their bytes, in no order.

        The scores are inner products with float32 (dim,), off by about 1e-3. They are taken of the likeliest vectors in
        `probes` lists. With `allowed`, int64 slots, only those count, and every list is looked through: what passes a
        filter may lie far from the query, where a few lists hold none of it.
        """
        looked_at = max(_LOOKED_AT, 8 * many)
        if self.lists is None or 2 * looked_at > len(self.rows if allowed is None else allowed):
            slots = np.arange(len(self.rows)) if allowed is None else allowed
        elif allowed is None:
            slots = self.lists.search(query, looked_at, probes)
        else:
            slots = self.lists.search(query, looked_at, self.lists.lists, self._bits(allowed))
        slots = slots[self.rows[slots] != FREE]
        scores = self._scores(query, slots)
        if len(slots) > many:
            best = np.argpartition(-scores, many)[:many]
            slots, scores = slots[best], scores[best]
        return self.rows[slots], scores

    def _bits(self, slots: np.ndarray) -> np.ndarray:
        chosen = np.zeros(len(self.rows), bool)
        chosen[slots] = True
        return np.packbits(chosen, bitorder="little")

    def _scores(self, query: np.ndarray, slots: np.ndarray) -> np.ndarray:
        scores = np.empty(len(slots), np.float32)
        steps = query * self.scale.step
        for start in range(0, len(slots), _AT_ONCE):
            here = slice(start, start + _AT_ONCE)
            # Not a matrix product: the threads of one cost more than they save on so little.
            scores[here] = np.einsum("ij,j->i", np.take(self.codes, slots[here], axis=0).astype(np.float32), steps)
        return scores + float(query @ self.scale.low)


def read_slots(folder: Path, files: Files) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows int64 (slots,), marks uint64 (slots,)) of a part; raises one of DAMAGE."""
    with np.load(folder / files.slots, allow_pickle=False) as held:
        return held["rows"], held["marks"]
