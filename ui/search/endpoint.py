"""The answers of searching tabs as clients of the API and MCP tools get them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.route_utils import get_root_url

from retrieval.core import AppError, EncoderSpec
from services import Services
from ui.search import appearance_filters, results
from ui.search import filters as asked_filters
from ui.search import question as asking
from ui.search.flow import Answer
from ui.search.question import COUNT, Question
from ui.search.searching_tab import Controls, SearchingTab

SMALL, LARGE = 160, 640
"""Longer sides, in pixels, of the pictures that clients of the API are given addresses of."""


def of_tab(tab: SearchingTab, key: str, title: str, widgets: Mapping[str, Any]) -> Callable[..., dict[str, Any]]:
    """Return the endpoint that a tab has by itself; `widgets` are the values of its own when the page is opened."""

    def search(
        services: Services,
        picture: str | None = None,
        catalog: str | None = None,
        k: int = COUNT,
        filters: dict[str, list[str]] | None = None,
        box: list[float] | None = None,
        engine: str | None = None,
        words: str = "",
        balance: float = 0.5,
        request: gr.Request | None = None,
    ) -> dict[str, Any]:
        spec = services.engines.spec(engine) if engine else services.engines.first(tab.purpose)
        more = {"box": box, "text": words, "balance": balance}
        question = received(services, picture, Place(spec, catalog, k, filters), **more)
        if question.blank:
            raise AppError("Send a picture, words or both.")
        return of_answer(services, question, tab.answer(services, question, Controls(spec, widgets)), request)

    search.__name__ = key.replace("-", "_")
    search.__doc__ = _DOC.format(title=title)
    return search


def engine_of(services: Services, tab: SearchingTab, function: Callable[..., Any]) -> Callable[[Sequence[Any]], str]:
    """Return what says, of the values that a client sends to an endpoint, which engine is asked."""
    names = [name for name in inspect.signature(function).parameters if name not in ("services", "request")]

    def engine(data: Sequence[Any]) -> str:
        sent = dict(zip(names, data, strict=False))
        return str(sent.get("engine") or services.engines.first(tab.purpose, bool(sent.get("words"))).name)

    return engine


_DOC = """Search a catalogue as the tab {title} does.

    Parameters:
        picture: a data URI (data:image/jpeg;base64,…) or an https address of the picture; files of Gradio clients
            too. Words will do without it.
        catalog: the catalogue's key; the first one that suits without it.
        k: how many results, 1 to 96.
        filters: attribute -> values that are let through, such as {{"label": ["Dress", "Skirt"]}}.
        box: [left, top, right, bottom] of one item, in parts of the upright picture's width and height, 0 to 1.
        engine: one of the tab's engines, `engine:weights`; the first one without it.
        words: phrases with a comma between, such as "red dress, no stripes".
        balance: with a picture and words, how much the picture counts: 0 is the words alone, 1 the picture alone.

    Returns:
        {{"results": [{{"rank", "id", "score", "attributes", "picture", "thumbnail"}}, …] best first, "strong": how many
        lie above the cut-off, "seconds": {{step: seconds}}, "notes": what to know}}.
    """


@dataclass(frozen=True)
class Place:
    """Where a client asks: an engine, a catalogue (the first that suits the engine without one), how many, filters."""

    spec: EncoderSpec
    catalog: str | None
    count: int
    filters: object = None


def received(services: Services, picture: str | None, place: Place, **more: Any) -> Question:  # noqa: ANN401 - fields
    """Return what a client asks, with `more` fields of the question; raises AppError."""
    key = place.catalog or services.catalogs.infos(place.spec)[0].key
    chosen = asked_filters.parse(place.filters)
    looks, attributes = appearance_filters.parted(chosen)
    appearance_filters.check(services, looks, place.spec)
    services.views.check_filter(key, attributes)
    return asking.of_client(services, picture, catalog=key, count=place.count, filter=chosen, **more)


def of_answer(services: Services, question: Question, answer: Answer, request: gr.Request | None) -> dict[str, Any]:
    """Return an answer as a client gets it; raises AppError while the catalogue is not indexed yet.

    {"results": [{"rank", "id", "score", "attributes", "picture", "thumbnail"}, …] best first, "strong": how many lie
    above the cut-off, "seconds": {step: seconds}, "notes": what a person should know}. The addresses of pictures are
    those of the site that `request` came to; relative to it without one.
    """
    result = answer.result
    if result is None:
        raise not_indexed(services, question.catalog, answer.spec)
    place_of = f"{site_of(request)}picture/{quote(question.catalog, safe='')}"
    rows: list[Mapping[str, Any]] = []
    for rank, hit in enumerate(result.hits, start=1):
        place = f"{place_of}?id={quote(hit.id, safe='')}&side="
        addresses = {"picture": f"{place}{LARGE}", "thumbnail": f"{place}{SMALL}"}
        rows.append({"rank": rank, **results.card(hit), **addresses})
    return {"results": rows, "strong": result.strong, "seconds": result.seconds, "notes": [*result.notes]}


def not_indexed(services: Services, catalog: str, spec: EncoderSpec) -> AppError:
    """Return why a catalogue cannot be searched yet."""
    status = services.indexes.status(catalog, spec)
    return AppError(status.error or "This catalogue is being indexed now. Ask again in a while.")


def site_of(request: gr.Request | None) -> str:
    """Return the address of the site that a request came to, with a slash at its end; nothing without a request."""
    came = request.request if request else None
    return f"{get_root_url(came, came.url.path, None)}/" if came else ""
