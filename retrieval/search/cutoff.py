"""Where a query's results turn weak, read off the shape of its own score curve."""

from __future__ import annotations

import numpy as np

NEAREST = 100
"""How many of a query's nearest scores make its curve."""


def strong_results(curve: np.ndarray) -> int:
    """Return how many of the best results stand out from the rest, 0 < n <= len(curve).

    `curve` is float32 (n,), a query's scores from the best. Otsu's threshold (1979), the cut that leaves the least
    variance inside the two groups: no fixed number of the score works for every query, this one moves with the query.
    benchmarks/cutoff.py measures it beside the elbow (Satopaa et al. 2011), the largest gap and a fixed score.
    """
    n = len(curve)
    if n < 3 or float(curve[0] - curve[-1]) < 1e-6:
        return n
    scores = curve.astype(np.float64)
    first = np.arange(1, n)
    totals = np.cumsum(scores)[:-1]
    difference = totals / first - (scores.sum() - totals) / (n - first)
    return int(np.argmax(first * (n - first) * difference**2)) + 1
