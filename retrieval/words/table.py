"""The table of words of one catalogue: what is written of each picture, searched by FTS5, and what is seen of it.

It lies beside the indexes of the catalogue and needs none of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from retrieval.core import AppError, Attributes, Filter, Item
from retrieval.disk import disk_error
from retrieval.indexing.database import connect, transaction
from retrieval.words import columns, concepts, folding

FILE = "words.sqlite"
_VERSION = 1
_BATCH = 5000
_AT_ONCE = 500
_LONGEST_CELL = 20_000
FIELDS = ("title", "facts", "names", "running")
"""Where words are looked for: names of things, other short attributes, file and folder names, running text."""
_GAP = " gap9 "
"""A word that no phrase has, so that none is found across two cells."""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS items (
    row INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, mark BLOB NOT NULL, stamp TEXT NOT NULL,
    attributes TEXT NOT NULL, price REAL, looked TEXT, seen BLOB
);
CREATE VIRTUAL TABLE IF NOT EXISTS written USING fts5 (
    {", ".join(FIELDS)}, tokenize = "porter unicode61 remove_diacritics 2"
);
"""


@dataclass(frozen=True, slots=True)
class Looked:
    """What is seen of one picture: its row in the table, and the numbers as bytes, None where it cannot be read."""

    row: int
    stamp: str
    seen: bytes | None


