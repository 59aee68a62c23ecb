"""The filters: check boxes for the values of a catalogue's attributes, several at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import gradio as gr
from pydantic import Field, TypeAdapter, ValidationError

from retrieval.core import AppError, Filter
from services import Services
from ui.shell import modules

_Word = Annotated[str, Field(max_length=1000)]
_CHOSEN: TypeAdapter[dict[str, list[str]]] = TypeAdapter(
    Annotated[dict[_Word, Annotated[list[_Word], Field(max_length=200)]], Field(max_length=50)]
)


def create() -> gr.HTML:
    """Return the filters; their `input` event says that another choice was made."""
    return gr.HTML(**modules.component("search/filters", '<div class="filters"></div>'))


def opening(services: Services, catalog: str, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the filters' value for a catalogue just opened: its facets, and what was chosen in it before."""
    facets = services.views.facets(catalog)
    same = before is not None and before.get("catalog") == catalog
    chosen = before["chosen"] if same and before else {}
    shown = [{"name": n, "values": [list(pair) for pair in v.items()]} for n, v in facets.items()]
    return {"catalog": catalog, "facets": shown, "chosen": chosen}


def parse(chosen: object) -> dict[str, list[str]] | None:
    """Read chosen values, attribute -> list of values, from a browser or a client; raises AppError."""
    try:
        return {name: values for name, values in _CHOSEN.validate_python(chosen or {}).items() if values} or None
    except ValidationError:
        raise AppError('Filters are an object of lists, such as {"label": ["Dress", "Skirt"]}.') from None


def described(chosen: Filter) -> str:
    """Return a filter in words."""
    return "; ".join(f"{name}: {' or '.join(values)}" for name, values in chosen.items())
