"""How fast is a garment told, one photo at a time and many: network, colours and pattern, with and without decoding.

python -m benchmarks.product_speed --photos ../shared/data/clothing/images

JSON: milliseconds of one warm photo (median and 95th percentile); photos a second of a batch, and a second of one core:
where others are at work on the machine, the first figure falls and the second hardly does.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import engines
from retrieval.pictures.decoding import decode
from services.models.appearance import classified, describe

SAMPLE = Path(__file__).resolve().parent.parent / "assets" / "sample" / "image"
BATCH = 16
ROUNDS = 40


def one(work: Callable[[bytes], Any], data: list[bytes]) -> dict[str, float]:
    """Return the milliseconds that `work` takes for one file, over ROUNDS of them, after two that do not count."""
    taken = []
    for each in (data * ROUNDS)[: ROUNDS + 2]:
        started = time.perf_counter()
        work(each)
        taken.append(1000 * (time.perf_counter() - started))
    return {"p50_ms": round(float(np.median(taken[2:])), 1), "p95_ms": round(float(np.percentile(taken[2:], 95)), 1)}


def many(work: Callable[[], Any], count: int) -> dict[str, float]:
    """Return how many of `count` photos `work` does in a second, and in one of a single core, the best of three."""
    best, for_core = 0.0, 0.0
    for _ in range(3):
        started, busy = time.perf_counter(), time.process_time()
        work()
        best = max(best, count / (time.perf_counter() - started))
        for_core = max(for_core, count / (time.process_time() - busy))
    return {"per_second": round(best, 1), "per_core_second": round(for_core, 1)}


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=SAMPLE, help="folder of JPEG files; the drawn sample without it")
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--weights", default="fashion")
    options = parser.parse_args()
    encoder: Any = engines.load(engines.spec("product", options.weights))
    side = encoder.spec.image_size
    data = [path.read_bytes() for path in sorted(options.photos.glob("*.jpg"))[: options.count]]
    images = [decode(each, side) for each in data]

    def in_batches(work: Callable[[list[Image.Image]], Any]) -> None:
        for start in range(0, len(images), BATCH):
            work(images[start : start + BATCH])

    def from_files() -> None:
        for start in range(0, len(data), BATCH):
            encoder.classify([decode(each, side) for each in data[start : start + BATCH]])

    encoder.classify(images[: 2 * BATCH])
    found = {
        "photos": len(data),
        "one": one(lambda each: encoder.classify([decode(each, side)]), data),
        "one, with colours and pattern": one(lambda each: classified(encoder, [decode(each, side)]), data),
        "batch, decoded": many(lambda: in_batches(encoder.classify), len(data)),
        "batch, from files": many(from_files, len(data)),
        "batch, embedding only": many(lambda: in_batches(encoder.encode_images), len(data)),
        "batch, with colours and pattern": many(
            lambda: in_batches(lambda each: classified(encoder, each)), len(data)
        ),
        "decoding alone": many(lambda: [decode(each, side) for each in data], len(data)),
        "colours and pattern alone": many(lambda: [describe(each, None) for each in images], len(data)),
    }  # fmt: skip
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
