"""The tab Look-alike: a picture, words or both are the question; the most similar pictures are the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from retrieval.core import AppError
from services import Services
from ui.search import endpoint, flow
from ui.search.endpoint import Place
from ui.search.flow import Answer
from ui.search.question import COUNT, Question
from ui.search.searching_tab import Controls, SearchingTab
from ui.tabs.look_alike import side_by_side

PURPOSE = "look-alike"

METHOD = """
**SqueezeNet** is a small network that was trained to recognise pictures
([Iandola et al. 2016](https://arxiv.org/abs/1602.07360)). We drop its last step, the naming of things, and keep the
numbers just before it: an **embedding**, a point in a space where pictures that look alike lie close together. How
close is the **cosine** of the angle between two embeddings, 1.00 for the same direction. The picture is compared with
every picture of the catalogue, without a shortcut (FAISS, exact inner product).

**CLIP** ([Radford et al. 2021](https://arxiv.org/abs/2103.00020)) was trained on pictures with their captions, so that
words and pictures share one space: a phrase is a point too. Several phrases are added up with their weights, the
unwanted ones subtracted; a picture joins in as much as its slider says, measured in how far each spreads the scores.

Your marks move the question: towards the mean of what you want more of, away from what you want less of
([Rocchio 1971](https://nlp.stanford.edu/IR-book/html/htmledition/the-rocchio71-algorithm-1.html)). The **cut-off** is
found anew for every question, where the falling scores split best into two groups (Otsu 1979).

The student project *Visual Search* compared SqueezeNet with CLIP over DeepFashion2 in this way; this page walks through
its method with your own picture.
"""


def options(services: Services) -> Mapping[str, gr.Component]:
    """Lay out the choice of engines that answer beside the first."""
    return {"beside": gr.CheckboxGroup(TAB.engines(services), label="Compare side by side with")}


def answer(services: Services, question: Question, controls: Controls) -> Answer:
    """Answer by the chosen engine, or by several side by side."""
    first = flow.answer(services, question, controls.spec)
    names = [name for name in controls["beside"] or () if name != controls.spec.name]
    if not names or first.result is None:
        return first
    return side_by_side.answer(services, question, first, [services.engines.spec(name) for name in names])


def reader(services: Services, question: Question, name: str) -> str:
    """Return the engine that answers: one that reads, for words; one that is here, when the words are gone.

    The chosen one stays where it will do, and where none here reads: words are then answered without a network.
    """
    known = [(spec, reason) for spec, reason in services.engines.choices() if PURPOSE in spec.purposes]
    reasons = {spec.name: reason for spec, reason in known}
    if bool(question.text) == services.engines.spec(name).accepts_text or not (question.text or reasons.get(name)):
        return name
    able = [spec for spec, reason in known if not reason and (spec.accepts_text or not question.text)]
    return able[0].name if able else name


def look_alike(
    services: Services,
    picture: str | None = None,
    catalog: str | None = None,
    k: int = COUNT,
    filters: dict[str, list[str]] | None = None,
    box: list[float] | None = None,
    weights: str | None = None,
    engine: str | None = None,
    words: str = "",
    balance: float = 0.5,
    request: gr.Request | None = None,
) -> dict[str, Any]:
    """Find the pictures of a catalogue that look most like a picture, fit words, or both.

    Parameters:
        picture: a data URI (data:image/jpeg;base64,…) or an https address of the picture; files of Gradio clients
            too. Words will do without it.
        catalog: the catalogue's key; the first one without it.
        k: how many results, 1 to 96.
        filters: attribute -> values that are let through, such as {"label": ["Dress", "Skirt"]}.
        box: [left, top, right, bottom] of one item, in parts of the upright picture's width and height, 0 to 1.
        weights: which weights of the engine; "fashion" or "imagenet" of squeezenet.
        engine: "look", "squeezenet", or "clip", which reads words too; the one that the question needs without it.
        words: phrases with a comma between, such as "red dress, floral:0.5, no stripes".
        balance: with a picture and words, how much the picture counts: 0 is the words alone, 1 the picture alone.

    Returns:
        {"results": [{"rank", "id", "score", "attributes", "picture", "thumbnail"}, …] best first, "strong": how many
        lie above the cut-off, "seconds": {step: seconds}, "notes": what to know}; a score is a cosine similarity.
    """
    asked = words.strip()
    spec = services.engines.spec(engine or services.engines.first(PURPOSE, bool(asked)).engine, weights)
    place = Place(spec, catalog or services.catalogs.infos()[0].key, k, filters)
    question = endpoint.received(services, picture, place, box=box, text=asked, balance=balance)
    if question.blank:
        raise AppError("Send a picture, words or both.")
    if question.text and not spec.accepts_text:
        raise AppError(f"The engine {spec.engine} cannot read words. Choose one that does: clip")
    return endpoint.of_answer(services, question, flow.answer(services, question, spec), request)


TAB = SearchingTab(
    PURPOSE, answer, method=METHOD, options=options, engine_label="Engine that looks at the pictures", reader=reader,
    endpoints=(look_alike,),
)  # fmt: skip
