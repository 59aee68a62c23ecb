"""What lies in index_cache/: one SQLite table of vectors and one manifest for each catalogue and engine."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from retrieval.core import AppError, Attributes, EncoderSpec, StaleIndexError
from retrieval.indexing.database import connect, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    id TEXT PRIMARY KEY, stamp TEXT NOT NULL, attributes TEXT NOT NULL,
    digest TEXT NOT NULL, vector BLOB, problem TEXT
);
CREATE INDEX IF NOT EXISTS by_digest ON items (digest);
"""


class DamagedTableError(StaleIndexError):
    """A table whose file SQLite cannot make sense of; its rows are lost and have to be made again."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a finished index is made of; it is written last, so that without one there is no index."""

    engine: str
    weights: str
    digest: str
    preprocessing: str
    dim: int
    catalog: str
    fingerprint: str
    pictures: int
    skipped: int
    made: str
    table: str

    def check(self, spec: EncoderSpec, digest: str, preprocessing: str) -> None:
        """Raise StaleIndexError, with the command that rebuilds, unless `spec` would make the same vectors."""
        ours = (spec.dim, digest, preprocessing)
        theirs = (self.dim, self.digest, self.preprocessing)
        if ours != theirs:
            raise StaleIndexError(
                f"The index of {self.catalog} was made by other weights or preprocessing ({theirs} is not {ours}). "
                f"Rebuild it: python cli.py index --engine {spec.engine} --weights {spec.weights} "
                f"--catalog '{self.catalog}'"
            )


@dataclass(frozen=True, slots=True)
class Row:
    """One item as stored: either its vector (float32 of unit length) or the problem for which it was skipped."""

    id: str
    stamp: str
    attributes: str
    digest: str = ""
    vector: np.ndarray | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What the table knows of an item without its vector."""

    stamp: str
    attributes: str


def read_manifest(folder: Path, spec: EncoderSpec) -> Manifest | None:
    """Return the manifest of a finished index in `folder`, or None; raises StaleIndexError when it is unreadable."""
    path = _manifest_path(folder, spec)
    try:
        manifest = Manifest(**json.loads(path.read_bytes()))
        if not isinstance(manifest.table, str):
            raise TypeError(f"its table is {manifest.table!r}")
        return manifest
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise StaleIndexError(f"{path} cannot be read ({error}). Delete it and index the catalogue again.") from None


def write_manifest(folder: Path, spec: EncoderSpec, manifest: Manifest) -> None:
    """Write the manifest atomically; raises AppError when the disk does not take it."""
    write_atomically(_manifest_path(folder, spec), json.dumps(asdict(manifest), indent=1).encode())


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old content or the new; raises AppError on a full disk."""
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        raise AppError(f"{path} could not be written ({error.strerror}). Free some space and try again.") from None


def drop_manifest(folder: Path, spec: EncoderSpec) -> None:
    """Delete the manifest: there is no finished index any more."""
    _manifest_path(folder, spec).unlink(missing_ok=True)


def delete(folder: Path, spec: EncoderSpec) -> None:
    """Delete the index of `spec` in `folder`, its manifest first; none is no error."""
    drop_manifest(folder, spec)
    for file in files(folder, spec):
        file.unlink(missing_ok=True)


def files(folder: Path, spec: EncoderSpec) -> list[Path]:
    """Return every file that the index of `spec` in `folder` consists of."""
    mine = re.compile(rf"{re.escape(f'{spec.engine}-{spec.weights}')}(-[0-9a-f]{{12}})?\.[^/]*")
    return [path for path in folder.glob(f"{glob.escape(spec.engine)}-*") if mine.fullmatch(path.name)]


def table_name(spec: EncoderSpec, digest: str, preprocessing: str) -> str:
    """Return the name of the table's file: other weights write another file, so the old index stays until then."""
    mark = hashlib.blake2b(f"{digest} {preprocessing} {spec.dim}".encode(), digest_size=6).hexdigest()
    return f"{spec.engine}-{spec.weights}-{mark}.sqlite"


def _manifest_path(folder: Path, spec: EncoderSpec) -> Path:
    return folder / f"{spec.engine}-{spec.weights}.json"


def set_aside(path: Path) -> None:
    """Move a damaged table to `*.damaged`, out of the way of a new one, and drop the logs that belong to it."""
    if path.exists():
        os.replace(path, path.with_suffix(".damaged"))
    for log in ("-wal", "-shm"):
        path.with_name(path.name + log).unlink(missing_ok=True)


