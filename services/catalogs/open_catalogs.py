"""Which catalogues are open: those given at the start, and those opened and closed while the app runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrieval import catalogs
from retrieval.catalogs.hub import names
from retrieval.catalogs.hub.download import OnProgress
from retrieval.catalogs.hub.source import SUGGESTED
from retrieval.catalogs.s3.catalog import S3Options
from retrieval.core import AppError, Catalog, EncoderSpec
from settings import Settings

OURS = ("sample", "paintings")
DRAWN = "drawn by our own script"

GARMENTS = ("look-alike", "product", "latent")
"""What pictures of clothes are good for: the purposes of engines (see EncoderSpec)."""


@dataclass(frozen=True, slots=True)
class CatalogInfo:
    """What a page shows of a catalogue; `key` is safe in a URL.

    `source` and `licence` are empty where they are not known. A `private` one belongs to the session that uploaded it.
    `purposes` say what it is good for, nothing where that is not known.
    """

    key: str
    title: str
    note: str
    source: str = ""
    licence: str = ""
    private: bool = False
    purposes: tuple[str, ...] = ()

    def suits(self, spec: EncoderSpec | None) -> bool:
        """Return whether the pictures are, as far as is known, of the kind that an engine is for."""
        if spec is None or not spec.purposes or not self.purposes:
            return True
        return any(purpose in self.purposes for purpose in spec.purposes)


class OpenCatalogs:
    """The open catalogues by key, in the order in which they were opened; safe to share between threads.

    A private catalogue is in no list: who does not have its key, which cannot be guessed, learns nothing of it.
    """

    def __init__(self, settings: Settings, label_pattern: str | None = None) -> None:
        """Open nothing yet; `label_pattern` is for folders and buckets."""
        self._settings, self.label_pattern = settings, label_pattern
        self._s3 = S3Options(settings.s3, settings.s3_cache_bytes, settings.s3_links)
        self._keys: dict[str, str] = {}
        self._catalogs: dict[str, Catalog] = {}
        self._homes: dict[str, Path] = {}
        self._when_closed: list[Callable[[str], None]] = []
        self._lock = threading.Lock()

    def open(self, name: str, anonymous: bool = False, on_progress: OnProgress = lambda fetching: None) -> str:
        """Open the catalogue called `name`, unless it is open, and return its key; raises AppError for a bad name."""
        with self._lock:
            if name in self._keys:
                return self._keys[name]
        catalog = catalogs.open_catalog(
            name, self._settings.sample, self.label_pattern, self._settings.hub, anonymous, on_progress, self._s3
        )
        key = catalogs.key(catalog)
        with self._lock:
            self._keys[name] = self._keys[catalog.name] = key
            self._catalogs.setdefault(key, catalog)
        return key

    def keep_private(self, key: str, catalog: Catalog, home: Path) -> None:
        """Open a visitor's own catalogue under `key`; everything that is made of it lies in the folder `home`."""
        with self._lock:
            self._catalogs[key], self._homes[key] = catalog, home

    def close(self, key: str) -> None:
        """Forget an open catalogue; one that is not open is no error."""
        with self._lock:
            self._catalogs.pop(key, None)
            self._homes.pop(key, None)
            self._keys = {name: known for name, known in self._keys.items() if known != key}
        for forget in self._when_closed:
            forget(key)

    def when_closed(self, forget: Callable[[str], None]) -> None:
        """Have `forget` called with the key of every catalogue that is closed from now on."""
        self._when_closed.append(forget)

    def infos(self, spec: EncoderSpec | None = None) -> list[CatalogInfo]:
        """Return the open catalogues that everybody may see, in the order in which they were opened.

        Those that do not suit the engine `spec` come last.
        """
        with self._lock:
            keys = [key for key in self._catalogs if key not in self._homes]
        return sorted((self.info(key) for key in keys), key=lambda info: not info.suits(spec))

    def info(self, key: str) -> CatalogInfo:
        """Return the facts of an open catalogue, also of a private one; raises AppError."""
        catalog = self.catalog(key)
        origin = catalogs.origin(catalog)
        with self._lock:
            private = key in self._homes
        note = DRAWN if key in OURS else "only you see it" if private else ""
        purposes = () if private else _purposes(catalog.name)
        return CatalogInfo(key, catalog.title, note, origin.source, origin.licence, private, purposes)

    def key(self, name: str) -> str:
        """Return the key of a catalogue that was opened as `name`."""
        return self._keys[name]

    def catalog(self, key: str) -> Catalog:
        """Return an open catalogue; raises AppError with the keys that everybody may know."""
        with self._lock:
            if key in self._catalogs:
                return self._catalogs[key]
            known = ", ".join(known for known in self._catalogs if known not in self._homes)
        raise AppError(f"There is no catalogue '{key[:80]}'. Choose one of: {known}.")

    def folder(self, key: str) -> Path:
        """Return where the indexes of an open catalogue lie; raises AppError: any other name might lead anywhere."""
        self.catalog(key)
        return self._homes[key] / "indexes" if key in self._homes else self._settings.index_cache / key


def _purposes(name: str) -> tuple[str, ...]:
    """Return what a catalogue is good for, by its name; nothing where only its owner knows."""
    form = name.partition(":")[0]
    if form == "hf":
        purpose, _ = SUGGESTED.get(names.parse(name).repo, ("", ""))
        return GARMENTS if purpose in GARMENTS else (purpose,) if purpose else ()
    return {"sample": GARMENTS, "deepfashion2": GARMENTS, "paintings": ("style",), "idx": ("latent",)}.get(form, ())
