"""One card a product: ranked pictures that share an attribute's value become one, the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from retrieval.core import Attributes


class _Found(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def attributes(self) -> Attributes: ...


Ranked = TypeVar("Ranked", bound=_Found)


def grouped(ranked: Sequence[Ranked], attribute: str) -> list[tuple[Ranked, tuple[str, ...]]]:
    """Return the best of `ranked` for each value of `attribute`, in their order, with the ids of the others of it.

    What has no such attribute stands alone.
    """
    first: dict[tuple[str, str], Ranked] = {}
    others: dict[tuple[str, str], list[str]] = {}
    for each in ranked:
        value = each.attributes.get(attribute, "")
        key = ("value", value) if value else ("id", each.id)
        if key in first:
            others[key].append(each.id)
        else:
            first[key], others[key] = each, []
    return [(each, tuple(others[key])) for key, each in first.items()]
