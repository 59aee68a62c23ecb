"""The tab Look-alike: a picture, words or both are the question; the most similar pictures are the answer."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from retrieval.core import AppError, EncoderSpec
from services import Services
from ui.search import catalog_map, filters, flow, results, words_box
from ui.search import question as query
from ui.search.filters import parse as chosen_values
from ui.search.flow import COUNT, COUNTS, Scope, Seen
from ui.shell.error_boundary import PRIVATE, answering, bound
from ui.shell.header import ENGINE, Engine, Header
from ui.tabs.look_alike import side_by_side

PURPOSE = "look-alike"
POLL_SECONDS = 1.5

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


def create(services: Services, header: Header, tab: gr.Tab) -> None:
    """Lay out query, words, results, map and method; new questions come from all of the choices."""
    known = offered(services)
    choices = [(f"{spec.title} (not here yet)" if reason else spec.title, spec.name) for spec, reason in known]
    with gr.Row(elem_classes="mode"):
        with gr.Column(scale=1, min_width=300, elem_classes="ask"):
            asked = query.create()
            said = words_box.create(_absent(known))
            with gr.Accordion("Filters", open=False):
                chosen = filters.create()
            with gr.Accordion("More", open=False):
                count = gr.Radio(list(COUNTS), value=COUNT, label="Number of results")
                name = gr.Radio(choices, value=choices[0][1], label="Engine that looks at the pictures")
                beside = gr.CheckboxGroup(choices, label="Compare side by side with")
        with gr.Column(scale=2, min_width=320, elem_classes="answer"):
            shown = results.create()
        with gr.Accordion("Map of the catalogue", open=False, elem_classes="wide"):
            laid = catalog_map.create()
    with gr.Accordion("How it works", open=False, elem_classes="method"):
        drawn = gr.HTML(apply_default_css=False)
        gr.Markdown(METHOD)

    seen, timer = gr.State(None), gr.Timer(POLL_SECONDS, active=False)
    given = [asked, said, chosen, count, name, beside, seen]
    answer = [shown, drawn, seen, laid, timer]
    model: dict[str, Any] = {"concurrency_id": f"engine-{PURPOSE}"}
    ask = answering(shown) | model
    header.opened.change(bound(opened, services), [header.opened, *given], [asked, chosen, *answer], **ask)
    gr.on(
        [asked.submit, chosen.input, count.input, beside.input, timer.tick],
        bound(search, services), [header.catalog, *given], answer, trigger_mode="always_last", **ask,
    )  # fmt: skip
    said.submit(bound(reader, services), [said, name], [name, header.engine], **PRIVATE).then(
        bound(search, services), [header.catalog, *given], answer, trigger_mode="always_last", **ask
    )
    gr.on([tab.select, name.input], lambda name: name, [name], [header.engine], **PRIVATE)
    header.offer(tab, name, functools.partial(linked, services), ENGINE)
    gr.api(bound(look_alike, services), api_name="look_alike", **model)


def linked(services: Services, engine: Engine) -> gr.Radio | None:
    """Return how the choice shows the engine that the page's address names, if it is one of this tab."""
    return gr.Radio(value=engine) if PURPOSE in services.engines.spec(engine).purposes else None


def offered(services: Services) -> list[tuple[EncoderSpec, str | None]]:
    """Return the engines of this tab, with what is known to be missing for each on this machine, or None."""
    return [(spec, reason) for spec, reason in services.engines.choices() if PURPOSE in spec.purposes]


def reader(services: Services, said: Mapping[str, Any] | None, name: str) -> tuple[object, object]:
    """Choose an engine that can answer: one that reads, for words; one that is here, when the words are gone.

    Outputs: the engine's name on the page, and that of the header. Nothing changes where the chosen one will do.
    """
    reasons = {spec.name: reason for spec, reason in offered(services)}
    worded = "text" in words_box.question(None, said)
    if worded == services.engines.spec(name).accepts_text or (not worded and not reasons.get(name)):
        return gr.skip(), gr.skip()
    able = [spec for spec, _ in offered(services) if spec.accepts_text or not worded]
    best = next((spec for spec in able if not reasons[spec.name]), able[0])
    return best.name, best.name


def _absent(known: Sequence[tuple[EncoderSpec, str | None]]) -> str:
    """Return why no engine here reads words, or nothing when one does."""
    reasons = [reason for spec, reason in known if spec.accepts_text]
    return "" if None in reasons else " ".join(dict.fromkeys(filter(None, reasons)))


def opened(
    services: Services,
    state: Mapping[str, Any],
    asked: dict[str, Any] | None,
    said: dict[str, Any] | None,
    chosen: dict[str, Any] | None,
    count: int,
    name: str,
    beside: list[str] | None,
    seen: Seen | None,
    request: gr.Request,
) -> tuple[object, ...]:
    """Show a catalogue that was just opened, or one whose index is ready now; other tabs' engines are not ours.

    Inputs: the header's state, then those of `search`. Outputs: query, filters, then those of `search`.
    """
    if state["engine"] != name or flow.already(state, seen):
        return tuple(gr.skip() for _ in range(7))
    question, choice, notice = flow.opening(services, state, asked, chosen, request)
    if notice:
        return question, choice, notice, "", None, {}, gr.Timer(active=False)
    return question, choice, *search(services, state["catalog"], question, said, choice, count, name, beside, seen)


def search(
    services: Services,
    catalog: str,
    asked: Mapping[str, Any] | None,
    said: Mapping[str, Any] | None,
    chosen: Mapping[str, Any] | None,
    count: int,
    name: str,
    beside: Sequence[str] | None,
    seen: Seen | None,
) -> tuple[dict[str, Any], str, Seen | None, dict[str, Any], gr.Timer]:
    """Answer the question on the page, by one engine or by several side by side.

    Inputs: catalogue, query, words, filters, count, engine, engines beside it, seen. Outputs: results, figure, seen,
    map, and the timer that asks again while an index of an engine beside it is made.
    """
    question = words_box.question(asked, said)
    spec = services.engines.spec(name)
    status = services.indexes.status(catalog, spec)
    if status.state in ("waiting", "building") and not status.pictures:
        return results.waiting(), "", None, {}, gr.Timer(active=False)
    found, figure, seen = flow.search(services, catalog, question, chosen, count, spec, seen)
    laid = catalog_map.value(services, catalog, spec, query=_place(question, seen))
    names = [other for other in beside or () if other != name]
    if not names or found["state"] not in ("results", "filtered"):
        return found, figure, seen, laid, gr.Timer(active=False)
    specs = [spec, *(services.engines.spec(other) for other in names)]
    found, making = side_by_side.search(services, catalog, question, chosen, count, specs)
    return found, figure, seen, laid, gr.Timer(active=making)


def _place(question: Mapping[str, Any], seen: Seen | None) -> Any:  # noqa: ANN401 - an id or a vector
    """Return what says where the question lies on the map: an item's id, or the vector that was made of it."""
    whole = question.get("item") and not (question.get("box") or question.get("text"))
    return question["item"] if whole else seen.vector if seen else None


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
    question = query.of_client(services, picture, box=box, text=words.strip(), balance=balance)
    if not (question.picture or question.text):
        raise AppError("Send a picture, words or both.")
    words_too = bool(question.text)
    spec = services.engines.spec(engine or services.engines.first(PURPOSE, words_too).engine, weights)
    if question.text and not spec.accepts_text:
        raise AppError(f"The engine {spec.engine} cannot read words. Choose one that does: clip")
    scope = Scope(catalog or services.catalogs.infos()[0].key, spec, k, chosen_values(filters))
    return flow.answer_client(services, question, scope, request)
