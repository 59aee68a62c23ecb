"""Who is here: a session is one visitor, however often the page is read anew, until it has been gone for a while."""

from __future__ import annotations

import atexit
import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from retrieval.core import AppError
from settings import Settings

log = logging.getLogger(__name__)

MACHINE = "machine"
"""The owner of what the app does by itself and of what is done on a machine of one's own: who runs that machine."""

GRACE_SECONDS = 600.0
"""How long a session that was left may be taken up again: a page is read anew, a phone sleeps."""

MOST_SESSIONS = 5000
_SWEEP_SECONDS = 15.0
_LOCK = ".lock"

ENDED = "This session has ended. Read the page anew and try again."


@dataclass(slots=True)
class _Session:
    """`pages` holds when each was last heard of, by time.monotonic; `holdings` how to delete each thing that is its."""

    pages: dict[str, float] = field(default_factory=dict)
    holdings: dict[str, Callable[[], None]] = field(default_factory=dict)
    left: float = field(default_factory=time.monotonic)


class Sessions:
    """The sessions of this process; safe to share between threads.

    A session's id has 128 random bits: who has it is that visitor. `page` is the name that a browser gives to one
    loading of the page. What a session holds is deleted when it ends, and with the process, however that ends.
    """

    def __init__(self, settings: Settings) -> None:
        """Begin without a session; delete what a process that is no more has left."""
        self._settings = settings
        self._sessions: dict[str, _Session] = {}
        self._here: Counter[str] = Counter()
        self._folder: Path | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._sweeper: threading.Thread | None = None
        self._also: Callable[[], None] = lambda: None
        sweep(settings.uploads)

    def arrive(self, page: str, session: str | None = None) -> str:
        """Return the session that a page takes up again by its id, the one it has, or a new one."""
        with self._lock:
            if session is None or session not in self._sessions:
                session = self._of(page)
            if session is None:
                self._make_room()
                session = secrets.token_urlsafe(16)
                self._sessions[session] = _Session()
            for other in self._sessions.values():
                other.pages.pop(page, None)
            self._sessions[session].pages[page] = time.monotonic()
            self._begin_sweeping()
        return session

    def when_sweeping(self, also: Callable[[], None]) -> None:
        """Have `also` called whenever it is seen who has left."""
        with self._lock:
            self._also = also
            self._begin_sweeping()

    def here(self, page: str) -> bool:
        """Return whether a page holds a line open, see `presence`."""
        return page in self._here

    def owner(self, session: str | None) -> str:
        """Return to whom belongs what a session makes: MACHINE on a machine of one's own; nobody is an empty text."""
        return MACHINE if self._settings.manage else session or ""

    def owner_of_page(self, page: str, arriving: bool = False) -> str:
        """Return the same for a page; one that has no session gets one when it is `arriving`."""
        if arriving and not self._settings.manage:
            return self.arrive(page)
        with self._lock:
            return self.owner(self._of(page))

    @contextmanager
    def presence(self, page: str) -> Iterator[None]:
        """Count a page as here for as long as this lasts: while its browser holds a line open, say."""
        with self._lock:
            self._here[page] += 1
        try:
            yield
        finally:
            with self._lock:
                self._here[page] -= 1
                if self._here[page] <= 0:
                    del self._here[page]
                for each in self._sessions.values():
                    if page in each.pages:
                        each.pages[page] = time.monotonic()

    def leave(self, page: str) -> None:
        """Note that a page is gone; a session without one ends after GRACE_SECONDS."""
        with self._lock:
            for each in self._sessions.values():
                if each.pages.pop(page, None) is not None:
                    each.left = time.monotonic()

    def end_left(self) -> None:
        """End the sessions that all pages left GRACE_SECONDS ago; one that gave no sign for so long has left."""
        now = time.monotonic()
        with self._lock:
            for each in self._sessions.values():
                for page, heard in list(each.pages.items()):
                    if page not in self._here and now - heard > GRACE_SECONDS:
                        del each.pages[page]
                        each.left = max(each.left, heard)
            left = [n for n, each in self._sessions.items() if not each.pages and now - each.left > GRACE_SECONDS]
        for session in left:
            self._end(session)

    def hold(self, session: str, name: str, delete: Callable[[], None]) -> None:
        """Have `delete` called when a session ends; raises AppError when it has ended already."""
        with self._lock:
            if session not in self._sessions:
                raise AppError(ENDED)
            self._sessions[session].holdings[name] = delete

    def let_go(self, session: str, name: str) -> None:
        """Forget a thing that is no more."""
        with self._lock:
            if session in self._sessions:
                self._sessions[session].holdings.pop(name, None)

    def known(self, session: str | None) -> bool:
        """Return whether a session is here, or may still be taken up again."""
        with self._lock:
            return session in self._sessions

    def folder(self) -> Path:
        """Return the folder for what sessions hold, made and locked on first use; raises AppError on a full disk."""
        with self._lock:
            if self._folder is None:
                try:
                    self._settings.uploads.mkdir(parents=True, exist_ok=True)
                    self._folder = Path(tempfile.mkdtemp(dir=self._settings.uploads))
                except OSError as error:
                    raise AppError(f"Nothing can be kept on this machine now ({error.strerror}).") from None
                self._held = FileLock(self._folder / _LOCK)
                self._held.acquire()
                atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
            return self._folder

    def close(self) -> None:
        """End all sessions and delete what they hold."""
        self._closing.set()
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            self._end(session)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _of(self, page: str) -> str | None:
        return next((name for name, each in self._sessions.items() if page and page in each.pages), None)

    def _begin_sweeping(self) -> None:
        if self._sweeper is None:
            self._sweeper = threading.Thread(target=self._keep_sweeping, name="sessions", daemon=True)
            self._sweeper.start()

    def _keep_sweeping(self) -> None:
        while not self._closing.wait(min(_SWEEP_SECONDS, GRACE_SECONDS)):
            self.end_left()
            self._also()

    def _make_room(self) -> None:
        """Where there are very many sessions, forget the oldest that holds nothing."""
        if len(self._sessions) >= MOST_SESSIONS:
            empty = next((name for name, each in self._sessions.items() if not each.holdings), None)
            if empty is None:
                raise AppError("More people are here than this machine can keep things for. Try again later.")
            del self._sessions[empty]

    def _end(self, session: str) -> None:
        with self._lock:
            ended = self._sessions.pop(session, None)
        for delete in list(ended.holdings.values()) if ended else ():
            try:
                delete()
            except Exception:
                log.exception("what a session held could not be deleted")


def owns(asking: str, owner: str) -> bool:
    """Return whether who asks may stop or replace what belongs to `owner`; who runs the machine may everything."""
    return asking == MACHINE or (asking != "" and asking == owner)


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
        log.info("deleted what sessions of an earlier run had left")
