"""The tables of a folder of pictures: found by their suffix, read whatever their form, joined by the names in them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence, Set
from itertools import islice
from pathlib import Path, PurePosixPath

from retrieval.catalogs.local.files import stamp
from retrieval.catalogs.local.tables import names
from retrieval.catalogs.local.tables.choosing import SAMPLE, Naming, naming
from retrieval.catalogs.local.tables.lookup import Rows
from retrieval.catalogs.local.tables.reading import SUFFIXES, TableFile
from retrieval.core import AppError, Attributes

log = logging.getLogger(__name__)

_FIRST = ("metadata", "images", "styles", "labels", "products", "catalog", "data", "annotations", "train", "test")
"""Stems of the tables that people put beside pictures, in the order in which they count; one of them is named where it
cannot be used, any other is then no table of these pictures."""
_MOST = 16
_KNOWN = 100_000

Note = tuple[str, str]
"""A table's path below the catalogue, and a sentence on what of it could not be used."""


def is_table(name: str) -> bool:
    """Return whether a file is named like a table."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def is_expected(name: str) -> bool:
    """Return whether a file is called as tables beside pictures are."""
    return is_table(name) and PurePosixPath(name).stem.lower() in _FIRST


class Tables:
    """The tables of one folder, `base` below the catalogue; those further up do not count for its pictures."""

    def __init__(self, base: PurePosixPath, read: list[tuple[str, Rows]], notes: list[Note]) -> None:
        """Join tables that were read, the first counts most."""
        self._base, self._read, self._notes = base, read, notes
        self._used = [bytearray(rows.last + 1) for _, rows in read]

    def __bool__(self) -> bool:
        return bool(self._read)

    def again(self) -> Tables:
        """Return the same tables with no row used yet."""
        return Tables(self._base, self._read, self._notes)

    def attributes(self, path: PurePosixPath) -> Attributes:
        """Return what the tables say of the picture at `path` below the catalogue; nothing where none lists it."""
        found: dict[str, str] = {}
        for (_, rows), used in zip(self._read, self._used, strict=True):
            row = rows.find(path.relative_to(self._base))
            if row:
                used[row[0]] = 1
                found = (
                    {**row[1], **found} if not found else found | {k: v for k, v in row[1].items() if k not in found}
                )
        return found

    def notes(self) -> Iterator[Note]:
        """Yield what could not be used: tables with the reason, and rows that named no picture since `again`."""
        yield from self._notes
        for (name, rows), used in zip(self._read, self._used, strict=True):
            missed, some = rows.unused(used)
            if missed:
                shown = ", ".join(some) + (f" and {missed - len(some):,} more" if missed > len(some) else "")
                yield name, f"{missed:,} of its {rows.count:,} rows name no picture here: {shown}"
            if rows.repeated:
                yield name, f"{rows.repeated:,} rows name a picture that an earlier row names; the earlier one counts."


def marks(folder: Path) -> tuple[tuple[str, str], ...]:
    """Return name and stamp of the tables in `folder`, in the order in which they count."""
    try:
        found = [entry.name for entry in os.scandir(folder) if is_table(entry.name) and entry.is_file()]
    except OSError:
        return ()
    return tuple((name, stamp(folder / name)) for name in sorted(found, key=order)[:_MOST])


def read(folder: Path, below: PurePosixPath, found: Sequence[str]) -> Tables:
    """Read the tables called `found` in `folder`, which lies `below` in the catalogue."""
    pictures = _pictures(folder)
    tables: list[tuple[str, Rows]] = []
    notes: list[Note] = []
    for name in found:
        place = str(below / name)
        try:
            table, how = opened(folder / name, place, pictures)
            tables.append((place, Rows(table, how)))
            if table.left_out:
                bounds = f"only its first {len(table.columns)} columns are read, {table.left_out:,} are not"
                notes.append((place, bounds))
        except AppError as error:
            log.info("%s", error)
            if is_expected(name):
                notes.append((place, str(error)))
    return Tables(below, tables, notes)


def opened(path: Path, place: str, pictures: Set[str]) -> tuple[TableFile, Naming]:
    """Return the table at `path`, called `place` in errors, and how it names pictures, of which `pictures` are keys.

    Raises AppError for what is no table, or none of pictures.
    """
    table = TableFile(path, place)
    how = naming(table.columns, list(islice(table, SAMPLE)), pictures)
    if how is None:
        columns = ", ".join(table.columns[:20]) or "none"
        raise AppError(f"{place} has no column that names pictures; its columns are: {columns}.")
    return table, how


def order(name: str) -> tuple[int, str]:
    """Return what tables of one folder are sorted by, the one that counts most first."""
    stem = PurePosixPath(name).stem.lower()
    return _FIRST.index(stem) if stem in _FIRST else len(_FIRST), name


def _pictures(folder: Path) -> frozenset[str]:
    """Return the keys by which tables may name pictures below `folder`, of the first ones where there are very many."""
    found: set[str] = set()
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = PurePosixPath(os.path.relpath(place, folder))
        for name in files:
            if not is_table(name):
                found.update(names.keys_of(below / name))
        if len(found) > _KNOWN:
            break
    return frozenset(found)
