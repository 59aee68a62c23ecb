"""Encoding on Ray beside one process: speed on one core and on all, processor time, seconds to begin, memory, vectors.

Where others use the machine too, processor time (`cpu_ms`, of all processes together, a picture) says more than speed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import multiprocessing
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil

import engines
from retrieval.core import Catalog, Item
from retrieval.indexing import build
from retrieval.indexing.build import Progress
from retrieval.indexing.ray_encoding import Work, on_ray
from services.catalogs.open_catalogs import OpenCatalogs
from services.indexes.workers import EncodingJob
from settings import ROOT, Settings

_SAMPLE_SECONDS = 1.0
_WARM = 0.2


def main() -> None:
    """Measure every way in turn, `--rounds` times, each in a fresh process, and print medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", default="sample", help="for example folder:../shared/data/clothing")
    parser.add_argument("--engine", default="squeezenet")
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    ways = [(way, count) for count in sorted({1, len(cores)}) for way in ("process", "ray")]
    found: dict[tuple[str, int], list[dict[str, float]]] = {way: [] for way in ways}
    with TemporaryDirectory() as scratch:
        for number in range(given.rounds):
            for way, count in ways:
                place = Path(scratch, f"{number}-{way}-{count}")
                found[way, count].append(_fresh(place, way, cores[:count], given))
        first = _vectors(Path(scratch, f"0-process-{len(cores)}"), given.engine)
        other = _vectors(Path(scratch, f"0-ray-{len(cores)}"), given.engine)
    result: dict[str, Any] = {"engine": given.engine, "pictures": given.pictures, "cores": len(cores)}
    for (way, count), runs in found.items():
        result[f"{way}_{count}"] = {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}
    most = len(cores)
    result["ray_share_of_process"] = round(result[f"ray_{most}"]["per_s"] / result[f"process_{most}"]["per_s"], 3)
    result["ray_cores_gain"] = round(result[f"ray_{most}"]["per_s"] / result["ray_1"]["per_s"], 3)
    assert first.keys() == other.keys()
    result["largest_difference"] = float(max(np.abs(first[each] - other[each]).max() for each in first))
    sys.stdout.write(json.dumps(result) + "\n")


def _fresh(place: Path, way: str, cores: list[int], given: argparse.Namespace) -> dict[str, float]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_measure, place, way, cores, given.catalog, given.engine, given.pictures).result()


class _First:
    """The first pictures of a catalogue."""

    def __init__(self, catalog: Catalog, count: int) -> None:
        self._catalog, self._count = catalog, count
        self.name, self.title = catalog.name, catalog.title
        self.read, self.open, self.fingerprint = catalog.read, catalog.open, catalog.fingerprint

    def __iter__(self) -> Iterator[Item]:
        return itertools.islice(self._catalog, self._count)


def _measure(place: Path, way: str, cores: list[int], name: str, engine: str, count: int) -> dict[str, float]:
    """Index in this process, or on a cluster of it, on `cores` alone; speeds are from _WARM of it to the end."""
    os.sched_setaffinity(0, cores)
    os.environ["OMP_NUM_THREADS"] = str(len(cores))
    logging.disable(logging.WARNING)
    spec = engines.spec(engine)
    settings = replace(Settings.from_environment(), index_cache=place)
    opened = OpenCatalogs(settings)
    catalog, digest = opened.catalog(opened.open(name)), engines.digest(spec)
    recipe = EncodingJob(settings.public, name, None, spec.name, digest)
    encode = None
    if way == "ray":
        del os.environ["OMP_NUM_THREADS"]  # Ray tells every worker its share
        encode = on_ray(Work(recipe.open, recipe.load, spec.image_size), ROOT, cores=len(cores))
    times: list[tuple[float, int]] = []

    def on_progress(progress: Progress) -> None:
        if progress.encoded:
            times.append((time.perf_counter(), progress.encoded))

    seen: list[tuple[float, float, float]] = []
    stop = threading.Event()
    watch = threading.Thread(target=_watch, args=(seen, stop))
    watch.start()
    started = time.perf_counter()
    build.build_index(_First(catalog, count), spec, digest, recipe.load, place, on_progress, encode)
    seconds = time.perf_counter() - started
    stop.set()
    watch.join()
    begun, before = next(each for each in times if each[1] >= _WARM * count)  # a pipeline has to fill first
    ended, after = times[-1]
    moments, spent, held = zip(*seen, strict=True)
    used = float(np.diff(np.interp([begun, ended], moments, spent))[0])
    return {
        "per_s": (after - before) / (ended - begun),
        "cpu_ms": 1000 * used / (after - before),
        "begins_after_s": times[0][0] - started,
        "seconds": seconds,
        "peak_mb": max(held),
    }


def _watch(seen: list[tuple[float, float, float]], stop: threading.Event) -> None:
    """Note (moment, processor seconds, MB) of this process and those under it together, shared pages counted once."""
    last: dict[int, float] = {}
    while True:
        held = 0.0
        for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
            try:
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="utf-8")
                spent = process.cpu_times()
            except (OSError, psutil.Error):
                continue
            held += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
            last[process.pid] = spent.user + spent.system
        seen.append((time.perf_counter(), sum(last.values()), held))
        if stop.wait(_SAMPLE_SECONDS):
            return


def _vectors(place: Path, engine: str) -> dict[str, np.ndarray]:
    return {
        item_id: vector
        for ids, vectors, _ in build.stored_blocks(place, engines.spec(engine))
        for item_id, vector in zip(ids, vectors, strict=True)
    }


if __name__ == "__main__":
    main()
