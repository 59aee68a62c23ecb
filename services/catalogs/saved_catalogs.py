"""The catalogues that stay: opened by name, on the page or the command line, and opened again at every start."""

from __future__ import annotations

import logging
import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from retrieval.catalogs.hub import catalog, download
from retrieval.catalogs.hub import names as hub_names
from retrieval.catalogs.hub.download import Track
from retrieval.catalogs.s3 import catalog as s3_catalog
from retrieval.catalogs.s3 import listing
from retrieval.core import AppError
from services.catalogs.open_catalogs import OpenCatalogs
from services.catalogs.saved_names import SavedNames
from services.indexes import vector_indexes
from services.indexes.indexes import Indexes
from settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered name: the key of its catalogue, or why it is not open."""

    name: str
    key: str | None
    problem: str = ""


class SavedCatalogs:
    """Opens, registers and removes catalogues by name; safe to share between threads."""

    def __init__(self, settings: Settings, catalogs: OpenCatalogs, indexes: Indexes) -> None:
        """Read nothing yet."""
        self._settings, self._catalogs, self._indexes = settings, catalogs, indexes
        self._names = SavedNames(settings.registry)
        self._problems: dict[str, str] = {}
        self._taking = threading.Lock()

    def open_all(self) -> None:
        """Open every registered catalogue that is on this machine; what is not is kept as a problem, not an error."""
        try:
            names = self._names.names()
        except AppError as error:
            log.warning("%s", error)
            return
        for name in names:
            try:
                if name.startswith("hf:") and not catalog.is_here(hub_names.parse(name), self._settings.hub):
                    raise AppError(f"It is not on this machine any more. Get it: python cli.py catalogs add '{name}'")
                self._catalogs.open(name)
            except AppError as error:
                log.warning("%s: %s", name, error)
                self._problems[name] = str(error)

    def add(self, name: str, track: Track = lambda fetching: None) -> str:
        """Open the catalogue called `name`, remember it for every start, and return its key; raises AppError."""
        key = self._catalogs.open(name, track=track)
        if name != key:  # what is always there needs no entry
            self._names.add(self._catalogs.catalog(key).name)
            self._problems.pop(name, None)
        return key

    def add_from_hub(self, name: str, track: Track = lambda fetching: None) -> str:
        """Do the same for a visitor: the Hub only, public data sets only, bounded in rows and in number."""
        wanted = hub_names.parse(name if name.startswith("hf:") else f"hf:{name}")
        most = self._settings.max_hub_rows
        if not wanted.limit or wanted.limit > most:
            raise AppError(f"Say how many pictures you want, 1 to {most:,}. More can be opened on the command line.")
        with self._taking:
            known = self._names.names()
            held = [each for each in known if each.startswith("hf:")]
            if str(wanted) not in held and len(held) >= self._settings.max_hub_catalogs:
                raise AppError(f"{len(held)} data sets are open here, as many as this page keeps. Use one of them.")
            key = self._catalogs.open(str(wanted), anonymous=True, track=track)
            self._names.add(str(wanted))
        return key

    def entries(self) -> list[Entry]:
        """Return the registered names, with the key of what is open and the problem of what is not."""
        found = []
        for name in self._names.names():
            try:
                found.append(Entry(name, self._catalogs.key(name)))
            except KeyError:
                found.append(Entry(name, None, self._problems.get(name, "")))
        return found

    def remove(self, name: str) -> bool:
        """Forget a catalogue and delete what was made of it: indexes, the copy of a part of a data set, a listing.

        Pictures of folders and buckets, and the library's own cache, are never touched. Returns whether there was any.
        """
        known = self._names.remove(name)
        try:
            key = self._catalogs.key(name)
        except KeyError:
            key = None
        if key:
            folder, stopped = self._catalogs.folder(key), threading.Event()
            self._catalogs.close(key)
            self._indexes.forget(key, stopped.set)
            stopped.wait()  # who adds it again would write where this deletes
            try:
                vector_indexes.forget(self._settings, folder.glob("*"))
            except AppError as error:
                log.warning("what %s has at Pinecone stays there: %s", name, error)
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
        if name.startswith("hf:"):
            shutil.rmtree(download.place(self._settings.hub, hub_names.parse(name)), ignore_errors=True)
        if name.startswith("s3:"):
            listing.delete(s3_catalog.listing_file(self._settings.s3, name))
        self._problems.pop(name, None)
        return known or key is not None

    def called(self, name: str) -> str:
        """Return the registered name that means the same as `name`, or `name`."""
        with suppress(AppError):
            wanted = str(hub_names.parse(name)) if name.startswith("hf:") else name.rstrip("/")
            place = Path(name.partition(":")[2]).expanduser().resolve()
            for known in self._names.names():
                if known in (name, wanted, f"{name.partition(':')[0]}:{place}"):
                    return known
        return name
