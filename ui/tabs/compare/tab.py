"""The tab Compare engines: which finds better on these pictures, which is faster, and what else they show."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gradio as gr

from retrieval.core import AppError, EncoderSpec
from retrieval.evaluation import comparison
from services import DEFAULT_ENGINE, Services
from ui.shell.error_boundary import PRIVATE, bound, public
from ui.shell.header import Engine, Header
from ui.tabs.compare import blind_test, duplicates
from ui.tabs.compare import board as compare_board
from ui.tabs.compare.board import Wanted
from ui.widgets import running_task
from ui.widgets.running_task import Running

# Comparisons wait for each other as tasks, never before a search; these are the places to follow them from.
QUEUE: dict[str, Any] = {"concurrency_id": "compare", "concurrency_limit": 8}

MOST_FIRST = 3

METHOD = """
**How well.** Every picture of the catalogue is the question once, and is itself left out of the answer. A result is
right when it shares the chosen attribute, or several joined by + (type them: product+colour). The two conditions
choose who asks and who is searched: with `view=back` and `view=main` a product's back view looks for its front view.
**P@10** is the part of the first ten results that is right; **R@10** the
part of all right pictures that is among the first ten; **mAP** the mean over the questions of the average precision,
which rewards right results the more the earlier they come
([Manning, Raghavan, Schütze 2008, chapter 8](https://nlp.stanford.edu/IR-book/html/htmledition/evaluation-in-information-retrieval-1.html)).
At most 5,000 questions are asked, a fixed random sample.

**How sure.** The questions are drawn again with replacement 2,000 times; the middle 95 % of the figures is the
interval ([Efron 1979, the bootstrap](https://doi.org/10.1214/aos/1176344552)). All engines get the same draws, so
"better" is said only where the interval of their *difference* leaves out zero.

**How fast.** The same 48 pictures are decoded first, then encoded in batches of 16; a query is one picture encoded and
searched for. Both are medians on this machine, as busy as it is.

**The front** (Pareto) joins the engines that no other beats in both. The blind test's share is given with Wilson's
interval (1927). Near-duplicates are joined by their strongest links (Gower and Ross 1969), so a chain of close pictures
is one group.

The student project *Visual Search* said that SqueezeNet "is much faster" than CLIP, without a figure. Here are the
figures.
"""


def create(services: Services, header: Header, tab: gr.Tab) -> None:
    """Lay out the choice of engines, the board with its result, and three folds; `tab` needs no index of its own."""
    known = services.engines.choices()
    choices = [(f"{spec.title} (not here yet)" if reason else spec.title, spec.name) for spec, reason in known]
    here = [spec.name for spec, reason in known if not reason]
    chosen = first([spec for spec, reason in known if not reason])
    with gr.Column(elem_classes="mode cmp"):
        with gr.Row(elem_classes="cmp-ask"):
            names = gr.CheckboxGroup(choices, value=chosen, label="Engines", min_width=300, scale=3)
            match = gr.Dropdown(
                [], label="A result is right when it shares", min_width=220, scale=2, allow_custom_value=True
            )
            without = gr.Dropdown([], multiselect=True, label="Leave out", min_width=220, scale=2)
        with gr.Row(elem_classes="cmp-ask"):
            asking = gr.Textbox(label="Ask only with", placeholder="view=back,alt1", min_width=220)
            among = gr.Textbox(label="Search only among", placeholder="view=main; gender=Women", min_width=220)
        with gr.Row(elem_classes="cmp-do"):
            go = gr.Button("Compare", variant="primary", min_width=140, scale=0, interactive=False)
            stop = gr.Button("Stop", visible=False, min_width=100, scale=0)
        gr.HTML(compare_board.absent(known), visible=len(here) < len(known), apply_default_css=False)
        board = compare_board.create()
        with gr.Accordion("Blind taste test", open=False):
            taste = blind_test.create(services, header, names)
        with gr.Accordion("Near-duplicates", open=False):
            twins = duplicates.create(services, header)
    with gr.Accordion("How it works", open=False, elem_classes="method"):
        gr.Markdown(METHOD)

    shown, running = gr.State(None), gr.State(Running())

    def run(given: Mapping[Any, Any]) -> Iterator[tuple[Any, ...]]:
        wanted = Wanted(given[names], given[match] or "", given[without] or (), given[asking], given[among])
        yield from compare_board.run(services, given[shown], wanted, given[running], given[header.session])

    header.opened.change(
        bound(opened, services),
        [header.opened, shown, running],
        [shown, match, without, go, board, taste, twins],
        **PRIVATE,
    )
    header.offer(tab, names, functools.partial(linked, chosen), DEFAULT_ENGINE)
    go.click(
        run,
        {shown, names, match, without, asking, among, running, header.session},
        [board, go, stop],
        **PRIVATE,
        **QUEUE,
    )
    stop.click(running_task.stop, [running], [stop], queue=False, **PRIVATE)
    gr.api(public(compare, services), api_name="compare", **QUEUE)
    gr.api(public(duplicates.duplicates, services), api_name="duplicates")


def first(here: Sequence[EncoderSpec]) -> list[str]:
    """Return the engines that are chosen before anyone chooses: those that look for look-alikes, a few of them."""
    return [spec.name for spec in here if "look-alike" in spec.purposes][:MOST_FIRST]


def linked(chosen: Sequence[str], engine: Engine) -> gr.CheckboxGroup:
    """Return how the choice shows the engine that the page's address names: beside those that are chosen at first."""
    return gr.CheckboxGroup(value=list(dict.fromkeys([*chosen, engine])))


def opened(services: Services, state: Mapping[str, Any], shown: str | None, running: Running) -> tuple[Any, ...]:
    """Show a catalogue that was just opened; what is on the board stays while the catalogue does.

    Outputs: shown, match, without, the button Compare, board, taste, twins.
    """
    key = state["catalog"]
    if key == shown:
        return (key, *(gr.skip() for _ in range(6)))
    running.cancel()
    try:
        shared = services.evaluation.matchable(key)
        facets = services.views.facets(key)
    except AppError:
        shared, facets = {}, {}
    labels = list(facets.get("label") or facets.get("category") or ())
    choices = [(f"the {name} ({count:,} pictures share theirs)", name) for name, count in shared.items()]
    choices.append(("nothing: measure the speed only", ""))
    return (
        key,
        gr.Dropdown(choices, value=choices[0][1]),
        gr.Dropdown(labels, value=[], multiselect=True, visible=bool(labels)),
        gr.Button(interactive=True),
        compare_board.opening(bool(shared)),
        blind_test.opening(key),
        duplicates.opening(key),
    )


def compare(
    services: Services,
    engines: list[str],
    catalog: str | None = None,
    match: str | None = None,
    exclude: list[str] | None = None,
    where: dict[str, str] | None = None,
    request: gr.Request | None = None,
) -> dict[str, Any]:
    """Measure engines side by side on a catalogue: how well each finds, and how fast it is.

    Parameters:
        engines: names such as "squeezenet" or "squeezenet:imagenet".
        catalog: the catalogue's key; the first one without it.
        match: the attribute that a right result shares with the query, or several joined by +; the likeliest without.
        exclude: labels that are left out.
        where: {"query": "view=back,alt1", "gallery": "view=main"}: ask only with some, search only among some.

    Returns:
        {"engines": [{"engine", "p_at_1", …, "map", "map_low", "map_high", "pictures_per_second", "query_ms",
        "weights_mb", "index_mb", "on_front"}, …], "differences": […], "disagreements": […], "failed": {engine: reason}}
    """
    key = catalog or services.catalogs.infos()[0].key
    chosen, given = match or next(iter(services.evaluation.matchable(key)), ""), where or {}
    wanted = Wanted(engines, chosen, exclude or (), given.get("query", ""), given.get("gallery", ""))
    specs = [services.engines.spec(name) for name in engines]
    owner = services.sessions.owner(request.session_hash if request else None)
    task = services.evaluation.comparing(key, specs, wanted.protocol(), owner)
    task.wait()
    return comparison.as_dict(task.outcome())
