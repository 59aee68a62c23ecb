"""A question in words answered by all that is known: what is written, what is seen, numbers, an image-text model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from retrieval.core import Attributes, Filter
from retrieval.words import columns, folding, numbers
from retrieval.words.evidence import FLOOR, MET, SURE, Evidence
from retrieval.words.fusion import Ranking, fused
from retrieval.words.question import Question, Term
from retrieval.words.reasons import why
from retrieval.words.seen import SeenRows
from retrieval.words.table import WordTable

TEXT, SIGHT, MODEL = 2.0, 1.0, 3.0
"""How much the words in the table, what is written and seen together, and an image-text model count in the fusion."""
_COVERED = 0.75
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Found:
    """One picture that answers; `why` says, in a few words each, what of it fits."""

    id: str
    score: float
    attributes: Attributes
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The pictures that answer, best first, `total` of them in all; the first `strong` meet everything.

    `notes` are sentences that a person should read: words that nobody understood, what was not looked at yet.
    """

    found: Sequence[Found]
    total: int
    strong: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What part of an answer is wanted: `count` pictures from place `start` on, of those that pass `filter`.

    `ranges` narrow it further. `similarities` are an image-text model's scores for the question, id -> cosine, `alike`
    those of pictures that are part of it, which count `alike_weight` in the fusion.
    """

    count: int = 24
    start: int = 0
    filter: Filter | None = None
    ranges: tuple[numbers.Range, ...] = ()
    similarities: dict[str, float] = field(default_factory=dict)
    alike: dict[str, float] = field(default_factory=dict)
    alike_weight: float = 1.0


class Pictures:
    """What is known of a catalogue's pictures, in memory: a question reads nothing else but matching rows."""

    def __init__(self, table: WordTable) -> None:
        """Read the table as it is now."""
        self.table = table
        rows = table.rows()
        self.rows = np.array([row for row, _, _ in rows], np.int64)
        self.prices = np.array([np.nan if price is None else price for _, price, _ in rows], np.float64)
        self.seen = SeenRows([seen for _, _, seen in rows])
        self._passed: dict[str, np.ndarray] = {}
        self._bearing: dict[tuple[str, str], np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def places(self, rows: Sequence[int]) -> np.ndarray:
        """Return int64, where table rows are in the arrays here; those that came later are left out."""
        found = np.searchsorted(self.rows, rows)
        found = np.minimum(found, len(self.rows) - 1) if len(self.rows) else found[:0]
        return found[self.rows[found] == np.asarray(rows)[: len(found)]]

    def bearing(self, phrase: str, field: str) -> np.ndarray:
        """Return int64, the places in whose `field` an FTS5 phrase is found, remembered: many ask for the same."""
        key = (phrase, field)
        if key not in self._bearing:
            if len(self._bearing) >= _REMEMBERED:
                self._bearing.clear()
            self._bearing[key] = self.places(self.table.matching(phrase, field))
        return self._bearing[key]

    def answer(self, question: Question, scope: Scope) -> Answer:
        """Rank the pictures by how well they fit, fused by rank; see the module and retrieval.words.fusion."""
        terms, ranges, notes = self._settled(question)
        allowed = self._allowed(scope.filter, (*ranges, *scope.ranges), notes)
        evidence = [Evidence(term, self.seen, self.bearing) for term in terms]
        for each in evidence:
            if each.unknown and each.term.weight > 0:
                notes.append(f"'{each.term.text}' was not understood; the rest is answered.")
        evidence = [each for each in evidence if not each.unknown]
        for each in evidence:
            if each.term.weight < 0:
                allowed &= each.fit < SURE
        wanted = [each for each in evidence if each.term.weight > 0]
        rankings = _rankings(wanted, allowed) + self._by_vectors(scope, allowed)
        scores = fused(rankings) if rankings else allowed * (1.0 if evidence or ranges or scope.ranges else 0.0)
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] > 0]
        fits_all = np.all([each.fit >= SURE for each in wanted], axis=0) if wanted else np.ones(len(self), bool)
        shown = order[scope.start : scope.start + scope.count]
        described = self.table.described(self.rows[shown].tolist())
        found = [
            Found(described[row][0], float(scores[place]), described[row][1], why(wanted, place, described[row][1]))
            for place, row in zip(shown.tolist(), self.rows[shown].tolist(), strict=True)
            if row in described
        ]
        unseen = int((~self.seen.looked).sum())
        if unseen and any(each.seen is not None for each in evidence):
            notes.append(
                f"{len(self) - unseen:,} of {len(self):,} pictures were looked at for colour, kind and pattern."
            )
        strong = int(fits_all[order].cumprod().sum()) if len(order) else 0
        return Answer(found, len(order), min(max(strong - scope.start, 0), len(found)), tuple(notes))

    def _settled(self, question: Question) -> tuple[list[Term], list[numbers.Range], list[str]]:
        """Return terms and ranges, a word before a range taken as its attribute where the catalogue has that one."""
        terms, ranges = list(question.terms), []
        for each in question.ranges:
            column = self.column(each.attribute) if each.attribute else None
            if column:
                terms = [term for term in terms if term.text != each.attribute]
            ranges.append(replace(each, attribute=column or ""))
        return terms, ranges, []

    def column(self, word: str) -> str | None:
        """Return the attribute called `word`, in any spelling of case and accents, or None."""
        asked = folding.fold(word)
        return next((name for name in self.columns if folding.fold(name) == asked), None)

    @property
    def columns(self) -> list[str]:
        """The names of the attributes, of the first pictures at least."""
        return self.table.columns()

    def _allowed(self, filter: Filter | None, ranges: Sequence[numbers.Range], notes: list[str]) -> np.ndarray:
        allowed = np.ones(len(self), bool)
        if filter:
            passing = np.zeros(len(self), bool)
            passing[self._passing(filter)] = True
            allowed &= passing
        for each in ranges:
            values = self.prices if not each.attribute else self.numbers(each.attribute)
            if not np.isfinite(values).any():
                notes.append(f"No picture has a price that is a number, so '{each}' was left out.")
                continue
            allowed &= each.holds(values)
        return allowed

    def _passing(self, filter: Filter) -> np.ndarray:
        """Return the places of what passes a filter, remembered: a visitor asks many questions under one."""
        key = json.dumps({name: sorted(values) for name, values in filter.items()}, sort_keys=True)
        if key not in self._passed:
            if len(self._passed) >= _REMEMBERED:
                self._passed.clear()
            self._passed[key] = self.places(self.table.passing(filter))
        return self._passed[key]

    def numbers(self, attribute: str) -> np.ndarray:
        """Return float64 (n,), an attribute as numbers, NaN where it is none."""
        if columns.meaning(attribute) == "price":
            return self.prices
        values = np.full(len(self), np.nan)
        rows, cells = zip(*self.table.values(attribute), strict=True) if len(self) else ((), ())
        for place, cell in zip(np.searchsorted(self.rows, rows), cells, strict=True):
            number = numbers.number(cell)
            if number is not None and place < len(values):
                values[place] = number
        return values

    def _by_vectors(self, scope: Scope, allowed: np.ndarray) -> list[Ranking]:
        found = []
        for similar, weight in ((scope.similarities, MODEL), (scope.alike, scope.alike_weight)):
            if similar:
                rows = self.table.of_ids(list(similar))
                scores = np.full(len(self), -np.inf, np.float32)
                for item_id, row in rows.items():
                    scores[self.places([row])] = similar[item_id]
                scores[~allowed] = -np.inf
                found.append(Ranking(scores, weight))
        return found


def _rankings(wanted: Sequence[Evidence], allowed: np.ndarray) -> list[Ranking]:
    """Return what is written alone, where it covers about all of the terms, and what is written and seen together."""
    if not wanted:
        return []
    weights = np.array([each.term.weight for each in wanted], np.float32)
    covered = weights @ np.stack([each.text for each in wanted])
    covered[~allowed] = 0
    most = float(covered.max(initial=0))
    text = np.where((covered > 0) & (covered >= _COVERED * most), np.round(covered, 2), -np.inf)
    fits = np.stack([each.fit for each in wanted])
    joined = (weights / weights.sum()) @ np.log(np.maximum(fits, FLOOR))
    joined[~allowed | (fits.max(axis=0) < MET)] = -np.inf
    return [Ranking(text, TEXT), Ranking(joined, SIGHT)]
