"""The catalogue `folder:PATH`: pictures in any depth, with attributes from a table, the folders or the names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from PIL import Image

from retrieval.catalogs.local import exif, labels, tables
from retrieval.catalogs.local.files import begins_like_a_picture, content_stamp, read_inside, stamp, why_away
from retrieval.catalogs.local.tables import Note, Tables
from retrieval.core import AppError, Attributes, AwayError, Item, Origin, fingerprint, printable
from retrieval.pictures import decoding, formats

_NOT_A_PERSONS = frozenset(
    (
        "@eadir",
        "#recycle",
        "@recycle",
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "__macosx",
    )
)
"""Folders that network storage, Windows, Linux and macOS keep beside a person's own, in lower case."""


class FolderCatalog:
    """Pictures below one folder; an id is the path below it, with `/` between its parts.

    Attributes come from the tables beside the pictures or further up, the nearest, whatever they are called (see
    retrieval.catalogs.local.tables); where there is none, `label_pattern` finds them in the file's name (its named
    groups; or its first group, or all that matches, as `label`), or else the parent folder's name is the `label`. What
    a camera wrote into a photo, the day and its name, is there too.
    """

    def __init__(
        self, root: Path, label_pattern: str | None = None, name: str | None = None, title: str | None = None
    ) -> None:
        """Open `root`; raises AppError when it is no folder or the pattern is no regular expression.

        `name` and `title` are for a folder of ours, which is the same catalogue wherever it lies.
        """
        if not os.path.isdir(root):  # unlike Path.is_dir, it raises nothing for a name that is too long
            raise AppError(f"There is no folder {root}. Give the path of a folder that holds pictures.")
        self._root = root.resolve()
        self.name = name or f"folder:{self._root}"
        self.title = title or printable(self._root.name or str(self._root))
        self._stamp = content_stamp if name else stamp
        self.origin = Origin("drawn by our own script", "CC0") if name else Origin("a folder on this machine")
        self._pattern = labels.compiled(label_pattern)
        self._tables: dict[PurePosixPath, tuple[tuple[object, str], Tables]] = {}
        self._last: list[Tables] = []

    def __iter__(self) -> Iterator[Item]:
        """Yield every file that is a picture by its ending or its content, folder by folder, in order of name.

        A folder that cannot be listed, and a link to a folder, is an item too (its id ends in `/`): reading it says
        why, so that it is skipped by name and not in silence.
        """
        self._check_there()
        waiting: list[tuple[Path, PurePosixPath, Tables | None]] = [(self._root, PurePosixPath(), None)]
        read: list[Tables] = []
        while waiting:
            folder, below, table = waiting.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                if folder == self._root:
                    raise AppError(f"The folder {self.title} cannot be read ({error.strerror or error}).") from None
                yield Item(f"{below}/", stamp="unreadable")
                continue
            found = self._tables_in(folder, below)
            if found is not None:
                read.append(found)
                table = found or table
            folders = []
            for entry in entries:
                if _is_the_system_s(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append((Path(entry.path), below / entry.name, table))
                elif _is_picture(entry):
                    path = below / entry.name
                    mark = self._stamp(entry.path)
                    plain = entry.is_file(follow_symlinks=False)  # a pipe would be waited for, a link may lead outside
                    written = exif.attributes(entry.path, mark) if plain else {}
                    yield Item(str(path), {**written, **self._attributes(path, table)}, mark)
                elif entry.is_symlink() and os.path.isdir(entry.path):
                    yield Item(f"{below / entry.name}/", stamp="link")
            waiting += reversed(folders)
        self._last = read

    def notes(self) -> list[Note]:
        """Return what of the tables could not be used when the folder was last listed to its end."""
        return [note for each in self._last for note in each.notes()]

    def fingerprint(self) -> str:
        """Return a digest of every id, stamp and attribute."""
        return fingerprint(self)

    def read(self, item_id: str) -> bytes:
        """Return the file's bytes; raises BadPictureError for a link that leads outside, or what cannot be read."""
        return read_inside(self._root, self.path(item_id))

    def away(self, item_ids: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield (id, problem) of what was in folders that cannot be listed now, or are empty as without their disk."""
        self._check_there()
        known: dict[PurePosixPath, str] = {}
        for item_id in item_ids:
            folder = PurePosixPath(item_id).parent
            if folder not in known:
                known[folder] = why_away(self._root, folder)
            if known[folder]:
                yield item_id, known[folder]

    def path(self, item_id: str) -> Path:
        """Return where the file lies."""
        return self._root / item_id

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        """Return the picture decoded, upright, RGB."""
        return decoding.decode(self.read(item_id), shorter_side)

    def there(self) -> bool:
        """Return whether the folder is there now."""
        return os.path.isdir(self._root)

    def _check_there(self) -> None:
        if not self.there():
            raise AwayError(f"The folder {self.title} is gone. Bring it back, or open another catalogue.")

    def _tables_in(self, folder: Path, below: PurePosixPath) -> Tables | None:
        """Return the tables of a folder, read anew where they changed; None where it has none."""
        marks = tables.marks(folder)
        if not marks:
            self._tables.pop(below, None)
            return None
        state = marks, stamp(folder)  # a table of no use may be of some when pictures come
        known = self._tables.get(below)
        if known and (known[0] == state or (known[1] and known[0][0] == marks)):
            return known[1].again()
        found = tables.read(folder, below, [name for name, _ in marks])
        self._tables[below] = state, found
        return found

    def _attributes(self, path: PurePosixPath, table: Tables | None) -> Attributes:
        if table is not None:
            return table.attributes(path)
        return labels.without_table(PurePosixPath(printable(str(path))), self._pattern)


def _is_the_system_s(name: str) -> bool:
    """Return whether a file or folder is hidden, or one that storage and systems keep for themselves."""
    return name.startswith(".") or name.lower() in _NOT_A_PERSONS


def _is_picture(entry: os.DirEntry[str]) -> bool:
    """Return whether a file is meant to be a picture: by its ending, or by its content where that says nothing."""
    if formats.is_named_like_a_picture(entry.name):
        return True
    return entry.is_file(follow_symlinks=False) and begins_like_a_picture(entry.path)
