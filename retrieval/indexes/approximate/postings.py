"""Which rows have which value of which attribute, on disk: a filter reads a few lists instead of every row."""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from retrieval.core import AppError, Attributes, Filter
from retrieval.disk import disk_error


class Postings:
    """A finished file of postings; threads may share it."""

    def __init__(self, path: Path) -> None:
        """Open the file that `write` wrote; raises AppError."""
        self._path, self._lock = path, threading.Lock()
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )

    def matching(self, filter: Filter) -> np.ndarray | None:
        """Return the sorted slots, int64, that have one of the wanted values of every attribute; None lets all in."""
        slots: np.ndarray | None = None
        for attribute, wanted in filter.items():
            if not wanted:
                continue
            found = [self._slots(attribute, value) for value in sorted(set(wanted))]
            these = np.sort(np.concatenate(found)) if len(found) > 1 else found[0]
            slots = these if slots is None else np.intersect1d(slots, these, assume_unique=True)
        return slots

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _slots(self, attribute: str, value: str) -> np.ndarray:
        with self._lock:
            try:
                row = self._connection.execute(
                    "SELECT slots FROM postings WHERE attribute = ? AND value = ?", (attribute, value)
                ).fetchone()
            except sqlite3.Error as error:
                raise AppError(f"{self._path} cannot be read ({error}). Index the catalogue again.") from None
        return np.empty(0, np.int64) if row is None else np.frombuffer(row[0], np.int32).astype(np.int64)


def write(path: Path, rows: Iterable[tuple[int, Attributes]]) -> None:
    """Write the postings of (slot, attributes) to a new file; raises AppError."""
    slots: dict[tuple[str, str], array[int]] = {}
    for slot, attributes in rows:
        for pair in attributes.items():
            if pair not in slots:
                slots[pair] = array("i")
            slots[pair].append(slot)
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute(
            "CREATE TABLE postings (attribute TEXT, value TEXT, slots BLOB, PRIMARY KEY (attribute, value))"
        )
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO postings VALUES (?, ?, ?)",
            ((*pair, np.sort(np.array(slots[pair], np.int32)).tobytes()) for pair in sorted(slots)),
        )
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise disk_error(path, error) from None
    finally:
        connection.close()
