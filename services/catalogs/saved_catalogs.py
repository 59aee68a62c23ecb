"""The catalogues that stay: opened by name, on the page or the command line, and opened again at every start."""

from __future__ import annotations

import glob
import logging
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from retrieval import catalogs as forms
from retrieval.catalogs.hub import catalog, download
from retrieval.catalogs.hub import names as hub_names
from retrieval.catalogs.hub.download import OnProgress
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
        self._given: dict[str, None] = {}
        self._problems: dict[str, str] = {}
        self._taking = threading.Lock()

    def open_given(self, names: Sequence[str]) -> None:
        """Open the catalogues that were named at the start; what is not there does not keep back the others.

        It is listed with its problem, and opened once it is there. Raises AppError for what names no catalogue, and
        where none of the places that were named is there: it is more likely misspelt than away.
        """
        for name in names:
            if name.partition(":")[0] in (*forms.LOCAL, *forms.REMOTE):
                self._given[name] = None
                self._open(name)
            else:
                self._catalogs.open(name)
        if self._given and all(name in self._problems for name in self._given):
            raise AppError(self._problems[next(iter(self._given))])

    def reopen(self) -> None:
        """Try again what lies on this machine and could not be opened: its disk may have been connected meanwhile."""
        for name in list(self._problems):
            if name.partition(":")[0] in forms.LOCAL:
                self._open(name)

    def open_all(self) -> None:
        """Open every registered catalogue that is on this machine; what is not is kept as a problem, not an error."""
        try:
            names = self._names.names()
        except AppError as error:
            log.warning("%s", error)
            return
        for name in names:
            if name.startswith("hf:") and not catalog.is_here(hub_names.parse(name), self._settings.hub):
                gone = f"It is not on this machine any more. Get it: python cli.py catalogs add '{name}'"
                self._problems[name] = gone
                log.warning("%s: %s", name, gone)
            else:
                self._open(name)

    def _open(self, name: str) -> None:
        try:
            self._catalogs.open(name)
        except AppError as error:
            if self._problems.get(name) != str(error):
                log.warning("%s: %s", name, error)
            self._problems[name] = str(error)
        else:
            self._problems.pop(name, None)

    def add(self, name: str, on_progress: OnProgress = lambda fetching: None) -> str:
        """Open the catalogue called `name`, remember it for every start, and return its key; raises AppError."""
        key = self._catalogs.open(name, on_progress=on_progress)
        if name != key:  # what is always there needs no entry
            self._names.add(self._catalogs.catalog(key).name)
            self._problems.pop(name, None)
        return key

    def add_from_hub(self, name: str, on_progress: OnProgress = lambda fetching: None) -> str:
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
            key = self._catalogs.open(str(wanted), anonymous=True, on_progress=on_progress)
            self._names.add(str(wanted))
        return key

    def entries(self) -> list[Entry]:
        """Return the registered names, and those given at the start that are not open, with the key or the problem."""
        found = []
        for name in dict.fromkeys([*self._names.names(), *(n for n in self._given if n in self._problems)]):
            try:
                found.append(Entry(name, self._catalogs.key(name)))
            except KeyError:
                found.append(Entry(name, None, self._problems.get(name, "")))
        return found

    def remove(self, name: str) -> bool:
        """Forget a catalogue and delete what was made of it: indexes, the copy of a part of a data set, a listing.

        Pictures of folders and buckets, and the library's own cache, are never touched. Returns whether there was any.
        """
        if name.partition(":")[0] not in (*forms.LOCAL, *forms.REMOTE):
            return False
        known = self._names.remove(name)
        self._given.pop(name, None)
        key = forms.key_of(name)
        folder = self._settings.index_cache / key
        there = known or folder.is_dir()
        stopped = threading.Event()
        self._catalogs.close(key)
        self._indexes.forget(key, stopped.set)
        stopped.wait()  # who adds it again would write where this deletes
        try:
            vector_indexes.forget(self._settings, folder.glob("*"))
        except AppError as error:
            log.warning("what %s has at Pinecone stays there: %s", name, error)
        for made in (folder, folder.with_name(f"{key}.words")):
            shutil.rmtree(made, ignore_errors=True)
        for lock in folder.parent.glob(f".{glob.escape(key)}.*.lock"):
            lock.unlink(missing_ok=True)
        if name.startswith("hf:"):
            shutil.rmtree(download.place(self._settings.hub, hub_names.parse(name)), ignore_errors=True)
        if name.startswith("s3:"):
            listing.delete(s3_catalog.listing_file(self._settings.s3, name))
        self._problems.pop(name, None)
        return there

    def called(self, name: str) -> str:
        """Return the registered name that means the same as `name`, or else its full name."""
        with suppress(AppError):
            full = forms.full_name(name)
            return next((known for known in self._names.names() if known in (name, full)), full)
        return name
