"""The tab Artistic style: the pictures by the same hand, never mind the subject, or as much of it as is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from retrieval.core import AppError
from retrieval.pictures.decoding import decode
from retrieval.search.parts import weigh
from retrieval.search.searcher import Result
from services import Services
from services.models.style import style_encoder
from ui.search import catalog_map, filters, flow, results
from ui.search import question as query
from ui.search.filters import parse as chosen_values
from ui.search.flow import COUNT, COUNTS, Scope, Seen
from ui.search.question import Query
from ui.shell.error_boundary import PRIVATE, answering, bound, words
from ui.shell.header import Engine, Header
from ui.tabs.style import why as style_why

ENGINE = "style"
WEIGHTS = (("Our own front", "distilled"), ("Published VGG16 (ImageNet)", "imagenet"))

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


def create(services: Services, header: Header, tab: gr.Tab) -> None:
    """Lay out query, results, map and method; new questions come from query, filters, slider, subject and choices."""
    with gr.Row(elem_classes="mode"):
        with gr.Column(scale=1, min_width=300, elem_classes="ask"):
            asked = query.create()
            content = gr.Slider(
                0, 1, value=0, step=0.05, label="From the same style (0) to the same subject (1)", elem_classes="mix"
            )
            with gr.Accordion("Take the subject from another picture", open=False):
                subject = gr.Image(
                    type="filepath", label="Picture with the subject", show_label=False, height=180,
                    sources=["upload", "clipboard"], buttons=[],
                )  # fmt: skip
            with gr.Accordion("Filters", open=False):
                chosen = filters.create()
            with gr.Accordion("More", open=False):
                count = gr.Radio(list(COUNTS), value=COUNT, label="Number of results")
                weights = gr.Radio(list(WEIGHTS), value=WEIGHTS[0][1], label="Network")
        with gr.Column(scale=2, min_width=320, elem_classes="answer"):
            why = style_why.create()
            shown = results.create()
        with gr.Column(scale=3, min_width=320, elem_classes="mode-map"):
            laid = catalog_map.create()
    with gr.Accordion("How it works", open=False, elem_classes="method"):
        drawn = gr.HTML(apply_default_css=False)
        gr.Markdown(METHOD)

    seen = gr.State(None)
    given = [asked, chosen, count, weights, content, subject, seen]
    answers = [shown, seen, laid]
    model: dict[str, Any] = {"concurrency_id": f"engine-{ENGINE}"}
    ask = answering(shown) | model
    first = header.opened.change(bound(opened, services), [header.opened, *given], [asked, chosen, *answers], **ask)
    again = gr.on(
        [asked.submit, chosen.input, count.input, content.release, subject.change],
        bound(search, services), [header.catalog, *given], answers, trigger_mode="always_last", **ask,
    )  # fmt: skip
    reasons = [header.catalog, asked, weights, shown, why]
    for event in (first, again):
        event.then(bound(explain_first, services), reasons, [why, drawn], **PRIVATE, **model)
    why.submit(bound(explain, services), reasons, [why], **PRIVATE, **model)
    gr.on([tab.select, weights.input], engine_of, [weights], [header.engine], **PRIVATE)
    header.offer(tab, weights, linked, engine_of(WEIGHTS[0][1]))
    gr.api(bound(style, services), api_name="style", **model)


def engine_of(weights: str) -> Engine:
    """Return the engine of the tab with the chosen weights."""
    return f"{ENGINE}:{weights}"


def linked(engine: Engine) -> gr.Radio | None:
    """Return how the choice shows the engine that the page's address names, if it is the tab's."""
    name, _, weights = engine.partition(":")
    return gr.Radio(value=weights) if name == ENGINE else None


def opened(
    services: Services,
    state: Mapping[str, Any],
    asked: dict[str, Any] | None,
    chosen: dict[str, Any] | None,
    count: int,
    weights: str,
    content: float,
    subject: str | None,
    seen: Seen | None,
    request: gr.Request,
) -> tuple[object, ...]:
    """Show a catalogue that was just opened, or one whose index is ready now; other tabs' engines are not ours.

    Inputs: the header's state, then those of `search`. Outputs: query, filters, results, seen, map.
    """
    if not state["engine"].startswith(f"{ENGINE}:") or flow.already(state, seen):
        return tuple(gr.skip() for _ in range(5))
    question, choice, notice = flow.opening(services, state, asked, chosen, request)
    if notice:
        return question, choice, notice, None, {}
    found = search(services, state["catalog"], question, choice, count, weights, content, subject, seen)
    return question, choice, *found


def search(
    services: Services,
    catalog: str,
    asked: Mapping[str, Any] | None,
    chosen: Mapping[str, Any] | None,
    count: int,
    weights: str,
    content: float,
    subject: str | None,
    seen: Seen | None,
) -> tuple[dict[str, Any], Seen | None, dict[str, Any]]:
    """Answer the question on the page, or say in the same place why not. Outputs: results, seen, map."""
    try:
        question = query.parse(asked)
        spec = services.engines.spec(ENGINE, weights)
        scope = Scope(catalog, spec, count, filters.parse((chosen or {}).get("chosen")))
        if not (question.picture or question.item or question.liked):
            hollow = not len(services.indexes.searcher(catalog, spec).index)
            return (results.empty() if hollow else results.start()), None, {}
        data = _bytes(subject, services.settings.max_upload_bytes) if subject else None
        result, seen = answer(services, question, scope, content, data, seen)
        place = question.item if question.item and not question.box else result.query
        where = catalog_map.value(services, catalog, spec, None, place)
    except Exception as error:
        return results.problem(words(error)), None, {}
    found = results.found(catalog, result, question.liked, question.disliked, scope.passing)
    return {**found, "why": True}, seen, where


def answer(
    services: Services, question: Query, scope: Scope, content: float, subject: bytes | None, seen: Seen | None
) -> tuple[Result, Seen]:
    """Search as asking.answer does, the content counting `content`, 0 to 1, and taken from `subject` if given."""
    if not 0 <= content <= 1:
        raise AppError(f"The subject's share is {content}; it is from 0 (style alone) to 1 (subject alone).")
    plain, seen = flow.answer(services, question, scope, seen)
    searcher, spec = services.indexes.searcher(scope.catalog, scope.spec), scope.spec
    other = plain.query
    if subject is not None:
        other = searcher.encoder.encode_images([decode(subject, spec.image_size)])[0]
    mixed = weigh(spec.parts, {"style": plain.query, "content": other}, {"style": 1 - content, "content": content})
    itself = [question.item] if question.item and not question.box and subject is None else []
    count = min(max(int(scope.count), 1), max(COUNTS))
    result = searcher.by_vector(mixed, count, scope.passing, {*itself, *question.disliked})
    steps = {step: took for step, took in plain.seconds.items() if step != "search"}
    return replace(result, seconds={**steps, **result.seconds}), seen


def explain_first(
    services: Services,
    catalog: str,
    asked: Mapping[str, Any] | None,
    weights: str,
    shown: Mapping[str, Any] | None,
    why: Mapping[str, Any] | None,
) -> tuple[object, object]:
    """Say why the first result is one, and draw the question's Gram matrix. Outputs: reasons, figure."""
    if not shown or not shown.get("hits"):
        return {}, ""
    hits = shown["hits"]
    return _explained(services, catalog, asked, weights, hits[0], 1), _figure(services, catalog, asked, weights, shown)


