"""The FAISS index: inner product over unit vectors, exact."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np

from retrieval.core import Attributes, Filter, Hit
from retrieval.indexes.rows import Rows, checked, fitted


class FaissIndex:
    """`IndexFlatIP` (Douze et al. 2024, arXiv:2401.08281) with ids, attributes and filters around it."""

    def __init__(self, dim: int) -> None:
        """Begin empty; vectors have `dim` numbers."""
        self.dim = dim
        self._rows = Rows()
        self._flat = faiss.IndexFlatIP(dim)

    def __len__(self) -> int:
        return len(self._rows)

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
