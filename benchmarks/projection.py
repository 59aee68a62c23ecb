"""How long a map takes, and how many of a picture's ten nearest stay its nearest: ours beside scikit-learn's t-SNE."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import numpy as np

from retrieval.evaluation import projection
from retrieval.evaluation.measures import Collection
from services import Services
from settings import Settings

ASKED = 500
NEAREST = 10


def main() -> None:
    """Lay out a catalogue by every way and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", default="sample")
    parser.add_argument("--points", type=int, default=0, help="as many points, by pictures between neighbours; 0: all")
    parser.add_argument("--beside", action="store_true", help="measure scikit-learn's too, which takes minutes")
    given = parser.parse_args()
    services = Services(Settings.from_environment(), [given.catalog])
    key = services.catalogs.infos()[0].key
    spec = services.engines.spec("squeezenet")
    services.indexes.build(key, spec)
    vectors = Collection.of(services.indexes.folder(key), spec).vectors
    vectors = more(vectors, given.points) if given.points else vectors
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "pca": lambda v: projection.project(v, "pca"),
        "tsne": lambda v: projection.project(v, "tsne"),
    }
    if given.beside:
        ways["scikit-learn"] = other
    measured = {name: measure(way, vectors) for name, way in ways.items()}
    sys.stdout.write(json.dumps({"points": len(vectors), "dim": vectors.shape[1], **measured}) + "\n")


def measure(way: Callable[[np.ndarray], np.ndarray], vectors: np.ndarray) -> dict[str, float]:
    """Return seconds, processor seconds and the part of the nearest that is kept."""
    started, busy = time.perf_counter(), time.process_time()
    points = way(vectors)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    return {"s": round(seconds, 1), "cpu_s": round(busy, 1), "kept": round(kept(vectors, points), 3)}


def kept(vectors: np.ndarray, points: np.ndarray) -> float:
    """Return the mean part of the NEAREST by cosine that is among the NEAREST on the map, over ASKED seeded items."""
    rows = np.random.default_rng(0).permutation(len(vectors))[:ASKED]
    wanted = np.argsort(-(vectors[rows] @ vectors.T), axis=1)[:, 1 : NEAREST + 1]
    distances = ((points[rows, None] - points[None]) ** 2).sum(axis=2)
    found = np.argsort(distances, axis=1)[:, 1 : NEAREST + 1]
    return float(np.mean([len(set(a) & set(b)) / NEAREST for a, b in zip(wanted, found, strict=True)]))


def more(vectors: np.ndarray, count: int) -> np.ndarray:
    """Return `count` unit vectors: those given, then seeded ones between a picture and one of its five nearest."""
    random = np.random.default_rng(0)
    missing = max(0, count - len(vectors))
    rows = random.integers(0, len(vectors), missing)
    nearest = np.argsort(-(vectors[rows] @ vectors.T), axis=1)[:, 1:6]
    others = nearest[np.arange(missing), random.integers(0, 5, missing)]
    made = (vectors[rows] + vectors[others]) / 2 + random.normal(0, 0.01, (missing, vectors.shape[1]))
    made = made / np.linalg.norm(made, axis=1, keepdims=True)
    return np.concatenate([vectors, made])[:count].astype(np.float32)


def other(vectors: np.ndarray) -> np.ndarray:
    """Return scikit-learn's t-SNE with its own defaults and the same start."""
    from sklearn.manifold import TSNE

    return TSNE(init="pca", perplexity=30, random_state=0).fit_transform(vectors)


if __name__ == "__main__":
    main()
