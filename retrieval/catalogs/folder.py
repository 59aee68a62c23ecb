"""The catalogue `folder:PATH`: pictures in any depth, with attributes from a table, the folders or the names."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from PIL import Image

from retrieval import pictures
from retrieval.core import AppError, Attributes, BadPictureError, Item, fingerprint

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
_TABLES = (("metadata.csv", "file_name"), ("images.csv", "image"))


class FolderCatalog:
    """Pictures below one folder; an id is the path below it, with `/` between its parts.

    Attributes come from metadata.csv (`file_name`, …) or images.csv (`image`, …, with or without the suffix) beside
    the pictures or at the root; where there is no table, `label_pattern` finds them in the file's name (its named
    groups, or its first group as `label`), or else the parent folder's name is the `label`.
    """

    def __init__(self, root: Path, label_pattern: str | None = None) -> None:
        """Open `root`; raises AppError when it is no folder or the pattern is no regular expression."""
        if not root.is_dir():
            raise AppError(f"There is no folder {root}. Give the path of a folder that holds pictures.")
        self._root = root.resolve()
        self.name = f"folder:{self._root}"
        self.title = self._root.name or str(self._root)
        try:
            self._pattern = re.compile(label_pattern) if label_pattern else None
        except re.error as error:
            raise AppError(f"--label-pattern {label_pattern!r} is no regular expression: {error}.") from None

    def __iter__(self) -> Iterator[Item]:
        """Yield every file that is named like a picture, folder by folder, in order of name."""
        if not self._root.is_dir():
            raise AppError(f"The folder {self._root} is gone. Bring it back, or open another catalogue.")
        yield from self._walk(self._root, PurePosixPath(), None)

    def fingerprint(self) -> str:
        """Return a digest of every id, stamp and attribute."""
        return fingerprint(self)

    def read(self, item_id: str) -> bytes:
        """Return the file's bytes; raises BadPictureError for a link that leads outside, or what cannot be read."""
        path = self._root / item_id
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(self._root):
                raise BadPictureError("This is a link to outside the folder; it is not followed.")
            if not real.is_file():
                raise BadPictureError("This is not a regular file.")
            if real.stat().st_size > pictures.MAX_BYTES:
                raise BadPictureError(f"The file is larger than {pictures.MAX_BYTES >> 20} MB.")
            return real.read_bytes()
        except OSError as error:
            raise BadPictureError(f"The file cannot be read ({error.strerror or error}).") from None

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        """Return the picture decoded, upright, RGB."""
        return pictures.decode(self.read(item_id), shorter_side)

    def _walk(self, folder: Path, below: PurePosixPath, table: dict[str, Attributes] | None) -> Iterator[Item]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise AppError(f"The folder {folder} cannot be read ({error.strerror or error}).") from None
        table = _read_table(folder) or table
        folders = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not entry.name.startswith("."):
                    folders.append(entry)
            elif _suffix(entry.name) in SUFFIXES and not entry.name.startswith("."):
                yield self._item(entry, below / entry.name, table)
        for entry in folders:
            yield from self._walk(Path(entry.path), below / entry.name, table)

    def _item(self, entry: os.DirEntry[str], path: PurePosixPath, table: dict[str, Attributes] | None) -> Item:
        try:
            state = entry.stat()
            stamp = f"{state.st_size}:{state.st_mtime_ns}"
        except OSError:
            stamp = "unreadable"
        return Item(str(path), self._attributes(path, table), stamp)

    def _attributes(self, path: PurePosixPath, table: dict[str, Attributes] | None) -> Attributes:
        if table is not None:
            return next((table[key] for key in (str(path), path.name, path.stem) if key in table), {})
        if self._pattern:
            match = self._pattern.search(path.name)
            if match is None:
                return {}
            return {k: v for k, v in match.groupdict().items() if v} or ({"label": match[1]} if match.re.groups else {})
        return {"label": path.parent.name} if path.parent.name else {}


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _read_table(folder: Path) -> dict[str, Attributes] | None:
    for name, column in _TABLES:
        path = folder / name
        if not path.is_file():
            continue
        try:
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                rows = csv.DictReader(file)
                if column not in (rows.fieldnames or ()):
                    raise AppError(f"{path} has no column '{column}'; its columns are: {', '.join(rows.fieldnames or ())}.")
                return {row[column]: {k: v for k, v in row.items() if k and k != column and v} for row in rows}
        except (OSError, csv.Error) as error:
            raise AppError(f"{path} cannot be read as a table: {error}.") from None
    return None
