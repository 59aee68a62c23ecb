"""The vote of the nearest neighbours against counts done by hand."""

from __future__ import annotations

from retrieval.core import Hit
from retrieval.search.votes import votes


def hits(*kinds: str) -> list[Hit]:
    return [Hit(str(n), 1 - n / 100, {"label": kind} if kind else {}) for n, kind in enumerate(kinds)]


def test_ten_neighbours_vote_and_a_tie_goes_to_the_nearest() -> None:
    voted = votes(hits("Bag", "Coat", "Coat", "Bag", "", *(["Shirt"] * 2), *(["Dress"] * 9)))
    assert voted.counts == (("Dress", 3), ("Bag", 2), ("Coat", 2), ("Shirt", 2))
    assert (voted.winner, voted.of) == ("Dress", 10)
    assert votes(hits("Coat", "Bag", "Bag", "Coat")).winner == "Coat"
    assert votes(hits("", "")).winner is None
