"""Bringing a namespace at Pinecone up to date with a table: only what changed is sent, resumable at every request."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from retrieval.core import MissingIndexError, StaleIndexError
from retrieval.disk import write_atomically
from retrieval.indexes.pinecone import records as pinecone_records
from retrieval.indexes.pinecone.index import AT_ONCE, Account, PineconeIndex
from retrieval.indexing.stored_rows import StoredRows

_TAKEN = 1000


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What lies in a namespace; written last. `state` is that of the table, `written` counts the last upload's."""

    state: str
    index: str
    namespace: str
    dim: int
    pictures: int
    size: int
    written: int
    removed: int
    seconds: float

    @property
    def cost(self) -> str:
        """What it costs, in the service's own units; its prices change."""
        gigabytes = self.size / 1e9
        return (
            f"{self.pictures:,} vectors of {self.dim} numbers at Pinecone ({self.index}, namespace {self.namespace}), "
            f"about {gigabytes:.2f} GB stored; a query reads about {max(0.25, gigabytes):.2f} read units; this time "
            f"{self.written:,} vectors were written and {self.removed:,} removed."
        )


def read(table: Path) -> Uploaded | None:
    """Return what a finished upload of the table left, or None."""
    try:
        return Uploaded(**json.loads(_manifest(table).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def opened(table: Path, dim: int, account: Account) -> PineconeIndex:
    """Return the index of a finished upload; raises MissingIndexError, or StaleIndexError where it changed since."""
    known = read(table)
    if known is None:
        raise MissingIndexError("These vectors are not at Pinecone yet. Run: python cli.py index --index pinecone")
    index = PineconeIndex(account, dim, known.namespace)
    if len(index) != known.pictures:
        raise StaleIndexError(
            f"The namespace {known.namespace} at Pinecone holds {len(index):,} vectors, {known.pictures:,} were sent. "
            "Bring it up to date: python cli.py index --index pinecone"
        )
    return index


def forget(table: Path, account: Account) -> None:
    """Delete the namespace of a table, then the record of it; none is no error. Raises AppError."""
    known = read(table)
    if known:
        PineconeIndex(replace(account, index=known.index), known.dim, known.namespace).drop(known.namespace)
    for path in (_manifest(table), _record(table)):
        path.unlink(missing_ok=True)


def update_index(
    table: Path,
    dim: int,
    account: Account,
    namespace: str,
    state: str = "",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Uploaded:
    """Send what is new or changed, delete what is gone, and say so last; an upload that ends early is gone on with.

    `namespace` is CATALOGUE.ENGINE-WEIGHTS.MARK; namespaces of the same catalogue and engine under another mark, which
    older weights filled, are deleted. `on_progress` hears (vectors sent, of how many) and may raise Stopped.
    """
    started = time.perf_counter()
    with FileLock(table.with_name(f"{table.name}.pinecone.lock")):
        index = PineconeIndex(account, dim, namespace, create=True)
        known = read(table)
        if known and state and (known.state, known.namespace, known.pictures) == (state, namespace, len(index)):
            return known
        _manifest(table).unlink(missing_ok=True)
        stored, record = StoredRows(table, dim), _Record(_record(table), f"{index.host} {namespace}")
        try:
            unknown = not record.agrees(len(index))
            if unknown:
                record.clear()
            pictures, size = record.want(stored)
            sent = _send(index, stored, record, on_progress)
            gone = record.gone()
            if unknown:
                gone = [key for page in index.keys() for key in page if not record.wants(key)]  # noqa: SIM118
            record.dropping()
            index.delete(gone)
            record.dropped()
            index.settle(pictures, sent.log_end, sent.last)
        finally:
            record.close()
            stored.close()
        _drop_older(index, namespace)
        seconds = time.perf_counter() - started
        done = Uploaded(state, account.index, namespace, dim, pictures, size, sent.count, len(gone), seconds)
        write_atomically(_manifest(table), json.dumps(asdict(done), indent=1).encode())
    return done


@dataclass(frozen=True, slots=True)
class _Sent:
    """How many vectors were sent, how far the service's log was after them (0: not said), and the last of them."""

    count: int
    log_end: int
    last: Mapping[str, Any] | None


def _send(index: PineconeIndex, stored: StoredRows, record: _Record, on_progress: Callable[[int, int], None]) -> _Sent:
    """Send every row that is not there as it should be, some requests at once."""
    fresh = record.fresh()
    done = log_end = 0
    last: Mapping[str, Any] | None = None
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pinecone") as senders:
        flying: dict[Future[int], list[str]] = {}

        def land(most: int) -> None:
            nonlocal done, log_end
            while len(flying) > most:
                for sent in wait(flying, return_when=FIRST_COMPLETED).done:
                    keys = flying.pop(sent)
                    log_end = max(log_end, sent.result())
                    record.sent(keys)
                    done += len(keys)
                    on_progress(done, len(fresh))

        try:
            for start in range(0, len(fresh), _TAKEN):
                rows = stored.take(fresh[start : start + _TAKEN])
                records = [
                    pinecone_records.record(*row) for row in zip(rows.ids, rows.vectors, rows.attributes, strict=True)
                ]
                last = records[-1]
                for request in pinecone_records.requests(records):
                    keys = [each["id"] for each in request]
                    record.sending(keys)
                    flying[senders.submit(index.upsert, request)] = keys
                    land(2 * AT_ONCE)
            land(0)
        finally:
            for sent in flying:
                sent.cancel()
            for sent, keys in flying.items():
                if not sent.cancelled() and sent.exception() is None:
                    record.sent(keys)
    return _Sent(done, log_end, last)


def _drop_older(index: PineconeIndex, namespace: str) -> None:
    stem = namespace.rpartition(".")[0] + "."
    for other in index.namespaces():
        if other.startswith(stem) and other != namespace:
            index.drop(other)


class _Record:
    """Which vectors were sent to one place, with a mark of what they were; on disk, a request at a time.

    A row without a mark is one about which a request was under way: it is sent again. `there` says whether the place
    holds it for sure, whatever became of the request.
    """

    def __init__(self, path: Path, place: str) -> None:
        """Open or make the record; one of another place is emptied. Raises AppError."""
        self._path = path
        try:
            self._db = self._opened(place)
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
            self._db = self._opened(place)

    def _opened(self, place: str) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE IF NOT EXISTS sent (key TEXT PRIMARY KEY, mark TEXT, there INTEGER) WITHOUT ROWID")
        db.execute("CREATE TABLE IF NOT EXISTS place (name TEXT)")
        db.execute("CREATE TEMP TABLE wanted (key TEXT PRIMARY KEY, mark TEXT, row INTEGER) WITHOUT ROWID")
        if db.execute("SELECT name FROM place").fetchall() != [(place,)]:
            db.execute("DELETE FROM sent")
            db.execute("DELETE FROM place")
            db.execute("INSERT INTO place VALUES (?)", (place,))
        return db

    def close(self) -> None:
        self._db.close()

    def agrees(self, count: int) -> bool:
        """Return whether the place can hold `count` vectors when nobody else wrote there."""
        least, most = self._db.execute("SELECT COALESCE(SUM(there), 0), COUNT(*) FROM sent").fetchone()
        return least <= count <= most

    def clear(self) -> None:
        self._db.execute("DELETE FROM sent")

    def want(self, stored: StoredRows) -> tuple[int, int]:
        """Note what the namespace should hold, and return how many vectors that is, and about how many bytes."""
        pictures = size = 0

        def rows() -> Iterator[tuple[str, str, int]]:
            nonlocal pictures, size
            for number, item_id, digest, attributes in stored.contents():
                mark = hashlib.blake2b(f"{digest} {attributes}".encode(), digest_size=8).hexdigest()
                pictures += 1
                size += 32 + 4 * stored.dim + len(item_id) + len(attributes)
                yield pinecone_records.key_of(item_id), mark, number

        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO wanted VALUES (?, ?, ?)", rows())
        self._db.execute("COMMIT")
        return pictures, size

    def wants(self, key: str) -> bool:
        return self._db.execute("SELECT 1 FROM wanted WHERE key = ?", (key,)).fetchone() is not None

    def fresh(self) -> list[int]:
        """Return the row numbers of what was not sent as it is."""
        found = self._db.execute(
            "SELECT row FROM wanted LEFT JOIN sent USING (key) WHERE sent.mark IS NOT wanted.mark ORDER BY row"
        )
        return [row[0] for row in found]

    def gone(self) -> list[str]:
        """Return the keys of what was sent and is not wanted."""
        return [row[0] for row in self._db.execute("SELECT key FROM sent WHERE key NOT IN (SELECT key FROM wanted)")]

    def dropping(self) -> None:
        """Note that what is not wanted is about to be deleted."""
        self._db.execute("UPDATE sent SET there = 0, mark = NULL WHERE key NOT IN (SELECT key FROM wanted)")

    def dropped(self) -> None:
        """Note that what is not wanted was deleted."""
        self._db.execute("DELETE FROM sent WHERE key NOT IN (SELECT key FROM wanted)")

    def sending(self, keys: list[str]) -> None:
        """Note that these are about to be sent."""
        self._all("INSERT INTO sent VALUES (?, NULL, 0) ON CONFLICT (key) DO UPDATE SET mark = NULL", keys)

    def sent(self, keys: list[str]) -> None:
        """Note that these were sent as they are wanted."""
        self._all("INSERT OR REPLACE INTO sent SELECT key, mark, 1 FROM wanted WHERE key = ?", keys)

    def _all(self, statement: str, keys: list[str]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(statement, [(key,) for key in keys])
        self._db.execute("COMMIT")


def _manifest(table: Path) -> Path:
    return table.with_name(f"{table.name}.pinecone.json")


def _record(table: Path) -> Path:
    return table.with_name(f"{table.name}.pinecone")
