"""The tab Artistic style: the pictures by the same hand, never mind the subject, or as much of it as is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from retrieval.core import AppError, EncoderSpec
from retrieval.pictures.decoding import decode
from retrieval.search.parts import weigh
from services import Services
from services.models.style import style_encoder
from ui.search import endpoint, flow
from ui.search import question as asking
from ui.search.endpoint import Place
from ui.search.flow import Answer
from ui.search.question import COUNT, Question
from ui.search.searching_tab import Controls, Panel, SearchingTab
from ui.tabs.style import why

WEIGHTS = {"style:distilled": "Our own front", "style:imagenet": "Published VGG16 (ImageNet)"}

METHOD = """
A network that was trained to recognise things (VGG, [Simonyan and Zisserman
2014](https://arxiv.org/abs/1409.1556)) looks at the picture through small filters: edges, dots, patches of colour. The
**Gram matrix** says of every two filters how often they answer in the same place, anywhere in the picture. Where
things are is lost; how the surface is made stays: that is style ([Gatys, Ecker and Bethge
2016](https://arxiv.org/abs/1508.06576)).

The score comes from the matrices of a second network (EfficientNet, [Tan and Le
2019](https://arxiv.org/abs/1905.11946)), of its blocks 3b and 4c, which see larger shapes: they tell hands apart
better than VGG's, and in a fifth of the time. We take logarithms, so that a few loud filters do not drown the rest,
and the 224 directions in which pictures differ most. The score is the **cosine** between two such vectors, 1.00 for
the same surface; it is no share of style in percent. Both networks are our own, small, and trained to give the
matrices of VGG19 and EfficientNetB4; the published VGG16, where it is chosen, is scored by its own layers.

**Content** is where in the picture the filters answer more than elsewhere, on a grid of five by five; the slider weighs
its cosine against that of the style.

TensorHouse's notebook *Artistic style search* (ImageNet VGG16, block1_conv1, block2_conv1 and block3_conv1, plain Gram
matrices) began this; this page walks through its method with your own picture.
"""


def controls(services: Services) -> Mapping[str, gr.Component]:
    """Lay out the share of the subject, and another picture to take the subject from."""
    content = gr.Slider(
        0, 1, value=0, step=0.05, label="From the same style (0) to the same subject (1)", elem_classes="mix"
    )
    with gr.Accordion("Take the subject from another picture", open=False):
        subject = gr.Image(
            type="filepath", label="Picture with the subject", show_label=False, height=180,
            sources=["upload", "clipboard"], buttons=[],
        )  # fmt: skip
    return {"content": content, "subject": subject}


def answer(services: Services, question: Question, controls: Controls) -> Answer:
    """Answer in the style of the question, its content counting as much as the slider says."""
    subject = controls["subject"]
    data = _bytes(subject, services.settings.max_upload_bytes) if subject else None
    return mixed(services, question, controls.spec, (controls["content"], data))


def mixed(services: Services, question: Question, spec: EncoderSpec, content: tuple[float, bytes | None]) -> Answer:
    """Search as flow.answer does; `content` is how much the subject counts, 0 to 1, and the picture to take it from.

    Without that picture the subject is the question's own.
    """
    share, subject = content
    if not 0 <= share <= 1:
        raise AppError(f"The subject's share is {share}; it is from 0 (style alone) to 1 (subject alone).")
    plain = flow.answer(services, question, spec)
    if plain.result is None or question.text:  # words say what is wanted; there is nothing to mix
        return plain
    searcher, style = services.indexes.searcher(question.catalog, spec), plain.result.query
    other = style
    if subject is not None:
        other = searcher.encoder.encode_images([decode(subject, spec.image_size)])[0]
    vector = weigh(spec.parts, {"style": style, "content": other}, {"style": 1 - share, "content": share})
    itself = [question.whole_item] if question.whole_item and subject is None else []
    result = searcher.by_vector(vector, question.count, question.filter, {*itself, *question.disliked})
    steps = {step: took for step, took in plain.result.seconds.items() if step != "search"}
    return replace(plain, result=replace(result, seconds={**steps, **result.seconds}))


def explain(services: Services, question: Question, controls: Controls, results: Mapping[str, Any], place: int) -> Any:  # noqa: ANN401
    """Say why the result at `place` is one, and draw the question's Gram matrix. Returns (panel's value, figure)."""
    hit, spec = results["hits"][place], controls.spec
    picture = flow.picture(services, question, spec.image_size)
    encoder = style_encoder(spec)
    match = encoder.match_styles(picture, services.views.picture(question.catalog, hit["id"]), why.PATCHES)
    curve = np.array([each["score"] for each in results["hits"]], np.float32)
    figure = why.figure(picture, encoder.gram(picture), curve, results["strong"])
    return why.value(question.catalog, hit, place + 1, match), figure


def _bytes(path: str, limit: int) -> bytes:
    """Return an uploaded file, whose path Gradio has checked; raises AppError when it is gone or too large."""
    try:
        size = Path(path).stat().st_size
        if size > limit:
            raise AppError(f"The file has {size / 2**20:.0f} MB; at most {limit / 2**20:.0f} MB can be searched.")
        return Path(path).read_bytes()
    except OSError:
        raise AppError("The picture with the subject is no longer on the server. Choose it again.") from None


def style(
    services: Services,
    picture: str,
    catalog: str | None = None,
    k: int = COUNT,
    filters: dict[str, list[str]] | None = None,
    content: float = 0.0,
    subject: str | None = None,
    weights: str = "distilled",
    request: gr.Request | None = None,
) -> dict[str, Any]:
    """Find the pictures of a catalogue that are nearest in artistic style to a picture.

    Parameters:
        picture: a data URI (data:image/jpeg;base64,…) or an https address of the picture; files of Gradio clients too.
        catalog: the catalogue's key; the first one that suits without it.
        k: how many results, 1 to 96.
        filters: attribute -> values that are let through, such as {"label": ["watercolour"]}.
        content: how much the subject counts, 0 (style alone) to 1 (subject alone).
        subject: another picture to take the subject from, in the same form.
        weights: "distilled" or "imagenet".

    Returns:
        {"results": [{"rank", "id", "score", "attributes", "picture", "thumbnail"}, …] best first, "strong": how many
        lie above the cut-off, "seconds": {step: seconds}}; a score is a cosine similarity.
    """
    spec = services.engines.spec("style", weights)
    question = endpoint.received(services, picture, Place(spec, catalog, k, filters))
    other = asking.of_client(services, subject).picture
    data = asking.read(other, services.settings.max_upload_bytes) if other else None
    return endpoint.of_answer(services, question, mixed(services, question, spec, (content, data)), request)


TAB = SearchingTab(
    "style", answer, controls, (Panel("why", lambda services: why.create()),), METHOD, engine_label="Network",
    engine_titles=WEIGHTS, explain=explain, endpoints=(style,),
)  # fmt: skip
