"""From a question on the page to its answer, for every tab that searches by pictures: nothing here is of one engine."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gradio as gr
import numpy as np
from gradio.route_utils import get_root_url

from retrieval.core import AppError, EncoderSpec, Filter
from retrieval.pictures.decoding import decode
from retrieval.search.words import parse as parse_words
from services import Services
from ui.search import filters, how_it_works, results
from ui.search import question as query
from ui.search.question import Query
from ui.shell.error_boundary import words
from ui.shell.header import open_index, searchable

if TYPE_CHECKING:
    from PIL.Image import Image

    from retrieval.search.searcher import Result, Searcher

COUNTS = (6, 12, 24, 48, 96)
COUNT = 24
SMALL, LARGE = 160, 640
"""Longer sides, in pixels, of the pictures that clients of the API are given addresses of."""


@dataclass
class Seen:
    """What the network made of a visitor's last question, so that marks and filters need no second look.

    `vector` is float32 (dim,), `address` where the browser finds the picture at the network's input, `notes` what a
    person should know of it.
    """

    key: tuple[object, ...]
    vector: np.ndarray
    address: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scope:
    """Where an answer is looked for, by which engine, and how much of it is wanted; `passing` is the filter."""

    catalog: str
    spec: EncoderSpec
    count: int
    passing: Filter | None


def already(state: Mapping[str, Any], seen: Seen | None) -> bool:
    """Return whether a visitor who comes back to a tab still sees the answer of this catalogue and engine there."""
    return seen is not None and state["searchable"] and seen.key[:2] == (state["catalog"], state["engine"])


def opening(
    services: Services,
    state: Mapping[str, Any],
    asked: Mapping[str, Any] | None,
    chosen: Mapping[str, Any] | None,
    request: gr.Request,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any] | None]:
    """Return query and filters for a catalogue just opened, and the notice to show where it cannot be searched yet.

    A visitor's own question is kept; else the first example, or the item that the page's address names, is asked.
    """
    limit, key = services.settings.max_upload_bytes, state["catalog"]
    blank = {"catalog": key, "limit": limit}
    asked = asked if asked and asked.get("catalog") == key else None
    if not state["searchable"]:
        return dict(asked or blank), {}, absent(services, state)
    try:
        searcher = services.indexes.searcher(key, services.engines.spec(state["engine"]))
        question = query.opening(services, key, searcher, request.query_params.get("item"), limit)
        choice = filters.opening(services, key)
    except AppError as error:
        return blank, {}, results.problem(words(error))
    if asked and (asked.get("picture") or asked.get("item")):
        question = {**asked, "examples": question["examples"]}
        choice = dict(chosen) if chosen and chosen.get("facets") else choice
    return question, choice, None


def absent(services: Services, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notice for a catalogue that cannot be searched yet."""
    if not state["failed"]:
        return results.waiting()
    hollow = next(iter(services.catalogs.catalog(state["catalog"])), None) is None
    return results.empty() if hollow else results.problem(state["failed"])


def search(
    services: Services,
    catalog: str,
    asked: Mapping[str, Any] | None,
    chosen: Mapping[str, Any] | None,
    count: int,
    spec: EncoderSpec,
    seen: Seen | None,
) -> tuple[dict[str, Any], str, Seen | None]:
    """Answer the question on the page, or say in the same place why not. Outputs: results, figure, seen."""
    try:
        question = query.parse(asked)
        scope = Scope(catalog, spec, count, filters.parse((chosen or {}).get("chosen")))
        if not (question.picture or question.item or question.liked or question.text):
            hollow = not len(services.indexes.searcher(catalog, spec).index)
            return (results.empty() if hollow else results.start()), "", None
        result, seen = answer(services, question, scope, seen)
        size = spec.image_size
        said = question.text if not question.pictured else ""
        figure = how_it_works.figure(seen.address, result.query, result.curve, len(result.hits), size, said)
    except Exception as error:
        return results.problem(words(error)), "", None
    return results.found(catalog, result, question.liked, question.disliked, scope.passing), figure, seen


