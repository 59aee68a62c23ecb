"""What else could search half a million vectors: other indexes of FAISS on the corpus of benchmarks/scale.py.

Each is built on all cores and asked on one thread. `recall` is of the index alone; `recall_exact` is after the best
`candidates` were put in order by the exact vectors, which costs time that is not counted here.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from benchmarks import corpus
from benchmarks.scale import CORPUS

_CUT = 10
_ASKED = 300
CHOICES: dict[str, tuple[tuple[int, ...], int]] = {
    "Flat": ((0,), 10),
    "IVF2048,SQ8": ((64, 96, 128), 30),
    "IVF2048,PQ128x4fs": ((64, 96, 128), 1024),
    "IVF2048,PQ256x4fs": ((64, 96, 128), 144),
    "IVF2048,RaBitQfs": ((64, 96, 128), 144),
    "HNSW16,SQ8": ((64, 128, 256), 30),
}
"""Factory string -> (lists looked through, or the breadth of a graph search; candidates)."""


def main() -> None:
    """Print the figures of every choice as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=CORPUS)
    parser.add_argument("--choices", nargs="+", default=list(CHOICES))
    given = parser.parse_args()
    vectors = np.concatenate([block for _, block in corpus.blocks(given.size)])
    queries = corpus.vectors(_ASKED, corpus.QUERIES)
    truth = faiss.knn(queries, vectors, _CUT, metric=faiss.METRIC_INNER_PRODUCT)[1]
    found = {name: _measured(name, vectors, queries, truth) for name in given.choices}
    load = [round(each, 1) for each in os.getloadavg()]
    sys.stdout.write(json.dumps({"size": given.size, "load_of_machine": load, "choices": found}) + "\n")


def _measured(name: str, vectors: np.ndarray, queries: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    index = faiss.index_factory(corpus.DIM, name, faiss.METRIC_INNER_PRODUCT)
    if isinstance(index, faiss.IndexIVF):
        index.cp.max_points_per_centroid, index.cp.niter, index.cp.seed = 64, 10, 1
    if isinstance(index, faiss.IndexHNSW):
        index.hnsw.efConstruction = 80
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    started = time.perf_counter()
    index.train(vectors[np.random.default_rng(1).permutation(len(vectors))[:131_072]])
    for start in range(0, len(vectors), corpus.BLOCK):
        index.add(vectors[start : start + corpus.BLOCK])
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        faiss.write_index(index, str(Path(folder) / "index"))
        size = (Path(folder) / "index").stat().st_size / 1e6
    faiss.omp_set_num_threads(1)
    breadths, candidates = CHOICES[name]
    asked = {str(breadth): _asked(index, breadth, candidates, vectors, queries, truth) for breadth in breadths}
    return {"build_seconds": round(seconds, 1), "mb": round(size, 1), "candidates": candidates, "at": asked}


def _asked(
    index: faiss.Index, breadth: int, candidates: int, vectors: np.ndarray, queries: np.ndarray, truth: np.ndarray
) -> dict[str, float]:
    if isinstance(index, faiss.IndexIVF):
        index.nprobe = breadth
    elif isinstance(index, faiss.IndexHNSW):
        index.hnsw.efSearch = breadth
    taken, plain, exact = [], 0, 0
    for query, best in zip(queries, truth, strict=True):
        started = time.process_time()
        rows = index.search(query[None], candidates)[1][0]
        taken.append(1e3 * (time.process_time() - started))
        rows = rows[rows >= 0]
        plain += len(np.intersect1d(rows[:_CUT], best))
        exact += len(np.intersect1d(rows[np.argsort(-(vectors[rows] @ query))[:_CUT]], best))
    return {
        "processor_ms_p50": round(float(np.median(taken)), 3),
        "recall": round(plain / truth.size, 4),
        "recall_exact": round(exact / truth.size, 4),
    }


if __name__ == "__main__":
    main()
