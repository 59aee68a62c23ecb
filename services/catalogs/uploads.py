"""Visitors' own pictures: private to a visit, within bounds, gone when the visit ends or the app starts again."""

from __future__ import annotations

import atexit
import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
MOST_VISITS = 5000
_SHARE = 4
"""A visit may hold at most one part in so many of what all may hold together."""

_SWEEP_SECONDS = 15.0
_LOCK = ".lock"

_ENDED = "This visit has ended. Read the page anew and send your pictures again."


@dataclass(slots=True)
class _Visit:
    """`sessions` holds when each was last heard of, by time.monotonic."""

    keys: list[str] = field(default_factory=list)
    sessions: dict[str, float] = field(default_factory=dict)
    left: float = field(default_factory=time.monotonic)


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
        self._reserved: dict[str, int] = {}
        self._here: Counter[str] = Counter()
        self._closing = threading.Event()
        self._sweeper: threading.Thread | None = None
        sweep(settings.uploads)

    def arrive(self, session: str, visit: str | None = None) -> str:
        """Return the visit that a browser takes up again by its name, or the name of a new one; a session has one."""
        with self._lock:
            if visit is None or visit not in self._visits:
                visit = next((name for name, each in self._visits.items() if session and session in each.sessions), "")
            if not visit:
                self._make_room()
                visit = secrets.token_urlsafe(16)
                self._visits[visit] = _Visit()
            self._visits[visit].sessions[session] = time.monotonic()
            if self._sweeper is None:
                self._sweeper = threading.Thread(target=self._keep_sweeping, name="visits", daemon=True)
                self._sweeper.start()
        return visit

    @contextmanager
    def presence(self, session: str) -> Iterator[None]:
        """Count a session as here for as long as this lasts: while its browser holds a line open, say."""
        with self._lock:
            self._here[session] += 1
        try:
            yield
        finally:
            with self._lock:
                self._here[session] -= 1
                if self._here[session] <= 0:
                    del self._here[session]
                for visit in self._visits.values():
                    if session in visit.sessions:
                        visit.sessions[session] = time.monotonic()

    def leave(self, session: str) -> None:
        """Note that a browser has gone; a visit without one is deleted after GRACE_SECONDS."""
        with self._lock:
            for visit in self._visits.values():
                if visit.sessions.pop(session, None) is not None:
                    visit.left = time.monotonic()

    def end_left(self) -> None:
        """Delete the visits that everybody left GRACE_SECONDS ago; who gave no sign for so long has left."""
        now = time.monotonic()
        with self._lock:
            for visit in self._visits.values():
                for session, heard in list(visit.sessions.items()):
                    if session not in self._here and now - heard > GRACE_SECONDS:
                        del visit.sessions[session]
                        visit.left = max(visit.left, heard)
            left = [n for n, each in self._visits.items() if not each.sessions and now - each.left > GRACE_SECONDS]
        for name in left:
            self._end(name)

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
        key = f"upload-{secrets.token_hex(16)}"
        home = self._own_root() / key
        with self._lock:
            known, most = self._visits.get(visit), self._room(visit)
            self._reserved[key] = most
        try:
            kept = unpack.unpack(sent, home / "pictures", Bounds(self._settings.max_archive_files, most), track)
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        finally:
            with self._lock:
                del self._reserved[key]
        catalog = FolderCatalog(home / "pictures")
        catalog.name, catalog.origin = "upload", Origin("sent by you; deleted when your visit ends")
        catalog.title = _title(title, kept.pictures)
        with self._lock:
            if known is None or self._visits.get(visit) is not known or len(known.keys) >= PER_VISIT:
                shutil.rmtree(home, ignore_errors=True)
                raise AppError(_ENDED)
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
        self._closing.set()
        with self._lock:
            names = list(self._visits)
        for name in names:
            self._end(name)
        if self._root:
            shutil.rmtree(self._root, ignore_errors=True)

    def _keep_sweeping(self) -> None:
        while not self._closing.wait(min(_SWEEP_SECONDS, GRACE_SECONDS)):
            self.end_left()

    def _make_room(self) -> None:
        """Where there are very many visits, forget the oldest that holds nothing."""
        if len(self._visits) >= MOST_VISITS:
            empty = next((name for name, each in self._visits.items() if not each.keys), None)
            if empty is None:
                raise AppError("More people are here than this machine can keep pictures for. Try again later.")
            del self._visits[empty]

    def _room(self, visit: str) -> int:
        """Return how many bytes a visit may send now; raises AppError where that is none."""
        known, settings = self._visits.get(visit), self._settings
        if known is None:
            raise AppError(_ENDED)
        if len(known.keys) >= PER_VISIT:
            raise AppError(f"You have {PER_VISIT} catalogues of your own. Delete one first.")
        own = sum(self._bytes.get(key, 0) for key in known.keys)
        mine = max(settings.max_archive_bytes, settings.max_uploads_bytes // _SHARE) - own
        if mine <= 0:
            raise AppError("Your catalogues hold as much as one visit may. Delete one first.")
        free = settings.max_uploads_bytes - sum(self._bytes.values()) - sum(self._reserved.values())
        if free <= 0:
            raise AppError("The pictures of all visitors fill this machine now. Try again later.")
        return min(settings.max_archive_bytes, mine, free)

    def _end(self, name: str) -> None:
        with self._lock:
            visit = self._visits.pop(name, None)
        for key in visit.keys if visit else ():
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
