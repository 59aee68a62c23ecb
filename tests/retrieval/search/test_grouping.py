"""One card a product."""

from __future__ import annotations

from retrieval.core import Hit
from retrieval.search.grouping import grouped


def test_the_best_picture_of_a_product_stands_for_all_and_what_has_none_stands_alone() -> None:
    named = [("a", "1"), ("b", "2"), ("c", "1"), ("d", ""), ("e", ""), ("f", "1")]
    hits = [Hit(name, 1.0, {"product": value} if value else {}) for name, value in named]
    assert [(hit.id, others) for hit, others in grouped(hits, "product")] == [
        ("a", ("c", "f")), ("b", ()), ("d", ()), ("e", ()),
    ]  # fmt: skip
