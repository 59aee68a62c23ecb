"""What a question in words asks for: terms, weights, minuses, numbers."""

from __future__ import annotations

import pytest

from retrieval.core import AppError
from retrieval.words.numbers import number
from retrieval.words.question import read


def said(text: str) -> list[tuple[str, str, float]]:
    return [(t.text, f"{t.meaning.group} {t.meaning.value}" if t.meaning else "", t.weight) for t in read(text).terms]


def test_the_longest_name_that_the_vocabulary_has_is_one_term() -> None:
    assert said("a light blue tank top") == [("light blue", "colour blue", 1), ("tank top", "kind tank top", 1)]
    assert said("dress shirts") == [("dress shirts", "kind shirt", 1)]


def test_a_minus_turns_the_next_term_only() -> None:
    assert said("red dress, no polka dots") == [
        ("red", "colour red", 1), ("dress", "kind dress", 1), ("polka dots", "pattern dotted", -1),
    ]  # fmt: skip
    assert said("-red dress") == [("dress", "kind dress", 1), ("red", "colour red", -1)]
    assert said("hoodie without stripes cotton")[1:] == [
        ("stripes", "pattern striped", -1),
        ("cotton", "fabric cotton", 1),
    ]


def test_weights_count_for_a_phrase_and_for_a_single_word() -> None:
    assert said("red:0.5 dress, floral:2") == [
        ("red", "colour red", 0.5), ("dress", "kind dress", 1), ("floral", "pattern floral", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("jacket under 50", None, 50), ("over $100", 100, None), ("20-60", 20, 60), ("20 to 60 dress", 20, 60),
        ("between £20 and £60", 20, 60), ("at most 1,299.00", None, 1299), ("<= 45 €", None, 45),
        ("from 60-20", 20, 60),
    ],
)  # fmt: skip
def test_numbers_are_ranges(text: str, low: float | None, high: float | None) -> None:
    (found,) = read(text).ranges
    assert found.low == (float("-inf") if low is None else low)
    assert found.high == (float("inf") if high is None else high)


def test_quotes_look_for_the_words_alone() -> None:
    (term,) = read('"Full Zip"').terms
    assert (term.text, term.exact, term.meaning) == ("full zip", True, None)


def test_a_question_without_anything_to_look_for_says_how_to_ask() -> None:
    with pytest.raises(AppError, match="for example"):
        read("the a of")


@pytest.mark.parametrize(
    ("cell", "value"),
    [("$1,299.00", 1299), ("1.299,00 €", 1299), ("£45", 45), ("1 299", 1299), ("EUR 12,5", 12.5), ("ask", None),
     ("", None), ("20-30", 20), ("1.299.000", 1299000), ("0.999", 0.999), ("👗", None)],
)  # fmt: skip
def test_a_price_is_read_as_people_write_it(cell: str, value: float | None) -> None:
    assert number(cell) == value


def meant(text: str) -> list[tuple[str, str, float]]:
    """Return what the understood terms of a question mean: group, value and weight."""
    known = [term for term in read(text).terms if term.meaning]
    return [(term.meaning.group, term.meaning.value, term.weight) for term in known if term.meaning]


def test_a_colour_a_pattern_and_a_kind_are_told_apart_whatever_people_call_them() -> None:
    assert meant("red striped shirts") == [("colour", "red", 1), ("pattern", "striped", 1), ("kind", "shirt", 1)]
    assert meant("a gray polka tee, no stripes") == [
        ("colour", "grey", 1), ("pattern", "dotted", 1), ("kind", "t-shirt", 1), ("pattern", "striped", -1)
    ]  # fmt: skip
    assert meant("boat neck dresses quux") == [("kind", "dress", 1)]
    assert [term.text for term in read("boat neck dresses quux").terms] == ["boat", "neck", "dresses", "quux"]
