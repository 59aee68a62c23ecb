"""Consumer-to-shop retrieval as DeepFashion2 measures it: of people's photos, how many find their garment in a shop."""

from __future__ import annotations

from typing import Any

import numpy as np

from retrieval.core import AppError
from retrieval.evaluation.measures import Collection

CUTS = (1, 5, 10, 20)
PAPER = {"top_1": 0.192, "top_20": 0.524}
"""The best of Ge et al. 2019 (arXiv:1901.07973), on the validation split and with found, not given, boxes."""
_CELLS = 1 << 22


def consumer_to_shop(collection: Collection) -> dict[str, Any]:
    """Search with every garment in a consumer's photo among all garments of shops; return the share found by rank.

    Attributes decide: `source` is "user" or "shop"; a hit is right when its `garment` (pair and style) is the query's.
    Garments of users without one (style 0) ask nothing; queries whose garment no shop has count as not found and are
    counted in `unmatched`. Raises AppError where there are no such pairs.
    """
    source = np.array([each.get("source", "") for each in collection.attributes], object)
    told = np.array([each.get("garment", "") for each in collection.attributes], str)
    names, garment = np.unique(told, return_inverse=True)
    shop, asked = np.flatnonzero(source == "shop"), np.flatnonzero((source == "user") & (names[garment] != ""))
    if not len(shop) or not len(asked):
        raise AppError(
            "Nothing to pair here: --match pair needs garments of shops and of users, in DeepFashion2's layout "
            "(sample, deepfashion2:PATH)."
        )
    ranks = np.concatenate([_first_right(collection.vectors, garment, part, shop) for part in _parts(asked, len(shop))])
    found = {f"top_{cut}": float((ranks < cut).mean()) for cut in CUTS}
    unmatched = int((~np.isin(garment[asked], garment[shop])).sum())
    return {"queries": len(asked), "gallery": len(shop), "unmatched": unmatched, **found, "paper": PAPER}


def _parts(rows: np.ndarray, width: int) -> list[np.ndarray]:
    """Cut `rows` so that a block of scores against `width` others stays small."""
    size = max(1, _CELLS // width)
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _first_right(vectors: np.ndarray, garment: np.ndarray, asked: np.ndarray, shop: np.ndarray) -> np.ndarray:
    """Return for each row of `asked` how many of `shop` score above its best right one; all of them without one."""
    scores = vectors[asked] @ vectors[shop].T
    right = garment[asked][:, None] == garment[shop][None]
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    return np.where(right.any(axis=1), (scores > best).sum(axis=1), len(shop) + max(CUTS))
