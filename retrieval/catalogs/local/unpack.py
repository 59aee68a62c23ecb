"""Files that a stranger sent, put into one folder: pictures and tables by themselves or in a zip, within bounds."""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import time
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from retrieval.catalogs.local.tables import is_table
from retrieval.core import AppError
from retrieval.pictures import decoding as pictures
from retrieval.pictures import formats

LONGEST, DEEPEST = 100, 6
TABLE_BYTES = 8 * 1024 * 1024
"""For all tables of one sending together: a line for each of the pictures that can be sent is far less."""

DIRECTORY_BYTES = 256
"""For each file that a zip may list, so many bytes of its directory; a longer one is refused before it is read."""

_UTF_8 = 0x800
_BLOCK = 1 << 20
_TOLD = 200
_ZIP = b"PK"
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LONGEST_END = _END.size + _LOCATOR.size + 0xFFFF


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be kept of what is sent, files and bytes as they are unpacked, and how many seconds that may take.

    What is read to be left out counts too: twice the bytes may be read in all.
    """

    files: int
    bytes: int
    seconds: float = 180.0

    @property
    def entries(self) -> int:
        """How many files a zip may list, whatever they are."""
        return 4 * self.files


@dataclass(slots=True)
class Kept:
    """What came of it: pictures and bytes kept, and (name, reason) of what was left out."""

    pictures: int = 0
    bytes: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    read: int = 0
    tables: int = 0
    entries: int = 0
    names: dict[Path, int] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def note_read(self, count: int, bounds: Bounds) -> None:
        """Count bytes that were unpacked; raises AppError where they, or the time they took, are too much."""
        self.read += count
        if self.read > 2 * bounds.bytes:
            raise AppError(f"These are more than {bounds.bytes >> 20:,} MB when unpacked. Send fewer.")
        if time.monotonic() - self.began > bounds.seconds:
            raise AppError(f"Unpacking takes longer than {bounds.seconds:.0f} seconds. Send fewer pictures at once.")

    def leave_out(self, name: str, reason: str) -> None:
        """Note what is not kept; a long list is cut."""
        if len(self.left_out) < _TOLD:
            self.left_out.append((name[:LONGEST], reason))


def unpack(
    sent: Sequence[tuple[str, Path]],
    folder: Path,
    bounds: Bounds,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Kept:
    """Put files (name as sent, where it lies) into `folder`, which must not exist; raises AppError beyond `bounds`.

    Of a zip the pictures and the tables (CSV, JSON lines, Parquet) are taken, one level deep: a zip in a zip, a link, a
    locked file and a name that leads outside are left out with the reason. What is counted is what comes out, not what
    the zip says of itself. On an error nothing of it stays.
    """
    folder.mkdir(parents=True)
    kept = Kept()
    try:
        for name, path in sent:
            if _is_zip(path):
                _unzip(name, path, folder, bounds, kept, on_progress)
            else:
                with path.open("rb") as file:
                    _keep(name, file, folder, bounds, kept)
            on_progress(kept.pictures)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise AppError(f"The files could not be kept ({error.strerror or error}). Try again with fewer.") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not kept.pictures:
        shutil.rmtree(folder, ignore_errors=True)
        reason = f" {kept.left_out[0][0]}: {kept.left_out[0][1]}" if kept.left_out else ""
        raise AppError(f"There are no pictures in what you sent.{reason}")
    return kept


def _unzip(name: str, path: Path, folder: Path, bounds: Bounds, kept: Kept, on_progress: Callable[[int], None]) -> None:
    try:
        entries, size = listed(path)
        kept.entries += entries
        if kept.entries > bounds.entries or size > DIRECTORY_BYTES * bounds.entries:
            raise AppError(f"{name} lists {entries:,} files; at most {bounds.files:,} pictures can be sent.")
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
            kept.entries += max(0, len(found) - entries)
            if kept.entries > bounds.entries:
                raise AppError(f"{name} lists {len(found):,} files; at most {bounds.files:,} pictures can be sent.")
            for entry in found:
                _unzip_one(archive, entry, folder, bounds, kept)
                on_progress(kept.pictures)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, UnicodeError) as error:
        kept.leave_out(name, f"It is no zip that can be read ({error}).")


def _unzip_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, bounds: Bounds, kept: Kept) -> None:
    name = _name(entry)
    mode = entry.external_attr >> 16
    if entry.is_dir() or "__MACOSX" in PurePosixPath(name).parts:
        return
    if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
        kept.leave_out(name, "It is a link or a device, not a file.")
    elif entry.file_size > _most(PurePosixPath(name)):
        kept.leave_out(name, f"It is larger than {_most(PurePosixPath(name)) >> 20} MB.")
    elif entry.flag_bits & 0x1:
        kept.leave_out(name, "It is locked with a password.")
    else:
        try:
            with archive.open(entry) as file:
                _keep(name, file, folder, bounds, kept)
        except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, _Damaged) as error:
            kept.leave_out(name, f"It cannot be unpacked ({error}).")


def _name(entry: zipfile.ZipInfo) -> str:
    """Return an entry's name: macOS writes UTF-8 without the flag that says so, and zipfile reads code page 437."""
    if entry.flag_bits & _UTF_8:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode()
    except UnicodeError:
        return entry.filename


