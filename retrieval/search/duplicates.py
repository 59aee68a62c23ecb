"""Near-duplicates: the groups of pictures that hang together by a similarity, at every threshold at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

LOWEST = 0.80
THRESHOLDS = tuple(round(LOWEST + step / 100, 2) for step in range(21))
_CELLS = 1 << 21
# Cosines of equal vectors fall short of 1 by rounding.
_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures each of which is at least `weakest` similar to another of them: the lowest link that holds them."""

    ids: tuple[str, ...]
    weakest: float


@dataclass(frozen=True, slots=True)
class Forest:
    """The strongest links of a collection, and no more than hold it together.

    `first` and `second` int64 (m,) are rows of `ids`; `scores` float32 (m,), their cosines, fall.
    """

    ids: Sequence[str]
    first: np.ndarray
    second: np.ndarray
    scores: np.ndarray

    def groups(self, threshold: float) -> list[Group]:
        """Return the groups of two and more that links of at least `threshold` hold together, the largest first."""
        links = self._links(threshold)
        members: dict[int, list[str]] = {}
        linked = np.unique(np.concatenate([self.first[:links], self.second[:links]]))
        of_row = _joined(len(self.ids), self.first[:links], self.second[:links])
        for row in linked:
            members.setdefault(int(of_row[row]), []).append(self.ids[row])
        # Links are sorted from the strongest, so the last one written is the weakest of its group.
        weakest = dict(zip(of_row[self.first[:links]].tolist(), self.scores[:links].tolist(), strict=True))
        found = [Group(tuple(ids), min(1.0, weakest[root])) for root, ids in members.items()]
        return sorted(found, key=lambda group: (-len(group.ids), -group.weakest, group.ids))

    def counts(self, threshold: float) -> tuple[int, int]:
        """Return how many groups there are at `threshold`, and how many pictures they hold together."""
        links = self._links(threshold)
        linked = np.unique(np.concatenate([self.first[:links], self.second[:links]]))
        # A tree has one link fewer than it has pictures.
        return len(linked) - links, len(linked)

    def _links(self, threshold: float) -> int:
        return int(np.searchsorted(-self.scores, -(threshold - _ROUNDING), side="right"))


def forest(
    ids: Sequence[str],
    vectors: np.ndarray,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    copies: tuple[np.ndarray, np.ndarray] | None = None,
) -> Forest:
    """Return the maximum spanning forest of `vectors` (float32 (n, dim), unit length) over cosines from LOWEST up.

    Its links from a threshold up join exactly what all pairs from that threshold up join (Gower and Ross, "Minimum
    spanning trees and single linkage cluster analysis", 1969), so one pass answers for every threshold. Pairs are
    scored a block of rows at a time and merged into the forest, so that memory stays near 100 MB. `copies` are rows,
    two int64 (m,), of pairs that count as 1 whatever their vectors say. `on_progress` hears how many of how many
    rows are done, and may raise to stop.
    """
    count = len(ids)
    first, second = copies or (np.empty(0, np.int64), np.empty(0, np.int64))
    scores = np.ones(len(first), np.float32)
    start = 0
    while start < count:
        on_progress(start, count)
        size = max(1, _CELLS // (count - start))
        block = vectors[start : start + size] @ vectors[start:].T
        rows, columns = np.nonzero(np.triu(block >= LOWEST - _ROUNDING, k=1))
        first = np.concatenate([first, rows + start])
        second = np.concatenate([second, columns + start])
        scores = np.concatenate([scores, block[rows, columns]])
        order = np.argsort(-scores, kind="stable")
        first, second, scores = first[order], second[order], scores[order]
        kept = _spanning(count, first, second)
        first, second, scores = first[kept], second[kept], scores[kept]
        start += size
    return Forest(ids, first, second, scores)


def _spanning(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the places, sorted, of the links that span what all of them join; links come strongest first.

    Borůvka (1926): every tree takes its strongest link to another, all at once, until none is left.
    """
    group, left = np.arange(count), np.arange(len(first))
    kept = [np.empty(0, np.int64)]
    while True:
        left = left[group[first[left]] != group[second[left]]]
        if not len(left):
            return np.sort(np.concatenate(kept))
        strongest = np.full(count, len(first))
        np.minimum.at(strongest, group[first[left]], left)
        np.minimum.at(strongest, group[second[left]], left)
        taken = np.unique(strongest[strongest < len(first)])
        kept.append(taken)
        group = _joined(count, group[first[taken]], group[second[taken]])[group]


def _joined(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return int64 (count,), for each node the smallest node that the links join it to."""
    group = np.arange(count)
    while True:
        low = np.minimum(group[first], group[second])
        better = group.copy()
        np.minimum.at(better, group[first], low)
        np.minimum.at(better, group[second], low)
        better = better[better]
        if np.array_equal(better, group):
            return group
        group = better
