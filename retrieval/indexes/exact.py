"""The exact index in NumPy: slow and plain, the oracle of every other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.core import Attributes, Filter, Hit
from retrieval.indexes.rows import Rows, checked, fitted


class ExactIndex:
    """Every vector in one matrix; a query is a matrix product and a sort, ties in order of row."""

    def __init__(self, dim: int) -> None:
        """Begin empty; vectors have `dim` numbers."""
        self.dim = dim
        self._rows = Rows()
        self._matrix = np.empty((0, dim), np.float32)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._rows

    def add(self, ids: Sequence[str], vectors: np.ndarray, attributes: Sequence[Attributes] | None = None) -> None:
        """Insert or replace rows."""
        vectors = checked(ids, vectors, attributes, self.dim)
        self.remove(ids)
        self._rows.append(ids, attributes)
        self._matrix = np.concatenate([self._matrix, vectors])

    def remove(self, ids: Sequence[str]) -> None:
        """Drop rows; an id that is not there is no error."""
        self._matrix = np.delete(self._matrix, self._rows.drop(ids), axis=0)

    def query(self, vectors: np.ndarray, k: int, filter: Filter | None = None) -> list[list[Hit]]:
        """Return, for each row of `vectors`, the nearest items that pass `filter`."""
        rows = self._rows.matching(filter or {})
        scores = np.clip(fitted(vectors, self.dim) @ self._matrix[rows].T, -1.0, 1.0)
        ids, attributes = self._rows.ids, self._rows.attributes
        return [
            [
                Hit(ids[rows[n]], float(line[n]), attributes[rows[n]])
                for n in np.argsort(-line, kind="stable")[: max(k, 0)]
            ]
            for line in scores
        ]

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dim), the stored vectors of `ids`."""
        return self._matrix[self._rows.places(ids)]

    def attributes(self, ids: Sequence[str]) -> list[Attributes]:
        """Return the attributes of `ids`."""
        return [self._rows.attributes[place] for place in self._rows.places(ids)]
