"""How an index with regions lies in a table: one row an item, its regions' vectors one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from PIL import Image

from retrieval.core import Attributes, Encoder, EncoderSpec
from retrieval.pictures import regions

COUNT = len(regions.REGIONS)
_BETWEEN = "\x1f"
_THREADS = 2


def region_id(item_id: str, number: int) -> str:
    """Return the id under which an index of single vectors holds a region of an item."""
    return f"{item_id}{_BETWEEN}{number}"


def item_of(region: str) -> str:
    """Return the item that a region is of."""
    return region.rpartition(_BETWEEN)[0]


def with_regions(spec: EncoderSpec) -> EncoderSpec:
    """Return the facts under which regions are stored: a vector `COUNT` times as long, another preprocessing.

    Pictures are decoded as large as for the whole alone: a query, which is the whole, must have the same pixels.
    """
    return replace(
        spec,
        dim=COUNT * spec.dim,
        preprocessing=1000 * regions.VERSION + spec.preprocessing,
    )


def spread(
    ids: Sequence[str], vectors: np.ndarray, attributes: Sequence[Attributes]
) -> tuple[list[str], np.ndarray, list[Attributes]]:
    """Return items with their vectors, float32 (n, regions, dim), as rows of one vector; one region is the item."""
    count = vectors.shape[1]
    if count == 1:
        return list(ids), vectors[:, 0], list(attributes)
    rows = [region_id(item_id, number) for item_id in ids for number in range(count)]
    return rows, vectors.reshape(-1, vectors.shape[2]), [each for each in attributes for _ in range(count)]


def count_in(stored: int, spec: EncoderSpec) -> int:
    """Return how many vectors an item has in a table whose rows have `stored` numbers."""
    return max(1, stored // spec.dim)


class RegionEncoder:
    """An encoder that gives the vectors of a picture's regions one after the other."""

    def __init__(self, encoder: Encoder) -> None:
        """Encode every region with `encoder`."""
        self._encoder = encoder
        self.spec = with_regions(self._encoder.spec)

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, COUNT * dim); every stretch of dim numbers has length 1."""
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="regions") as pool:
            cut = [region for found in pool.map(regions.regions, images) for region in found]
        return self._encoder.encode_images(cut).reshape(len(images), self.spec.dim)