def explain(
    services: Services,
    catalog: str,
    asked: Mapping[str, Any] | None,
    weights: str,
    shown: Mapping[str, Any] | None,
    why: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Say why the result that `why` names is one."""
    hits, wanted = (shown or {}).get("hits") or [], (why or {}).get("id")
    rank = next((n for n, hit in enumerate(hits) if hit["id"] == wanted), None)
    if rank is None:
        return {}
    return _explained(services, catalog, asked, weights, hits[rank], rank + 1)


def _explained(
    services: Services, catalog: str, asked: Mapping[str, Any] | None, weights: str, hit: Mapping[str, Any], rank: int
) -> dict[str, Any]:
    try:
        picture = _asked_picture(services, catalog, asked, weights)
        encoder = style_encoder(services.engines.spec(ENGINE, weights))
        match = encoder.match_styles(picture, services.views.picture(catalog, hit["id"]), style_why.PATCHES)
        return style_why.value(catalog, hit, rank, match)
    except Exception as error:
        return style_why.problem(words(error))


def _figure(
    services: Services, catalog: str, asked: Mapping[str, Any] | None, weights: str, shown: Mapping[str, Any]
) -> str:
    try:
        picture = _asked_picture(services, catalog, asked, weights)
        curve = np.array([hit["score"] for hit in shown["hits"]], np.float32)
        gram = style_encoder(services.engines.spec(ENGINE, weights)).gram(picture)
        return style_why.figure(picture, gram, curve, shown["strong"])
    except Exception as error:
        words(error)
        return ""


def _asked_picture(services: Services, catalog: str, asked: Mapping[str, Any] | None, weights: str) -> Any:  # noqa: ANN401
    return flow.picture(services, catalog, query.parse(asked), services.engines.spec(ENGINE, weights).image_size)


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
    weights: str = WEIGHTS[0][1],
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
    question, other = query.of_client(services, picture), query.of_client(services, subject)
    spec = services.engines.spec(ENGINE, weights)
    scope = Scope(catalog or services.catalogs.infos(spec)[0].key, spec, k, chosen_values(filters))
    data = query.read(other.picture, services.settings.max_upload_bytes) if other.picture else None
    flow.ready(services, scope)
    result, _ = answer(services, question, scope, content, data, None)
    return flow.as_client(scope.catalog, result, request)
