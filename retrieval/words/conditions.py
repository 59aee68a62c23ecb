"""What a picture has to be, `view=main,back`, `price=20..60`, `added>=2026-05`, read against a catalogue's values."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from retrieval.core import AppError, Attributes, Filter
from retrieval.words import dates
from retrieval.words.folding import fold
from retrieval.words.numbers import number

_FORM = re.compile(r"\s*(.+?)\s*(<=|>=|=|<|>)\s*(.+?)\s*", re.DOTALL)
_SHOWN = 30
Measure = Callable[[str], float | None]


@dataclass(frozen=True, slots=True)
class Span:
    """From `low` to `high`, both included, of what `measure` makes of a value: a number, or a day."""

    low: float
    high: float
    measure: Measure = number

    def holds(self, value: str) -> bool:
        """Return whether a value lies within."""
        measured = self.measure(value)
        return measured is not None and self.low <= measured <= self.high


def counted(items: Iterable[Attributes]) -> dict[str, Counter[str]]:
    """Return attribute -> value -> how many pictures have it."""
    found: dict[str, Counter[str]] = {}
    for attributes in items:
        for name, value in attributes.items():
            found.setdefault(name, Counter())[value] += 1
    return found


def read(texts: Sequence[str], values: Mapping[str, Mapping[str, int]]) -> Filter | None:
    """Return the filter that lets through what meets every condition; `values` are the catalogue's (see counted).

    A condition is ATTRIBUTE=VALUE[,VALUE…], ATTRIBUTE=LOW..HIGH, or ATTRIBUTE and <, <=, > or >= and a number or date.
    Values of one attribute add up. Names and values compare without case and accents. Raises AppError for an attribute
    or a value that no picture has, listing those that there are.
    """
    wanted: dict[str, set[str]] = {}
    spans: dict[str, list[Span]] = {}
    for text in texts:
        form = _FORM.fullmatch(text)
        if not form:
            raise AppError(
                f"'{text}' is no condition. Write ATTRIBUTE=VALUE[,VALUE], for example view=main, or price=20..60."
            )
        name = _attribute(form[1], values)
        span = _span(form[2], form[3], values[name])
        if span:
            spans.setdefault(name, []).append(span)
        else:
            wanted.setdefault(name, set()).update(_values(name, form[3], values[name]))
    found: dict[str, list[str]] = {}
    for name in [*wanted, *(name for name in spans if name not in wanted)]:
        allowed = wanted.get(name, set(values[name]))
        found[name] = [each for each in allowed if all(span.holds(each) for span in spans.get(name, ()))]
        if not found[name]:
            raise AppError(f"No picture has such a {name}. There are: {_listed(values[name])}.")
    return found or None


def _attribute(name: str, values: Mapping[str, Mapping[str, int]]) -> str:
    if name in values:
        return name
    asked = fold(name)
    for each in values:
        if fold(each) == asked:
            return each
    shown = ", ".join(sorted(values)[:_SHOWN]) or "none, neither in a table nor by folders"
    raise AppError(f"No picture has the attribute '{name}'. There are: {shown}.")


def _values(name: str, text: str, known: Mapping[str, int]) -> set[str]:
    """Return the values that `text` names: itself where there is such a value, else what its commas part."""
    by_fold: dict[str, set[str]] = {}
    for each in known:
        by_fold.setdefault(fold(each).strip(), set()).add(each)
    whole = by_fold.get(fold(text).strip())
    if whole:
        return whole
    found: set[str] = set()
    for part in text.split(","):
        value = part.strip()
        same = by_fold.get(fold(value)) or _equal(value, known)
        if value and not same:
            raise AppError(f"No picture has {name} '{value}'. There are: {_listed(known)}.")
        found |= same
    return found


def _equal(value: str, known: Mapping[str, int]) -> set[str]:
    """Return the values that are the same number as `value`: 45 is $45.00."""
    asked = number(value)
    return {each for each in known if number(each) == asked} if asked is not None else set()


def _span(sign: str, text: str, known: Mapping[str, int]) -> Span | None:
    """Return the range that a condition names, None for one that names values."""
    if sign == "=":
        low, dots, high = text.partition("..")
        if not dots or text in known:
            return None
        first, last = _bound(low, text), _bound(high, text)
        measure = (first or last or Span(0, 0)).measure
        return Span(first.low if first else -math.inf, last.high if last else math.inf, measure)
    bound = _bound(text, text)
    if bound is None:
        raise AppError(f"'{sign}{text}' has no number and no date to compare with.")
    if sign[0] == "<":
        return Span(-math.inf, bound.high if sign == "<=" else math.nextafter(bound.low, -math.inf), bound.measure)
    return Span(bound.low if sign == ">=" else math.nextafter(bound.high, math.inf), math.inf, bound.measure)


def _bound(text: str, whole: str) -> Span | None:
    """Return a number or the days of a date; None for nothing, an open end."""
    text = text.strip()
    if not text:
        return None
    days = dates.span(text) if not text.isdigit() else None
    if days:
        return Span(*days, dates.day)
    value = number(text)
    if value is None:
        raise AppError(f"'{whole}' is no range. Write numbers or dates, for example 20..60 or 2026-05-01..2026-06-30.")
    return Span(value, value)


def _listed(known: Mapping[str, int]) -> str:
    """Return the values in words, numbers by size, else the most frequent first."""
    measured = {each: number(each) for each in known}
    if known and all(value is not None for value in measured.values()):
        ordered = sorted(known, key=lambda each: measured[each] or 0.0)
        if len(ordered) > _SHOWN:
            return f"{ordered[0]} to {ordered[-1]}"
    else:
        ordered = sorted(known, key=lambda each: (-known[each], each))
    more = f" and {len(ordered) - _SHOWN:,} more" if len(ordered) > _SHOWN else ""
    return ", ".join(each[:60] for each in ordered[:_SHOWN]) + more
