"""Dates in tables, pictures and questions, as days: `2026-05-01`, `2026:05:01 12:30:00`, `1.5.2026`, `2026-05`."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

_YEAR_FIRST = re.compile(r"(\d{4})(?:[-:/.](\d{1,2})(?:[-:/.](\d{1,2}))?)?(?:[T ].*)?", re.DOTALL)
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?: .*)?", re.DOTALL)


def span(text: str) -> tuple[float, float] | None:
    """Return the first and the last day that `text` names, as proleptic ordinals; None for what is no date.

    A year has 365 days or 366, a month its own; months before days, unless dots part them.
    """
    text = text.strip()
    found = _YEAR_FIRST.fullmatch(text)
    parts = found.groups() if found else ()
    if not found and (found := _DAY_FIRST.fullmatch(text)):
        parts = found.groups()[::-1]
    if not found:
        return None
    year, month, day = (int(part) if part else 0 for part in parts)
    try:
        first = date(year, month or 1, day or 1)
        last = date(year, month or 12, day or monthrange(year, month or 12)[1])
    except ValueError:
        return None
    return first.toordinal(), last.toordinal()


def day(cell: str) -> float | None:
    """Return the first day that a cell names, None where it names none."""
    found = span(cell)
    return found[0] if found else None
