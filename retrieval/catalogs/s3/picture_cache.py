"""Pictures that came over a network, kept on disk: bounded in bytes, the longest unused go first."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

_MARK = 16
_RECOUNT = 16
_STRAY_SECONDS = 3600.0


class PictureCache:
    """A folder of at most about `budget` bytes; safe to share between threads and processes.

    A file is put in place whole and carries a digest of its content, so what a crash cut short is never handed out.
    Losing the cache loses nothing: a full disk only means that less is kept.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        """Use `folder`, which need not exist; with a budget of 0 nothing is kept."""
        self._folder, self._budget = folder, budget
        self._lock = threading.Lock()
        self._written = budget  # count what is there before the first picture is kept

    def get(self, name: str) -> bytes | None:
        """Return what was kept as `name`, or None."""
        path = self._path(name)
        try:
            held = path.read_bytes()
        except OSError:
            return None
        data = held[_MARK:]
        if held[:_MARK] != _digest(data):
            path.unlink(missing_ok=True)
            return None
        try:
            os.utime(path)
        except OSError:  # another process has just dropped it
            pass
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep `data` as `name`, and drop what was not used for longest where it gets too much."""
        size = len(data) + _MARK
        if size > self._budget:
            return
        path = self._path(name)
        scratch = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".")
            with os.fdopen(handle, "wb") as file:
                file.write(_digest(data) + data)
            os.replace(scratch, path)
        except OSError as error:
            if scratch:
                Path(scratch).unlink(missing_ok=True)
            log.warning("A picture could not be kept on disk (%s).", error.strerror)
            return
        with self._lock:
            self._written += size
            # Others may write to it too: what this process wrote says when to count, not how much there is.
            if self._written * _RECOUNT >= self._budget:
                self._shrink()
                self._written = 0

    def _path(self, name: str) -> Path:
        key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / key[:2] / key[2:]

    def _shrink(self) -> None:
        files = sorted(self._files())
        excess = sum(size for _, size, _ in files) - self._budget + self._budget // _RECOUNT
        for _, size, path in files:
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Yield (when last used, bytes, path) of what is kept; what a crash left half-written is deleted."""
        for path in self._folder.glob("*/*"):
            try:
                state = path.stat()
            except OSError:
                continue
            if not path.name.startswith("."):
                yield state.st_mtime, state.st_size, path
            elif time.time() - state.st_mtime > _STRAY_SECONDS:
                path.unlink(missing_ok=True)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_MARK).digest()
