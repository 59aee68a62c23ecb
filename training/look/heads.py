"""The linear algebra of the engine `look`: axes that copies of a photo share, kinds of clothes, a metric of views."""

from __future__ import annotations

import numpy as np

SMALL = 1e-8


def unit(rows: np.ndarray) -> np.ndarray:
    """Bring rows (n, d) to length 1, float32."""
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), SMALL)).astype(np.float32)


def inverse_root(scatter: np.ndarray, share: float) -> np.ndarray:
    """Return the inverse square root (d, d) of a scatter matrix, shrunk to the identity by 1 - share.

    Directions that vary within what should be the same count less: within-class covariance normalisation (Hatch et
    al. 2006), shrunk.
    """
    size = len(scatter)
    scaled = scatter * size / np.trace(scatter)
    values, vectors = np.linalg.eigh(share * scaled + (1 - share) * np.eye(size))
    return vectors / np.sqrt(values) @ vectors.T


def fit_part(clean: np.ndarray, copies: np.ndarray, size: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit mean (d,) and axes (d, size) of one part on photos (n, d) and copies of each of them (n, m, d).

    The axes are the principal ones of the photos, then what differs between a photo and its copies is made small.
    """
    mean = clean.mean(axis=0)
    centred = clean - mean
    # Fewer photos than numbers: the axes come from the products of photos, which are the smaller matrix.
    values, vectors = np.linalg.eigh(centred @ centred.T)
    axes = centred.T @ vectors[:, -size:] / np.sqrt(np.maximum(values[-size:], SMALL))
    first = unit(centred @ axes)
    scatter = np.zeros((size, size))
    for number in range(copies.shape[1]):
        gaps = first - unit((copies[:, number] - mean) @ axes)
        scatter += gaps.T @ gaps / len(gaps)
    return mean, axes @ inverse_root(scatter, share)


def fit_kinds(rows: np.ndarray, targets: np.ndarray, size: int, ridge: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Fit mean (d,) and axes (d, size) that tell classes apart: a ridged linear discriminant (Fisher 1936).

    `rows` (n, d), `targets` (n,) class numbers from 0. Axes are weighted by the root of how well they tell.
    """
    mean = rows.mean(axis=0)
    counts = np.bincount(targets)
    centres = np.stack([rows[targets == number].mean(axis=0) for number in range(len(counts))])
    gaps = rows - centres[targets]
    scatter = gaps.T @ gaps / len(gaps)
    scatter += np.eye(len(scatter)) * ridge * np.trace(scatter) / len(scatter)
    values, vectors = np.linalg.eigh(scatter)
    whitener = vectors / np.sqrt(values)
    spread = (centres - mean) @ whitener * np.sqrt(counts / counts.sum())[:, None]
    _, strengths, directions = np.linalg.svd(spread, full_matrices=False)
    return mean, whitener @ directions[:size].T * np.sqrt(strengths[:size])


def fit_metric(looks: np.ndarray, products: np.ndarray, share: float) -> np.ndarray:
    """Fit (d, d) that brings the views of one product together.

    `looks` (n, m, d) are m regions of each of n pictures, `products` (n,) what they show.
    """
    size = looks.shape[2]
    scatter = np.zeros((size, size))
    for product in np.unique(products):
        same = looks[products == product].reshape(-1, size)
        gaps = same - same.mean(axis=0)
        scatter += gaps.T @ gaps
    return inverse_root(scatter, share)
