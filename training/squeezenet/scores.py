"""Scores of an embedding: leave-one-out precision@k and mAP over labels, recall@k of photos from copies."""

from __future__ import annotations

import numpy as np


def score_labels(embeddings: np.ndarray, labels: np.ndarray, k: int = 10) -> dict[str, float]:
    """Query every row against all the others: precision@1, precision@k and mAP, averaged over queries.

    `embeddings` float32 (n, dim), unit length; `labels` (n,). Queries without any relevant row are left out.
    """
    similarity = embeddings @ embeddings.T
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :-1]
    relevant = labels[order] == labels[:, None]
    counted = relevant.any(axis=1)
    relevant = relevant[counted]
    precision = np.cumsum(relevant, axis=1) / np.arange(1, relevant.shape[1] + 1)
    return {
        "queries": int(counted.sum()),
        "p@1": float(relevant[:, 0].mean()),
        f"p@{k}": float(relevant[:, :k].mean()),
        "map": float(((precision * relevant).sum(axis=1) / relevant.sum(axis=1)).mean()),
    }


def score_copies(copies: np.ndarray, gallery: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """Find photo `rows[i]` of the gallery from `copies[i]`: recall@1 and recall@10."""
    similarity = copies @ gallery.T
    own = similarity[np.arange(len(rows)), rows]
    rank = (similarity > own[:, None]).sum(axis=1)
    return {"queries": len(rows), "r@1": float((rank < 1).mean()), "r@10": float((rank < 10).mean())}
