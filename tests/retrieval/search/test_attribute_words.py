"""Words that name attributes, and what goes with a question."""

from __future__ import annotations

from retrieval.search.association import associated
from retrieval.search.attribute_words import parse

KINDS = ("Shirt", "T-Shirt", "Dress", "Shoes", "Shorts")


def test_a_colour_a_pattern_and_a_kind_are_told_apart() -> None:
    wanted = parse("red striped shirts", KINDS)
    assert (wanted.colours, wanted.patterns, wanted.kinds) == (("red",), ("striped",), ("Shirt",))
    assert wanted.unknown == ()


def test_other_words_for_the_same_thing_and_what_is_not_wanted() -> None:
    wanted = parse("a gray polka tee, no stripes", KINDS)
    assert (wanted.colours, wanted.patterns, wanted.kinds) == (("grey",), ("dotted",), ("T-Shirt",))
    assert wanted.unwanted == ("striped",)


def test_the_catalogues_own_values_and_unknown_words() -> None:
    wanted = parse("boat neck dresses quux", KINDS, ["boat neck"])
    assert (wanted.values, wanted.kinds, wanted.unknown) == (("boat neck",), ("Dress",), ("quux",))
    assert parse("quux", KINDS).empty


def test_lift_is_the_share_near_over_the_share_in_all() -> None:
    near = [{"colour": "red"}] * 8 + [{"colour": "blue"}] * 2
    (found,) = associated(near, {"colour": {"red": 10, "blue": 90}}, 100)
    assert (found.value, found.near, found.neighbours, found.lift) == ("red", 8, 10, 8.0)


def test_what_is_as_common_everywhere_goes_with_nothing() -> None:
    assert (
        associated([{"colour": "red"}] * 5 + [{"colour": "blue"}] * 5, {"colour": {"red": 50, "blue": 50}}, 100) == []
    )
