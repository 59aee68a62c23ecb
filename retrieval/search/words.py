"""What a person types, as weighted phrases: `a red summer dress, floral:0.5, no stripes`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrieval.core import AppError

LONGEST = 2000
PHRASES = 16
_MINUS = re.compile(r"[-\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}]|(?:no|not|without)\s", re.IGNORECASE)
_WEIGHT = re.compile(r"\s*:\s*(\d+(?:\.\d+)?|\.\d+)$", re.ASCII)
_SEPARATOR = re.compile(r"(?<!\d),|,(?!\d{3}(?!\d))|[;\n\N{FULLWIDTH COMMA}\N{IDEOGRAPHIC COMMA}\N{ARABIC COMMA}]")
_HEAVIEST = 10.0


@dataclass(frozen=True, slots=True)
class Phrase:
    """One phrase and how much it counts; a negative weight moves away from what it says."""

    text: str
    weight: float = 1.0


def parse(query: str) -> list[Phrase]:
    """Return the phrases of `query` for an image-text model, which needs something to look for.

    Raises AppError like `phrases`, and when there are only minus phrases.
    """
    found = phrases(query)
    if all(phrase.weight < 0 for phrase in found):
        raise AppError("There are only minus phrases. Say what to look for too, for example: dress, - stripes")
    return found


def phrases(query: str) -> list[Phrase]:
    """Return the phrases between commas: `:0.5` at the end is a weight (else 1), `-` or `no` at the start a minus.

    Networks such as CLIP do not understand "no" inside a phrase: it would bring what it names.
    A phrase of weight 0 counts as not written. Raises AppError, in words, when nothing is left to look for, and when
    the text has more than LONGEST characters, or PHRASES phrases.
    """
    if len(query) > LONGEST:
        raise AppError(f"The text has {len(query):,} characters; at most {LONGEST:,} are read. Shorten it.")
    found = [phrase for part in _SEPARATOR.split(query) if (phrase := _phrase(part.strip())) is not None]
    if not found:
        raise AppError("Type what you are looking for, for example: a red summer dress, - stripes")
    if len(found) > PHRASES:
        raise AppError(f"There are {len(found)} phrases; at most {PHRASES} are read. Leave some out.")
    return found


def _phrase(part: str) -> Phrase | None:
    sign = 1.0
    if minus := _MINUS.match(part):
        sign, part = -1.0, part[minus.end() :].strip()
    found = _WEIGHT.search(part)
    weight = min(float(found[1]), _HEAVIEST) if found else 1.0
    text = part[: found.start()].strip() if found else part
    # Marks alone, such as a stray full stop, say nothing; an emoji does.
    said = any(c.isalnum() or ord(c) > 0x2000 for c in text)
    return Phrase(text, sign * weight) if said and weight else None