class WordTable:
    """One connection behind a lock, so threads may share it; a table of an older form is made anew."""

    def __init__(self, folder: Path) -> None:
        """Open or make the table in `folder`; raises DiskError."""
        self.path = folder / FILE
        self._lock = threading.RLock()
        version = 1000 * _VERSION + folding.VERSION
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = self._opened(version)
        except (OSError, sqlite3.Error) as error:
            raise disk_error(self.path, error, "could not be made") from None

    def _opened(self, version: int) -> sqlite3.Connection:
        if self.path.exists():
            try:
                connection = connect(self.path, "")
                if connection.execute("PRAGMA user_version").fetchone()[0] == version:
                    return connection
                connection.close()
            except sqlite3.OperationalError:  # nothing is wrong with the table, but the disk does not take it
                raise
            except sqlite3.DatabaseError:
                pass
            for log in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + log).unlink(missing_ok=True)
        return connect(self.path, f"{_SCHEMA} PRAGMA user_version = {version};")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def update(self, items: Iterable[Item], on_progress: Callable[[int], None] = lambda done: None) -> bool:
        """Bring the written part up to date with a catalogue; return whether anything changed.

        Items are read a batch at a time; of what did not change since the last time nothing is written.
        """
        changed, done = False, 0
        stream = iter(items)
        with self._lock:
            execute = self._connection.execute
            execute("CREATE TEMP TABLE IF NOT EXISTS still (row INTEGER PRIMARY KEY)")
            execute("DELETE FROM still")
            while batch := list(islice(stream, _BATCH)):
                with transaction(self._connection):
                    changed = self._put(batch) or changed
                done += len(batch)
                on_progress(done)
            gone = execute("SELECT row FROM items WHERE row NOT IN (SELECT row FROM still)").fetchall()
            with transaction(self._connection):
                self._connection.executemany("DELETE FROM written WHERE rowid = ?", gone)
                self._connection.executemany("DELETE FROM items WHERE row = ?", gone)
        return changed or bool(gone)

    def _put(self, batch: Sequence[Item]) -> bool:
        known: dict[str, tuple[int, bytes]] = {}
        for start in range(0, len(batch), _AT_ONCE):
            ids = [item.id for item in batch[start : start + _AT_ONCE]]
            rows = self._connection.execute(
                f"SELECT id, row, mark FROM items WHERE id IN ({','.join('?' * len(ids))})", ids
            )
            known |= {item_id: (row, mark) for item_id, row, mark in rows}
        last = self._connection.execute("SELECT COALESCE(MAX(row), 0) FROM items").fetchone()[0]
        new, words, old, still = [], [], [], []
        for item in {item.id: item for item in batch}.values():
            attributes = json.dumps(dict(item.attributes), ensure_ascii=False)
            mark = hashlib.blake2b(
                f"{item.stamp}\0{attributes}".encode("utf-8", "surrogatepass"), digest_size=8
            ).digest()
            row, before = known.get(item.id, (0, b""))
            if not row:
                last += 1
                row = last
            elif before != mark:
                old.append((row,))
            still.append((row,))
            if before == mark:
                continue
            new.append((row, item.id, mark, item.stamp, attributes, columns.amount(item.attributes)))
            words.append((row, *written(item.id, item.attributes)))
        write = self._connection.executemany
        write("INSERT OR IGNORE INTO still VALUES (?)", still)
        write("DELETE FROM written WHERE rowid = ?", old)
        write(
            "INSERT INTO items (row, id, mark, stamp, attributes, price) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (row) DO"
            " UPDATE SET mark = excluded.mark, stamp = excluded.stamp, attributes = excluded.attributes,"
            " price = excluded.price",
            new,
        )
        write(f"INSERT INTO written (rowid, {', '.join(FIELDS)}) VALUES (?, ?, ?, ?, ?)", words)
        return bool(new)

    def matching(self, phrase: str, field: str) -> list[int]:
        """Return the rows in whose `field` an FTS5 phrase is found."""
        return [
            row for (row,) in self._read("SELECT rowid FROM written WHERE written MATCH ?", (f"{field} : ({phrase})",))
        ]

    def passing(self, filter: Filter) -> list[int]:
        """Return the rows whose attributes have any of the values, for every attribute of `filter`."""
        tests, given = [], []
        for name, values in filter.items():
            given += [name, json.dumps(list(values))]
            any_of = "key = ? AND value IN (SELECT value FROM json_each(?))"
            tests.append(f"EXISTS (SELECT 1 FROM json_each(attributes) WHERE {any_of})")
        return [row for (row,) in self._read(f"SELECT row FROM items WHERE {' AND '.join(tests) or 1}", given)]

    def rows(self) -> list[tuple[int, float | None, bytes | None]]:
        """Return (row, price, what is seen) of every picture, in order of row."""
        return self._read("SELECT row, price, seen FROM items ORDER BY row")

    def described(self, rows: Sequence[int]) -> dict[int, tuple[str, Attributes]]:
        """Return row -> (id, attributes)."""
        found: dict[int, tuple[str, Attributes]] = {}
        for start in range(0, len(rows), _AT_ONCE):
            some = [int(row) for row in rows[start : start + _AT_ONCE]]
            marks = ",".join("?" * len(some))
            read = self._read(f"SELECT row, id, attributes FROM items WHERE row IN ({marks})", some)
            found |= {row: (item_id, json.loads(attributes)) for row, item_id, attributes in read}
        return found

    def attributes(self) -> Iterator[tuple[int, Attributes]]:
        """Yield (row, attributes) of every picture, in order of row."""
        last = 0
        while rows := self._read("SELECT row, attributes FROM items WHERE row > ? ORDER BY row LIMIT 5000", (last,)):
            yield from ((row, json.loads(attributes)) for row, attributes in rows)
            last = rows[-1][0]

    def columns(self) -> list[str]:
        """Return the names of the attributes, as far as the first pictures have them."""
        query = "SELECT DISTINCT key FROM (SELECT attributes FROM items LIMIT 1000), json_each(attributes)"
        return [name for (name,) in self._read(query)]

    def values(self, attribute: str) -> list[tuple[int, str]]:
        """Return (row, value) of the pictures that have an attribute, in order of row."""
        query = "SELECT row, value FROM items, json_each(attributes) WHERE key = ? ORDER BY row"
        return self._read(query, (attribute,))

    def of_ids(self, ids: Sequence[str]) -> dict[str, int]:
        """Return id -> row of those of `ids` that are there."""
        found: dict[str, int] = {}
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            found |= dict(self._read(f"SELECT id, row FROM items WHERE id IN ({','.join('?' * len(some))})", some))
        return found

    def unseen(self, version: str, limit: int) -> list[tuple[int, str, str]]:
        """Return (row, id, stamp) of up to `limit` pictures that were not looked at, or not as `version` looks."""
        return self._read(
            "SELECT row, id, stamp FROM items WHERE looked IS NULL OR looked != ? || ' ' || stamp ORDER BY row LIMIT ?",
            (version, limit),
        )

    def unseen_count(self, version: str) -> int:
        """Return how many pictures were not looked at, or not as `version` looks."""
        query = "SELECT COUNT(*) FROM items WHERE looked IS NULL OR looked != ? || ' ' || stamp"
        return self._read(query, (version,))[0][0]

    def note_seen(self, version: str, looked: Sequence[Looked]) -> None:
        """Keep what is seen of pictures, in one transaction."""
        try:
            with self._lock, transaction(self._connection):
                self._connection.executemany(
                    "UPDATE items SET looked = ?, seen = ? WHERE row = ?",
                    [(f"{version} {each.stamp}", each.seen, each.row) for each in looked],
                )
        except sqlite3.Error as error:
            raise disk_error(self.path, error) from None

    def _read(self, statement: str, values: Sequence[object] = ()) -> list[tuple]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise AppError(f"{self.path} cannot be read ({error}). Delete it; it is made anew.") from None


def written(item_id: str, attributes: Attributes) -> tuple[str, ...]:
    """Return what is written of a picture, by FIELDS, as words with spaces between; links and prices are no words.

    But for running text, the marks of what the words mean come after them.
    """
    parts: dict[str, list[str]] = {field: [] for field in FIELDS}
    for column, value in attributes.items():
        what = columns.meaning(column)
        if what in ("link", "price"):
            continue
        if columns.long(column, value):
            parts["running"].append(_words(columns.plain(value[:_LONGEST_CELL])))
        else:
            parts["title" if what == "name" else "facts"].append(_with_marks(value))
    parts["names"].append(_with_marks(os.path.splitext(item_id)[0]))
    return tuple(_GAP.join(parts[field]) for field in FIELDS)


def _words(text: str) -> str:
    return " ".join(folding.tokens(folding.fold(text)))


@lru_cache(maxsize=65536)
def _with_marks(text: str) -> str:
    words = folding.tokens(folding.fold(text))
    return _GAP.join((" ".join(words), " ".join(concepts.marks(tuple(words)))))
