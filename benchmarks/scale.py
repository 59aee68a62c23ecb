"""What searching takes on one machine, by size: exact and approximate, with and without filters; building and opening.

The vectors are those of benchmarks/corpus.py. Each step runs in a process of its own, so that peaks of memory are its
own; queries run on one thread (`OMP_NUM_THREADS=1`), one at a time, after a warm-up, and the processor's time is told
beside the clock's, which grows when others use the machine. The truth is a product with every vector. `table` is what
encoding leaves on disk (exact vectors, ids, attributes), and `index` what is made beside it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import corpus
from retrieval.core import VectorIndex
from retrieval.indexing.storage import StoredRow, VectorTable

CORPUS = 491_895
"""As many as DeepFashion2 has pictures, its test set included."""
_ASKED = 500
_CUT = 10
_CHANGED = 1000


def main() -> None:
    """Print the figures of every size as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[CORPUS])
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary one by default")
    given = parser.parse_args()
    result: dict[str, Any] = {"threads_of_queries": 1, "cores": os.cpu_count(), "dim": corpus.DIM, "sizes": {}}
    for size in given.sizes:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            result["sizes"][str(size)] = _measured(size, Path(folder))
    result["load_of_machine"] = [round(load, 1) for load in os.getloadavg()]
    sys.stdout.write(json.dumps(result) + "\n")


def _measured(size: int, folder: Path) -> dict[str, Any]:
    table = folder / "vectors.sqlite"
    found: dict[str, Any] = {"table": _apart(_write_table, table, size)}
    found["table"]["mb"] = table.stat().st_size / 1e6
    found["index"] = _apart(_build, table)
    truth = _apart(_truth, table, size)
    np.savez(folder / "truth.npz", **truth)
    found["approximate"] = _apart(_ask, table, "approximate", threads=1)
    found["flat"] = _apart(_ask, table, "flat", threads=1)
    found["update"] = _apart(_update, table, size)
    return _rounded(found)


