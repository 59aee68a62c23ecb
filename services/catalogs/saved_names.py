"""The file that names the catalogues which every start opens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from retrieval.core import AppError
from retrieval.disk import disk_error, write_atomically

_WAIT_SECONDS = 30


class SavedNames:
    """Names of catalogues, in the order in which they were added; each change is on disk before it returns."""

    def __init__(self, path: Path) -> None:
        """Name the file; it need not exist."""
        self._path = path
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Return the names; raises AppError for a file that is none of ours."""
        try:
            names = json.loads(self._path.read_bytes())["catalogs"]
            if not all(isinstance(name, str) for name in names):
                raise TypeError("a name is no text")
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise AppError(f"{self._path} cannot be read ({error}). Mend or delete it.") from None
        return names

    def add(self, name: str) -> None:
        """Add `name` unless it is there; raises AppError on a full disk, and what was there stays."""
        with self._alone():
            names = self.names()
            if name not in names:
                self._write([*names, name])

    def remove(self, name: str) -> bool:
        """Forget `name` and return whether it was there."""
        with self._alone():
            names = self.names()
            if name not in names:
                return False
            self._write([known for known in names if known != name])
            return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and other processes from changing the file meanwhile."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock, FileLock(self._path.with_name(f".{self._path.name}.lock"), timeout=_WAIT_SECONDS):
                yield
        except Timeout:
            raise AppError(f"Another process has held {self._path} for {_WAIT_SECONDS} seconds. Try again.") from None
        except OSError as error:
            raise disk_error(self._path, error) from None

    def _write(self, names: list[str]) -> None:
        write_atomically(self._path, json.dumps({"version": 1, "catalogs": names}, indent=1).encode())
