"""Vectors of a corpus that nobody has: seeded, of any number, with the structure of a real engine's vectors.

A vector is the sum of three parts, brought to length 1: the mean of all; a point in a space of few dimensions around
the centre of its kind, the kinds of unequal size (what class labels teach an engine); and random Fourier features of a
latent point of LATENT numbers (what tells single pictures apart). The constants were set by hand until a sample of
4,171 had the structure that the engine squeezenet:fashion gives the 4,171 photos of the Clothing Dataset;
`python -m benchmarks.corpus --catalog folder:../shared/data/clothing` measures both:

| | engine (384 numbers) | synthetic (512) |
| --- | --- | --- |
| effective dimensions of the spectrum (participation ratio) | 37.6 | 30.6 |
| share of the variance in the first 1, 8, 64 directions | 0.10, 0.39, 0.64 | 0.11, 0.40, 0.74 |
| variance inside 64, 256 clusters of k-means | 0.44, 0.39 | 0.45, 0.41 |
| largest, upper quartile, median of 64 clusters | 163, 82, 56 | 224, 84, 65 |
| mean cosine with the nearest, 10th, 100th other | 0.73, 0.63, 0.53 | 0.72, 0.63, 0.54 |
| spread of all cosines | 0.148 | 0.145 |
| local intrinsic dimension, from 20 neighbours (Levina and Bickel 2004) | 20.7 | 21.2 |
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

import numpy as np

DIM = 512
BLOCK = 50_000
SEED = 4
QUERIES = 1 << 30
"""The number of the block of queries; no corpus has so many."""
_KINDS, _KIND_DIMS, _SPREAD, _SHARE, _DECAY = 24, 16, 0.4, 0.45, 0.8
LATENT, _LENGTH, _MEAN = 12, 2.1, 0.42


def vectors(count: int, block: int = 0) -> np.ndarray:
    """Return float32 (count, DIM) unit vectors; another `block` gives others of the same corpus."""
    shape = np.random.default_rng(SEED)
    sizes = shape.dirichlet(np.full(_KINDS, 2.0))
    scale = _DECAY ** (np.arange(_KIND_DIMS) / 2)
    centres = shape.normal(size=(_KINDS, _KIND_DIMS)) * scale
    axes = np.linalg.qr(shape.normal(size=(DIM, _KIND_DIMS + 1)))[0]
    waves = (shape.normal(size=(LATENT, DIM)) / _LENGTH).astype(np.float32)
    phases = shape.uniform(0, 2 * np.pi, DIM).astype(np.float32)
    rng = np.random.default_rng([SEED, block])
    kinds = rng.choice(_KINDS, count, p=sizes)
    places = centres[kinds] + _SPREAD * scale * rng.normal(size=(count, _KIND_DIMS))
    places *= np.sqrt(_SHARE / ((1 + _SPREAD**2) * (scale**2).sum()))
    found = places.astype(np.float32) @ axes[:, 1:].T.astype(np.float32)
    latent = rng.normal(size=(count, LATENT)).astype(np.float32)
    found += np.sqrt(2 * (1 - _SHARE) / DIM, dtype=np.float32) * np.cos(latent @ waves + phases)
    found += np.float32(_MEAN / np.sqrt(1 - _MEAN**2)) * axes[:, 0].astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def blocks(count: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (number of the first, float32 (n, DIM)) of a corpus of `count` vectors."""
    for number, start in enumerate(range(0, count, BLOCK)):
        yield start, vectors(min(BLOCK, count - start), number)


def structure(held: np.ndarray) -> dict[str, object]:
    """Return the figures of the table above for float32 (n, dim) unit vectors."""
    import faiss

    spectrum = np.linalg.eigvalsh(np.cov(held.T))[::-1].clip(0)
    shares = np.cumsum(spectrum) / spectrum.sum()
    found: dict[str, object] = {
        "effective_dimensions": round(float(spectrum.sum() ** 2 / (spectrum**2).sum()), 1),
        "variance_in_first": {n: round(float(shares[n - 1]), 3) for n in (1, 8, 64)},
    }
    for count in (64, 256):
        clusters = faiss.Kmeans(held.shape[1], count, niter=15, seed=1, min_points_per_centroid=1)
        clusters.train(held)
        nearest = clusters.assign(held)[1]
        inside = held - np.asarray(clusters.centroids)[nearest]
        sizes = np.sort(np.bincount(nearest, minlength=count))[::-1]
        found[f"variance_in_{count}_clusters"] = round(float(inside.var(axis=0).sum()), 3)
        found[f"sizes_of_{count}_clusters"] = [int(sizes[n]) for n in (0, count // 4, count // 2)]
    cosines = held @ held.T
    np.fill_diagonal(cosines, -1)
    ranked = -np.sort(-cosines, axis=1)
    distances = np.sqrt((2 - 2 * ranked[:, :20]).clip(1e-9))
    dimension = -1 / np.log(distances[:, :-1] / distances[:, -1:]).mean(axis=1)
    return found | {
        "cosine_with": {n: round(float(ranked[:, n - 1].mean()), 3) for n in (1, 10, 100)},
        "spread_of_cosines": round(float(cosines[cosines > -1].std()), 3),
        "intrinsic_dimension": round(float(np.median(dimension)), 1),
    }


def main() -> None:
    """Print the structure of an engine's vectors beside that of as many synthetic ones, as JSON."""
    from retrieval.evaluation.measures import Collection
    from services import Services
    from settings import Settings

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--catalog", default="sample")
    parser.add_argument("--engine", default="squeezenet")
    given = parser.parse_args()
    services = Services(Settings.from_environment(), [given.catalog])
    key = services.catalogs.key(given.catalog)
    spec = services.engines.spec(given.engine)
    services.indexes.build(key, spec)
    real = Collection.of(services.indexes.folder(key), spec).vectors
    both = {"engine": structure(real), "synthetic": structure(vectors(len(real)))}
    sys.stdout.write(json.dumps(both) + "\n")


if __name__ == "__main__":
    main()
