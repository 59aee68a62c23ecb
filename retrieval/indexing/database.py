"""Opening an SQLite file that threads share and other processes may open at the same moment."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TROUBLES = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file makes sqlite3 raise: it cannot even decode an error that names a garbled table."""

WAIT_SECONDS = 30.0
_PAUSE_SECONDS = 0.02


def connect(path: Path, schema: str) -> sqlite3.Connection:
    """Open or make the file at `path` with the tables of `schema`, logging ahead; raises sqlite3.Error.

    Going over to the log needs the file alone, and unlike other statements SQLite refuses this one at once while
    another process does the same: so it is tried again.
    """
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA page_size=16384")  # rows are some KB: smaller pages would be half empty
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(schema)
            return connection
        except TROUBLES as error:
            busy = getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > deadline:
                connection.close()
                raise
            time.sleep(_PAUSE_SECONDS)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open the file at `path` to be read, also where nothing can be written; raises sqlite3.Error.

    To read a log SQLite needs to write beside it. Where it cannot, the file is read as it stands, if no log is left.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        return _reading(address)
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise
        return _reading(f"{address}&immutable=1")


def _reading(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS, check_same_thread=False)
    try:
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Keep all that is written within, or, after any error, nothing of it."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
