"""How fast an index is built, beside decoding alone and encoding alone; a re-index of nothing new; memory by size."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from PIL import Image

import engines
from retrieval.catalogs import open_catalog
from retrieval.core import EncoderSpec, Item
from retrieval.indexing import build
from retrieval.pictures import decoding
from settings import Settings


def main() -> None:
    """Measure in turn, `--rounds` times, and print medians as JSON; memory in a fresh process for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", default="sample", help="for example folder:../shared/data/clothing")
    parser.add_argument("--engine", default="squeezenet")
    parser.add_argument("--weights")
    parser.add_argument("--pictures", type=int, default=1024, help="how many pictures each speed is measured on")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    spec = engines.spec(given.engine, given.weights)
    speeds = [_speeds(given.catalog, spec, given.pictures) for _ in range(given.rounds)]
    result = {name: sorted(s[name] for s in speeds)[len(speeds) // 2] for name in speeds[0]}
    result["share_of_slower"] = result["build_per_s"] / min(result["decode_per_s"], result["encode_per_s"])
    result |= _reindex(given.catalog, spec)
    fresh = multiprocessing.get_context("spawn")
    for count in (given.pictures, 4 * given.pictures):
        with ProcessPoolExecutor(1, mp_context=fresh) as process:
            grown, vectors = process.submit(_memory, given.catalog, spec, count).result()
        result[f"peak_mb_{count}"], result[f"vectors_mb_{count}"] = grown, vectors
    sys.stdout.write(json.dumps({k: round(v, 3) for k, v in result.items()}) + "\n")


class _Few:
    """The first pictures of a catalogue, again and again under new ids, up to a count."""

    def __init__(self, name: str, count: int) -> None:
        self._catalog = open_catalog(name, Settings().sample)
        self.name, self.title, self._count = name, name, count
        self._items = list(self._catalog)
        self.open = self._catalog.open

    def __iter__(self) -> Iterator[Item]:
        for n in range(self._count):
            item = self._items[n % len(self._items)]
            yield replace(item, id=f"{n // len(self._items)}|{item.id}")

    def fingerprint(self) -> str:
        """Return the count: nothing else changes."""
        return str(self._count)

    def read(self, item_id: str) -> bytes:
        """Return the file's bytes and, after them, which turn it is."""
        turn, _, name = item_id.partition("|")
        # A comment after the end of the picture makes each copy new content, or it would be reused, not encoded.
        return self._catalog.read(name) + turn.encode()


def _speeds(name: str, spec: EncoderSpec, count: int) -> dict[str, float]:
    catalog = _Few(name, count)
    items = list(catalog)
    encoder = engines.load(spec)

    def decode(item: Item) -> Image.Image:
        return decoding.decode(catalog.read(item.id), spec.image_size, item.box)

    with ThreadPoolExecutor(os.cpu_count()) as readers:
        some = list(readers.map(decode, items[:256]))
        encoder.encode_images(some[:64])
        decode_s = _seconds(lambda: [None for _ in readers.map(decode, items)])
    encode_s = _seconds(lambda: [encoder.encode_images(some[n : n + 32]) for n in range(0, 256, 32)]) * count / 256
    with TemporaryDirectory() as folder:
        build_s = _seconds(lambda: build.build_index(catalog, spec, "bench", lambda: encoder, Path(folder)))
    return {"decode_per_s": count / decode_s, "encode_per_s": count / encode_s, "build_per_s": count / build_s}


def _reindex(name: str, spec: EncoderSpec) -> dict[str, float]:
    catalog = open_catalog(name, Settings().sample)
    with TemporaryDirectory() as folder:

        def run() -> build.Report:
            return build.build_index(catalog, spec, "bench", lambda: engines.load(spec), Path(folder))

        report = run()
        return {"pictures": report.pictures, "reindex_nothing_new_s": _seconds(run)}


def _memory(name: str, spec: EncoderSpec, count: int) -> tuple[float, float]:
    process = psutil.Process()
    encoder = engines.load(spec)
    catalog = _Few(name, count)
    peak = before = process.memory_info().rss

    def watch(progress: build.Progress) -> None:
        nonlocal peak
        peak = max(peak, process.memory_info().rss)

    with TemporaryDirectory() as folder:
        build.build_index(catalog, spec, "bench", lambda: encoder, Path(folder), watch)
    return (peak - before) / 1e6, count * spec.dim * 4 / 1e6


def _seconds(job: Callable[[], object]) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
