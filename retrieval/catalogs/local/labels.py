"""Attributes of a file from what lies about it: a table beside it or above, its name, its folder."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TextIO

from retrieval.core import AppError, Attributes

TABLES = (("metadata.csv", "file_name"), ("images.csv", "image"))
"""Names of tables, the first found counts, and the column that names the picture."""


def compiled(pattern: str | None) -> re.Pattern[str] | None:
    """Return `--label-pattern` ready for use; raises AppError when it is no regular expression."""
    try:
        return re.compile(pattern) if pattern else None
    except re.error as error:
        raise AppError(f"--label-pattern {pattern!r} is no regular expression: {error}.") from None


def rows(file: TextIO, column: str, name: str) -> Iterator[tuple[str, Attributes]]:
    """Yield (picture, attributes) of an open table called `name`; raises AppError for no table, or no such column."""
    table = csv.DictReader(file)
    try:
        if column not in (table.fieldnames or ()):
            columns = ", ".join(table.fieldnames or ()) or "none"
            raise AppError(f"{name} has no column '{column}'; its columns are: {columns}.")
        for row in table:
            yield row[column], {k: v for k, v in row.items() if k and k != column and v}
    except csv.Error as error:
        raise AppError(f"{name} cannot be read as a table ({error}).") from None


def names_in_table(path: PurePosixPath, base: PurePosixPath) -> tuple[str, ...]:
    """Return under which names a table in the folder `base` may list the picture at `path`, the likeliest first."""
    near = path.relative_to(base)
    return str(near), str(near.with_suffix("")), path.name, path.stem


def without_table(path: PurePosixPath, pattern: re.Pattern[str] | None) -> Attributes:
    """Return what `pattern` finds in the name, or without one the parent folder's name as `label`."""
    if pattern is None:
        return {"label": path.parent.name} if path.parent.name else {}
    match = pattern.search(path.name)
    if match is None:
        return {}
    found = match.groupdict() or {"label": match[1] if match.re.groups else match[0]}
    return {name: value for name, value in found.items() if value}
