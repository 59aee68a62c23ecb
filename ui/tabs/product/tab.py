"""The tab Product type: what kind of garment a picture shows and why, more of its kind, and kinds of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np

from services import Services
from services.models.product import AppearanceFilter
from ui.search import catalog_map, filters, flow, results
from ui.search import question as query
from ui.search.flow import COUNT, COUNTS, Scope, Seen
from ui.shell.error_boundary import answering, bound, words
from ui.shell.header import Header
from ui.tabs.product import appearance_filters, prediction
from ui.tabs.product import training as product_training
from ui.widgets.model_choice import Models

MODELS = Models(
    "product", "fashion",
    {"fashion": "17 kinds of clothes (our own training)", "imagenet": "Everything (ImageNet), names no kinds"},
)  # fmt: skip

METHOD = """
**EfficientNetB0** ([Tan and Le 2019](https://arxiv.org/abs/1905.11946)) turns the picture into 1,280 numbers for each
of 7 x 7 places. Their average is weighed into a score for each kind; a **softmax** makes probabilities of the scores.
They were made honest on photos of people who were not in the training (**temperature scaling**,
[Guo et al. 2017](https://arxiv.org/abs/1706.04599)), and below a bar, from which on nineteen of twenty are right,
the page says "not sure". The picture in colour shows which places spoke for the kind (**class activation map**,
[Zhou et al. 2016](https://arxiv.org/abs/1512.04150)).

**Colours** are groups of the garment's pixels in CIELAB, named by the nearest known shade; **pattern** is a logistic
regression on edges, their directions and repetition, named only where it can be trusted. **Goes with** counts what the
nearest pictures of the catalogue have oftener than the rest (**lift**). The words box knows kinds, colours, patterns
and the catalogue's own attributes. The filters *looks like* and *colour seen* go by the network's eye alone.

This tab goes back to the product notebook of [TensorHouse](https://github.com/ikatsov/tensor-house).
"""


def create(services: Services, header: Header, tab: gr.Tab) -> None:
    """Lay out question, reading and results; below them the map, training and the method."""
    with gr.Column(elem_classes="product"):
        with gr.Row(elem_classes="mode"):
            with gr.Column(scale=1, min_width=300, elem_classes="ask"):
                asked = query.create()
                text = gr.Textbox(
                    label="Or in words", placeholder="red striped shirt", max_length=200, submit_btn="Search",
                    elem_classes="say",
                )  # fmt: skip
                with gr.Accordion("Filters", open=False):
                    chosen = filters.create()
                with gr.Accordion("More", open=False):
                    count = gr.Radio(list(COUNTS), value=COUNT, label="Number of results")
                    weights = MODELS.create(services, "Taught")
            with gr.Column(scale=2, min_width=320, elem_classes="answer"):
                reading = prediction.create()
                shown = results.create()
                with gr.Accordion("Map", open=False):
                    drawn = catalog_map.create()
        with gr.Accordion("Teach it your own kinds", open=False):
            training = product_training.create(services)
        with gr.Accordion("How it works", open=False, elem_classes="method"):
            gr.Markdown(METHOD)

    seen = gr.State(None)
    given = [asked, chosen, count, weights, seen]
    answers = [reading, shown, drawn, seen]
    model: dict[str, Any] = {"concurrency_id": f"engine-{MODELS.engine}"}
    ask = answering(shown) | model
    header.opened.change(bound(opened, services), [header.opened, *given], [asked, chosen, training, *answers], **ask)
    gr.on(
        [asked.submit, chosen.input, count.input],
        bound(search, services), [header.catalog, *given], answers,
        trigger_mode="always_last", **ask,
    )  # fmt: skip
    text.submit(bound(search_words, services), [header.catalog, text, count, weights], [reading, shown], **ask)
    MODELS.wire(services, header, tab, weights, training)
    gr.api(bound(product_type, services), api_name="product_type", **model)


def opened(
    services: Services,
    state: Mapping[str, Any],
    asked: dict[str, Any] | None,
    chosen: dict[str, Any] | None,
    count: int,
    weights: str,
    seen: Seen | None,
    request: gr.Request,
) -> tuple[object, ...]:
    """Show a catalogue that was just opened, or one whose index is ready now; other tabs' engines are not ours.

    Inputs: the header's state, then those of `search`. Outputs: query, filters, training, then those of `search`.
    """
    if not MODELS.owns(state["engine"]) or flow.already(state, seen):
        return tuple(gr.skip() for _ in range(7))
    question, choice, notice = flow.opening(services, state, asked, chosen, request)
    spec = services.engines.spec(MODELS.of(weights))
    choice = appearance_filters.offered(services, state["catalog"], spec, choice) if choice else choice
    here = {"catalog": state["catalog"]}
    if notice:
        return question, choice, here, None, notice, None, None
    return question, choice, here, *search(services, state["catalog"], question, choice, count, weights, seen)


def search(
    services: Services,
    catalog: str,
    asked: Mapping[str, Any] | None,
    chosen: Mapping[str, Any] | None,
    count: int,
    weights: str,
    seen: Seen | None,
) -> tuple[object, ...]:
    """Say what the picture shows, and find more of its kind.

    Inputs: catalogue, query, filters, count, weights, seen. Outputs: reading, results, map, seen.
    """
    try:
        question = query.parse(asked)
        passing = filters.parse((chosen or {}).get("chosen"))
        wanted, rest = appearance_filters.parted(passing)
        scope = Scope(catalog, services.engines.spec(MODELS.of(weights)), count, rest)
        if not (question.picture or question.item or question.liked):
            return None, results.start(), None, None
        result, seen = flow.answer(services, question, scope, seen)
        result = appearance_filters.narrowed(services, question, scope, wanted, result)
        read = _read(services, scope, question, seen.vector) if question.picture or question.item else None
    except Exception as error:
        return None, results.problem(words(error)), None, None
    place = question.item if question.item and not question.box else result.query
    return (
        read,
        results.found(catalog, result, question.liked, question.disliked, passing),
        catalog_map.value(services, catalog, scope.spec, None, place),
        seen,
    )


def search_words(
    services: Services, catalog: str, text: str, count: int, weights: str
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Search by words that name attributes. Inputs: catalogue, words, count, weights. Outputs: reading, results."""
    if not text.strip():
        return None, results.start()
    try:
        spec = services.engines.spec(MODELS.of(weights))
        wanted, result = services.products.by_words(catalog, spec, text, min(max(int(count), 1), max(COUNTS)))
    except Exception as error:
        return None, results.problem(words(error))
    return {"wanted": {name: list(getattr(wanted, name)) for name in wanted.__slots__}}, results.found(
        catalog, result, (), (), None
    )


def _read(services: Services, scope: Scope, question: query.Query, vector: np.ndarray) -> dict[str, Any] | None:
    """Return the reading of the question's picture, None for weights that name no kinds."""
    encoder = services.products.encoder(scope.spec)
    if not encoder.classes:
        return None
    image = flow.picture(services, scope.catalog, question, encoder.spec.image_size)
    ((predicted, seen),) = services.products.classify([image], scope.spec)
    itself = [question.item] if question.item and not question.box else []
    found = services.products.associations(scope.catalog, scope.spec, vector, itself)
    return prediction.value(image, predicted, seen, found)


def product_type(
    services: Services,
    picture: str,
    catalog: str | None = None,
    k: int = COUNT,
    box: list[float] | None = None,
    weights: str = MODELS.default,
    kinds: list[str] | None = None,
    colours: list[str] | None = None,
    request: gr.Request | None = None,
) -> dict[str, Any]:
    """Say what kind of garment a picture shows, and find more of its kind.

    Parameters:
        picture: a data URI (data:image/jpeg;base64,…) or an https address of the picture; files of Gradio clients too.
        catalog: the catalogue's key; the first one that suits without it.
        k: how many results, 1 to 96.
        box: [left, top, right, bottom] of one item, in parts of the upright picture's width and height, 0 to 1.
        weights: "fashion" or the name of a model trained here.
        kinds: only results that the network takes for one of these kinds.
        colours: only results whose garment has one of these colours, such as ["red", "navy"].

    Returns:
        {"label", "confidence", "sure", "probabilities": {kind: probability}, "colours": [{"name", "share", "shade"}],
        "pattern": a name, or null where it cannot be told, "results": [{"rank", "id", "score", "attributes"}, …] best
        first, "strong", "seconds"}.
    """
    question = query.of_client(services, picture, box=box)
    spec = services.engines.spec(MODELS.of(weights))
    scope = Scope(catalog or services.catalogs.infos(spec)[0].key, spec, k, None)
    flow.ready(services, scope)
    result, _ = flow.answer(services, question, scope, None)
    wanted = AppearanceFilter(appearance_filters.words(kinds), appearance_filters.words(colours))
    found = flow.as_client(
        scope.catalog, appearance_filters.narrowed(services, question, scope, wanted, result), request
    )
    encoder = services.products.encoder(spec)
    image = flow.picture(services, scope.catalog, question, encoder.spec.image_size)
    ((predicted, seen),) = services.products.classify([image], spec)
    return found | {
        "label": predicted.label,
        "confidence": predicted.confidence,
        "sure": predicted.confident,
        "probabilities": dict(predicted.probabilities),
        "colours": [{"name": each.name, "share": each.share, "shade": each.shade} for each in seen.colours],
        "pattern": seen.pattern,
    }
