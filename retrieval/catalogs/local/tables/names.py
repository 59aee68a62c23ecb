"""How a table names a picture, and a path answers to it: no case, one kind of slash and accent, any suffix or none."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

_LONGEST = 1000
_AS_IT_IS = re.compile(r"(?:[\w-][\w.-]*/)*[\w-][\w.-]*[a-zA-Z-]", re.ASCII)


def plain(name: str) -> str:
    """Return the relative path that a cell names, with `/` between its parts; empty where it can name no file."""
    if len(name) > _LONGEST:
        return ""
    if _AS_IT_IS.fullmatch(name):
        return name
    name = name.strip()
    if "://" in name:
        try:
            name = unquote(urlsplit(name).path)
        except ValueError:
            return ""
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if "\\" in name:
        name = name.replace("\\", "/")
    if name.endswith(".0") and name[:-2].isdigit():  # a number that a spreadsheet took for a measure
        name = name[:-2]
    if "/" in name:
        name = "/".join(part for part in name.split("/") if part not in ("", "."))
    return name


def key(name: str) -> str:
    """Return a plain name as it is compared: without case."""
    return name.casefold()


def below(name: str, depth: int) -> str:
    """Return a plain name without its first `depth` folders, its last part at least."""
    return "/".join(name.split("/")[depth:]) or name.rpartition("/")[2]


def names_of(path: PurePosixPath) -> tuple[str, ...]:
    """Return the plain names by which a table may list the picture at `path` below it, the most telling first."""
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError:  # a name that is no UTF-8 is one of an older Windows or macOS, as its table is
        name = os.fsencode(name).decode("cp1252", "replace")
    parts = unicodedata.normalize("NFC", name).split("/")
    stem = PurePosixPath(parts[-1]).stem
    found: list[str] = []
    for start in range(len(parts)):
        folders = parts[start:-1]
        found += ["/".join((*folders, parts[-1])), "/".join((*folders, stem))]
    return tuple(dict.fromkeys(found))


def keys_of(path: PurePosixPath) -> tuple[str, ...]:
    """Return the keys of the names of the picture at `path`, in the same order."""
    return tuple(dict.fromkeys(map(key, names_of(path))))
