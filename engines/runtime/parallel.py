"""Encoding on every core: chunks of pictures side by side, each on one thread of torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numpy as np
import torch

T = TypeVar("T")


def encode_in_chunks(
    embed: Callable[[Sequence[T]], np.ndarray], images: Sequence[T], size: int, dim: int
) -> np.ndarray:
    """Return float32 (n, dim), what `embed` makes of `images` (or texts), `size` at a time on all cores.

    Whole pictures side by side keep the cores busier than parts of one product do: nobody waits at a barrier.
    """
    chunks = [images[start : start + size] for start in range(0, len(images), size)]
    found = list(_pool().map(embed, chunks))
    return np.concatenate(found) if found else np.empty((0, dim), np.float32)


@cache
def _pool() -> ThreadPoolExecutor:
    # A worker among several on one machine is told its share by this variable, as other libraries are.
    share = os.environ.get("OMP_NUM_THREADS", "")
    threads = int(share) if share.isdecimal() and int(share) else os.cpu_count() or 1
    return ThreadPoolExecutor(threads, "encode", initializer=lambda: torch.set_num_threads(1))
