"""Maps of an index: its vectors laid out in two dimensions, and the file beside the index that keeps the layout."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.core import AppError
from retrieval.disk import write_atomically

METHODS = ("tsne", "pca")
MOST = 10_000
"""How many pictures a map shows; of more, a fixed random sample."""

_VERSION = 1
_PERPLEXITY = 30
_EXAGGERATION = 12
_EXAGGERATED, _PLAIN = 250, 300
_TOLD_EVERY = 10
_FEW = 6
_BY_GRID = 3000
"""From here on the interpolated gradient is quicker, while the layout is still small (benchmarks/projection.py)."""
_BLOCK = 512

OnProgress = Callable[[int, int], None]
"""Hears how many steps of how many are done, and may raise to stop."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A map: `points` float32 (n, 2), each coordinate in -1..1, of the items `ids`.

    `of` is how many items the index has, `made` names the index's state of which this is the map.
    """

    ids: Sequence[str]
    points: np.ndarray
    method: str
    made: str
    of: int


def chosen(count: int) -> np.ndarray:
    """Return the rows of an index of `count` that a map shows, int (n,), in order: all, or a fixed random MOST."""
    if count <= MOST:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, MOST, replace=False))


def project(
    vectors: np.ndarray, method: str = "tsne", on_progress: OnProgress = lambda done, total: None
) -> np.ndarray:
    """Lay out `vectors`, float32 (n, dim) of unit length, as float32 (n, 2) with each coordinate in -1..1.

    "pca" keeps the two directions of largest variance. "tsne" (van der Maaten and Hinton 2008) begins there and brings
    neighbours by cosine together, with the exaggeration and learning rate of Belkina et al. 2019 and, for many points,
    the interpolated gradient of Linderman et al. 2019, by openTSNE (Policar et al. 2024). The same vectors give the
    same map on the same machine. Any n works; below _FEW points t-SNE has no neighbourhoods to keep, and the map is
    that of PCA.
    Raises AppError for another method, and whatever `on_progress` raises.
    """
    if method not in METHODS:
        raise AppError(f"There is no map '{method}'. Choose one of: {', '.join(METHODS)}.")
    flat = _principal(vectors)
    return _fitted(flat if method == "pca" or len(vectors) < _FEW else _tsne(vectors, flat, on_progress))


def save(path: Path, projection: Projection) -> None:
    """Write a map to `path` atomically; raises AppError when the disk does not take it."""
    facts = {"version": _VERSION, "method": projection.method, "made": projection.made, "of": projection.of}
    text = json.dumps({**facts, "ids": list(projection.ids)}).encode()
    out = io.BytesIO()
    np.savez_compressed(out, points=projection.points, facts=np.frombuffer(text, np.uint8))
    write_atomically(path, out.getvalue())


def load(path: Path, method: str, made: str) -> Projection | None:
    """Return the map in `path` if it is whole and of this `method` and state of the index, else None."""
    try:
        with np.load(path, allow_pickle=False) as file:
            facts, points = json.loads(file["facts"].tobytes()), file["points"]
        found = Projection(facts["ids"], points, facts["method"], facts["made"], facts["of"])
        current = (facts["version"], found.method, found.made) == (_VERSION, method, made)
        whole = points.shape == (len(found.ids), 2) and points.dtype == np.float32 and np.isfinite(points).all()
        return found if current and whole else None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _principal(vectors: np.ndarray) -> np.ndarray:
    """Return float32 (n, 2), the first two principal components."""
    count, dim = vectors.shape
    found = np.zeros((count, 2), np.float32)
    if count > 2:
        from sklearn.decomposition import PCA

        axes = min(2, dim)
        found[:, :axes] = PCA(axes, random_state=0).fit_transform(vectors)
    elif count == 2:
        found[:, 0] = (-1, 1)
    return found


def _tsne(vectors: np.ndarray, flat: np.ndarray, on_progress: OnProgress) -> np.ndarray:
    from openTSNE import TSNEEmbedding, affinity, initialization, nearest_neighbors

    total = len(vectors) + (_EXAGGERATED + _PLAIN) * _weight(len(vectors))
    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    neighbours = _nearest(vectors, int(3 * perplexity), lambda done: on_progress(done, total))
    affinities = affinity.PerplexityBasedNN(
        perplexity=perplexity, knn_index=nearest_neighbors.PrecomputedNeighbors(*neighbours)
    )
    start = initialization.rescale(flat.astype(np.float64)) if flat.any() else initialization.random(len(vectors))
    embedding = TSNEEmbedding(start, affinities, random_state=0)

    def told(before: int) -> dict[str, object]:
        def step(iteration: int, error: float, embedding: np.ndarray) -> None:
            on_progress(len(vectors) + (before + iteration) * _weight(len(vectors)), total)

        return {"callbacks": step, "callbacks_every_iters": _TOLD_EVERY}

    early = {"negative_gradient_method": "fft" if len(vectors) > _BY_GRID else "bh", "exaggeration": _EXAGGERATION}
    embedding = embedding.optimize(_EXAGGERATED, momentum=0.5, **early, **told(0))
    late = {"negative_gradient_method": "bh", "momentum": 0.8}
    return np.asarray(embedding.optimize(_PLAIN, **late, **told(_EXAGGERATED)), np.float32)


def _weight(count: int) -> int:
    """Return how many rows of neighbours take about as long as one step of the layout."""
    return max(1, count // 100)


def _nearest(vectors: np.ndarray, k: int, on_progress: Callable[[int], None]) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest others of every row: int (n, k), and their distances, float64 (n, k), nearest first."""
    indices = np.empty((len(vectors), k), np.int64)
    distances = np.empty((len(vectors), k))
    for start in range(0, len(vectors), _BLOCK):
        rows = slice(start, start + _BLOCK)
        scores = vectors[rows] @ vectors.T
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        found = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best = np.take_along_axis(scores, found, axis=1)
        order = np.argsort(-best, axis=1, kind="stable")
        indices[rows] = np.take_along_axis(found, order, axis=1)
        distances[rows] = np.sqrt(np.maximum(2 - 2 * np.take_along_axis(best, order, axis=1), 0))
        on_progress(start + len(scores))
    return indices, distances


def _fitted(points: np.ndarray) -> np.ndarray:
    """Return `points` moved and scaled alike in both directions, so that each coordinate is in -1..1."""
    if not len(points):
        return points
    points = points - (points.min(axis=0) + points.max(axis=0)) / 2
    return (points / max(float(np.abs(points).max()), 1e-12)).astype(np.float32)
