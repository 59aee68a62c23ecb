"""What the columns of a shop's table mean, and that nothing in their cells is more than text."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.core import Item
from retrieval.words.columns import facts, meaning
from retrieval.words.table import WordTable, written


@pytest.mark.parametrize(
    ("column", "means"),
    [
        ("name", "name"), ("Title", "name"), ("productDisplayName", "name"), ("商品名", "name"),
        ("price", "price"), ("Sale Price (USD)", "price"), ("Prix", "price"), ("цена", "price"), ("preço", "price"),
        ("url", "link"), ("productPageUrl", "link"), ("LINK", "link"), ("image_url", ""), ("Thumbnail link", ""),
        ("brand name", "brand"), ("Marke", "brand"), ("Description", "description"), ("body_html", "description"),
        ("date_added", "date"), ("taken", "date"), ("colour", ""), ("file_name", ""), ("username", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_column_is_told_by_its_name(column: str, means: str) -> None:
    assert meaning(column) == means


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "java\nscript:alert(1)", "//evil.example",
     "http://", "https:///x", "vbscript:x", "file:///etc/passwd", "http://a b", "http://[", "ask"],
)  # fmt: skip
def test_a_link_that_is_not_safe_is_no_link(address: str) -> None:
    told = facts({"link": address, "name": "Cap"})
    assert told.link == ""
    assert told.rest == {"link": address}


def test_the_first_link_that_is_safe_counts() -> None:
    assert (
        facts({"link": "javascript:x", "product url": "https://shop.example/1?a=b"}).link
        == "https://shop.example/1?a=b"
    )


def test_markup_in_a_table_is_taken_out_and_characters_are_as_meant() -> None:
    told = facts(
        {"title": "<b>Cap</b> &amp; <i>scarf</i>", "description": "<p>Soft<script>alert(1)</script> a < b</p>"}
    )
    assert told.title == "Cap & scarf"
    assert told.description == "Soft alert(1) a < b"


@pytest.mark.parametrize(
    ("attributes", "price", "amount"),
    [
        ({"price": "ask"}, "ask", None), ({"price": ""}, "", None), ({"Preis": "1.299,00 €"}, "1.299,00 €", 1299.0),
        ({"price": "45", "currency": "EUR"}, "45 EUR", 45.0), ({"price": "👗"}, "👗", None),
    ],
)  # fmt: skip
def test_a_price_is_shown_as_written_and_read_where_it_is_a_number(
    attributes: dict[str, str], price: str, amount: float | None
) -> None:
    told = facts(attributes)
    assert (told.price, told.amount) == (price, amount)


def test_links_and_prices_are_no_words_and_very_long_cells_are_cut() -> None:
    fields = written("a.jpg", {"url": "https://fleece.example", "price": "fleece", "description": "wool " * 2_000_000})
    assert "fleece" not in " ".join(fields)
    assert len(fields[-1]) < 30_000


def test_a_table_of_words_takes_emoji_zero_bytes_and_empty_names(tmp_path: Path) -> None:
    table = WordTable(tmp_path)
    odd = [Item("👗/🧥.jpg", {"name": "🔥 sale"}), Item("Röbe.jpg", {"": "x", "label": "\0"}), Item("b.jpg")]
    assert table.update(odd)
    assert not table.update(odd)
    assert {item_id for item_id, _ in table.described([1, 2, 3]).values()} == {item.id for item in odd}
