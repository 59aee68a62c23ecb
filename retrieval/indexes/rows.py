"""The bookkeeping that local indexes share: which row holds which id, and which rows a filter lets through."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.core import AppError, Attributes, Filter


class Rows:
    """Ids and attributes by row number; a removed row's place is taken by closing ranks, as FAISS does."""

    def __init__(self) -> None:
        """Begin with no rows."""
        self.ids: list[str] = []
        self.attributes: list[Attributes] = []
        self._places: dict[str, int] = {}
        self._values: dict[str, dict[str, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def append(self, ids: Sequence[str], attributes: Sequence[Attributes] | None) -> None:
        """Add rows at the end."""
        self._places.update({item_id: len(self.ids) + n for n, item_id in enumerate(ids)})
        self.ids.extend(ids)
        self.attributes.extend(attributes if attributes is not None else [{}] * len(ids))
        self._values.clear()

    def drop(self, ids: Sequence[str]) -> np.ndarray:
        """Forget those of `ids` that are here and return their sorted row numbers, int64."""
        gone = np.array(sorted(self._places[i] for i in set(ids) if i in self._places), dtype=np.int64)
        if len(gone):
            keep = np.ones(len(self.ids), bool)
            keep[gone] = False
            self.ids = [i for i, kept in zip(self.ids, keep, strict=True) if kept]
            self.attributes = [a for a, kept in zip(self.attributes, keep, strict=True) if kept]
            self._places = {item_id: n for n, item_id in enumerate(self.ids)}
            self._values.clear()
        return gone

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._places

    def places(self, ids: Sequence[str]) -> list[int]:
        """Return the row of each id; raises AppError naming the first that is unknown."""
        for item_id in ids:
            if item_id not in self._places:
                raise AppError(f"'{item_id}' is not in this catalogue's index.")
        return [self._places[item_id] for item_id in ids]

    def matching(self, filter: Filter) -> np.ndarray:
        """Return the sorted rows, int64, that have one of the wanted values of every attribute in `filter`."""
        rows: np.ndarray | None = None
        for attribute, wanted in filter.items():
            if not wanted:
                continue
            column = self._column(attribute)
            found = [column[value] for value in set(wanted) if value in column]
            these = np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)
            rows = these if rows is None else np.intersect1d(rows, these, assume_unique=True)
        return np.arange(len(self.ids)) if rows is None else rows

    def _column(self, attribute: str) -> dict[str, np.ndarray]:
        if attribute not in self._values:
            places: dict[str, list[int]] = {}
            for row, attributes in enumerate(self.attributes):
                if attribute in attributes:
                    places.setdefault(attributes[attribute], []).append(row)
            self._values[attribute] = {value: np.array(rows, np.int64) for value, rows in places.items()}
        return self._values[attribute]


def checked(ids: Sequence[str], vectors: np.ndarray, attributes: Sequence[Attributes] | None, dim: int) -> np.ndarray:
    """Return `vectors` as contiguous float32; raises ValueError with both numbers when a size does not fit."""
    fitting = fitted(vectors, dim)
    if len(ids) != len(vectors):
        raise ValueError(f"ids and vectors are not of the same length: {len(ids)} != {len(vectors)}")
    if attributes is not None and len(attributes) != len(ids):
        raise ValueError(f"ids and attributes are not of the same length: {len(ids)} != {len(attributes)}")
    if len(set(ids)) != len(ids):
        raise ValueError("an id stands twice in one call of add")
    return fitting


def fitted(vectors: np.ndarray, dim: int) -> np.ndarray:
    """Return `vectors` as contiguous float32 (n, dim); raises ValueError with both numbers when they are not."""
    if vectors.ndim != 2 or vectors.shape[1] != dim:
        raise ValueError(f"vectors have shape {vectors.shape}, not (n, {dim})")
    return np.ascontiguousarray(vectors, np.float32)
