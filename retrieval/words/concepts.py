"""What a catalogue's words mean, written beside them at indexing: a question's synonyms then cost one look-up."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from retrieval.words.vocabulary import LONGEST, Meaning, includes, meaning


@lru_cache(maxsize=4096)
def mark(group: str, value: str = "") -> str:
    """Return the word that stands in the table for a meaning, or for any meaning of the group."""
    return f"{group}9{''.join(filter(str.isalnum, value))}"


@lru_cache(maxsize=65536)
def marks(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the marks of all that `words` name, the longest names first: `dress shirt` is a shirt and no dress."""
    found: dict[str, None] = {}
    place = 0
    while place < len(words):
        size, known = 1, None
        for size in range(min(LONGEST, len(words) - place), 0, -1):
            known = meaning(words[place : place + size])
            if known:
                break
        if known:
            found |= {mark(known.group): None, mark(known.group, known.value): None}
        place += size
    return tuple(found)


def sought(known: Meaning) -> Sequence[tuple[str, str]]:
    """Return the marks that answer a meaning, each with its word: its own first, then those of what it includes."""
    return [(mark(known.group, value), value) for value in (known.value, *includes(known))]
