"""Which catalogues are open: those given at the start, and those opened and closed while the app runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from retrieval import catalogs
from retrieval.core import AppError, Catalog


@dataclass(frozen=True, slots=True)
class CatalogInfo:
    """What a page shows of a catalogue; `key` is safe in a URL."""

    key: str
    title: str
    note: str


class Opened:
    """The open catalogues by key, in the order in which they were opened; safe to share between threads."""

    def __init__(self, sample: Path, label_pattern: str | None = None) -> None:
        """Open nothing yet; `sample` is the folder of the drawn sample, `label_pattern` is for folders."""
        self._sample, self._label_pattern = sample, label_pattern
        self._keys: dict[str, str] = {}
        self._catalogs: dict[str, Catalog] = {}
        self._lock = threading.Lock()

    def open(self, name: str) -> str:
        """Open the catalogue called `name`, unless it is open, and return its key; raises AppError for a bad name."""
        catalog = catalogs.open_catalog(name, self._sample, self._label_pattern)
        key = catalogs.key(catalog)
        with self._lock:
            self._keys[name] = key
            self._catalogs.setdefault(key, catalog)
        return key

    def close(self, key: str) -> None:
        """Forget an open catalogue; one that is not open is no error."""
        with self._lock:
            self._catalogs.pop(key, None)
            self._keys = {name: known for name, known in self._keys.items() if known != key}

    def infos(self) -> list[CatalogInfo]:
        """Return the open catalogues, in the order in which they were opened."""
        with self._lock:
            opened = list(self._catalogs.items())
        return [CatalogInfo(key, c.title, "drawn by our own script" if key == "sample" else "") for key, c in opened]

    def key(self, name: str) -> str:
        """Return the key of a catalogue that was opened as `name`."""
        return self._keys[name]

    def catalog(self, key: str) -> Catalog:
        """Return an open catalogue; raises AppError with the valid keys."""
        with self._lock:
            if key in self._catalogs:
                return self._catalogs[key]
            known = ", ".join(self._catalogs)
        raise AppError(f"There is no catalogue '{key}'. Choose one of: {known}.")