class _Damaged(Exception):
    """The packed bytes make no sense."""


def _keep(name: str, file: IO[bytes], folder: Path, bounds: Bounds, kept: Kept) -> None:
    """Write one file below `folder` if it is a picture or a table, counting what comes out."""
    place = inside(name)
    if place is None:
        kept.leave_out(name, "Its name leads outside the folder.")
        return
    table = is_table(place.name)
    if place.name.startswith("."):
        return
    if not table and not _is_picture(place.name, file):
        again = "A zip in a zip is not opened." if place.suffix.lower() == ".zip" else "It is not named like a picture."
        kept.leave_out(name, again)
        return
    if kept.pictures >= bounds.files:
        raise AppError(f"These are more than {bounds.files:,} pictures. Send fewer.")
    path = _free(folder / place, kept.names)
    path.parent.mkdir(parents=True, exist_ok=True)
    most = TABLE_BYTES - kept.tables if table else pictures.MAX_BYTES
    size = 0
    try:
        with path.open("xb") as out:
            for block in _blocks(file):
                size += len(block)
                kept.note_read(len(block), bounds)
                if kept.bytes + size > bounds.bytes:
                    raise AppError(f"These are more than {bounds.bytes >> 20:,} MB when unpacked. Send fewer.")
                if size > most:
                    break
                out.write(block)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if size > most:
        path.unlink()
        kept.leave_out(name, f"It is larger than {_most(place) >> 20} MB.")
        return
    kept.bytes += size
    kept.pictures += not table
    kept.tables += size if table else 0


def _most(place: PurePosixPath) -> int:
    return TABLE_BYTES if is_table(place.name) else pictures.MAX_BYTES


def _is_picture(name: str, file: IO[bytes]) -> bool:
    """Return whether a file is meant to be a picture: by its ending, or by its content where that says nothing."""
    if formats.is_named_like_a_picture(name):
        return True
    head = file.peek(formats.HEAD_BYTES) if isinstance(file, io.BufferedReader | zipfile.ZipExtFile) else b""
    return formats.may_be_a_picture(name) and formats.begins_like_a_picture(head[: formats.HEAD_BYTES])


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    import zlib

    try:
        while block := file.read(_BLOCK):
            yield block
    except zlib.error as error:
        raise _Damaged(str(error)) from None


def inside(name: str) -> PurePosixPath | None:
    """Return a name as a path below a folder, its parts shortened and without control characters; None outside it."""
    plain = name.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    drive = bool(parts) and parts[0][1:2] == ":"
    if not parts or drive or plain.startswith("/") or ".." in parts or "\0" in plain:
        return None
    return PurePosixPath(*(_part(part) for part in parts[-DEEPEST:]))


def _part(part: str) -> str:
    clean = "".join("_" if unicodedata.category(c)[0] == "C" else c for c in part).strip() or "_"
    stem, suffix = os.path.splitext(clean)
    return stem[: LONGEST - len(suffix[:10])] + suffix[:10]


def _free(path: Path, taken: dict[Path, int]) -> Path:
    """Return `path`, or with a number where something of that name is there: two folders may hold the same name.

    `taken` remembers the last number of each name, so that thousands of one name take no longer than others.
    """
    number = taken.get(path, 0)
    while True:
        number += 1
        free = path if number == 1 else path.with_stem(f"{path.stem} ({number})")
        if not free.exists():
            taken[path] = number
            return free


def listed(path: Path) -> tuple[int, int]:
    """Return how many files a zip says it lists, and the bytes of its directory, reading its end only.

    Raises zipfile.BadZipFile for what has no such end (APPNOTE 4.3.14 to 4.3.16).
    """
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - _LONGEST_END))
        tail = file.read()
        place = tail.rfind(b"PK\5\6")
        if place < 0 or len(tail) - place < _END.size:
            raise zipfile.BadZipFile("its end is missing")
        _, _, _, _, entries, size, *_ = _END.unpack_from(tail, place)
        locator = tail[max(0, place - _LOCATOR.size) : place]
        if len(locator) == _LOCATOR.size and locator.startswith(b"PK\6\7"):
            file.seek(_LOCATOR.unpack(locator)[2])
            large = file.read(_END64.size)
            if len(large) == _END64.size and large.startswith(b"PK\6\6"):
                entries, size = _END64.unpack(large)[7:9]
    return entries, size


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _ZIP
