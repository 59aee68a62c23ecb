"""Reading a table of vectors by row number: what an index on disk needs at a query, and while it is built."""

from __future__ import annotations

import json
import sqlite3
import threading
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.core import AppError, Attributes

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows of a table: `numbers` int64 (n,), `vectors` float32 (n, dim), `ids`, `attributes`."""

    numbers: np.ndarray
    vectors: np.ndarray
    ids: list[str]
    attributes: list[Attributes]


class StoredRows:
    """A read-only connection to a table that others may be writing to; threads may share it."""

    def __init__(self, path: Path, dim: int) -> None:
        """Open the table at `path`; raises AppError when it cannot be read."""
        self.path, self.dim = path, dim
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30, check_same_thread=False
        )

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def holds(self, item_id: str) -> bool:
        """Return whether there is a vector of the item."""
        return bool(self._read("SELECT 1 FROM items WHERE id = ? AND vector IS NOT NULL", (item_id,)))

    def take(self, numbers: Sequence[int] | np.ndarray) -> Stored:
        """Return the rows that are still there of `numbers`, in no particular order."""
        rows = self._numbered("rowid, vector, id, attributes", numbers)
        return Stored(*self._vectors(rows), [row[2] for row in rows], [json.loads(row[3]) for row in rows])

    def numbered(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (row numbers int64 (n,), vectors float32 (n, dim)) of those of `numbers` that are still there."""
        return self._vectors(self._numbered("rowid, vector", numbers))

    def blocks(self, size: int = 8192) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (row numbers int64 (n,), vectors float32 (n, dim)) of all, in order of row number."""
        for rows in self._all("vector", size):
            yield self._vectors(rows)

    def labels(self) -> Iterator[tuple[np.ndarray, list[Attributes]]]:
        """Yield (row numbers int64 (n,), attributes) of all that have a vector, in order of row number."""
        for rows in self._all("attributes", 65536):
            yield np.array([row[0] for row in rows], np.int64), [json.loads(row[1]) for row in rows]

    def contents(self) -> Iterator[tuple[int, str, str, str]]:
        """Yield (row number, id, digest of the picture, attributes as JSON) of all that have a vector, in order."""
        for rows in self._all("id, digest, attributes", 65536):
            yield from rows

    def marks(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (row numbers int64 (n,) in order, uint64 (n,) marks that change with the picture's content)."""
        numbers, marks = array("q"), array("Q")
        for rows in self._all("digest", 65536):
            numbers.extend(row[0] for row in rows)
            marks.extend(int(row[1][:16] or "0", 16) for row in rows)
        return np.array(numbers, np.int64), np.array(marks, np.uint64)

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dim), the vectors of `ids`; raises AppError naming the first that is unknown."""
        found: dict[str, bytes] = {}
        for start in range(0, len(ids), _AT_ONCE):
            asked = ids[start : start + _AT_ONCE]
            marks = ",".join("?" * len(asked))
            found |= dict(
                self._read(f"SELECT id, vector FROM items WHERE id IN ({marks}) AND vector IS NOT NULL", asked)
            )
        for item_id in ids:
            if item_id not in found:
                raise AppError(f"'{item_id}' is not in this catalogue's index.")
        return np.frombuffer(b"".join(found[i] for i in ids), np.float32).reshape(len(ids), self.dim)

    def _all(self, column: str, size: int) -> Iterator[list[tuple]]:
        last = -1
        while rows := self._read(
            f"SELECT rowid, {column} FROM items WHERE rowid > ? AND vector IS NOT NULL ORDER BY rowid LIMIT ?",
            (last, size),
        ):
            yield rows
            last = rows[-1][0]

    def _numbered(self, columns: str, numbers: Sequence[int] | np.ndarray) -> list[tuple]:
        found: list[tuple] = []
        for start in range(0, len(numbers), _AT_ONCE):
            asked = [int(number) for number in numbers[start : start + _AT_ONCE]]
            marks = ",".join("?" * len(asked))
            found += self._read(f"SELECT {columns} FROM items WHERE rowid IN ({marks}) AND vector IS NOT NULL", asked)
        return found

    def _vectors(self, rows: Sequence[tuple]) -> tuple[np.ndarray, np.ndarray]:
        vectors = np.frombuffer(b"".join(row[1] for row in rows), np.float32).reshape(len(rows), self.dim)
        return np.array([row[0] for row in rows], np.int64), vectors

    def _read(self, statement: str, values: Sequence[object] = ()) -> list[tuple]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise AppError(
                    f"{self.path} cannot be read ({error}). Index the catalogue again; what is intact is kept."
                ) from None
