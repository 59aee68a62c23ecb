"""Vectors of several parts: a question that takes each part from another picture, and counts it as much as wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from retrieval.core import VectorPart


def weigh(parts: Sequence[VectorPart], vectors: Mapping[str, np.ndarray], shares: Mapping[str, float]) -> np.ndarray:
    """Return the question, float32 (dim,), that takes each part from `vectors` and counts it by `shares`.

    A stored vector is v = [sqrt(p_1) u_1, sqrt(p_2) u_2, …] with unit vectors u_i and shares p_i of the encoder. Asked
    with other shares w_i, which sum to 1, pictures should compare as [sqrt(w_1) u_1, …] do; the cosine of two of those
    is sum of w_i (u_i . u_i'), and that is the inner product of v' with [w_1 u_1 / sqrt(p_1), …], what is returned. So
    no stored vector changes, a score stays a cosine, and what is asked for its own picture finds it at 1.
    """
    found, start = [], 0
    for part in parts:
        own = vectors[part.name][start : start + part.dim]
        length = max(float(np.linalg.norm(own)), 1e-8)
        found.append(shares[part.name] / np.sqrt(part.share) * own / length)
        start += part.dim
    return np.concatenate(found).astype(np.float32)
