"""Reading a catalogue's files, and telling when they change; nothing outside the catalogue's folder is ever opened."""

from __future__ import annotations

import hashlib
import os
import stat
from functools import lru_cache
from pathlib import Path

from retrieval.core import BadPictureError, UnreadableError
from retrieval.pictures import decoding, formats


def stamp(path: str | Path) -> str:
    """Return size and modification time of the file at `path`, or a word when it has none."""
    try:
        state = os.stat(path)
    except OSError:
        return "unreadable"
    return f"{state.st_size}:{state.st_mtime_ns}"


def content_stamp(path: str | Path) -> str:
    """Return a digest of the file at `path`, for what ships with the app: a checkout gives every file another time."""
    known = stamp(path)
    return known if known == "unreadable" else _digest(str(path), known)


@lru_cache(maxsize=4096)
def _digest(path: str, known: str) -> str:
    try:
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()
    except OSError:
        return known


def begins_like_a_picture(path: str) -> bool:
    """Return whether the content of a file that is not named like a picture is one; looked at once for each stamp."""
    return formats.may_be_a_picture(os.path.basename(path)) and _picture_head(path, stamp(path))


@lru_cache(maxsize=65536)
def _picture_head(path: str, known: str) -> bool:
    try:
        with open(path, "rb") as file:
            return formats.begins_like_a_picture(file.read(formats.HEAD_BYTES))
    except OSError:
        return False


def read_inside(root: Path, path: Path) -> bytes:
    """Return the content of `path`; `root` is resolved, and what lies outside it, also by a link, is not opened.

    Raises UnreadableError for what may be readable later, BadPictureError for what is no file or too large.
    """
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(root):
            raise BadPictureError("This is a link to outside the folder; it is not followed.")
        state = real.stat()
        if stat.S_ISDIR(state.st_mode):
            problem = "link to a folder; it is not followed" if path.is_symlink() else "folder that cannot be listed"
            raise BadPictureError(f"This is a {problem}.")
        if not stat.S_ISREG(state.st_mode):
            raise BadPictureError("This is not a regular file.")
        if state.st_size > decoding.MAX_BYTES:
            raise BadPictureError(f"The file is larger than {decoding.MAX_BYTES >> 20} MB.")
        return real.read_bytes()
    except OSError as error:
        raise UnreadableError(f"The file cannot be read ({error.strerror or error}).") from None
    except (RuntimeError, ValueError) as error:  # Path.resolve: a loop of links, a name with a zero byte
        raise BadPictureError(f"The file cannot be read ({str(error).splitlines()[0]}).") from None
