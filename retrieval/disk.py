"""Writing to disk whole or not at all, and saying in a sentence why a disk did not take it."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

from retrieval.core import AppError

_FULL = "Free some space and try again."
_READ_ONLY = "That disk can only be read: set VISUAL_SEARCH_CACHE to a folder on another one."
_FORBIDDEN = "You have no right to write there: set VISUAL_SEARCH_CACHE to a folder of your own."
_FAILING = "The disk itself fails: copy what you need from it, and set VISUAL_SEARCH_CACHE to a folder on another one."
_OTHER = "Set VISUAL_SEARCH_CACHE to another folder."
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EIO: _FAILING,
}
_SQLITE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
}


class DiskError(AppError):
    """A disk that does not take what has to be written; what lies on it may still be read."""


def disk_error(path: Path, error: Exception, tried: str = "could not be written", kept: str = "") -> DiskError:
    """Return the sentences for an OSError or sqlite3.Error at `path`: what failed, why, what is `kept`, what to do.

    Visitors of a page read them too, so they name no folder of the machine.
    """
    code = error.errno if isinstance(error, OSError) else _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    if code == errno.EACCES and _can_only_be_read(path):
        code = errno.EROFS
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    remedy = _REMEDIES.get(code or 0, _OTHER)
    return DiskError(
        f"{path.name} {tried} ({reason}). {f'{kept}: {remedy[0].lower()}{remedy[1:]}' if kept else remedy}"
    )


def _can_only_be_read(path: Path) -> bool:
    """Return whether a path lies, or would lie, on a disk that is mounted to be read only."""
    there = next((place for place in (path, *path.parents) if place.exists()), None)
    try:
        return there is not None and bool(os.statvfs(there).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):  # Windows has no statvfs
        return False


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old content or the new; raises DiskError."""
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        if name:
            Path(name).unlink(missing_ok=True)
        raise disk_error(path, error) from None
