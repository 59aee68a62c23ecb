"""The rows of a table by the pictures that they name, in a temporary file: memory does not grow with the rows."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from retrieval.catalogs.local.tables import names
from retrieval.catalogs.local.tables.choosing import Naming
from retrieval.catalogs.local.tables.reading import Row
from retrieval.core import AppError, Attributes

_SHOWN = 5
_ENCODER = json.JSONEncoder(ensure_ascii=False)


class Rows:
    """The rows of one table; safe to share between threads."""

    def __init__(self, rows: Iterable[Row], naming: Naming) -> None:
        """Take in all rows; raises AppError where the disk does not take them, or the table breaks off."""
        self._lock = threading.Lock()
        self._connection = sqlite3.connect("", check_same_thread=False)
        try:
            self._connection.execute("CREATE TABLE rows (key TEXT, name TEXT, cells TEXT)")
            self._connection.executemany(
                "INSERT INTO rows VALUES (?, ?, ?)",
                ((names.key(name), name, _ENCODER.encode(row)) for name, row in named(rows, naming)),
            )
            self._connection.execute("CREATE INDEX by_key ON rows (key, name)")
            first = "SELECT MIN(rowid) FROM rows GROUP BY key, name"
            self.repeated = self._connection.execute(f"DELETE FROM rows WHERE rowid NOT IN ({first})").rowcount
        except sqlite3.Error as error:
            raise AppError(f"A table could not be kept on this disk ({error}). Free some space.") from None
        self.count, self.last = self._connection.execute(
            "SELECT COUNT(*), COALESCE(MAX(rowid), 0) FROM rows"
        ).fetchone()

    def find(self, path: PurePosixPath) -> tuple[int, Attributes] | None:
        """Return the number of the row that names the picture at `path` and its attributes, None where none does.

        Of several rows that with the longest part of the path counts, then one in the same case, then the first.
        """
        keys = names.keys_of(path)
        query = f"SELECT rowid, key, name, cells FROM rows WHERE key IN ({','.join('?' * len(keys))}) LIMIT 100"
        with self._lock:
            found = self._connection.execute(query, keys).fetchall()
        if not found:
            return None
        as_is = names.names_of(path)
        row, _, _, cells = min(found, key=lambda row: (keys.index(row[1]), row[2] not in as_is, row[0]))
        return row, json.loads(cells)

    def unused(self, used: bytearray) -> tuple[int, list[str]]:
        """Return how many rows named no picture, and the first few's names; `used[number]` is 1 of those that did."""
        count = 0
        shown: list[str] = []
        with self._lock:
            for row, name in self._connection.execute("SELECT rowid, name FROM rows ORDER BY rowid"):
                if not used[row]:
                    count += 1
                    if len(shown) < _SHOWN:
                        shown.append(name)
        return count, shown


def named(rows: Iterable[Row], naming: Naming) -> Iterator[tuple[str, Row]]:
    """Yield the plain name of the picture that each row names, and the row without it."""
    for row in rows:
        said = row.pop(naming.column, "")
        name = names.plain(said)
        if not name:
            continue
        if "://" in said:
            row[naming.column] = said
        yield names.below(name, naming.depth) if naming.depth else name, row
