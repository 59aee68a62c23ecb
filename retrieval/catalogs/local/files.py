"""Reading a catalogue's files, and telling when they change; nothing outside the catalogue's folder is ever opened."""

from __future__ import annotations

import hashlib
import os
import stat
from functools import lru_cache
from pathlib import Path, PurePosixPath

from retrieval.core import BadPictureError, UnreadableError
from retrieval.pictures import decoding, formats


def stamp(path: str | Path) -> str:
    """Return size and times of the file at `path`, or a word when it has none.

    Programs that edit a picture in place may set the time of modification back; that of the last change of the file's
    entry they cannot (on Windows it is that of creation, which says nothing).
    """
    try:
        state = os.stat(path)
    except OSError:
        return "unreadable"
    return f"{state.st_size}:{state.st_mtime_ns}:{state.st_ctime_ns}"


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
            if path.is_symlink():
                raise BadPictureError("This is a link to a folder; it is not followed.")
            raise UnreadableError("This is a folder that cannot be listed.")
        if not stat.S_ISREG(state.st_mode):
            raise BadPictureError("This is not a regular file.")
        if state.st_size > decoding.MAX_BYTES:
            raise BadPictureError(f"The file is larger than {decoding.MAX_BYTES >> 20} MB.")
        return real.read_bytes()
    except OSError as error:
        raise UnreadableError(f"The file cannot be read ({error.strerror or type(error).__name__}).") from None
    except RuntimeError:
        raise BadPictureError("The file cannot be read (its links lead in a circle).") from None
    except ValueError:
        raise BadPictureError("The file cannot be read (its name has a zero byte).") from None
    except MemoryError:
        raise UnreadableError(
            "There was not enough memory to read the file. It is tried again next time; close other programs."
        ) from None


def why_away(root: Path, folder: PurePosixPath) -> str:
    """Return why what lay in `folder` below `root` may come back, nothing where it is gone for good.

    An empty folder may be the place of a disk that is not mounted now.
    """
    for place in (*reversed(folder.parents), folder):
        name = f"{place}/"
        try:
            if not os.path.isdir(root / place):
                os.lstat(root / place)
                return ""
            with os.scandir(root / place) as entries:
                empty = next(entries, None) is None
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            return f"Its folder {name} cannot be listed ({error.strerror or type(error).__name__})."
        if empty:
            return (
                f"Its folder {name} is empty. If that is the place of a disk, connect it; else delete the folder, and "
                "the picture leaves the index."
            )
    return ""
