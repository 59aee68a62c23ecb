"""How well pictures fit one term of a question: by what is written of them, and by what is seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from retrieval.words import concepts, folding
from retrieval.words.question import Term
from retrieval.words.seen import SeenRows
from retrieval.words.table import FIELDS
from retrieval.words.vocabulary import Meaning

MET, SURE = 0.25, 0.5
"""From which fit on a term counts as met at all, and as met."""
_FIELDS = dict(zip(FIELDS, (1.0, 0.95, 0.9, 0.5), strict=True))
_OWN, _SAME = 1.0, 0.9
"""How well a picture's own words fit: the word that was asked for, and another one for the same thing."""
_OVERRULED, FLOOR = 0.3, 0.01
"""What sight or a lesser field still counts where the table says another thing, and what is left of a fit for a
term that is not met."""
_EXCLUSIVE = ("kind", "colour")
"""Of these a thing has one, as a rule: what says another overrules a lesser field."""
Bearing = Callable[[str, str], np.ndarray]
"""Returns int64, the places of the pictures in one of whose FIELDS an FTS5 phrase is found."""


class Evidence:
    """How well each picture fits one term: `text` by what is written, `seen` by sight, `fit` by both.

    Each is float32 (n,) in 0..1; `seen` is None for what cannot be seen. `unknown`: the term means nothing here.
    """

    def __init__(self, term: Term, seen: SeenRows, bearing: Bearing) -> None:
        """Look for `term` in what is `seen`, and by `bearing` in what is written."""
        self.term = term
        self.text = np.zeros(len(seen.looked), np.float32)
        self._where = bearing
        known = None if term.exact else term.meaning
        self.seen = seen.evidence(known) if known else None
        if known:
            self._by_meaning(known)
        else:
            self._by_words()
        self.unknown = self.seen is None and not self.text.any()
        self.fit = self.text
        if self.seen is not None and known:
            says = np.zeros(len(seen.looked), bool)
            for name in ("title", "facts"):
                says[self._where(concepts.mark(known.group), name)] = True
            self.fit = np.maximum(self.text, np.where(says, _OVERRULED, 1.0) * self.seen)

    def _by_meaning(self, known: Meaning) -> None:
        """Note where the catalogue says it; another colour in a column of its own overrules `Jade Jacket`, and so on.

        What a thing is called says its kind, what short attributes say its colour; a fabric may be one of several.
        """
        own = folding.match_phrase(self.term.text)
        first = "title" if known.group == "kind" else "facts"
        says = self._where(concepts.mark(known.group), first)
        meant = [self._where(mark, first) for mark, _ in concepts.sought(known)]
        other = np.setdiff1d(says, np.concatenate(meant))
        for name, strength in _FIELDS.items():
            if name != first:
                self._by_field(known, name, strength, own)
        if known.group in _EXCLUSIVE:
            self.text[other] *= _OVERRULED
        self._by_field(known, first, _FIELDS[first], own)

    def _by_field(self, known: Meaning, name: str, strength: float, own: str) -> None:
        """Note where one field has the words, or the marks of what they mean."""
        if name == "running":
            phrases = " OR ".join(folding.match_phrase(each) for each in self.term.names[:64])
            self._put(self._where(phrases, name), strength)
            return
        for mark, word in concepts.sought(known):
            found = self._where(mark, name)
            self._put(found, strength * (_OWN if word == self.term.text == known.value else _SAME))
            if word == known.value != self.term.text:
                self._put(np.intersect1d(found, self._where(own, name)), strength * _OWN)

    def _by_words(self) -> None:
        phrase = folding.match_phrase(self.term.text.rstrip("*"))
        if not phrase:
            return
        if self.term.text.endswith("*"):
            phrase += " *"
        for tried in (phrase, f"{phrase.removesuffix(' *')} *"):
            for name, strength in _FIELDS.items():
                self._put(self._where(tried, name), strength)
            if self.text.any() or self.term.exact or len(self.term.text) < 3:
                return

    def _put(self, places: np.ndarray, strength: float) -> None:
        self.text[places] = np.maximum(self.text[places], strength)
