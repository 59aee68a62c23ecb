"""Visitors' own pictures: private to a visit, within bounds, gone when the visit ends or the app starts again."""

from __future__ import annotations

import atexit
import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from retrieval.catalogs.local import unpack
from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.catalogs.local.unpack import Bounds, Kept
from retrieval.core import AppError, Origin
from services.catalogs.open_catalogs import CatalogInfo, OpenCatalogs
from services.indexes.indexes import Indexes
from services.indexes.views import Views
from settings import Settings

log = logging.getLogger(__name__)

GRACE_SECONDS = 600.0
"""How long a visit that was left may be taken up again: a page is read anew, a phone sleeps."""

PER_VISIT = 5
_LOCK = ".lock"


@dataclass(slots=True)
class _Visit:
    keys: list[str] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    left: float = 0.0


class Uploads:
    """The catalogues of each visit. A visit and a catalogue have names of 128 random bits: who has them may see it."""

    def __init__(self, settings: Settings, catalogs: OpenCatalogs, indexes: Indexes, views: Views) -> None:
        """Begin without a visit; delete what a process that is no more has left."""
        self._settings, self._catalogs = settings, catalogs
        self._indexes, self._views = indexes, views
        self._visits: dict[str, _Visit] = {}
        self._lock = threading.Lock()
        self._root: Path | None = None
        self._bytes: dict[str, int] = {}
        sweep(settings.uploads)

    def arrive(self, session: str, visit: str | None = None) -> str:
        """Return the visit that a browser takes up again by its name, or the name of a new one."""
        with self._lock:
            if visit is None or visit not in self._visits:
                visit = secrets.token_urlsafe(16)
                self._visits[visit] = _Visit()
            self._visits[visit].sessions.add(session)
        return visit

    def leave(self, session: str) -> None:
        """Note that a browser has gone; a visit without one is deleted after GRACE_SECONDS."""
        with self._lock:
            for name, visit in self._visits.items():
                if session in visit.sessions:
                    visit.sessions.discard(session)
                    visit.left = time.monotonic()
                    if not visit.sessions:
                        timer = threading.Timer(GRACE_SECONDS, self._end, [name])
                        timer.daemon = True
                        timer.start()

    def add(
        self,
        visit: str,
        sent: Sequence[tuple[str, Path]],
        title: str = "",
        track: Callable[[int], None] = lambda done: None,
    ) -> tuple[str, Kept]:
        """Make a catalogue of files (name as sent, where it lies) and return its key and what was left out.

        Raises AppError for what is no picture or too much; `track` hears of pictures kept and may raise Stopped.
        """
        with self._lock:
            known = self._visits.get(visit)
            held = sum(self._bytes.values())
        if known is None:
            raise AppError("This visit has ended. Read the page anew and send your pictures again.")
        if len(known.keys) >= PER_VISIT:
            raise AppError(f"You have {PER_VISIT} catalogues of your own. Delete one first.")
        room = self._settings.max_uploads_bytes - held
        if room <= 0:
            raise AppError("The pictures of all visitors fill this machine now. Try again later.")
        key = f"upload-{secrets.token_hex(16)}"
        home = self._own_root() / key
        bounds = Bounds(self._settings.max_archive_files, min(self._settings.max_archive_bytes, room))
        kept = unpack.unpack(sent, home / "pictures", bounds, track)
        catalog = FolderCatalog(home / "pictures")
        catalog.name, catalog.origin = "upload", Origin("sent by you; deleted when your visit ends")
        catalog.title = _title(title, kept.pictures)
        with self._lock:
            if visit not in self._visits:
                shutil.rmtree(home, ignore_errors=True)
                raise AppError("This visit has ended. Read the page anew and send your pictures again.")
            known.keys.append(key)
            self._bytes[key] = kept.bytes
        self._catalogs.keep_private(key, catalog, home)
        return key, kept

    def of(self, visit: str | None) -> list[CatalogInfo]:
        """Return the catalogues of a visit."""
        with self._lock:
            keys = list(self._visits[visit].keys) if visit and visit in self._visits else []
        return [self._catalogs.info(key) for key in keys]

    def remove(self, visit: str, key: str) -> None:
        """Delete a catalogue of a visit: its pictures, its indexes, everything; raises AppError for another's."""
        with self._lock:
            known = self._visits.get(visit)
            if known is None or key not in known.keys:
                raise AppError("This catalogue is not yours to delete.")
            known.keys.remove(key)
        self._delete(key)

    def close(self) -> None:
        """Delete everything."""
        with self._lock:
            names = list(self._visits)
        for name in names:
            self._end(name, always=True)
        if self._root:
            shutil.rmtree(self._root, ignore_errors=True)

    def _end(self, name: str, always: bool = False) -> None:
        with self._lock:
            visit = self._visits.get(name)
            if visit is None:
                return
            back = visit.sessions or time.monotonic() - visit.left < GRACE_SECONDS * 0.99
            if back and not always:
                return
            del self._visits[name]
        for key in visit.keys:
            self._delete(key)

    def _delete(self, key: str) -> None:
        self._catalogs.close(key)
        self._views.forget(key)
        self._indexes.forget(key, lambda: self._clear(key))

    def _clear(self, key: str) -> None:
        if self._root:
            shutil.rmtree(self._root / key, ignore_errors=True)
        with self._lock:
            self._bytes.pop(key, None)

    def _own_root(self) -> Path:
        """Return this process's folder, made and locked on first use."""
        with self._lock:
            if self._root is None:
                try:
                    self._settings.uploads.mkdir(parents=True, exist_ok=True)
                    self._root = Path(tempfile.mkdtemp(dir=self._settings.uploads))
                except OSError as error:
                    raise AppError(f"Pictures cannot be kept on this machine now ({error.strerror}).") from None
                self._held = FileLock(self._root / _LOCK)
                self._held.acquire()
                atexit.register(shutil.rmtree, self._root, ignore_errors=True)
            return self._root


def sweep(uploads: Path) -> None:
    """Delete the folders in `uploads` whose process is gone: the system lets go of its lock, however it ended."""
    for folder in uploads.iterdir() if uploads.is_dir() else ():
        lock = FileLock(folder / _LOCK)
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError):
            continue
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)
        log.info("deleted pictures that an earlier run had left")


def _title(title: str, count: int) -> str:
    words = " ".join(title.split())[:60]
    return words or f"My pictures ({count:,})"
