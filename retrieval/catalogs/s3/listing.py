"""What a bucket holds, kept in one SQLite file: objects in order of key, the labels of tables, annotations."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from retrieval.core import AppError, Attributes
from retrieval.disk import disk_error
from retrieval.indexing.database import connect, transaction

_PAGE = 1000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, etag TEXT NOT NULL, size INTEGER NOT NULL, seen INTEGER NOT NULL, notes TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labels (
    base TEXT, name TEXT, attributes TEXT NOT NULL, PRIMARY KEY (base, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tables (base TEXT PRIMARY KEY, mark TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


def delete(path: Path) -> None:
    """Delete the listing at `path`; none is no error."""
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Listed:
    """One object: its key below the prefix, its entity tag (another one means other content), its bytes."""

    key: str
    etag: str
    size: int


class Listing:
    """The last known listing; ten million keys are never held in memory. Safe to share between threads and processes.

    A listing that breaks off leaves what was known before; only a complete one drops what it did not meet.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file at `path`; raises AppError when the disk does not take it."""
        self._path, self._lock = path, threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = connect(path, _SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise disk_error(path, error, "could not be opened") from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with transaction(self._connection):
                    yield self._connection
            except sqlite3.Error as error:
                raise disk_error(self._path, error) from None

    def _rows(self, query: str, values: Sequence[object] = ()) -> list[tuple]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise AppError(f"{self._path} cannot be read ({error}). Delete it; it is made anew.") from None

    @property
    def complete(self) -> bool:
        """Whether everything was ever known to its end."""
        return bool(self._rows("SELECT 1 FROM facts WHERE name = 'complete'"))

    def renew(self, pages: Iterable[Sequence[Listed]]) -> None:
        """Take in a whole listing, page by page, and drop what it does not have."""
        with self._transaction() as connection:
            connection.execute("INSERT INTO facts VALUES ('run', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1")
            ((run,),) = connection.execute("SELECT value FROM facts WHERE name = 'run'")
        for page in pages:
            with self._transaction() as connection:
                connection.executemany(
                    "INSERT INTO objects VALUES (?, ?, ?, ?, NULL) ON CONFLICT (key) DO UPDATE SET "
                    "notes = CASE WHEN etag = excluded.etag THEN notes END, "
                    "etag = excluded.etag, size = excluded.size, seen = MAX(seen, excluded.seen)",
                    [(each.key, each.etag, each.size, run) for each in page],
                )
        with self._transaction() as connection:
            connection.execute("DELETE FROM objects WHERE seen < ?", (run,))

    def mark_complete(self) -> None:
        """Note that the bucket, its tables and annotations are known to their end."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('complete', 1)")

    def objects(self, folder: str = "") -> Iterator[list[Listed]]:
        """Yield what is below `folder` (it ends in `/`), in order of key, some at a time."""
        last, end = folder, folder[:-1] + "0" if folder else "\U0010ffff"  # "0" comes after "/"
        while rows := self._rows(
            "SELECT key, etag, size FROM objects WHERE key > ? AND key < ? ORDER BY key LIMIT ?", (last, end, _PAGE)
        ):
            last = rows[-1][0]
            yield [Listed(*row) for row in rows]

    def etag(self, key: str) -> str | None:
        """Return an object's entity tag, or None where it is not listed."""
        return next((row[0] for row in self._rows("SELECT etag FROM objects WHERE key = ?", (key,))), None)

    def noted(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the notes of those of `keys` that have some; an empty text where they could not be read."""
        marks = ",".join("?" * len(keys))
        rows = self._rows(f"SELECT key, notes FROM objects WHERE key IN ({marks}) AND notes IS NOT NULL", keys)
        return dict(rows)

    def present(self, keys: Sequence[str]) -> set[str]:
        """Return those of `keys` that are listed."""
        marks = ",".join("?" * len(keys))
        return {row[0] for row in self._rows(f"SELECT key FROM objects WHERE key IN ({marks})", keys)}

    def note(self, notes: Iterable[tuple[str, str]]) -> None:
        """Keep what objects say, (key, text) pairs, until their content changes."""
        with self._transaction() as connection:
            connection.executemany("UPDATE objects SET notes = ? WHERE key = ?", [(text, key) for key, text in notes])

    def tables(self) -> dict[str, str]:
        """Return the folders that have a table of labels, with the mark under which it was read."""
        return dict(self._rows("SELECT base, mark FROM tables"))

    def drop_labels(self, base: str) -> None:
        """Forget the table of the folder `base`."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM labels WHERE base = ?", (base,))
            connection.execute("DELETE FROM tables WHERE base = ?", (base,))

    def keep_labels(self, base: str, mark: str, rows: Iterable[tuple[str, Attributes]]) -> None:
        """Take in the table of the folder `base`, row by row; on an error the one before stays."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM labels WHERE base = ?", (base,))
            connection.executemany(
                "INSERT OR IGNORE INTO labels VALUES (?, ?, ?)",
                ((base, name, json.dumps(attributes)) for name, attributes in rows if name),
            )
            connection.execute("INSERT OR REPLACE INTO tables VALUES (?, ?)", (base, mark))

    def labels(self, base: str, names: Sequence[str]) -> Attributes:
        """Return the attributes of the first of `names` that the table of the folder `base` has."""
        marks = ",".join("?" * len(names))
        rows = dict(
            self._rows(f"SELECT name, attributes FROM labels WHERE base = ? AND name IN ({marks})", (base, *names))
        )
        return next((json.loads(rows[name]) for name in names if name in rows), {})
