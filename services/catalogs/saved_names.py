"""The file that names the catalogues which every start opens."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from retrieval.core import AppError
from retrieval.indexing.storage import write_atomically


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
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AppError(f"{self._path} cannot be read ({error}). Mend or delete it.") from None
        return names

    def add(self, name: str) -> None:
        """Add `name` unless it is there; raises AppError on a full disk, and what was there stays."""
        with self._lock:
            names = self.names()
            if name not in names:
                self._write([*names, name])

    def remove(self, name: str) -> bool:
        """Forget `name` and return whether it was there."""
        with self._lock:
            names = self.names()
            if name not in names:
                return False
            self._write([known for known in names if known != name])
            return True

    def _write(self, names: list[str]) -> None:
        write_atomically(self._path, json.dumps({"version": 1, "catalogs": names}, indent=1).encode())