def answer(services: Services, question: Query, scope: Scope, seen: Seen | None) -> tuple[Result, Seen]:
    """Search by an item, a picture or a box in either, moved by marks where there are any; raises AppError.

    What the network made of the same subject before (`seen`) is used again; it is returned for the next time.
    """
    scope = replace(scope, count=min(max(int(scope.count), 1), max(COUNTS)))
    searcher = services.indexes.searcher(scope.catalog, scope.spec)
    key = (scope.catalog, scope.spec.name, *question.subject)
    marks = (question.liked, question.disliked)
    itself = [question.item] if question.item and question.pictured and not question.box else []
    known = seen if seen and seen.key == key else None
    if known is None or not (any(marks) or question.picture or question.box or question.text):
        result, address = _unmarked(services, searcher, question, scope)
        known = Seen(key, result.query, address, result.notes)
        if not any(marks):
            return result, known
    result = searcher.by_examples(known.vector, *marks, scope.count, scope.passing, itself)
    return replace(result, notes=known.notes), known


def _unmarked(services: Services, searcher: Searcher, question: Query, scope: Scope) -> tuple[Result, str]:
    """Search by the question without its marks; also return the address of the picture at the network's input."""
    if question.text:
        return _worded(services, searcher, question, scope)
    if question.item and not question.box:
        return searcher.by_id(question.item, scope.count, scope.passing), _address(scope.catalog, question.item)
    started = time.perf_counter()
    size = scope.spec.image_size
    image = picture(services, scope.catalog, question, size)
    decoded = time.perf_counter() - started
    result = searcher.by_image(image, scope.count, scope.passing)
    return replace(result, seconds={"decode": decoded, **result.seconds}), how_it_works.input_picture(image, size)


def _worded(services: Services, searcher: Searcher, question: Query, scope: Scope) -> tuple[Result, str]:
    """Search by the question's words, and by its picture too where that has a say."""
    phrases = parse_words(question.text)
    if not question.pictured:
        return searcher.by_words(phrases, scope.count, scope.passing), ""
    if question.item and not question.box:
        vector, address = searcher.index.vectors([question.item])[0], _address(scope.catalog, question.item)
        itself = [question.item]
    else:
        size = scope.spec.image_size
        image = picture(services, scope.catalog, question, size)
        vector, address = searcher.encoder.encode_images([image])[0], how_it_works.input_picture(image, size)
        itself = []
    result = searcher.by_words(phrases, scope.count, scope.passing, vector, question.balance, itself)
    return result, address


def _address(catalog: str, item: str) -> str:
    return f"picture/{quote(catalog, safe='')}?side=320&id={quote(item, safe='')}"


def picture(services: Services, catalog: str, question: Query, size: int) -> Image:
    """Return the upright RGB picture, or the boxed part of it, that a network of input `size` is to see."""
    if question.picture:
        data = query.read(question.picture, services.settings.max_upload_bytes)
        image = decode(data, None if question.box else size)
    else:
        image = services.views.picture(catalog, question.item or "")
    return image.crop(query.pixels(question.box, image.size)) if question.box else image


def answer_client(services: Services, question: Query, scope: Scope, request: gr.Request | None) -> dict[str, Any]:
    """Return the answer to a client of the API; raises AppError while the catalogue is not indexed yet.

    {"results": [{"rank", "id", "score", "attributes", "picture", "thumbnail"}, …] best first, "strong": how many lie
    above the cut-off, "seconds": {step: seconds}, "notes": what a person should know}.
    """
    ready(services, scope)
    return as_client(scope.catalog, answer(services, question, scope, None)[0], request)


def ready(services: Services, scope: Scope) -> None:
    """Open the index that is asked; raises AppError while the catalogue is not indexed yet."""
    if searchable(services, scope.catalog, scope.spec):
        return
    open_index(services, scope.catalog, scope.spec)
    if not searchable(services, scope.catalog, scope.spec):
        status = services.indexes.status(scope.catalog, scope.spec)
        raise AppError(status.error or "This catalogue is being indexed now. Ask again in a while.")


def site_of(request: gr.Request | None) -> str:
    """Return the address of the site that a request came to, with a slash at its end; nothing without a request."""
    came = request.request if request else None
    return f"{get_root_url(came, came.url.path, None)}/" if came else ""


def as_client(catalog: str, result: Result, request: gr.Request | None) -> dict[str, Any]:
    """Return a result as a client of the API gets it, each picture with the addresses of two sizes of it.

    The addresses are those of the site that `request` came to; relative to it without one.
    """
    place_of = f"{site_of(request)}picture/{quote(catalog, safe='')}"
    rows = []
    for rank, hit in enumerate(result.hits, start=1):
        place = f"{place_of}?id={quote(hit.id, safe='')}&side="
        addresses = {"picture": f"{place}{LARGE}", "thumbnail": f"{place}{SMALL}"}
        rows.append({"rank": rank, **results.card(hit), **addresses})
    return {"results": rows, "strong": result.strong, "seconds": result.seconds, "notes": [*result.notes]}
