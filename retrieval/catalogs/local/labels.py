"""Attributes of a file that no table lists: from its name, or its folder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from retrieval.core import AppError, Attributes


def compiled(pattern: str | None) -> re.Pattern[str] | None:
    """Return `--label-pattern` ready for use; raises AppError when it is no regular expression."""
    try:
        return re.compile(pattern) if pattern else None
    except re.error as error:
        raise AppError(f"--label-pattern {pattern!r} is no regular expression: {error}.") from None


def without_table(path: PurePosixPath, pattern: re.Pattern[str] | None) -> Attributes:
    """Return what `pattern` finds in the name, or without one the parent folder's name as `label`."""
    if pattern is None:
        return {"label": path.parent.name} if path.parent.name else {}
    match = pattern.search(path.name)
    if match is None:
        return {}
    found = match.groupdict() or {"label": match[1] if match.re.groups else match[0]}
    return {name: value for name, value in found.items() if value}
