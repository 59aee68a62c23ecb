"""What goes with a question: attributes that its neighbours have oftener than the rest."""

from __future__ import annotations

from retrieval.search.association import associated


def test_lift_is_the_share_near_over_the_share_in_all() -> None:
    near = [{"colour": "red"}] * 8 + [{"colour": "blue"}] * 2
    (found,) = associated(near, {"colour": {"red": 10, "blue": 90}}, 100)
    assert (found.value, found.near, found.neighbours, found.lift) == ("red", 8, 10, 8.0)


def test_what_is_as_common_everywhere_goes_with_nothing() -> None:
    assert (
        associated([{"colour": "red"}] * 5 + [{"colour": "blue"}] * 5, {"colour": {"red": 50, "blue": 50}}, 100) == []
    )