class VectorTable:
    """The rows of one index on disk. A transaction is one batch: a killed build keeps every batch before it.

    One connection behind a lock, so threads may share it.
    """

    def __init__(self, path: Path, dim: int) -> None:
        """Open or make the table at `path`; raises DamagedTableError, or AppError when the disk does not take it."""
        self.path, self._dim = path, dim
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = connect(path, _SCHEMA)
            self._connection.execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
        except OSError as error:
            raise AppError(
                f"{path.parent} cannot be made ({error.strerror}). Choose another VISUAL_SEARCH_CACHE."
            ) from None
        except sqlite3.Error as error:
            raise _explained(path, error, "opened") from None

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> VectorTable:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise _explained(self.path, error, "read") from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with transaction(self._connection):
                    yield self._connection
            except sqlite3.Error as error:
                raise _explained(self.path, error, "written") from None

    def states(self, ids: Sequence[str]) -> dict[str, State]:
        """Return what is stored of those of `ids` that are there."""
        marks = ",".join("?" * len(ids))
        with self._reading() as connection:
            rows = connection.execute(f"SELECT id, stamp, attributes FROM items WHERE id IN ({marks})", ids)
            return {row[0]: State(row[1], row[2]) for row in rows}

    def by_digest(self, digest: str) -> np.ndarray | None:
        """Return the vector of a stored picture with the same content, or None."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT vector FROM items WHERE digest = ? AND vector IS NOT NULL LIMIT 1", (digest,)
            ).fetchone()
        return None if row is None else np.frombuffer(row[0], np.float32)

    def digests(self) -> Iterator[str]:
        """Yield the digests of the contents whose vector is stored."""
        with self._reading() as connection:
            rows = connection.execute("SELECT DISTINCT digest FROM items WHERE vector IS NOT NULL").fetchall()
        yield from (row[0] for row in rows)

    def put(self, rows: Sequence[Row]) -> None:
        """Insert or replace `rows` in one transaction."""
        with self._transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (r.id, r.stamp, r.attributes, r.digest, None if r.vector is None else r.vector.tobytes(), r.problem)
                    for r in rows
                ],
            )

    def carry_over(self, older: Path, stamp: str, mark: Callable[[str], str]) -> None:
        """Take over the vectors of the table at `older` under the digests that `mark` makes of theirs.

        Their rows have the given `stamp`, which is no picture's: what they belong to is read again, not encoded again.
        """
        with self._reading() as connection:
            connection.create_function("marked", 1, mark, deterministic=True)
            connection.execute("ATTACH ? AS older", (str(older),))
            try:
                connection.execute(
                    "INSERT OR IGNORE INTO items SELECT id, ?, attributes, marked(digest), vector, NULL "
                    "FROM older.items WHERE vector IS NOT NULL",
                    (stamp,),
                )
            finally:
                connection.execute("DETACH older")

    def relabel(self, rows: Sequence[tuple[str, str]]) -> None:
        """Set the attributes of (attributes, id) pairs in one transaction."""
        with self._transaction() as connection:
            connection.executemany("UPDATE items SET attributes = ? WHERE id = ?", rows)

    def mark_seen(self, ids: Sequence[str]) -> None:
        """Note that the catalogue still has `ids`."""
        with self._reading() as connection:
            connection.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(i,) for i in ids])

    def drop_unseen(self) -> int:
        """Delete the rows that were never marked as seen and return how many they were."""
        with self._transaction() as connection:
            return connection.execute("DELETE FROM items WHERE id NOT IN (SELECT id FROM seen)").rowcount

    def remove(self, ids: Sequence[str]) -> None:
        """Delete rows in one transaction; an id that is not there is no error."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM items WHERE id = ?", [(i,) for i in ids])

    def counts(self) -> tuple[int, int]:
        """Return (pictures with a vector, skipped pictures)."""
        with self._reading() as connection:
            row = connection.execute("SELECT COUNT(vector), COUNT(*) - COUNT(vector) FROM items").fetchone()
        return row[0], row[1]

    def problems(self, limit: int = 1000) -> list[tuple[str, str]]:
        """Return (id, problem) of skipped pictures."""
        with self._reading() as connection:
            return connection.execute(
                "SELECT id, problem FROM items WHERE vector IS NULL ORDER BY id LIMIT ?", (limit,)
            ).fetchall()

    def blocks(self, size: int = 8192) -> Iterator[tuple[list[str], np.ndarray, list[Attributes]]]:
        """Yield (ids, float32 (n, dim) vectors, attributes) in order of id, at most `size` rows at a time."""
        last = ""
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    "SELECT id, vector, attributes FROM items WHERE id > ? AND vector IS NOT NULL ORDER BY id LIMIT ?",
                    (last, size),
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            vectors = np.frombuffer(b"".join(row[1] for row in rows), np.float32).reshape(len(rows), self._dim)
            yield [row[0] for row in rows], vectors, [json.loads(row[2]) for row in rows]


def _explained(path: Path, error: sqlite3.Error, tried: str) -> AppError:
    if isinstance(error, sqlite3.DatabaseError) and error.sqlite_errorcode in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    ):
        return DamagedTableError(f"{path} is damaged ({error}). Index the catalogue again, and it is made anew.")
    return AppError(
        f"{path.name} could not be {tried} ({error}). Nothing written before is lost: "
        "free some space in its folder and start again."
    )
