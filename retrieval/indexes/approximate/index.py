"""The approximate index: a few lists looked through, the likeliest compared by bytes, the best by the exact vectors."""

from __future__ import annotations

import bisect
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from retrieval.core import AppError, Attributes, Filter, Hit, StaleIndexError
from retrieval.indexes.approximate import building, manifest
from retrieval.indexes.approximate.manifest import ShardManifest
from retrieval.indexes.approximate.postings import Postings
from retrieval.indexes.approximate.shard import DAMAGE, Shard
from retrieval.indexes.rows import checked, fitted
from retrieval.indexing.storage import StoredRow, VectorTable
from retrieval.indexing.stored_rows import Stored, StoredRows

TARGET = 0.991
"""The recall@10 for which the number of lists to look through is chosen."""
_MEASURED = 500
_CUT = 10
_RUNG = 1.15
_SEED = 20261126


class ApproximateIndex:
    """Searches a table of vectors through the parts beside it, which are made by `update_index`.

    What it answers with (id, attributes, score) is read from the table at the query: scores are exact, and a picture
    that was replaced meanwhile is never shown under another's name. Threads may share it.
    """

    def __init__(self, table: Path, dim: int, made: ShardManifest | None = None) -> None:
        """Open the index of `table`, a file of retrieval.indexing.storage.VectorTable; raises AppError.

        `made` is a layout that is not on disk yet. A table without an index, or none at all, is an empty index.
        """
        self.dim, self._table = dim, table
        if not table.is_file():
            VectorTable(table, dim).close()
        self._stored = StoredRows(table, dim)
        self._open(made or manifest.read(table))

    def _open(self, made: ShardManifest | None) -> None:
        folder = self._table.parent
        try:
            self._parts = [Shard.read(folder, files) for files in made.parts] if made else []
        except DAMAGE as error:
            manifest.drop(self._table)
            raise StaleIndexError(
                f"The approximate index of {self._table.name} is damaged ({error}). Index the catalogue again."
            ) from None
        self._postings = Postings(folder / made.postings) if made else None
        self._pictures = made.pictures if made else 0
        self.probes = made.probes if made else 0

    def __len__(self) -> int:
        return self._pictures

    def __contains__(self, item_id: str) -> bool:
        return self._stored.holds(item_id)

    def add(self, ids: Sequence[str], vectors: np.ndarray, attributes: Sequence[Attributes] | None = None) -> None:
        """Insert or replace rows of the table, and bring the index up to date with it."""
        vectors = checked(ids, vectors, attributes, self.dim)
        notes = attributes if attributes is not None else [{}] * len(ids)
        rows = [
            StoredRow(item_id, "", json.dumps(dict(note)), hashlib.blake2b(vector, digest_size=16).hexdigest(), vector)
            for item_id, vector, note in zip(ids, vectors, notes, strict=True)
        ]
        with VectorTable(self._table, self.dim) as table:
            table.put(rows)
        self._open(update_index(self._table, self.dim))

    def remove(self, ids: Sequence[str]) -> None:
        """Drop rows of the table, and bring the index up to date with it; an id that is not there is no error."""
        with VectorTable(self._table, self.dim) as table:
            table.remove(ids)
        self._open(update_index(self._table, self.dim))

    def query(self, vectors: np.ndarray, k: int, filter: Filter | None = None) -> list[list[Hit]]:
        """Return, for each row of `vectors`, the nearest items that pass `filter`."""
        vectors = fitted(vectors, self.dim)
        wanted = {name: tuple(values) for name, values in (filter or {}).items() if values}
        allowed = self._postings.matching(wanted) if self._postings and wanted else None
        k = min(k, len(self) if allowed is None else len(allowed))
        if k <= 0:
            return [[] for _ in vectors]
        return [self._best(vector, k, wanted, allowed) for vector in vectors]

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dim), the stored vectors of `ids`."""
        return self._stored.vectors(ids)

    def attributes(self, ids: Sequence[str]) -> list[Attributes]:
        """Return the attributes of `ids`."""
        return self._stored.attributes(ids)

    @property
    def lists(self) -> int:
        """How many lists the part that has most has."""
        return max((part.lists.lists for part in self._parts if part.lists), default=1)

    def scores(self, query: np.ndarray, k: int) -> np.ndarray:
        """Return float32 (<= k,), the exact scores of the items found for float32 (dim,), the highest first."""
        return np.sort(self._found(query, k, None)[0])[::-1][:k]

    def _best(self, query: np.ndarray, k: int, wanted: Filter, allowed: np.ndarray | None) -> list[Hit]:
        scores, rows = self._found(query, k, allowed)
        scores = np.clip(scores, -1.0, 1.0)
        hits = (Hit(rows.ids[n], float(scores[n]), rows.attributes[n]) for n in np.argsort(-scores, kind="stable"))
        # The table may be ahead of the postings while it is brought up to date.
        passing = [h for h in hits if all(h.attributes.get(name) in values for name, values in wanted.items())]
        return passing[:k]

    def _found(self, query: np.ndarray, k: int, allowed: np.ndarray | None) -> tuple[np.ndarray, Stored]:
        """Return (exact scores float32 (n,), rows) of a few more than the `k` nearest, in no order."""
        many = k + k // 4 + 16
        found = []
        for number, part in enumerate(self._parts):
            first = number * building.PART_SLOTS
            if allowed is None:
                found.append(part.nearest(query, many, self.probes))
            else:
                here = slice(*np.searchsorted(allowed, (first, first + building.PART_SLOTS)))
                found.append(part.nearest(query, many, self.probes, allowed[here] - first))
        rows, scores = (np.concatenate(column) for column in zip(*found, strict=True))
        if len(rows) > many:
            rows = rows[np.argpartition(-scores, many)[:many]]
        stored = self._stored.take(np.sort(rows))
        return stored.vectors @ query, stored


def update_index(
    table: Path, dim: int, state: str = "", on_progress: building.OnProgress = lambda done, total: None
) -> ShardManifest:
    """Bring the index of `table` up to date with it, unless it was made from the same `state`.

    Memory is bounded whatever the size: a sample to fit to, then one part of a million vectors, a block at a time.
    The recall is measured on a sample, and as few lists will be looked through as reach TARGET. A build that is killed
    leaves the index that was there. `on_progress` hears (vectors done, of how many) and may raise Stopped.
    """
    started = time.perf_counter()
    with manifest.locked(table):
        old = manifest.read(table)
        if old and state and old.table == state:
            return old
        stored = StoredRows(table, dim)
        try:
            made = building.make_parts(table.parent, table.name, stored, old, on_progress)
        except (OSError, RuntimeError) as error:
            raise AppError(
                f"The approximate index of {table.name} could not be written ({error}). The one before is kept: "
                "free some space and index the catalogue again."
            ) from None
        probes, recall = _tuned(ApproximateIndex(table, dim, made), stored)
        size = sum((table.parent / name).stat().st_size for name in made.files)
        seconds = time.perf_counter() - started
        made = replace(made, table=state, probes=probes, recall=recall, size=size, seconds=seconds)
        manifest.write(table, made)
        stored.close()
    return made


def _tuned(index: ApproximateIndex, stored: StoredRows) -> tuple[int, float]:
    """Return how many lists have to be looked through for a recall@10 of TARGET, and what it then is.

    The queries are a sample of the stored vectors, each without itself; the truth is their product with all others.
    """
    numbers = stored.marks()[0]
    sample = np.random.default_rng(_SEED).permutation(numbers)[:_MEASURED]
    queries = stored.numbered(np.sort(sample))[1]
    if len(numbers) < 2:
        return 1, 1.0
    cut = min(_CUT, len(numbers) - 1)
    least = _kth_scores(stored, queries, cut + 1)
    measured: dict[int, float] = {}

    def recall(probes: int) -> float:
        index.probes = probes
        found = [
            (index.scores(query, cut + 1)[1:] >= score - 1e-5).sum()
            for query, score in zip(queries, least, strict=True)
        ]
        measured[probes] = float(np.sum(found)) / (cut * len(queries))
        return measured[probes]

    ladder = sorted({max(1, round(index.lists * _RUNG**-n)) for n in range(40)})
    place = bisect.bisect_left(ladder[:-1], TARGET, key=recall)  # more lists never find less
    probes = ladder[place]
    return probes, measured.get(probes) or recall(probes)


def _kth_scores(stored: StoredRows, queries: np.ndarray, k: int) -> np.ndarray:
    """Return float32 (n,), the exact score of the k-th nearest of all vectors to each of `queries`."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    for _, vectors in stored.blocks():
        scores = np.concatenate([best, queries @ vectors.T], axis=1)
        best = -np.partition(-scores, k - 1, axis=1)[:, :k]
    return best.min(axis=1)
