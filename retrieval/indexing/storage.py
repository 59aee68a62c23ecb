"""What lies in index_cache/: one SQLite table of vectors and one manifest for each catalogue and engine."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from retrieval.core import AppError, Attributes, EncoderSpec, StaleIndexError
from retrieval.disk import disk_error, write_atomically
from retrieval.indexing.checksums import COLUMNS, checksum, sound
from retrieval.indexing.database import TROUBLES, connect, connect_to_read, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    id TEXT PRIMARY KEY, stamp TEXT NOT NULL, attributes TEXT NOT NULL,
    digest TEXT NOT NULL, vector BLOB, problem TEXT, checksum INTEGER
);
CREATE INDEX IF NOT EXISTS by_digest ON items (digest);
"""

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_BLOCK = 4096
_LOCK_SECONDS = 1.0
UNREAD = "unread"
"""In place of the stamp of what cannot be read now, which it never equals: the next build looks again."""


class DamagedTableError(StaleIndexError):
    """A table whose file SQLite cannot make sense of; its rows are lost and have to be made again."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a finished index is made of; it is written last, so that without one there is no index.

    `pictures` have a vector, `skipped` have none; `unread` of both could not be read when it was made.
    """

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
    unread: int = 0

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
class StoredRow:
    """One item as stored: its vector (float32 of unit length), or the problem for which it was skipped.

    With both, the picture was encoded before and cannot be read now.
    """

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


