"""What the columns of a shop's table mean, whatever they are called: name, price, link, brand, description, picture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from retrieval.core import Attributes
from retrieval.words.folding import fold, tokens
from retrieval.words.numbers import number

_NAMES = {
    "name": "name title productname producttitle productdisplayname displayname itemname itemtitle nom nombre titel"
    " bezeichnung artikelname titre titulo nome naam nazwa название 名称 商品名",
    "price": "price saleprice currentprice finalprice unitprice priceusd priceeur pricegbp listprice retailprice"
    " regularprice preis prix precio preco prezzo prijs pris cena fiyat cost msrp rrp amount цена 价格 価格",
    "link": "link url producturl productlink href permalink address website webpage pageurl itemurl",
    "brand": "brand brandname manufacturer maker vendor designer label marke marque marca",
    "description": "description productdescription desc details longdescription shortdescription body text caption"
    " bodyhtml beschreibung descripcion",
    "date": "date added dateadded created createdat published publishedat releasedate datetime taken year",
    "currency": "currency currencycode pricecurrency waehrung devise",
}
_MEANINGS = {name: meaning for meaning, names in _NAMES.items() for name in names.split()}
_TELLING = {"price": "price", "preis": "price", "url": "link", "link": "link", "brand": "brand", "title": "name"}
"""Words that say it in any longer name of a column."""
_OF_PICTURES = frozenset({"image", "img", "picture", "photo", "thumbnail", "logo", "video", "file"})
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LONG = 80
_TITLE, _SUMMARY = 200, 2000
_TAG = re.compile(r"<[^<>]{0,400}>")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card shows of a picture: `title`, `price` as written and as a number, a `link` that is safe to open.

    Empty, or None, where the catalogue does not say. `rest` are the other attributes, and those that did not do.
    """

    title: str = ""
    price: str = ""
    amount: float | None = None
    link: str = ""
    brand: str = ""
    description: str = ""
    rest: Attributes = ()  # type: ignore[assignment]


@lru_cache(maxsize=4096)
def meaning(column: str) -> str:
    """Return what a column called so holds: name, price, link, brand, description, date, currency; else nothing.

    `Sale Price (USD)` and `productPageUrl` are told by their words, but what says that it is of a picture is no link.
    """
    known = _MEANINGS.get("".join(filter(str.isalpha, fold(column))))
    if known:
        return known
    words = tokens(fold(_HUMP.sub(" ", column)))
    if _OF_PICTURES & set(words):
        return ""
    return next((_TELLING[word] for word in words if word in _TELLING), "")


def facts(attributes: Attributes) -> Facts:
    """Sort the attributes of one picture by what they mean; of two columns of one meaning the first that does counts.

    Text is plain text: what looked like markup in a description is taken out, and nothing is to be rendered as HTML.
    """
    found: dict[str, str] = {}
    rest: dict[str, str] = {}
    for column, value in attributes.items():
        what = meaning(column)
        does = bool(value) and what in Facts.__slots__ and what not in found
        if does and what == "link":
            does = bool(safe_link(value))
        if does:
            found[what] = value
        elif what == "name" and "title" not in found:
            found["title"] = plain(value)[:_TITLE]
        elif what != "currency":
            rest[column] = value
    price = found.get("price", "")
    return Facts(
        title=found.get("title", ""),
        price=_with_currency(price, attributes),
        amount=number(price) if price else None,
        link=safe_link(found.get("link", "")),
        brand=found.get("brand", ""),
        description=plain(found.get("description", ""))[:_SUMMARY],
        rest=rest,
    )


def safe_link(address: str) -> str:
    """Return an address that may be opened from a page, http or https with a host; anything else comes out empty."""
    address = address.strip()
    if any(c.isspace() or not c.isprintable() for c in address) or len(address) > _SUMMARY:
        return ""
    try:
        parts = urlsplit(address)
        return address if parts.scheme in ("http", "https") and parts.hostname else ""
    except ValueError:
        return ""


def plain(text: str) -> str:
    """Return text without tags, character references as what they stand for."""
    import html

    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def amount(attributes: Attributes) -> float | None:
    """Return the price of a picture as a number, None where it has none that is one ("ask")."""
    return next(
        (
            value
            for column, cell in attributes.items()
            if meaning(column) == "price" and (value := number(cell)) is not None
        ),
        None,
    )


def long(column: str, value: str) -> bool:
    """Return whether an attribute is running text, whose single words say less of a picture."""
    return meaning(column) == "description" or len(value) > _LONG


def _with_currency(price: str, attributes: Mapping[str, str]) -> str:
    if price and price.replace(".", "").replace(",", "").isdigit():
        code = next((value for column, value in attributes.items() if meaning(column) == "currency"), "")
        return f"{price} {code}".strip()
    return price
