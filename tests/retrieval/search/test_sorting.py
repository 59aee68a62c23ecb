"""Results in another order than how well they fit."""

from __future__ import annotations

import pytest

from retrieval.core import AppError, Hit
from retrieval.search.sorting import ordered

HITS = [
    Hit("a.jpg", 0.9, {"price": "ask", "name": "Ärmel", "added": "2026-01-02"}),
    Hit("b.jpg", 0.8, {"price": "1.299,00 €", "name": "zip"}),
    Hit("c.jpg", 0.7, {"price": "$45", "added": "2026-03-01"}),
    Hit("d.jpg", 0.6, {"price": "45.00", "name": "Boot", "added": "2025-12-31"}),
]


@pytest.mark.parametrize(("by", "ids"), [("match", "abcd"), ("price", "cdba"), ("name", "adcb"), ("newest", "cadb")])
def test_what_has_no_price_or_date_comes_last_and_ties_stay_by_match(by: str, ids: str) -> None:
    assert [hit.id[0] for hit in ordered(HITS, by)] == list(ids)


def test_an_order_that_is_none_names_those_that_are() -> None:
    with pytest.raises(AppError, match="'cheapest' is no order. Choose one of: match, price, name, newest"):
        ordered(HITS, "cheapest")