def _apart(job: Callable[..., Any], *given: object, threads: int | None = None) -> Any:  # noqa: ANN401 - what it returns
    """Run `job` in a fresh process, on so many threads."""
    if threads:
        os.environ.update({name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")})
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            return process.submit(job, *given).result()
    finally:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.pop(name, None)


def _rows(first: int, vectors: np.ndarray) -> list[StoredRow]:
    """Return rows with a label that one in a hundred has, and one that the hundredth on one side of the corpus has."""
    side = np.random.default_rng(corpus.SEED).normal(size=corpus.DIM).astype(np.float32)
    far = vectors @ side > np.quantile(corpus.vectors(20_000, corpus.QUERIES + 1) @ side, 0.99)
    return [
        StoredRow(
            f"{n:07}", "", json.dumps({"percent": str(n * 7919 % 100), "side": "far" if far[n - first] else "near"}),
            f"{n:032x}", vectors[n - first],
        )
        for n in range(first, first + len(vectors))
    ]  # fmt: skip


def _write_table(table: Path, size: int) -> dict[str, float]:
    started = time.perf_counter()
    with VectorTable(table, corpus.DIM) as held:
        for first, vectors in corpus.blocks(size):
            held.put(_rows(first, vectors))
    return {"seconds": time.perf_counter() - started}


def _build(table: Path) -> dict[str, float]:
    from retrieval.indexes.approximate import index as approximate

    before, started = _peak_mb(), time.perf_counter()
    made = approximate.update_index(table, corpus.DIM)
    times = os.times()
    return {
        "mb": made.size / 1e6,
        "bytes_a_vector": made.size / made.pictures,
        "seconds": time.perf_counter() - started,
        "processor_seconds": times.user + times.system,
        "peak_mb": _peak_mb(),
        "peak_mb_before": before,
        "lists_looked_through": made.probes,
        "recall_measured_at_build": made.recall,
    }


def _truth(table: Path, size: int) -> dict[str, np.ndarray]:
    """Return int64 (queries, _CUT) for every filter: the numbers of the nearest vectors that pass."""
    queries = corpus.vectors(_ASKED, corpus.QUERIES)
    best = {name: (np.full((_ASKED, _CUT), -np.inf, np.float32), np.full((_ASKED, _CUT), -1)) for name in _FILTERS}
    for first, vectors in corpus.blocks(size):
        notes = [json.loads(row.attributes) for row in _rows(first, vectors)]
        for name, filter in _FILTERS.items():
            passing = [n for n, note in enumerate(notes) if all(note[key] in values for key, values in filter.items())]
            scores = np.concatenate([best[name][0], queries @ vectors[passing].T], axis=1)
            numbers = np.concatenate(
                [best[name][1], np.broadcast_to(first + np.array(passing, np.int64), (_ASKED, len(passing)))], axis=1
            )
            order = np.argpartition(-scores, _CUT - 1, axis=1)[:, :_CUT]
            best[name] = np.take_along_axis(scores, order, 1), np.take_along_axis(numbers, order, 1)
    return {name: numbers for name, (_, numbers) in best.items()}


_FILTERS: dict[str, dict[str, list[str]]] = {
    "all": {},
    "one_percent": {"percent": ["7"]},
    "one_percent_on_one_side": {"side": ["far"]},
    "half": {"percent": [str(n) for n in range(50)]},
}


def _ask(table: Path, kind: str) -> dict[str, Any]:
    """Return how one kind of index opens and answers."""
    started = time.perf_counter()
    index = _opened(table, kind)
    found: dict[str, Any] = {"open_seconds": time.perf_counter() - started}
    queries = corpus.vectors(_ASKED, corpus.QUERIES)
    with np.load(table.with_name("truth.npz")) as truth:
        for name, filter in _FILTERS.items():
            asked = queries if name == "all" else queries[: _ASKED // 5]
            found[name] = _answers(index, asked, truth[name], filter, _CUT)
    found["hundred_results"] = _answers(index, queries[:100], None, {}, 100)
    return found | {"peak_mb": _peak_mb()}


def _opened(table: Path, kind: str) -> VectorIndex:
    from retrieval.indexes.approximate.index import ApproximateIndex
    from retrieval.indexes.faiss_index import FaissIndex

    if kind == "approximate":
        return ApproximateIndex(table, corpus.DIM)
    index = FaissIndex(corpus.DIM)
    with VectorTable(table, corpus.DIM) as held:
        for ids, vectors, attributes in held.blocks():
            index.add(ids, vectors, attributes)
    return index


def _answers(
    index: VectorIndex, queries: np.ndarray, truth: np.ndarray | None, filter: dict[str, list[str]], k: int
) -> dict[str, float]:
    index.query(queries[-1:], k, filter)
    taken, worked, shared = [], [], 0
    for row, query in enumerate(queries):
        started, before = time.perf_counter(), time.process_time()
        (hits,) = index.query(query[None], k, filter)
        taken.append(1e3 * (time.perf_counter() - started))
        worked.append(1e3 * (time.process_time() - before))
        if truth is not None:
            shared += len({int(hit.id) for hit in hits} & set(truth[row].tolist()))
    found = {
        "ms_p50": float(np.percentile(taken, 50)),
        "ms_p95": float(np.percentile(taken, 95)),
        "processor_ms_p50": float(np.percentile(worked, 50)),
    }
    return found | ({} if truth is None else {"recall_at_10": shared / truth[: len(queries)].size})


def _update(table: Path, size: int) -> dict[str, float]:
    """Return what it takes to follow _CHANGED new vectors and as many that are gone."""
    from retrieval.indexes.approximate import index as approximate

    with VectorTable(table, corpus.DIM) as held:
        held.put(_rows(size, corpus.vectors(_CHANGED, corpus.QUERIES + 2)))
        held.remove([f"{n:07}" for n in range(_CHANGED)])
    started = time.perf_counter()
    made = approximate.update_index(table, corpus.DIM)
    return {"seconds": time.perf_counter() - started, "recall_measured": made.recall, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _rounded(found: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(found, dict):
        return {name: _rounded(value) for name, value in found.items()}
    return round(found, 4 if found < 1 else 2) if isinstance(found, float) else found


if __name__ == "__main__":
    main()
