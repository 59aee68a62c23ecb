"""The tab Look-alike: a picture, or one item in it, is the question; the most similar pictures are the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.data_classes import FileDataDict

from services import Services
from ui import asking, filters, query, results
from ui.asking import COUNT, COUNTS, Scope, Seen
from ui.events import PRIVATE, bound
from ui.filters import parse as chosen_values
from ui.header import Engine, Header

ENGINE = "squeezenet"
WEIGHTS = (("Clothes (our own training)", "fashion"), ("Everything (ImageNet)", "imagenet"))

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


def create(services: Services, header: Header, tab: gr.Tab) -> None:
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
    given = [asked, chosen, count, weights, seen]
    model: dict[str, Any] = {"concurrency_id": f"engine-{ENGINE}"}
    header.opened.change(
        bound(opened, services), [header.opened, *given], [asked, chosen, shown, drawn, seen], **PRIVATE, **model
    )
    gr.on(
        [asked.submit, chosen.input, count.input],
        bound(search, services), [header.catalog, *given], [shown, drawn, seen],
        trigger_mode="always_last", **PRIVATE, **model,
    )  # fmt: skip
    gr.on([tab.select, weights.input], engine_of, [weights], [header.engine], **PRIVATE)
    gr.api(bound(look_alike, services), api_name="look_alike", **model)


def engine_of(weights: str) -> Engine:
    """Return the engine of the tab with the chosen weights."""
    return ENGINE, weights


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

    Inputs: the header's state, then those of `search`. Outputs: query, filters, results, figure, seen.
    """
    if state["engine"][0] != ENGINE or asking.already(state, seen):
        return tuple(gr.skip() for _ in range(5))
    question, choice, notice = asking.opening(services, state, asked, chosen, request)
    if notice:
        return question, choice, notice, "", None
    return question, choice, *search(services, state["catalog"], question, choice, count, weights, seen)


def search(
    services: Services,
    catalog: str,
    asked: Mapping[str, Any] | None,
    chosen: Mapping[str, Any] | None,
    count: int,
    weights: str,
    seen: Seen | None,
) -> tuple[dict[str, Any], str, Seen | None]:
    """Answer the question on the page. Inputs: catalogue, query, filters, count, weights, seen."""
    return asking.search(services, catalog, asked, chosen, count, engine_of(weights), seen)


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
    scope = Scope(catalog or services.catalogs()[0].key, engine_of(weights), k, chosen_values(filters))
    return asking.answer_client(services, question, scope)
