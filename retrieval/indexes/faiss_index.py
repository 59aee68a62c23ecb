"""FAISS: the exact index over unit vectors, and the inverted lists in which the approximate index looks first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import faiss
import numpy as np

from retrieval.core import Attributes, Filter, Hit
from retrieval.indexes.rows import Rows, checked, fitted

SAMPLES_PER_LIST = 64
_TRAINING_ROUNDS = 10


class FaissIndex:
    """`IndexFlatIP` (Douze et al. 2024, arXiv:2401.08281) with ids, attributes and filters around it."""

    def __init__(self, dim: int) -> None:
        """Begin empty; vectors have `dim` numbers."""
        self.dim = dim
        self._rows = Rows()
        self._flat = faiss.IndexFlatIP(dim)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._rows

    def add(self, ids: Sequence[str], vectors: np.ndarray, attributes: Sequence[Attributes] | None = None) -> None:
        """Insert or replace rows."""
        vectors = checked(ids, vectors, attributes, self.dim)
        self.remove(ids)
        self._rows.append(ids, attributes)
        self._flat.add(vectors)

    def remove(self, ids: Sequence[str]) -> None:
        """Drop rows; an id that is not there is no error."""
        gone = self._rows.drop(ids)
        if len(gone):
            self._flat.remove_ids(faiss.IDSelectorBatch(gone))

    def query(self, vectors: np.ndarray, k: int, filter: Filter | None = None) -> list[list[Hit]]:
        """Return, for each row of `vectors`, the nearest items that pass `filter`."""
        vectors = fitted(vectors, self.dim)
        rows = self._rows.matching(filter) if filter else None
        k = min(k, len(self) if rows is None else len(rows))
        if k <= 0:
            return [[] for _ in vectors]
        chosen = None
        if rows is not None:
            chosen = faiss.SearchParameters(sel=faiss.IDSelectorBatch(rows))  # type: ignore[call-arg]  # not in its stubs
        scores, places = self._flat.search(vectors, k, params=chosen)
        ids, attributes = self._rows.ids, self._rows.attributes
        return [
            [Hit(ids[n], float(score), attributes[n]) for n, score in zip(line, found, strict=True) if n >= 0]
            for line, found in zip(places, np.clip(scores, -1.0, 1.0), strict=True)
        ]

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dim), the stored vectors of `ids`."""
        return self._flat.reconstruct_batch(np.array(self._rows.places(ids), np.int64))

    def attributes(self, ids: Sequence[str]) -> list[Attributes]:
        """Return the attributes of `ids`."""
        return [self._rows.attributes[place] for place in self._rows.places(ids)]


class InvertedLists:
    """Vectors sorted into the lists of the nearest of some centroids, each shortened to a product code.

    A code gives a quarter of the numbers four bits each (4-bit product quantisation of Andre, Kermarrec, Le Scouarnec
    2017, arXiv:1704.07355, as FAISS scans it). Numbers of rows ("slots") go in with vectors and come out of a search.
    """

    def __init__(self, index: faiss.IndexIVF) -> None:
        """Wrap a trained FAISS index; made by `train` and `load`."""
        self._index = index

    @classmethod
    def train(cls, sample: np.ndarray, lists: int) -> InvertedLists:
        """Return empty lists, their centroids and codes fitted to `sample`, float32 (n, dim) with n >= 16, lists."""
        dim = sample.shape[1]
        parts = dim // 4 if dim >= 128 and dim % 4 == 0 else dim
        index = faiss.IndexIVFPQFastScan(faiss.IndexFlatIP(dim), dim, lists, parts, 4, faiss.METRIC_INNER_PRODUCT)
        for fitting in (index.cp, index.pq.cp):
            fitting.min_points_per_centroid, fitting.seed = 1, 1
        index.cp.max_points_per_centroid, index.cp.niter = SAMPLES_PER_LIST, _TRAINING_ROUNDS
        index.train(sample)
        return cls(index)

    @classmethod
    def load(cls, path: Path) -> InvertedLists:
        """Read what `save` wrote; raises OSError or RuntimeError when it is damaged."""
        return cls(cast(faiss.IndexIVF, faiss.read_index(str(path))))

    def save(self, path: Path) -> None:
        """Write everything to `path`."""
        faiss.write_index(self._index, str(path))

    def __len__(self) -> int:
        return self._index.ntotal

    @property
    def lists(self) -> int:
        """How many lists there are."""
        return self._index.nlist

    def add(self, vectors: np.ndarray, slots: np.ndarray) -> None:
        """Insert float32 (n, dim) under the numbers int64 (n,).

        There is no removal: faiss-cpu 1.15.1 leaves the codes of removed vectors in the block and mixes the next ones
        into them.
        """
        self._index.add_with_ids(vectors, slots)

    def search(self, query: np.ndarray, many: int, probes: int, bits: np.ndarray | None = None) -> np.ndarray:
        """Return int64 (<= many,), the likeliest slots in the `probes` lists that are nearest to float32 (dim,).

        With `bits`, uint8 of one bit a slot, the lowest first, only slots whose bit is set.
        """
        chosen = None if bits is None else faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg,arg-type]  # stubs
        among = faiss.SearchParametersIVF(sel=chosen, nprobe=min(probes, self.lists))  # type: ignore[call-arg]  # stubs
        found = self._index.search(query[None], many, params=among)[1][0]
        return found[found >= 0]
