"""How sure a figure is: bootstrap intervals over queries, paired between engines, and intervals of a share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
_CELLS = 1 << 21
_ENDS = (2.5, 97.5)
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def bootstrap(values: np.ndarray, seed: int = 0) -> tuple[list[list[Interval]], list[list[list[Interval]]]]:
    """Return [engine][measure] means, and [engine][other][measure] paired differences, each with its 95 % interval.

    `values` is float64 (engines, queries, measures). Queries are drawn with replacement RESAMPLES times (Efron,
    "Bootstrap methods: another look at the jackknife", 1979; percentile interval), the same draw for every engine, so
    that a difference is that of two engines on the same queries.
    """
    engines, queries, measures = values.shape
    flat = values.transpose(1, 0, 2).reshape(queries, engines * measures)
    chance = np.random.default_rng(seed)
    size = max(1, _CELLS // queries)
    parts = [_shares(chance, min(size, RESAMPLES - done), queries) @ flat for done in range(0, RESAMPLES, size)]
    drawn = np.concatenate(parts).reshape(RESAMPLES, engines, measures)
    centre = values.mean(axis=1)
    means = [_intervals(centre[a], drawn[:, a]) for a in range(engines)]
    pairs = [
        [_intervals(centre[a] - centre[b], drawn[:, a] - drawn[:, b]) for b in range(engines)] for a in range(engines)
    ]
    return means, pairs


def wilson(won: int, played: int) -> Interval:
    """Return the share `won` of `played` with its 95 % interval (E. B. Wilson 1927); nothing is known of 0 played."""
    if not played:
        return Interval(0.5, 0.0, 1.0)
    share, weight = won / played, _Z * _Z / played
    middle = (share + weight / 2) / (1 + weight)
    half = _Z / (1 + weight) * (share * (1 - share) / played + weight / (4 * played)) ** 0.5
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def _shares(chance: np.random.Generator, draws: int, queries: int) -> np.ndarray:
    """Return float64 (draws, queries): the share that each query has in each resample."""
    rows = chance.integers(0, queries, (draws, queries)) + np.arange(draws)[:, None] * queries
    return np.bincount(rows.ravel(), minlength=draws * queries).reshape(draws, queries) / queries


def _intervals(values: np.ndarray, drawn: np.ndarray) -> list[Interval]:
    """Return the interval of each of `values` (n,) from its resamples `drawn` (RESAMPLES, n)."""
    low, high = np.percentile(drawn, _ENDS, axis=0)
    return [Interval(float(v), float(a), float(b)) for v, a, b in zip(values, low, high, strict=True)]
