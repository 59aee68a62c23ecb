"""Reading a table of vectors by row number: what an index on disk needs at a query, and while it is built."""

from __future__ import annotations

import json
import threading
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.core import AppError, Attributes
from retrieval.indexing.checksums import COLUMNS, sound, sound_vector
from retrieval.indexing.database import TROUBLES, connect_to_read
from retrieval.indexing.region_rows import item_of, region_id
from retrieval.indexing.storage import damaged_rows

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows of a table: `numbers` int64 (n,), `vectors` float32 (n, dim), `ids`, `attributes`."""

    numbers: np.ndarray
    vectors: np.ndarray
    ids: list[str]
    attributes: list[Attributes]


class StoredRows:
    """A read-only connection to a table that others may be writing to; threads may share it.

    Where a row of the table holds several vectors, the `regions` of an item, each counts as a row here, with an id and
    a number of its own.
    """

    def __init__(self, path: Path, dim: int) -> None:
        """Open the table at `path`, whose vectors have `dim` numbers; raises AppError when it cannot be read."""
        self.path, self.dim = path, dim
        self._lock = threading.Lock()
        try:
            self._connection = connect_to_read(path)
        except TROUBLES as error:
            raise _unreadable(path, error) from None
        first = self._read("SELECT LENGTH(vector) FROM items WHERE vector IS NOT NULL LIMIT 1")
        self.regions = max(1, first[0][0] // (4 * dim)) if first else 1
        held = {row[1] for row in self._read("PRAGMA table_info(items)")}
        self._columns = COLUMNS if "checksum" in held else COLUMNS.replace("checksum", "NULL")
        self._vector = "vector, checksum" if "checksum" in held else "vector, NULL"

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def holds(self, item_id: str) -> bool:
        """Return whether there is a vector of the item."""
        return bool(self._read("SELECT 1 FROM items WHERE id = ? AND vector IS NOT NULL", (self._item(item_id),)))

    def take(self, numbers: Sequence[int] | np.ndarray) -> Stored:
        """Return the rows that are still there of `numbers`, in no particular order."""
        rows, places = self._numbered(f"rowid, {self._columns}", numbers)
        if not all(sound(row[1:], self.dim * self.regions) for row in rows):
            raise damaged_rows(self.path)
        ids = [self._ids(row[1])[place] for row, place in zip(rows, places, strict=True)]
        vectors = self._vectors([(row[0], row[5]) for row in rows], places)
        return Stored(*vectors, ids, [json.loads(row[3]) for row in rows])

    def numbered(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (row numbers int64 (n,), vectors float32 (n, dim)) of those of `numbers` that are still there."""
        rows, places = self._numbered(f"rowid, {self._vector}", numbers)
        self._check(rows)
        return self._vectors(rows, places)

    def blocks(self, size: int = 8192) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield (row numbers int64 (n,), vectors float32 (n, dim)) of all, in order of row number."""
        for rows in self._all(self._vector, max(1, size // self.regions)):
            self._check(rows)
            yield self._each(rows), np.frombuffer(b"".join(row[1] for row in rows), np.float32).reshape(-1, self.dim)

    def labels(self) -> Iterator[tuple[np.ndarray, list[Attributes]]]:
        """Yield (row numbers int64 (n,), attributes) of all that have a vector, in order of row number."""
        for rows in self._all("attributes", 65536):
            try:
                read = [json.loads(row[1]) for row in rows]
            except (ValueError, TypeError):
                raise damaged_rows(self.path) from None
            yield self._each(rows), [note for each in read for note in [each] * self.regions]

    def contents(self) -> Iterator[tuple[int, str, str, str]]:
        """Yield (row number, id, digest of the picture, attributes as JSON) of all that have a vector, in order."""
        for rows in self._all("id, digest, attributes", 65536):
            for number, item_id, digest, attributes in rows:
                for place, row_id in enumerate(self._ids(item_id)):
                    yield number * self.regions + place, row_id, digest, attributes

    def marks(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (row numbers int64 (n,) in order, uint64 (n,) marks that change with the picture's content)."""
        numbers, marks = array("q"), array("Q")
        for rows in self._all("digest", 65536):
            numbers.extend(row[0] for row in rows)
            try:
                marks.extend(int(row[1][:16] or "0", 16) for row in rows)
            except (ValueError, TypeError):
                raise damaged_rows(self.path) from None
        items = np.array(numbers, np.int64)[:, None] * self.regions + np.arange(self.regions)
        return items.reshape(-1), np.repeat(np.array(marks, np.uint64), self.regions)

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dim), the vectors of `ids`; raises AppError naming the first that is unknown."""
        found: dict[str, np.ndarray] = {}
        items = list(dict.fromkeys(map(self._item, ids)))
        for start in range(0, len(items), _AT_ONCE):
            asked = items[start : start + _AT_ONCE]
            marks = ",".join("?" * len(asked))
            rows = self._read(
                f"SELECT id, {self._vector} FROM items WHERE id IN ({marks}) AND vector IS NOT NULL", asked
            )
            self._check(rows)
            for item_id, vector, _ in rows:
                each = np.frombuffer(vector, np.float32).reshape(-1, self.dim)
                found |= dict(zip(self._ids(item_id), each, strict=True))
        for row_id in ids:
            if row_id not in found:
                raise AppError(f"'{self._item(row_id)}' is not in this catalogue's index.")
        return np.concatenate([found[row_id] for row_id in ids] or [np.empty(0, np.float32)]).reshape(-1, self.dim)

    def attributes(self, ids: Sequence[str]) -> list[Attributes]:
        """Return the attributes of `ids`; raises AppError naming the first that is unknown."""
        found: dict[str, Attributes] = {}
        items = list(dict.fromkeys(map(self._item, ids)))
        for start in range(0, len(items), _AT_ONCE):
            asked = items[start : start + _AT_ONCE]
            marks = ",".join("?" * len(asked))
            rows = self._read(f"SELECT id, attributes FROM items WHERE id IN ({marks}) AND vector IS NOT NULL", asked)
            found |= {item_id: json.loads(attributes) for item_id, attributes in rows}
        for row_id in ids:
            if self._item(row_id) not in found:
                raise AppError(f"'{self._item(row_id)}' is not in this catalogue's index.")
        return [found[self._item(row_id)] for row_id in ids]

    def _check(self, rows: Sequence[tuple]) -> None:
        """Raise DamagedTableError unless every row's vector and checksum, its second and third column, fit."""
        if not all(sound_vector(row[1], row[2], self.dim * self.regions) for row in rows):
            raise damaged_rows(self.path)

    def _ids(self, item_id: str) -> list[str]:
        """Return the ids of an item's rows."""
        return [item_id] if self.regions == 1 else [region_id(item_id, n) for n in range(self.regions)]

    def _item(self, row_id: str) -> str:
        return row_id if self.regions == 1 else item_of(row_id)

    def _each(self, rows: Sequence[tuple]) -> np.ndarray:
        """Return the numbers of the rows that `rows` of the table hold, in order."""
        numbers = np.array([row[0] for row in rows], np.int64)
        return (numbers[:, None] * self.regions + np.arange(self.regions)).reshape(-1)

    def _all(self, column: str, size: int) -> Iterator[list[tuple]]:
        last = -1
        while rows := self._read(
            f"SELECT rowid, {column} FROM items WHERE rowid > ? AND vector IS NOT NULL ORDER BY rowid LIMIT ?",
            (last, size),
        ):
            yield rows
            last = rows[-1][0]

    def _numbered(self, columns: str, numbers: Sequence[int] | np.ndarray) -> tuple[list[tuple], list[int]]:
        """Return the table's row of each of `numbers` that is still there, and its place in it."""
        held: list[tuple] = []
        places: dict[int, list[int]] = {}
        for number in numbers:
            places.setdefault(int(number) // self.regions, []).append(int(number) % self.regions)
        items = list(places)
        for start in range(0, len(items), _AT_ONCE):
            asked = items[start : start + _AT_ONCE]
            marks = ",".join("?" * len(asked))
            held += self._read(f"SELECT {columns} FROM items WHERE rowid IN ({marks}) AND vector IS NOT NULL", asked)
        pairs = [(row, place) for row in held for place in places[row[0]]]
        return [row for row, _ in pairs], [place for _, place in pairs]

    def _vectors(self, rows: Sequence[tuple], places: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        size = 4 * self.dim
        parts = [row[1][place * size : (place + 1) * size] for row, place in zip(rows, places, strict=True)]
        numbers = [row[0] * self.regions + place for row, place in zip(rows, places, strict=True)]
        vectors = np.frombuffer(b"".join(parts), np.float32).reshape(len(rows), self.dim)
        return np.array(numbers, np.int64), vectors

    def _read(self, statement: str, values: Sequence[object] = ()) -> list[tuple]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except TROUBLES as error:
                raise _unreadable(self.path, error) from None


def _unreadable(path: Path, error: Exception) -> AppError:
    return AppError(f"{path} cannot be read ({error}). Index the catalogue again; what is intact is kept.")
