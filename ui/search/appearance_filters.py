"""Filters by what is seen in the pictures of a catalogue, whatever their attributes say, for every searching tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from retrieval.core import AppError, EncoderSpec, Filter
from retrieval.pictures import colours
from services import Services
from services.models.product import AppearanceFilter
from ui.search import filters

KIND = "looks like"
COLOUR = "colour seen"


def offered(
    services: Services, catalog: str, spec: EncoderSpec, choice: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the filters' value with the kinds and colours that can be seen before the catalogue's attributes.

    Kinds are counted for an engine that names them; another one keeps those of the value `before`, which tell of the
    same catalogue.
    """
    kinds = _kinds(services, catalog, spec, before)
    seen: list[dict[str, Any]] = [{"name": KIND, "values": kinds}] if len(kinds) > 1 else []
    seen.append({"name": COLOUR, "values": [[name, None] for name in colours.names()]})
    chosen = {name: values for name, values in choice.get("chosen", {}).items() if name != KIND}
    known = [name for name, _ in kinds]
    chosen |= {KIND: still} if (still := [k for k in choice.get("chosen", {}).get(KIND, ()) if k in known]) else {}
    return {**choice, "facets": [*seen, *choice.get("facets", ())], "chosen": chosen}


def _kinds(services: Services, catalog: str, spec: EncoderSpec, before: Mapping[str, Any]) -> list[list[Any]]:
    """Return [kind, how many pictures] of an engine that names kinds, or those that were offered before."""
    if "product" in spec.purposes:
        counted = services.products.kinds(catalog, spec) if services.products.encoder(spec).classes else {}
        return [list(pair) for pair in counted.items()]
    facets = before.get("facets", ()) if before.get("catalog") == catalog else ()
    return next((facet["values"] for facet in facets if facet["name"] == KIND), [])


def parted(chosen: Filter | None) -> tuple[AppearanceFilter, dict[str, list[str]] | None]:
    """Return what is asked of the looks, and what of the catalogue's attributes."""
    asked = {name: list(values) for name, values in (chosen or {}).items()}
    return AppearanceFilter(tuple(asked.pop(KIND, ())), tuple(asked.pop(COLOUR, ()))), asked or None


def check(services: Services, looks: AppearanceFilter, spec: EncoderSpec) -> None:
    """Raise AppError for a kind or a colour that there isn't, with those that there are."""
    kinds: tuple[str, ...] = ()
    if looks.kinds:
        known = spec if "product" in spec.purposes else services.engines.first("product")
        kinds = tuple(services.products.encoder(known).classes)
    for what, given, there in (("kind", looks.kinds, kinds), ("colour", looks.colours, colours.names())):
        for name in given:
            if name not in there:
                raise AppError(f"There is no {what} '{name}'. Choose from: {', '.join(there) or 'none'}.")


def names(given: object) -> list[str]:
    """Read names from a client; raises AppError."""
    return (filters.parse({"names": given or []}) or {}).get("names", [])
