"""Visitors' own pictures: private to a session, within bounds, gone when it ends or the app starts again."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from retrieval.catalogs import unpack
from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.catalogs.local.unpack import Bounds, Kept
from retrieval.core import AppError, Origin
from services.catalogs.open_catalogs import CatalogInfo, OpenCatalogs
from services.indexes.indexes import Indexes
from services.sessions import Sessions
from settings import Settings

PER_SESSION = 5
_SHARE = 4
"""A session may hold at most one part in so many of what all may hold together."""

_FULL = f"You have {PER_SESSION} catalogues of your own. Delete one first."
_ENDED = "This session has ended. Read the page anew and send your pictures again."


class Uploads:
    """The catalogues of each session. A catalogue has a name of 128 random bits: who has it may see the pictures."""

    def __init__(self, settings: Settings, sessions: Sessions, catalogs: OpenCatalogs, indexes: Indexes) -> None:
        """Begin without a catalogue."""
        self._settings, self._sessions = settings, sessions
        self._catalogs, self._indexes = catalogs, indexes
        self._keys: dict[str, list[str]] = {}
        self._bytes: dict[str, int] = {}
        self._reserved: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(
        self,
        session: str,
        sent: Sequence[tuple[str, Path]],
        title: str = "",
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> tuple[str, Kept]:
        """Make a catalogue of files (name as sent, where it lies) and return its key and what was left out.

        Raises AppError for what is no picture or too much; `on_progress` hears of pictures kept and may raise Stopped.
        """
        key = f"upload-{secrets.token_hex(16)}"
        home = self._sessions.folder() / key
        with self._lock:
            self._reserved[key] = most = self._room(session)
        try:
            kept = unpack.unpack(sent, home / "pictures", Bounds(self._settings.max_archive_files, most), on_progress)
            self._catalogs.keep_private(key, _catalog(home / "pictures", _title(title, kept.pictures)), home)
            with self._lock:
                if len(self._keys.get(session, ())) >= PER_SESSION:
                    raise AppError(_FULL)
                self._sessions.hold(session, key, partial(self._forget, session, key))
                self._keys.setdefault(session, []).append(key)
                self._bytes[key] = kept.bytes
        except BaseException:
            self._catalogs.close(key)
            shutil.rmtree(home, ignore_errors=True)
            raise
        finally:
            with self._lock:
                del self._reserved[key]
        return key, kept

    def of(self, session: str | None) -> list[CatalogInfo]:
        """Return the catalogues of a session."""
        with self._lock:
            keys = list(self._keys.get(session or "", ()))
        return [self._catalogs.info(key) for key in keys]

    def remove(self, session: str, key: str) -> None:
        """Delete a catalogue of a session: its pictures, its indexes, everything; raises AppError for another's."""
        with self._lock:
            if key not in self._keys.get(session, ()):
                raise AppError("This catalogue is not yours to delete.")
        self._sessions.let_go(session, key)
        self._forget(session, key)

    def _room(self, session: str) -> int:
        """Return how many bytes a session may send now; raises AppError where that is none."""
        settings, keys = self._settings, self._keys.get(session, ())
        if not self._sessions.known(session):
            raise AppError(_ENDED)
        if len(keys) >= PER_SESSION:
            raise AppError(_FULL)
        own = sum(self._bytes.get(key, 0) for key in keys)
        mine = max(settings.max_archive_bytes, settings.max_uploads_bytes // _SHARE) - own
        if mine <= 0:
            raise AppError("Your catalogues hold as much as one session may. Delete one first.")
        free = settings.max_uploads_bytes - sum(self._bytes.values()) - sum(self._reserved.values())
        if free <= 0:
            raise AppError("The pictures of all visitors fill this machine now. Try again later.")
        return min(settings.max_archive_bytes, mine, free)

    def _forget(self, session: str, key: str) -> None:
        with self._lock:
            keys = self._keys.get(session, [])
            if key in keys:
                keys.remove(key)
            if not keys:
                self._keys.pop(session, None)
        self._catalogs.close(key)
        self._indexes.forget(key, partial(self._clear, key))

    def _clear(self, key: str) -> None:
        shutil.rmtree(self._sessions.folder() / key, ignore_errors=True)
        with self._lock:
            self._bytes.pop(key, None)


def _catalog(folder: Path, title: str) -> FolderCatalog:
    catalog = FolderCatalog(folder)
    catalog.name, catalog.title = "upload", title
    catalog.origin = Origin("sent by you; deleted when your session ends")
    return catalog


def _title(title: str, count: int) -> str:
    words = " ".join(title.split())[:60]
    return words or f"My pictures ({count:,})"
