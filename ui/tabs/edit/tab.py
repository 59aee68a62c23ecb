"""The tab Edit and search: a garment is changed in words, and what comes out is the question."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from retrieval.core import AppError
from services import Services
from services.edits import AUTO, CancelToken, EditModel, EditRequest
from ui.search import flow, results, tab_page
from ui.search import question as asking
from ui.search.question import QueryCache
from ui.shell import event_queue
from ui.shell.error_boundary import PRIVATE, answering, bound, public, user_message
from ui.shell.header import Engine, Header
from ui.tabs.edit import board as edit_board
from ui.tabs.edit import endpoint, request
from ui.tabs.edit.board import Making

VARIANTS = (1, 2, 3, 4)
COUNT = 24
QUEUE: dict[str, Any] = {"concurrency_id": "edit", "concurrency_limit": 8}
PROPOSE: dict[str, Any] = {"concurrency_id": "edit-garment", "concurrency_limit": 2}
AUTOMATIC = "automatic"
PROMISE = "For this visit only: it goes to the service with each edit, and is not stored, logged or shared."

METHOD = """
**The mask.** Where the garment is, is estimated from colours alone: those along the frame are the background's, and
GrabCut ([Rother, Kolmogorov, Blake 2004](https://doi.org/10.1145/1015706.1015720)) finds the best border between the
two. It is right often, not always; that is what the brush is for.

**The edit.** Picture, mask and words go to a picture-editing model through the service's images-edit route. The picture
is scaled to a size that the model makes, its edges drawn out where the proportions differ, and the answer is cut back
to your picture's own frame. Models redraw the whole picture: a little may change outside the mask too.

**The search.** The edited picture is then a question like any other, to any of the engines, in the catalogue above.

This began as *Clothes edits with DALL-E 2*. That model was retired on 12 May 2026, so the model is a choice here.
"""


@dataclass
class Running:
    """The edit that runs for a visitor, if one does."""

    cancel: CancelToken | None = None


def create(services: Services, header: Header, tab: gr.Tab) -> None:
    """Lay out picture, mask and words on the left, what came of them and its look-alikes on the right."""
    with gr.Row(elem_classes="mode editing"):
        with gr.Column(scale=1, min_width=300, elem_classes="ask"):
            asked = request.create()
            said = gr.Textbox(label="What should change?", placeholder="the same in green, with long sleeves", lines=2,
                              max_length=4000, elem_classes="said")  # fmt: skip
            if not services.edits.ready:
                key = _key(services)
            with gr.Row(elem_classes="go"):
                go = gr.Button("Change it", variant="primary", min_width=120)
                halt = gr.Button("Stop", visible=False, min_width=90)
            plan = gr.HTML(apply_default_css=False, elem_classes="plan")
            if services.edits.ready:
                with gr.Accordion("Key", open=False):
                    key = _key(services)
            with gr.Accordion("More", open=False):
                variants = gr.Radio(list(VARIANTS), value=1, label="Variants")
                quality = gr.Dropdown([(AUTOMATIC, AUTO)], value=AUTO, label="Quality", filterable=False)
                size = gr.Dropdown([(AUTOMATIC, AUTO)], value=AUTO, label="Size", filterable=False)
                model = gr.Dropdown([services.edits.model], value=services.edits.model, label="Model",
                                    allow_custom_value=True)  # fmt: skip
        with gr.Column(scale=2, min_width=320, elem_classes="answer"):
            board = edit_board.create()
            with gr.Column(visible=False, elem_classes="found") as below:
                engine = gr.Dropdown(_engines(services), label="Look-alikes, as seen by", filterable=False)
                shown = results.create()
    with gr.Accordion("How it works", open=False, elem_classes="method"):
        gr.Markdown(METHOD)

    history, cache, running = gr.State([]), gr.State(QueryCache()), gr.State(Running())
    answered = gr.State(None)
    form = [asked, said, variants, size, quality, model]

    def run(*given: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - Gradio has to see a generator function
        yield from make(services, *given)

    tab.select(bound(arrive, services), [header.catalog, asked, board], [asked, board], **PRIVATE)
    tab.select(bound(choices, services), [model], [model, quality, size, engine], **PRIVATE)
    gr.on([tab.select, engine.input], lambda name: name, [engine], [header.engine], **PRIVATE)
    header.offer(tab, engine, functools.partial(linked, services), str(engine.value))
    asked.select(bound(propose, services), [asked], [asked], trigger_mode="always_last", **PRIVATE, **PROPOSE)
    model.input(bound(options, services), [model], [quality, size], **PRIVATE)
    gr.on([asked.submit, said.change, variants.input, size.input, quality.input, model.input],
          bound(planned, services), form, [plan], trigger_mode="always_last", **PRIVATE)  # fmt: skip
    gr.on([go.click, said.submit], run, [*form, key, history, running], [board, history, go, halt], **PRIVATE, **QUEUE)
    halt.click(stop, [running], [halt], queue=False, **PRIVATE)
    look_for = [header.catalog, engine, board, history, cache]
    found = [shown, answered, below]
    queue: dict[str, Any] = {"concurrency_id": event_queue.line(str(engine.value))}
    finding = event_queue.in_line(bound(find, services), lambda data: data[1])
    board.submit(finding, look_for, found, **answering(shown), **queue)
    header.opened.change(
        event_queue.in_line(bound(reopened, services), lambda data: data[4]),
        [header.opened, asked, answered, *look_for], [asked, *found], **PRIVATE, **queue,
    )  # fmt: skip
    gr.api(public(endpoint.edit, services), api_name="edit", **QUEUE)


def _key(services: Services) -> gr.Textbox:
    ready = services.edits.ready
    key = gr.Textbox(
        label=f"Your key for {services.edits.host}", type="password", max_length=500,
        placeholder="without one, the owner's is used" if ready else "sk-…",
        html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
    )  # fmt: skip
    gr.HTML(f"<p>{PROMISE}</p>", apply_default_css=False, elem_classes="plan")
    return key


def _engines(services: Services) -> list[tuple[str, str]]:
    return [(spec.title, spec.name) for spec, missing in services.engines.choices() if not missing]


def linked(services: Services, engine: Engine) -> gr.Dropdown | None:
    """Return how the choice shows the engine that the page's address names, if it is here."""
    known = _engines(services)
    return gr.Dropdown(known, value=engine) if engine in [each for _, each in known] else None


def arrive(
    services: Services, catalog: str, asked: Mapping[str, Any] | None, board: Mapping[str, Any] | None
) -> tuple[dict[str, Any], Any]:
    """Fill the tab when it is opened: examples, and a first picture. What a visitor did before stays."""
    return _opening(services, catalog, asked), gr.skip() if board else edit_board.start()


def choices(services: Services, model: str) -> tuple[gr.Dropdown, ...]:
    """Return the models, what the chosen one offers, and the engines. It comes apart: the list loads a large package.

    Outputs: model, quality, size, engine.
    """
    models = [(_title(row), row.name) for row in services.edits.models()]
    return gr.Dropdown(models, value=model), *options(services, model), gr.Dropdown(_engines(services))


def _opening(services: Services, catalog: str, asked: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the picture's value with the catalogue's examples; the first of them is opened where nothing is."""
    asked = dict(asked or {})
    examples = [{"catalog": catalog, "id": item, "alt": ""} for item in services.views.examples(catalog)]
    asked |= {"examples": examples, "limit": services.settings.max_upload_bytes}
    if examples and not (asked.get("picture") or asked.get("item")):
        asked |= {"catalog": catalog, "item": examples[0]["id"], "alt": "The first example"}
        return propose(services, asked)
    return asked


def _title(row: EditModel) -> str:
    if row.retired:
        return f"{row.name} (retired {row.retired})"
    return row.name


def options(services: Services, model: str) -> tuple[gr.Dropdown, gr.Dropdown]:
    """Return the qualities and sizes that a model offers."""
    row = services.edits.facts(model)
    qualities = [(AUTOMATIC if each == AUTO else each, each) for each in row.qualities]
    sizes = [("as the picture", AUTO), *((each.replace("x", " × "), each) for each in row.sizes)]
    return gr.Dropdown(qualities, value=AUTO), gr.Dropdown(sizes, value=AUTO)


def propose(services: Services, asked: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the picture's value with its garment marked, or with what is wrong with it."""
    value = {**(asked or {}), "proposed": time.time(), "problem": ""}
    try:
        return {**value, "proposal": request.proposal(services, request.image(services, request.parse(asked)))}
    except Exception as error:
        return {**value, "proposal": "", "problem": user_message(error)}


def planned(
    services: Services, asked: Mapping[str, Any] | None, said: str, variants: int, size: str, quality: str, model: str
) -> str:
    """Return, as HTML, what pressing the button would send where, and about what it costs; nothing is sent for it."""
    try:
        ask = request.parse(asked)
        picture = request.image(services, ask).size
        cost = services.edits.cost(model, size, quality, variants, picture)
    except AppError as error:
        return f"<p>{escape(str(error))}</p>" if said.strip() else ""
    part = "all of it free to change" if ask.share > 0.995 else f"{round(ask.share * 100)} % of it free to change"
    told = f"“{said.strip()[:80]}”" if said.strip() else "your words"
    many = "one picture" if variants == 1 else f"{variants} pictures"
    what = f"Sends this picture as {cost.size[0]} × {cost.size[1]}, {part}, and {told} to {services.edits.host}"
    lines = [f"{what}, where {model} makes {many} of it."]
    if cost.cents is not None:
        lines.append(f"Roughly {cost.cents:.1f} US cents, what is sent aside: an estimate by prices of {cost.priced}.")
    elif quality == AUTO:
        lines.append("What it costs depends on the quality, which the model chooses.")
    row = services.edits.facts(model)
    if row.retired:
        lines.append(f"{model} was retired on {row.retired}; only a service of your own may still have it.")
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def make(
    services: Services,
    asked: Mapping[str, Any] | None,
    said: str,
    variants: int,
    size: str,
    quality: str,
    model: str,
    key: str,
    history: list[dict[str, Any]],
    running: Running,
) -> Iterator[tuple[Any, ...]]:
    """Make the edit and show it as it comes. Outputs: board, history, the button, the Stop button."""
    busy = gr.Button(interactive=False), gr.Button(visible=True, interactive=True)
    idle = gr.Button(interactive=True), gr.Button(visible=False)
    under_way, started = Making(variants), time.monotonic()
    running.cancel = CancelToken()
    yield edit_board.making(under_way, history, 0), gr.skip(), *busy
    try:
        ask = request.parse(asked)
        picture = request.image(services, ask)
        edit = EditRequest(picture, said, request.change(ask, picture.size), model, variants, size, quality)
        for step in services.edits.edit(edit, running.cancel, key):
            under_way.take(step)
            yield edit_board.making(under_way, history, time.monotonic() - started), gr.skip(), *busy
    except Exception as error:
        if not under_way.finished:
            yield edit_board.problem(user_message(error), history), gr.skip(), *idle
            return
        under_way.failures.append(user_message(error))
    finally:
        running.cancel.set()
    before = request.address(ask)
    new = [
        edit_board.kept(image, before, said.strip(), len(history) + number)
        for number, (_, image) in enumerate(sorted(under_way.finished.items()), start=1)
    ]
    history = [*history, *new][-edit_board.KEPT :]
    places = range(len(history) - len(new), len(history))
    yield edit_board.made(history, places, under_way.failures), history, *idle


def stop(running: Running) -> gr.Button:
    """Hang up on the service at once."""
    if running.cancel:
        running.cancel.set()
    return gr.Button(interactive=False)


def find(
    services: Services,
    catalog: str,
    engine: str,
    board: Mapping[str, Any] | None,
    history: list[dict[str, Any]],
    cache: QueryCache,
) -> tuple[dict[str, Any], tuple[str, str] | None, gr.Column]:
    """Show what a catalogue has that looks like an edited picture, or like a result that was clicked.

    Outputs: results, the catalogue and engine that answered, the column of the results.
    """
    there, value = gr.Column(visible=True), board or {}
    try:
        spec = services.engines.spec(engine)
        marks = {name: value.get(name) or [] for name in ("liked", "disliked")}
        item = str(value["item"])[:4096] if value.get("item") else None
        question = asking.parse({**marks, "item": item}, catalog=catalog, cache=cache)
        if item is None:
            question = question.model_copy(update={"picture": _chosen(board, history)})
        answer = flow.answer(services, question, spec)
    except Exception as error:
        return results.problem(user_message(error)), None, there
    if answer.result is None:
        return tab_page.absent(services, catalog, spec), None, there
    return results.found(question, answer), (catalog, engine), there


def _chosen(board: Mapping[str, Any] | None, history: list[dict[str, Any]]) -> FileData:
    place = (board or {}).get("chosen")
    if not isinstance(place, int) or not 0 <= place < len(history):
        raise AppError("Choose an edited picture first.")
    return FileData(**history[place]["picture"])


def reopened(
    services: Services,
    state: Mapping[str, Any],
    asked: Mapping[str, Any] | None,
    answered: tuple[str, str] | None,
    *look_for: Any,  # noqa: ANN401 - the inputs of find
) -> tuple[Any, ...]:
    """Follow the header: another catalogue's examples, and the answer once its index is there.

    Outputs: picture, then those of `find`.
    """
    key, (_, engine, board, history, cache) = state["catalog"], look_for
    examples = (asked or {}).get("examples") or [{}]
    picture = _opening(services, key, asked) if asked and examples[0].get("catalog") != key else gr.skip()
    there = answered is not None and state["searchable"] and tuple(answered) == (key, engine)
    if state["engine"] != engine or (board or {}).get("chosen") is None or there:
        return picture, gr.skip(), gr.skip(), gr.skip()
    return picture, *find(services, key, engine, board, history, cache)
