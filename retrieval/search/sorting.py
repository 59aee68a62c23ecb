"""Found pictures in another order than how well they fit: by price, by name, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.core import AppError, Attributes
from retrieval.search.grouping import Ranked
from retrieval.words import columns, dates
from retrieval.words.folding import fold

ORDERS = ("match", "price", "name", "newest")


def ordered(ranked: Sequence[Ranked], by: str) -> list[Ranked]:
    """Return `ranked` by one of ORDERS; what has no price, name or date comes last, in its own order.

    Raises AppError for an order that is none of ORDERS.
    """
    if by not in ORDERS:
        raise AppError(f"'{by}' is no order. Choose one of: {', '.join(ORDERS)}.")
    if by == "match":
        return list(ranked)
    if by == "price":
        prices = [columns.amount(each.attributes) for each in ranked]
        keys = [(price is None, price or 0.0) for price in prices]
    elif by == "name":
        names = [fold(columns.facts(each.attributes).title or each.id) for each in ranked]
        order = sorted(range(len(ranked)), key=names.__getitem__)
        return [ranked[place] for place in order]
    else:
        days = [newest(each.attributes) for each in ranked]
        keys = [(day is None, -(day or 0.0)) for day in days]
    return [ranked[place] for place in sorted(range(len(ranked)), key=keys.__getitem__)]


def newest(attributes: Attributes) -> float | None:
    """Return the latest day that an attribute of the meaning `date` names, None where none does."""
    days = [dates.day(value) for column, value in attributes.items() if columns.meaning(column) == "date"]
    return max((day for day in days if day is not None), default=None)
