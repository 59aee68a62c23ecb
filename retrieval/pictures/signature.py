"""Copies told by their pixels, mirrored, turned and scaled too: a small square of each picture, compared eight ways."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

SIDE = 16
DECODED = 128
"""The shorter side, at least, of the pictures that are given: smaller ones differ too much when they are turned."""
_WORST = 4
_MOST_APART, _SHARE_APART, _ROUNDING = 14.0, 0.25, 2.0
"""How far the _WORST pixels, those that differ most, may be apart on average, of 255, and as a share of how much pixels
vary in the picture. Copies scaled by 0.7 and saved at quality 40 are 5 apart, at most 7.2; garments that differ in the
colour of their waistband alone 23 and more (403 photos of a shop)."""
_FREQUENCIES = 8
_ALIKE = 0.985
"""Cosine of the invariants of two pictures from which on they are compared pixel by pixel."""
_CELLS = 1 << 22


def signature(image: Image.Image) -> np.ndarray:
    """Return uint8 (SIDE, SIDE, 3) of an RGB picture, whatever its shape."""
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def same(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return bool (n,), which of uint8 (n, SIDE, SIDE, 3) are copies of `one`, mirrored or turned ones too."""
    found = np.zeros(len(others), bool)
    most = min(_MOST_APART, _SHARE_APART * float(one.std()) + _ROUNDING)
    for way in _ways(one).astype(np.int16):
        apart = np.abs(others - way).max(axis=3).reshape(len(others), SIDE * SIDE)
        found |= np.partition(apart, -_WORST, axis=1)[:, -_WORST:].mean(axis=1) <= most
    return found


def copies(
    signatures: np.ndarray, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[np.ndarray, np.ndarray]:
    """Return two int64 (m,), the rows of each pair of copies in uint8 (n, SIDE, SIDE, 3), the smaller row first.

    Pairs whose invariants are alike are compared pixel by pixel. `on_progress` hears how many rows are done, of all.
    """
    told = invariants(signatures)
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    step = max(1, _CELLS // max(1, len(told)))
    for start in range(0, len(told), step):
        on_progress(start, len(told))
        alike = told[start : start + step] @ told[start:].T >= _ALIKE
        for row in range(len(alike)):
            others = start + row + 1 + np.flatnonzero(alike[row, row + 1 :])
            found = others[same(signatures[start + row], signatures[others])]
            first.append(np.full(len(found), start + row))
            second.append(found)
    return np.concatenate(first), np.concatenate(second)


def invariants(signatures: np.ndarray) -> np.ndarray:
    """Return float32 (n, d) of length 1 that is the same for a picture, its mirror image and its quarter turns.

    To mirror a picture changes signs of its cosine transform, to turn it by a quarter swaps the two frequencies too:
    the larger and the smaller of |C(u, v)| and |C(v, u)| stay as they are.
    """
    cosines = np.cos(np.pi / SIDE * (np.arange(SIDE) + 0.5) * np.arange(_FREQUENCIES)[:, None]).astype(np.float32)
    grey = signatures.astype(np.float32).mean(axis=3)
    found = np.abs(cosines @ grey @ cosines.T)
    found[:, 0, 0] = 0
    swapped = found.transpose(0, 2, 1)
    upper, lower = np.triu_indices(_FREQUENCIES), np.triu_indices(_FREQUENCIES, 1)
    flat = np.concatenate([np.maximum(found, swapped)[:, *upper], np.minimum(found, swapped)[:, *lower]], axis=1)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)


def _ways(one: np.ndarray) -> np.ndarray:
    turned = [np.rot90(one, turns) for turns in range(4)]
    return np.stack(turned + [each[:, ::-1] for each in turned])
