"""What a question in words asks for: terms with weights, ranges of numbers, and what is not wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from retrieval.core import AppError
from retrieval.search.words import Phrase, phrases
from retrieval.words.folding import fold
from retrieval.words.numbers import Range, ranges
from retrieval.words.vocabulary import LONGEST, Meaning, meaning

_IGNORED = frozenset(
    "a an the with and in of for some or to on at is are i me my we want wants show find looking look need please "
    "picture pictures photo photos image images something that which by from like it this any color colour coloured "
    "colored pattern".split()
)
_NOT = frozenset({"no", "not", "without", "except", "non"})
_PIECES = re.compile(r'"([^"]+)"|(\S+)')
_WEIGHED = re.compile(r"([\w-]+):(\d+(?:\.\d+)?|\.\d+)", re.ASCII)
_LEADING_MINUS = re.compile(r"(?:\A|(?<=[,;]))\s*-(\w[\w-]*)\s+([^,;]+)")
"""`-red dress` is a dress that is not red, unlike `- red dress`."""
_MARK = re.compile("\0(\\d+)")


@dataclass(frozen=True, slots=True)
class Term:
    """One thing asked for: its words as typed, folded; what they mean to a shopper, where a table knows; its weight.

    A term of negative weight is not wanted. An `exact` one was quoted: only its own words are looked for.
    """

    text: str
    meaning: Meaning | None = None
    weight: float = 1.0
    exact: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The folded names that stand for it in text, its own first."""
        also = self.meaning.names if self.meaning and not self.exact else ()
        return tuple(dict.fromkeys((self.text, *also)))


@dataclass(frozen=True, slots=True)
class Question:
    """A question in words; `phrases` are what an image-text model reads."""

    terms: tuple[Term, ...]
    ranges: tuple[Range, ...]
    phrases: tuple[Phrase, ...]


def read(text: str) -> Question:
    """Read `a blue jacket under 60, floral:0.5, no stripes`; raises AppError where nothing is asked.

    Commas part phrases, whose weights and minuses are those of retrieval.search.words; within one, `no` and `-` turn
    the next term. Names of several words are one term, the longest that the vocabulary has.
    """
    terms: list[Term] = []
    wanted: list[Range] = []
    said: list[Phrase] = []
    for phrase in phrases(_LEADING_MINUS.sub(r" \2 -\1", text)):
        found, rest = ranges(_spaced(phrase.text))
        parts = list(_terms(rest, phrase.weight, found))
        terms += [part for part in parts if isinstance(part, Term)]
        wanted += [part for part in parts if isinstance(part, Range)]
        if plain := " ".join(_MARK.sub(" ", rest).split()):
            said.append(replace(phrase, text=plain))
    if not terms and not wanted:
        raise AppError("Type what you are looking for, for example: red dress under 50, no stripes")
    return Question(tuple(terms), tuple(wanted), tuple(said))


def _spaced(text: str) -> str:
    return fold(text.replace("\0", " ")).translate(str.maketrans("“”„«»", '"' * 5))


def _terms(text: str, weight: float, found: list[Range]) -> Iterator[Term | Range]:
    """Yield the terms and the ranges of one phrase in order."""
    words: list[tuple[str, bool]] = []
    negated = False
    last: Term | None = None
    for quoted, piece in _PIECES.findall(text):
        mark = _MARK.fullmatch(piece)
        if mark or quoted:
            for last in _joined(words, weight):
                yield last
            words = []
        if mark:
            yield _named(found[int(mark[1])], last)
        elif quoted:
            last = Term(quoted.strip(), None, -weight if negated else weight, exact=True)
            negated = False
            yield last
        elif piece in _NOT:
            negated = True
        else:
            negated = negated or (piece[0] in "-\N{MINUS SIGN}" and len(piece) > 1)
            if weighed := _WEIGHED.fullmatch(piece):
                yield from _joined(words, weight)
                words = []
                yield from _joined([(weighed[1].strip("-"), negated)], weight * float(weighed[2]))
                negated = False
                continue
            for word in re.findall(r"[\w*]+", piece.replace("_", " ")):
                if word.strip("*") and word not in _IGNORED:
                    words.append((word, negated))
                    negated = False
    yield from _joined(words, weight)


def _named(wanted: Range, before: Term | None) -> Range:
    """Return the range with the word right before it as its attribute, if that word means nothing else."""
    if before and before.meaning is None and not before.exact and before.weight > 0:
        return replace(wanted, attribute=before.text)
    return wanted


def _joined(words: Sequence[tuple[str, bool]], weight: float) -> Iterator[Term]:
    """Join neighbouring words that mean something together; a minus counts for the term that its word begins."""
    place = 0
    while place < len(words):
        size, known = 1, None
        for size in range(min(LONGEST, len(words) - place), 0, -1):
            some = words[place : place + size]
            known = None if any(minus for _, minus in some[1:]) else meaning([each for each, _ in some])
            if known:
                break
        text = " ".join(each for each, _ in words[place : place + size])
        yield Term(text, known, -weight if words[place][1] else weight)
        place += size
