"""Numbers in questions and in tables: prices with currency signs, `under 50`, `20-60`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CURRENCIES = "$€£¥₹₩₽₺₫₴₪฿¢"
_CODES = "usd|eur|gbp|jpy|cny|inr|chf|aud|cad|sek|nok|dkk|pln|czk|brl|krw|rub|try|dollars?|euros?|pounds?|yen|rs|kr|zl"
_NUMBER = r"\d{1,3}(?:[ ,.'\u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?"
_MONEY = rf"(?:[{CURRENCIES}]|(?:{_CODES})\b\.?)?\s*({_NUMBER})\s*(?:[{CURRENCIES}]|(?:{_CODES})\b)?"
_UNDER = r"under|below|less than|cheaper than|at most|up to|upto|max(?:imum)?|no more than|not over|until|<=?|≤"
_OVER = r"over|above|more than|at least|from|min(?:imum)?|no less than|not under|dearer than|>=?|≥"
_RANGE = re.compile(
    rf"(?:between\s+|from\s+)?{_MONEY}\s*(?:-|\N{{EN DASH}}|\N{{EM DASH}}|\bto\b|\band\b)\s*{_MONEY}(?![\w%])"
)
_BOUND = re.compile(rf"(?:\b|(?<!\S))(?P<way>{_UNDER}|{_OVER})\s*{_MONEY}(?![\w%])")
_UNDER_WAY = re.compile(rf"(?:{_UNDER})\Z")
_STRICT = re.compile(r"under|below|less than|cheaper than|<|over|above|more than|dearer than|>")
_CELL = re.compile(rf"\s*{_MONEY}\s*(?:$|[^\d.,])", re.IGNORECASE)
_LONGEST_CELL = 40


@dataclass(frozen=True, slots=True)
class Range:
    """A range that a number has to lie in; its ends are in it unless it is `strict`: under 60 is not 60.

    `attribute` is empty for the price.
    """

    low: float = -math.inf
    high: float = math.inf
    attribute: str = ""
    strict: bool = False

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Return bool (n,), which of float64 (n,) lie in it; NaN does not."""
        with np.errstate(invalid="ignore"):
            if self.strict:
                return np.asarray((values > self.low) & (values < self.high))
            return np.asarray((values >= self.low) & (values <= self.high))

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"{'under' if self.strict else 'up to'} {self.high:g}"
        if self.strict:
            return f"over {self.low:g}"
        return f"from {self.low:g}" if math.isinf(self.high) else f"{self.low:g} to {self.high:g}"


@lru_cache(maxsize=65536)
def number(cell: str) -> float | None:
    """Return the number, or the first of several, that a cell begins with: `$1,299.00`, `1.299,00 €`; else None."""
    found = _CELL.match(cell[:_LONGEST_CELL])
    if not found:
        return None
    value = _value(found[1])
    return -value if cell.lstrip(f" {CURRENCIES}").startswith("-") else value


def ranges(text: str) -> tuple[list[Range], str]:
    """Return the ranges that folded `text` names, and the text without them.

    A range says which attribute it is of when the word before it is one; that is for the caller to know, who finds
    that word at the end of what is left before the range: it is kept in the text.
    """
    found: list[Range] = []

    def between(match: re.Match[str]) -> str:
        low, high = sorted((_value(match[1]), _value(match[2])))
        found.append(Range(low, high))
        return f" \0{len(found) - 1} "

    def bound(match: re.Match[str]) -> str:
        value = _value(match.group(2))
        strict = bool(_STRICT.fullmatch(match["way"]))
        under = _UNDER_WAY.match(match["way"])
        found.append(Range(high=value, strict=strict) if under else Range(low=value, strict=strict))
        return f" \0{len(found) - 1} "

    return found, _BOUND.sub(bound, _RANGE.sub(between, text))


def _value(text: str) -> float:
    """Read a number as people write it: the last mark before one or two digits is the decimal one."""
    plain = re.sub(r"[ '\u00a0\u202f]", "", text)
    whole, mark, rest = max((plain.rpartition(m) for m in ".,"), key=lambda parts: len(parts[0]))
    several = plain.count(mark) > 1 if mark else False
    if not mark or several or (len(rest) == 3 and len(whole.lstrip("0")) in (1, 2, 3) and whole != "0"):
        return float(re.sub(r"[.,]", "", plain))
    return float(re.sub(r"[.,]", "", whole) + "." + rest)
