"""Filters by what the product engine sees in the pictures of a catalogue, whatever their attributes say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from retrieval.core import EncoderSpec, Filter
from retrieval.pictures import colours
from retrieval.search.searcher import Result
from services import Services
from services.models.product import AppearanceFilter
from ui.search import filters
from ui.search.flow import COUNTS, Scope
from ui.search.question import Query

KIND = "looks like"
COLOUR = "colour seen"


def offered(services: Services, catalog: str, spec: EncoderSpec, choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters' value with the kinds and colours that can be seen before the catalogue's attributes."""
    kinds = services.products.kinds(catalog, spec) if services.products.encoder(spec).classes else {}
    seen: list[dict[str, Any]] = [{"name": KIND, "values": [*kinds.items()]}] if len(kinds) > 1 else []
    seen.append({"name": COLOUR, "values": [[name, None] for name in colours.names()]})
    known = [facet for facet in choice.get("facets", ()) if facet["name"] not in (KIND, COLOUR)]
    chosen = {name: values for name, values in choice.get("chosen", {}).items() if name != KIND}
    chosen |= {KIND: still} if (still := [k for k in choice.get("chosen", {}).get(KIND, ()) if k in kinds]) else {}
    return {"facets": [*seen, *known], "chosen": chosen}


def parted(passing: Filter | None) -> tuple[AppearanceFilter, Filter | None]:
    """Return what is asked of the looks, and what of the catalogue's attributes."""
    asked = dict(passing or {})
    return AppearanceFilter(tuple(asked.pop(KIND, ())), tuple(asked.pop(COLOUR, ()))), asked or None


def narrowed(services: Services, question: Query, scope: Scope, wanted: AppearanceFilter, result: Result) -> Result:
    """Return the results of a question that look as wanted; `result` is the answer without that."""
    if not (wanted.kinds or wanted.colours):
        return result
    itself = [question.item] if question.item and question.pictured and not question.box else []
    count = min(max(int(scope.count), 1), max(COUNTS))
    found = services.products.narrowed(
        scope.catalog, scope.spec, result.query, count, wanted, scope.passing, [*itself, *question.disliked]
    )
    seconds = {**result.seconds, "search": result.seconds.get("search", 0) + found.seconds["search"]}
    return replace(found, seconds=seconds, notes=(*result.notes, *found.notes))


def words(names: object) -> Sequence[str]:
    """Read names from a client; raises AppError."""
    return tuple((filters.parse({"names": names or []}) or {}).get("names", ()))
