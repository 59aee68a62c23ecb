"""Which way of cutting a query's score curve separates matches from the rest best, on the drawn sample."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

import numpy as np

import engines
from retrieval.evaluation import measures
from retrieval.search.cutoff import NEAREST, strong_results
from services import Services
from settings import Settings

ALIKE = ("category", "colour", "pattern")


def main() -> None:
    """Print, as JSON, the mean F1 of 'above the cut' as 'alike', for each way of cutting.

    Two garments are alike when they share two of category, colour and pattern: no engine was trained on the sample.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights")
    given = parser.parse_args()
    services = Services(Settings.from_environment())
    spec = engines.spec("squeezenet", given.weights)
    services.indexes.build("sample", spec)
    collection = measures.Collection.of(services.indexes.folder("sample"), spec)
    curves, right = _curves(collection)
    half = len(curves) // 2
    ways: dict[str, Callable[[np.ndarray], int]] = {
        "otsu": strong_results,
        "elbow": elbow,
        "largest_gap": largest_gap,
        "tail_3_sigma": tail,
    }
    result = {name: _f1(curves[half:], right[half:], way) for name, way in ways.items()}
    grid = np.quantile(curves[:half], np.linspace(0.02, 0.98, 25))
    best = max(grid, key=lambda score: _f1(curves[:half], right[:half], above(score)))
    result["fixed_score_fitted_on_other_half"] = _f1(curves[half:], right[half:], above(best))
    result["everything"] = _f1(curves[half:], right[half:], len)
    sys.stdout.write(json.dumps({"queries": len(curves) - half} | {k: round(v, 3) for k, v in result.items()}) + "\n")


def elbow(curve: np.ndarray) -> int:
    """Cut at the point farthest below the chord (Satopaa et al. 2011)."""
    line = np.linspace(curve[0], curve[-1], len(curve))
    return max(1, int(np.argmax(line - curve)))


def largest_gap(curve: np.ndarray) -> int:
    """Cut at the largest drop between neighbours."""
    return int(np.argmax(curve[:-1] - curve[1:])) + 1


def above(score: float) -> Callable[[np.ndarray], int]:
    """Cut at one score, the same for every query."""
    return lambda curve: max(1, int((curve >= score).sum()))


def tail(curve: np.ndarray) -> int:
    """Keep what stands three standard deviations above the last half of the curve."""
    rest = curve[len(curve) // 2 :]
    return max(1, int((curve > rest.mean() + 3 * rest.std()).sum()))


def _curves(collection: measures.Collection) -> tuple[np.ndarray, np.ndarray]:
    """Return the score curves, shuffled, and which of their results are alike, both (n, NEAREST)."""
    shared = np.zeros((len(collection.ids), len(collection.ids)), np.int64)
    for name in ALIKE:
        values = np.array([attributes[name] for attributes in collection.attributes])
        shared += values[:, None] == values[None]
    scores = collection.vectors @ collection.vectors.T
    np.fill_diagonal(scores, -np.inf)
    best = np.argsort(-scores, axis=1)[:, :NEAREST]
    order = np.random.default_rng(0).permutation(len(scores))
    return np.take_along_axis(scores, best, axis=1)[order], (np.take_along_axis(shared, best, axis=1) >= 2)[order]


def _f1(curves: np.ndarray, right: np.ndarray, way: Callable[[np.ndarray], int]) -> float:
    values = []
    for curve, hits in zip(curves, right, strict=True):
        n = way(curve)
        true = hits[:n].sum()
        values.append(2 * true / (n + hits.sum()))
    return float(np.mean(values))


if __name__ == "__main__":
    main()
