"""Rankings of several sources become one, by ranks alone: their scores cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

K = 60


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one source says: `scores` float32 (n,) over all rows, -inf where it says nothing; how much it counts."""

    scores: np.ndarray
    weight: float


def fused(rankings: Sequence[Ranking]) -> np.ndarray:
    """Return float64 (n,) in 0..1, the fused scores; 1 is first everywhere, 0 nowhere in any.

    Reciprocal rank fusion (Cormack, Clarke, Buettcher 2009, "Reciprocal rank fusion outperforms Condorcet and
    individual rank learning methods", SIGIR): sum of weight / (K + rank), with their K, over the best there is. Equal
    scores share the best of their ranks.
    """
    best = sum(each.weight for each in rankings) / (K + 1)
    total = np.zeros(len(rankings[0].scores) if rankings else 0)
    for ranking in rankings:
        said = np.flatnonzero(np.isfinite(ranking.scores))
        order = said[np.argsort(-ranking.scores[said], kind="stable")]
        ordered = ranking.scores[order]
        first = np.searchsorted(-ordered, -ordered, side="left")
        total[order] += ranking.weight / (K + 1 + first)
    return total / best
