"""The tab Product type: what kind of garment a picture shows and why, more of its kind, and kinds of one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from services import Services
from ui.search import endpoint, flow
from ui.search.appearance_filters import COLOUR, KIND, names
from ui.search.endpoint import Place
from ui.search.flow import Answer
from ui.search.question import COUNT, Question
from ui.search.searching_tab import Controls, Panel, SearchingTab
from ui.tabs.product import prediction, training

TITLES = {
    "product:fashion": "17 kinds of clothes (our own training)",
    "product:imagenet": "Everything (ImageNet), names no kinds",
}

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


def answer(services: Services, question: Question, controls: Controls) -> Answer:
    """Say what the picture shows, even before there is an index, and find more of its kind."""
    found = flow.answer(services, question, controls.spec)
    if question.text or not (question.picture or question.item):
        return found
    return replace(found, panels={"reading": _read(services, question, found)})


def _read(services: Services, question: Question, found: Answer) -> dict[str, Any] | None:
    """Return the reading of the question's picture, None for weights that name no kinds."""
    encoder = services.products.encoder(found.spec)
    if not encoder.classes:
        return None
    image = flow.picture(services, question, encoder.spec.image_size)
    ((said, look),) = services.products.classify([image], found.spec)
    near = []
    if found.result is not None:
        itself = [question.whole_item] if question.whole_item else []
        near = services.products.associations(question.catalog, found.spec, found.result.query, itself)
    return prediction.value(image, said, look, near)


def product_type(
    services: Services,
    picture: str,
    catalog: str | None = None,
    k: int = COUNT,
    box: list[float] | None = None,
    weights: str = "fashion",
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
    spec = services.engines.spec("product", weights)
    looks = {KIND: names(kinds), COLOUR: names(colours)}
    question = endpoint.received(services, picture, Place(spec, catalog, k, looks), box=box)
    found = endpoint.of_answer(services, question, flow.answer(services, question, spec), request)
    image = flow.picture(services, question, services.products.encoder(spec).spec.image_size)
    ((said, look),) = services.products.classify([image], spec)
    return found | {
        "label": said.label,
        "confidence": said.confidence,
        "sure": said.confident,
        "probabilities": dict(said.probabilities),
        "colours": [{"name": each.name, "share": each.share, "shade": each.shade} for each in look.colours],
        "pattern": look.pattern,
    }


TAB = SearchingTab(
    "product", answer, method=METHOD, engine_label="Taught", engine_titles=TITLES, training="training",
    panels=(
        Panel("reading", lambda services: prediction.create()),
        Panel("training", training.create, "foot", "Teach it your own kinds"),
    ),
    endpoints=(product_type,),
)  # fmt: skip