@contextmanager
def building(folder: Path, spec: EncoderSpec, waits: Callable[[], None]) -> Iterator[None]:
    """Hold the one place to build the index of `spec` in `folder`; of all processes one at a time has it.

    `waits` is called again and again while another holds it, and may raise. Who has it may take it once more.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Beside the folder: what is deleted with it could not be waited for.
        name = f".{folder.name}.{spec.engine}-{spec.weights}.lock"
        lock = FileLock(folder.with_name(name), is_singleton=True)
        while True:
            try:
                lock.acquire(timeout=_LOCK_SECONDS)
                break
            except Timeout:
                waits()
    except OSError as error:
        raise disk_error(folder, error) from None
    try:
        yield
    finally:
        if lock.lock_counter == 1:  # who waits sees that the file is gone, and makes another
            with suppress(OSError):
                Path(lock.lock_file).unlink()
        lock.release()


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
        """Open or make the table at `path`, or open it to be read where nothing can be written.

        Raises DamagedTableError, or DiskError where there is no table and none can be made.
        """
        self.path, self._dim = path, dim
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = self._opened()
            self._connection.execute("CREATE TEMP TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")
        except OSError as error:
            raise disk_error(path.parent, error, "could not be made") from None
        except TROUBLES as error:
            raise _explained(path, error, "opened") from None

    def _opened(self) -> sqlite3.Connection:
        try:
            connection = connect(self.path, _SCHEMA)
            self._add_checksums(connection)
        except sqlite3.OperationalError:
            if not self.path.is_file():
                raise
            return connect_to_read(self.path)
        return connection

    def _add_checksums(self, connection: sqlite3.Connection) -> None:
        """Give a table that was made before there were checksums the column for them."""
        if "checksum" not in {row[1] for row in connection.execute("PRAGMA table_info(items)")}:
            try:
                connection.execute("ALTER TABLE items ADD COLUMN checksum INTEGER")
            except sqlite3.OperationalError as error:
                if "duplicate column" not in str(error):  # another process was quicker
                    raise

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
            except TROUBLES as error:
                raise _explained(self.path, error, "read") from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                with transaction(self._connection):
                    yield self._connection
            except TROUBLES as error:
                raise _explained(self.path, error, "written") from None

    def states(self, ids: Sequence[str]) -> dict[str, State]:
        """Return what is stored of those of `ids` that are there."""
        marks = ",".join("?" * len(ids))
        with self._reading() as connection:
            rows = connection.execute(f"SELECT id, stamp, attributes FROM items WHERE id IN ({marks})", ids)
            return {row[0]: State(row[1], row[2]) for row in rows}

    def by_digest(self, digest: str) -> np.ndarray | None:
        """Return the vector of a stored picture with the same content, or None; a damaged row has none."""
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM items WHERE digest = ? AND vector IS NOT NULL LIMIT 3", (digest,)
            ).fetchall()
        fit = next((row for row in rows if row[3] == digest and sound(row, self._dim)), None)
        return None if fit is None else np.frombuffer(fit[4], np.float32)

    def drop_damaged(self) -> int:
        """Check every row, delete those that are damaged and return how many; give rows without a checksum theirs.

        Raises DamagedTableError where SQLite itself finds the file wrong.
        """
        damaged, fresh, last = [], [], -1
        with self._reading() as connection:
            if not _consistent(connection):
                connection.execute("REINDEX")
                if not _consistent(connection):
                    raise DamagedTableError(f"{self.path} is damaged. Index the catalogue again, and it is made anew.")
            connection.text_factory = bytes
            try:
                while rows := connection.execute(
                    f"SELECT rowid, {COLUMNS} FROM items WHERE rowid > ? ORDER BY rowid LIMIT ?", (last, _BLOCK)
                ).fetchall():
                    last = rows[-1][0]
                    for number, *raw in rows:
                        values = _decoded(raw)
                        if values is None or not sound(values, self._dim):
                            damaged.append((number,))
                        elif values[-1] is None:
                            fresh.append((checksum(values), number))
            finally:
                connection.text_factory = str
        if damaged or fresh:
            with self._transaction() as connection:
                connection.executemany("DELETE FROM items WHERE rowid = ?", damaged)
                connection.executemany("UPDATE items SET checksum = ? WHERE rowid = ?", fresh)
        return len(damaged)

    def digests(self) -> Iterator[str]:
        """Yield the digests of the contents whose vector is stored."""
        with self._reading() as connection:
            rows = connection.execute("SELECT DISTINCT digest FROM items WHERE vector IS NOT NULL").fetchall()
        yield from (row[0] for row in rows)

    def contents(self, after: str, limit: int) -> list[tuple[str, str]]:
        """Return (id, digest of the content) of pictures that could be read, in order of id from the one `after`."""
        with self._reading() as connection:
            return connection.execute(
                "SELECT id, digest FROM items WHERE id > ? AND vector IS NOT NULL AND problem IS NULL "
                "ORDER BY id LIMIT ?", (after, limit),
            ).fetchall()  # fmt: skip

    def put(self, rows: Sequence[StoredRow]) -> None:
        """Insert or replace `rows` in one transaction."""
        with self._transaction() as connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO items ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", map(_values, rows)
            )

    def note_unread(self, rows: Sequence[StoredRow]) -> None:
        """Store `rows` of pictures that cannot be read now; one whose vector is there keeps it."""
        with self._transaction() as connection:
            for row in rows:
                found = connection.execute(f"SELECT {COLUMNS} FROM items WHERE id = ?", (row.id,)).fetchone()
                kept = found and found[4] is not None and sound(found, self._dim)
                values = (row.id, row.stamp, row.attributes, *(found[3:5] if kept else ("", None)), row.problem)
                connection.execute(
                    f"INSERT INTO items ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                    "(stamp, attributes, digest, vector, problem, checksum) = (excluded.stamp, excluded.attributes, "
                    "excluded.digest, excluded.vector, excluded.problem, excluded.checksum)",
                    (*values, checksum(values)),
                )

    def read_again(self, ids: Sequence[str] | None = None) -> None:
        """Have the next build read the pictures called `ids` again, or all of them; their vectors stay until then."""
        with self._transaction() as connection:
            connection.create_function("sealed", 6, lambda *values: checksum(values), deterministic=True)
            only = "" if ids is None else f" WHERE id IN ({','.join('?' * len(ids))})"
            connection.execute(
                "UPDATE items SET stamp = '', checksum = sealed(id, '', attributes, digest, vector, problem)" + only,
                ids or (),
            )

    def carry_over(
        self, older: Path, stamp: str | None = None, mark: Callable[[str], str] = lambda digest: digest
    ) -> None:
        """Take over the vectors of the table at `older` under the digests that `mark` makes of theirs.

        Their rows have the given `stamp`, which is no picture's, so that what they belong to is read again, not encoded
        again; or they keep their own. Damaged ones are not taken.
        """
        with self._reading() as connection:
            connection.create_function("marked", 1, mark, deterministic=True)
            connection.create_function("sealed", 6, lambda *values: checksum(values), deterministic=True)
            connection.create_function("sound", 7, lambda *values: sound(values, self._dim), deterministic=True)
            connection.execute("ATTACH ? AS older", (str(older),))
            try:
                held = {row[1] for row in connection.execute("PRAGMA older.table_info(items)")}
                columns = COLUMNS if "checksum" in held else COLUMNS.replace("checksum", "NULL")
                connection.execute(
                    f"INSERT OR IGNORE INTO items ({COLUMNS}) SELECT id, coalesce(:stamp, stamp), attributes, "
                    "marked(digest), vector, NULL, "
                    "sealed(id, coalesce(:stamp, stamp), attributes, marked(digest), vector, NULL) "
                    f"FROM older.items WHERE vector IS NOT NULL AND problem IS NULL AND sound({columns})",
                    {"stamp": stamp},
                )
            finally:
                connection.execute("DETACH older")

    def relabel(self, rows: Sequence[tuple[str, str]]) -> None:
        """Set the attributes of (attributes, id) pairs in one transaction."""
        with self._transaction() as connection:
            for attributes, item_id in rows:
                found = connection.execute(f"SELECT {COLUMNS} FROM items WHERE id = ?", (item_id,)).fetchone()
                if found:
                    known, stamp, _, *rest = found
                    number = checksum((known, stamp, attributes, *rest))
                    connection.execute(
                        "UPDATE items SET attributes = ?, checksum = ? WHERE id = ?", (attributes, number, item_id)
                    )

    def mark_seen(self, ids: Sequence[str]) -> None:
        """Note that the catalogue still has `ids`."""
        with self._reading() as connection:
            connection.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(i,) for i in ids])

    def unseen(self) -> list[str]:
        """Return the ids that were never marked as seen, in order."""
        with self._reading() as connection:
            rows = connection.execute("SELECT id FROM items WHERE id NOT IN (SELECT id FROM seen) ORDER BY id")
            return [row[0] for row in rows]

    def drop_unseen(self) -> tuple[int, tuple[int, int]]:
        """Delete the rows that were never marked as seen; return how many pictures, and `counts` of the same moment.

        An id that ends in a slash is a folder that could not be read, and no picture.
        """
        unseen = "FROM items WHERE id NOT IN (SELECT id FROM seen)"
        with self._transaction() as connection:
            (removed,) = connection.execute(f"SELECT COUNT(*) {unseen} AND id NOT LIKE '%/'").fetchone()
            connection.execute(f"DELETE {unseen}")
            return removed, _counts(connection)

    def remove(self, ids: Sequence[str]) -> None:
        """Delete rows in one transaction; an id that is not there is no error."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM items WHERE id = ?", [(i,) for i in ids])

    def counts(self) -> tuple[int, int]:
        """Return (pictures with a vector, skipped pictures)."""
        with self._reading() as connection:
            return _counts(connection)

    def problems(self) -> list[tuple[str, str]]:
        """Return (id, problem) of skipped pictures, which have no vector."""
        return self._problems("vector IS NULL")

    def unavailable(self) -> list[tuple[str, str]]:
        """Return (id, problem) of pictures that have a vector and cannot be read now."""
        return self._problems("vector IS NOT NULL AND problem IS NOT NULL")

    def unread(self) -> int:
        """Return how many pictures could not be read, with a vector or without, and are to be tried again."""
        with self._reading() as connection:
            return connection.execute("SELECT COUNT(*) FROM items WHERE stamp = ?", (UNREAD,)).fetchone()[0]

    def _problems(self, where: str) -> list[tuple[str, str]]:
        with self._reading() as connection:
            return connection.execute(f"SELECT id, problem FROM items WHERE {where} ORDER BY id").fetchall()

    def blocks(self, size: int = 8192) -> Iterator[tuple[list[str], np.ndarray, list[Attributes]]]:
        """Yield (ids, float32 (n, dim) vectors, attributes) in order of id, at most `size` rows at a time.

        Raises DamagedTableError at the first row that is not as it was written.
        """
        last = ""
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    f"SELECT {COLUMNS} FROM items WHERE id > ? AND vector IS NOT NULL ORDER BY id LIMIT ?", (last, size)
                ).fetchall()
            if not rows:
                return
            if not all(sound(row, self._dim) for row in rows):
                raise damaged_rows(self.path)
            last = rows[-1][0]
            vectors = np.frombuffer(b"".join(row[4] for row in rows), np.float32).reshape(len(rows), self._dim)
            yield [row[0] for row in rows], vectors, [json.loads(row[2]) for row in rows]


