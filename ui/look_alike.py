"""The tab Look-alike: a picture, or one item in it, is the question; the most similar pictures are the answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gradio as gr
import numpy as np
from gradio.data_classes import FileDataDict

from retrieval.core import AppError, Filter
from retrieval.pictures import decode
from services import Services
from ui import figures, filters, query, results
from ui.events import PRIVATE, bound, words
from ui.filters import parse as chosen_values
from ui.header import Header, open_index, searchable
from ui.query import Query

if TYPE_CHECKING:
    from PIL.Image import Image

    from retrieval.searcher import Result, Searcher

ENGINE = "squeezenet"
WEIGHTS = (("Clothes (our own training)", "fashion"), ("Everything (ImageNet)", "imagenet"))
COUNTS = (6, 12, 24, 48, 96)
COUNT = 24

METHOD = """
**SqueezeNet** is a small network that was trained to recognise pictures
([Iandola et al. 2016](https://arxiv.org/abs/1602.07360)). We drop its last step, the naming of things, and keep the
numbers just before it: an **embedding**, a point in a space where pictures that look alike lie close together. How
close is the **cosine** of the angle between two embeddings, 1.00 for the same direction. The picture is compared with
every picture of the catalogue, without a shortcut (FAISS, exact inner product).

Your marks move the question: towards the mean of what you want more of, away from what you want less of
([Rocchio 1971](https://nlp.stanford.edu/IR-book/html/htmledition/the-rocchio71-algorithm-1.html)). The **cut-off** is
found anew for every question, where the falling scores split best into two groups (Otsu 1979).

The student project *Visual Search* compared SqueezeNet with CLIP over DeepFashion2 in this way; this page walks through
its method with your own picture.
"""


@dataclass
class Seen:
    """What the network made of a visitor's last question, so that marks and filters need no second look.

    `vector` is float32 (dim,), `address` where the browser finds the picture at the network's input.
    """

    key: tuple[object, ...]
    vector: np.ndarray
    address: str


@dataclass(frozen=True)
class Scope:
    """Where an answer is looked for, and how much of it is wanted; `passing` is the filter."""

    catalog: str
    weights: str
    count: int
    passing: Filter | None


def create(services: Services, header: Header) -> None:
    """Lay out query, results and method; new questions come from `query`, `filters` and the two choices."""
    with gr.Row(elem_classes="mode"):
        with gr.Column(scale=1, min_width=300, elem_classes="ask"):
            asked = query.create()
            with gr.Accordion("Filters", open=False):
                chosen = filters.create()
            with gr.Accordion("More", open=False):
                count = gr.Radio(list(COUNTS), value=COUNT, label="Number of results")
                weights = gr.Radio(list(WEIGHTS), value=WEIGHTS[0][1], label="Trained on")
        with gr.Column(scale=2, min_width=320, elem_classes="answer"):
            shown = results.create()
    with gr.Accordion("How it works", open=False, elem_classes="method"):
        drawn = gr.HTML(apply_default_css=False)
        gr.Markdown(METHOD)

    seen = gr.State(None)
    given = [header.catalog, asked, chosen, count, weights, seen]
    model: dict[str, Any] = {"concurrency_id": f"engine-{ENGINE}"}
    header.opened.change(
        bound(opened, services), [header.opened, *given], [asked, chosen, shown, drawn, seen], **PRIVATE, **model
    )
    gr.on(
        [asked.submit, chosen.input, count.input],
        bound(search, services), given, [shown, drawn, seen], trigger_mode="always_last", **PRIVATE, **model,
    )  # fmt: skip
    weights.input(lambda name: (ENGINE, name), [weights], [header.engine], **PRIVATE)
    gr.api(bound(look_alike, services), api_name="look_alike", **model)


def opened(
    services: Services,
    state: Mapping[str, Any],
    catalog: str,
    asked: dict[str, Any] | None,
    chosen: dict[str, Any] | None,
    count: int,
    weights: str,
    seen: Seen | None,
    request: gr.Request,
) -> tuple[object, ...]:
    """Show a catalogue that was just opened: a visitor's own question is kept, else the first example is asked.

    Inputs: the header's state, then those of `search`. Outputs: query, filters, results, figure, seen.
    """
    limit = services.settings.max_upload_bytes
    key = state["catalog"]
    asked = asked if asked and asked.get("catalog") == key else None
    if not state["searchable"]:
        return asked or {"catalog": key, "limit": limit}, {}, _absent(services, state), "", None
    try:
        question = query.opening(
            services, key, services.searcher(key, ENGINE, weights), request.query_params.get("item"), limit
        )
        choice = filters.opening(services, key)
        if asked and (asked.get("picture") or asked.get("item")):
            question = {**asked, "examples": question["examples"]}
            choice = chosen if chosen and chosen.get("facets") else choice
    except AppError as error:
        return {"catalog": key, "limit": limit}, {}, results.problem(words(error)), "", None
    return question, choice, *search(services, key, question, choice, count, weights, seen)


def _absent(services: Services, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notice for a catalogue that cannot be searched yet."""
    if not state["failed"]:
        return results.waiting()
    hollow = next(iter(services.catalog(state["catalog"])), None) is None
    return results.empty() if hollow else results.problem(state["failed"])


def search(
    services: Services,
    catalog: str,
    asked: Mapping[str, Any] | None,
    chosen: Mapping[str, Any] | None,
    count: int,
    weights: str,
    seen: Seen | None,
) -> tuple[dict[str, Any], str, Seen | None]:
    """Answer the question on the page, or say in the same place why not.

    Inputs: catalogue, query, filters, count, weights, seen. Outputs: results, figure, seen.
    """
    try:
        question = query.parse(asked)
        scope = Scope(catalog, weights, count, filters.parse((chosen or {}).get("chosen")))
        if not (question.picture or question.item or question.liked):
            hollow = not len(services.searcher(catalog, ENGINE, weights).index)
            return (results.empty() if hollow else results.start()), "", None
        result, seen = answer(services, question, scope, seen)
        size = services.spec(ENGINE, weights).image_size
        figure = figures.figure(seen.address, result.query, result.curve, len(result.hits), size)
    except Exception as error:
        return results.problem(words(error)), "", None
    return results.found(catalog, result, question.liked, question.disliked, scope.passing), figure, seen


def answer(services: Services, question: Query, scope: Scope, seen: Seen | None) -> tuple[Result, Seen]:
    """Search by an item, a picture or a box in either, moved by marks where there are any; raises AppError.

    What the network made of the same subject before (`seen`) is used again; it is returned for the next time.
    """
    count = min(max(int(scope.count), 1), max(COUNTS))
    scope = replace(scope, count=count)
    searcher = services.searcher(scope.catalog, ENGINE, scope.weights)
    key = (scope.catalog, scope.weights, *question.subject)
    marks = (question.liked, question.disliked)
    itself = [question.item] if question.item and not question.box else []
    if seen and seen.key == key and (any(marks) or question.picture or question.box):
        return searcher.by_examples(seen.vector, *marks, count, scope.passing, itself), seen
    result, address = _unmarked(services, searcher, question, scope)
    seen = Seen(key, result.query, address)
    return (searcher.by_examples(seen.vector, *marks, count, scope.passing, itself) if any(marks) else result), seen


def _unmarked(services: Services, searcher: Searcher, question: Query, scope: Scope) -> tuple[Result, str]:
    """Search by the question without its marks; also return the address of the picture at the network's input."""
    if question.item and not question.box:
        address = f"picture/{quote(scope.catalog, safe='')}?side=320&id={quote(question.item, safe='')}"
        return searcher.by_id(question.item, scope.count, scope.passing), address
    started = time.perf_counter()
    size = services.spec(ENGINE, scope.weights).image_size
    image = _picture(services, scope.catalog, question, size)
    decoded = time.perf_counter() - started
    result = searcher.by_image(image, scope.count, scope.passing)
    return replace(result, seconds={"decode": decoded, **result.seconds}), figures.input_picture(image, size)


def _picture(services: Services, catalog: str, question: Query, size: int) -> Image:
    """Return the upright RGB picture, or the boxed part of it, that the network is to see."""
    if question.picture:
        data = query.read(question.picture, services.settings.max_upload_bytes)
        image = decode(data, None if question.box else size)
    else:
        image = services.picture(catalog, question.item or "")
    return image.crop(query.pixels(question.box, image.size)) if question.box else image


def look_alike(
    services: Services,
    picture: FileDataDict,
    catalog: str | None = None,
    k: int = COUNT,
    filters: dict[str, list[str]] | None = None,
    box: list[float] | None = None,
    weights: str = WEIGHTS[0][1],
) -> dict[str, Any]:
    """Find the pictures of a catalogue that look most like a picture.

    Parameters:
        picture: the picture file.
        catalog: the catalogue's key; the first one without it.
        k: how many results, 1 to 96.
        filters: attribute -> values that are let through, such as {"label": ["Dress", "Skirt"]}.
        box: [left, top, right, bottom] of one item, in parts of the upright picture's width and height, 0 to 1.
        weights: "fashion" or "imagenet".

    Returns:
        {"results": [{"rank", "id", "score", "attributes"}, …] best first, "strong": how many lie above the
        cut-off, "seconds": {step: seconds}}; a score is a cosine similarity.
    """
    question = query.parse({"picture": picture, "box": box})
    scope = Scope(catalog or services.catalogs()[0].key, weights, k, chosen_values(filters))
    engine = (ENGINE, weights)
    if not searchable(services, scope.catalog, engine):
        open_index(services, scope.catalog, engine)
        if not searchable(services, scope.catalog, engine):
            status = services.status(scope.catalog, *engine)
            raise AppError(status.error or "This catalogue is being indexed now. Ask again in a while.")
    result, _ = answer(services, question, scope, None)
    rows = [{"rank": rank, **results.card(hit)} for rank, hit in enumerate(result.hits, start=1)]
    return {"results": rows, "strong": result.strong, "seconds": result.seconds}
