"""Why a picture answers a question, in a few words for each term."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from retrieval.core import Attributes
from retrieval.words import columns, concepts, folding
from retrieval.words.evidence import MET, Evidence
from retrieval.words.question import Term


def why(wanted: Sequence[Evidence], place: int, attributes: Attributes) -> tuple[str, ...]:
    """Say of each term where it was found, in the table before the picture."""
    said = []
    for each in wanted:
        if each.text[place] > 0:
            said.append(_written_where(each.term, attributes))
        elif each.seen is not None and each.fit[place] >= MET:
            said.append(f"looks {each.term.text}, {round(100 * float(each.seen[place]))} %")
    return tuple(said)


def _written_where(term: Term, attributes: Attributes) -> str:
    """Return `attribute: word`, the term's own word before another for the same, names and short texts first."""
    ordered = sorted(attributes.items(), key=lambda pair: (columns.long(*pair), columns.meaning(pair[0]) != "name"))
    cells = [(column, _words(value)) for column, value in ordered]
    for column, words in cells:
        if _has(words, folding.tokens(term.text)):
            return f"{column}: {term.text}"
    for mark, word in concepts.sought(term.meaning) if term.meaning else ():
        for column, words in cells:
            if mark in concepts.marks(words[:64]):
                return f"{column}: {term.text if word == term.meaning.value else word}" if term.meaning else column
    return f"file name: {term.text}"


@lru_cache(maxsize=4096)
def _words(value: str) -> tuple[str, ...]:
    return tuple(folding.tokens(folding.fold(value)))


def _has(words: Sequence[str], asked: Sequence[str]) -> bool:
    return any(
        all(word.startswith(part.rstrip("s")) for word, part in zip(words[n:], asked, strict=False))
        for n in range(len(words) - len(asked) + 1)
    )