def damaged_rows(path: Path) -> DamagedTableError:
    """Return what a reader raises who meets a row that is not as it was written."""
    return DamagedTableError(f"Some vectors in {path} are damaged. Index the catalogue again: only they are made anew.")


def _values(row: StoredRow) -> tuple[object, ...]:
    vector = None if row.vector is None else row.vector.tobytes()
    values = (row.id, row.stamp, row.attributes, row.digest, vector, row.problem)
    return *values, checksum(values)


def _decoded(raw: Sequence[object]) -> list[object] | None:
    """Return the columns of a row, the text ones of which were read as bytes; None where they are no UTF-8."""
    *texts, vector, problem, number = raw
    try:
        read = [text.decode() if isinstance(text, bytes) else text for text in (*texts, problem)]
    except UnicodeDecodeError:
        return None
    return [*read[:-1], vector, read[-1], number]


def _counts(connection: sqlite3.Connection) -> tuple[int, int]:
    row = connection.execute("SELECT COUNT(vector), COUNT(*) - COUNT(vector) FROM items").fetchone()
    return row[0], row[1]


def _consistent(connection: sqlite3.Connection) -> bool:
    return connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)


def _explained(path: Path, error: Exception, tried: str) -> AppError:
    code = getattr(error, "sqlite_errorcode", None)
    garbled = isinstance(error, UnicodeDecodeError) or (code is None and isinstance(error, sqlite3.OperationalError))
    if code is not None and code & 0xFF == sqlite3.SQLITE_READONLY:  # some damage makes SQLite refuse to write
        garbled = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    if garbled or (code is not None and code & 0xFF in _DAMAGE):
        return DamagedTableError(f"{path} is damaged ({error}). Index the catalogue again, and it is made anew.")
    return disk_error(path, error, f"could not be {tried}", "Nothing written before is lost")
