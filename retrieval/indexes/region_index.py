"""An index that holds several regions of every item, over any index of single vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.core import AppError, Attributes, Filter, Hit, VectorIndex
from retrieval.indexes.rows import checked
from retrieval.indexing.region_rows import item_of, region_id, spread


class RegionIndex:
    """Items of `count` vectors each, the first of the whole picture; `inner` holds a row for every one of them.

    An item scores the cosine of its best region, so that a picture which asks for itself scores 1 and one search of
    `inner` says the score. The mean of the two best regions, measured on a shop's photos, found no better.
    """

    def __init__(self, inner: VectorIndex, count: int) -> None:
        """Wrap `inner`, whose ids are those that `region_id` gives."""
        self.inner, self.count, self.dim = inner, count, inner.dim

    def __len__(self) -> int:
        return len(self.inner) // self.count

    def __contains__(self, item_id: str) -> bool:
        return region_id(item_id, 0) in self.inner

    def add(self, ids: Sequence[str], vectors: np.ndarray, attributes: Sequence[Attributes] | None = None) -> None:
        """Insert or replace items whose regions all have the vector of the whole, float32 (n, dim)."""
        vectors = checked(ids, vectors, attributes, self.dim)
        self.add_regions(ids, np.repeat(vectors[:, None], self.count, axis=1), attributes)

    def add_regions(
        self, ids: Sequence[str], vectors: np.ndarray, attributes: Sequence[Attributes] | None = None
    ) -> None:
        """Insert or replace items; `vectors` is float32 (n, count, dim), every row of unit length."""
        self.inner.add(*spread(ids, vectors, attributes if attributes is not None else [{}] * len(ids)))

    def remove(self, ids: Sequence[str]) -> None:
        """Drop items; an id that is not there is no error."""
        self.inner.remove([region_id(item_id, n) for item_id in ids for n in range(self.count)])

    def query(self, vectors: np.ndarray, k: int, filter: Filter | None = None) -> list[list[Hit]]:
        """Return, for each row of `vectors`, the items that score best.

        Among `count` times as many rows as items are wanted there are always enough items.
        """
        return [_first(rows, k) for rows in self.inner.query(vectors, self.count * max(k, 0), filter)]

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dim), the stored vectors of the whole pictures."""
        return self.inner.vectors(self._wholes(ids))

    def attributes(self, ids: Sequence[str]) -> list[Attributes]:
        """Return the attributes of `ids`."""
        return self.inner.attributes(self._wholes(ids))

    def _wholes(self, ids: Sequence[str]) -> list[str]:
        """Return the ids of the rows of the whole pictures; raises AppError naming an unknown id."""
        for item_id in ids:
            if item_id not in self:
                raise AppError(f"'{item_id}' is not in this catalogue's index.")
        return [region_id(item_id, 0) for item_id in ids]


def _first(rows: Sequence[Hit], k: int) -> list[Hit]:
    """Return the first `k` items that `rows`, sorted from the best, are regions of."""
    found: dict[str, Hit] = {}
    for row in rows:
        item_id = item_of(row.id)
        found.setdefault(item_id, Hit(item_id, row.score, row.attributes))
    return list(found.values())[: max(k, 0)]


def region_scores(queries: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return float32 (q, n), the scores of items float32 (n, count, dim) for queries float32 (q, dim)."""
    return np.max([queries @ vectors[:, number].T for number in range(vectors.shape[1])], axis=0)
