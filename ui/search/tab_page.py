"""A searching tab on the page: laid out and wired, so that the visitor's one question is answered in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from retrieval.core import EncoderSpec
from services import Services
from ui.search import appearance_filters, catalog_map, endpoint, filters, flow, how_it_works, results
from ui.search import question as asking
from ui.search.flow import Answer
from ui.search.question import COUNTS, Question
from ui.search.searching_tab import Controls, Panel, SearchingTab
from ui.shell import event_queue
from ui.shell.error_boundary import PRIVATE, answering, bound, public, user_message
from ui.shell.header import Header

Given = dict[Any, Any]
"""What a handler reads: the value of each of its inputs, by the component."""

Changes = dict[Any, Any]
"""What a handler returns: the new values of some of its outputs, by the component."""

POLL_SECONDS = 2.5


@dataclass(frozen=True)
class Asked:
    """What a visitor asks, held beside the tabs: the question with its words, the filters, and the question's cache."""

    question: gr.HTML
    filters: gr.HTML
    cache: gr.State


def create_question(services: Services) -> Asked:
    """Lay out the question and its filters, one for all searching tabs."""
    question = asking.create(services)
    with gr.Accordion("Filters", open=False):
        chosen = filters.create()
    return Asked(question, chosen, gr.State(asking.QueryCache()))


def create(services: Services, top: tuple[Header, Asked], place: gr.Tab, tab: SearchingTab) -> None:
    """Lay out a searching tab in `place` and wire it to what stands beside the tabs."""
    header, asked = top
    key = str(place.id)
    with gr.Column(elem_classes=f"searching {key}"):
        with gr.Column(elem_classes="mode answer"):
            controls = dict(tab.controls(services))
            with gr.Accordion("More", open=False):
                count = gr.Radio(list(COUNTS), value=tab.count, label="Number of results")
                known = tab.engines(services)
                engine = gr.Radio(known, value=known[0][1], label=tab.engine_label)
                controls |= tab.options(services)
            panels = {panel.name: panel.create(services) for panel in tab.panels if panel.place == "above"}
            shown = results.create()
            panels |= {panel.name: panel.create(services) for panel in tab.panels if panel.place == "below"}
            with gr.Accordion("Map of the catalogue", open=False):
                laid = catalog_map.create()
        panels |= _foot(services, [panel for panel in tab.panels if panel.place == "foot"])
        with gr.Accordion("How it works", open=False, elem_classes="method"):
            figure = gr.HTML(apply_default_css=False)
            gr.Markdown(tab.method)
    timer = gr.Timer(POLL_SECONDS, active=False)
    page = TabPage(tab, header, asked, engine, count, controls, panels, Shown(shown, laid, figure, timer), gr.State())
    page.wire(services, place)
    defaults = {name: widget.value for name, widget in controls.items()}
    line = event_queue.line(page.default)
    for each in tab.endpoints or (endpoint.of_tab(tab, key, str(place.label), defaults),):
        asked_engine = endpoint.engine_of(services, tab, each)
        handler = event_queue.in_line(public(each, services), asked_engine)
        gr.api(handler, api_name=each.__name__, concurrency_id=line)


def _foot(services: Services, panels: list[Panel]) -> dict[str, gr.HTML]:
    """Lay out the panels at the foot of a tab: one in a fold, several as tabs of their own."""
    made = {}
    if len(panels) == 1:
        with gr.Accordion(panels[0].title, open=False):
            made[panels[0].name] = panels[0].create(services)
    elif panels:
        with gr.Tabs(elem_classes="foot"):
            for panel in panels:
                with gr.Tab(panel.title):
                    made[panel.name] = panel.create(services)
    return made


@dataclass(frozen=True)
class Shown:
    """Where an answer is shown: the results, the map and the figure of "How it works"; the timer asks again."""

    results: gr.HTML
    map: gr.HTML
    figure: gr.HTML
    timer: gr.Timer


@dataclass(frozen=True, eq=False)
class TabPage:
    """The components of one searching tab, and what happens to them; `answered` is what it answered last."""

    tab: SearchingTab
    header: Header
    asked: Asked
    engine: gr.Radio
    count: gr.Radio
    controls: Mapping[str, gr.Component]
    panels: Mapping[str, gr.HTML]
    shown: Shown
    answered: gr.State

    def wire(self, services: Services, place: gr.Tab) -> None:
        """Have questions answered: new ones, those under other choices, and the one so far when the tab is opened."""
        header, shown = self.header, self.shown
        given: set[Block] = {
            header.catalog, header.opened, self.asked.question, self.asked.filters, self.asked.cache, self.engine,
            self.count, self.answered, *self.controls.values(),
        }  # fmt: skip
        outputs = [
            self.asked.question, self.asked.filters, header.engine, self.engine, self.answered, shown.results,
            shown.map, shown.figure, shown.timer, *self.panels.values(),
        ]  # fmt: skip
        line = event_queue.line(self.default)
        wait: dict[str, Any] = answering(shown.results) | {"concurrency_id": line}
        chosen = sorted(each._id for each in given).index(self.engine._id)  # Gradio sends a set in this order
        opened, search, once_more = (
            event_queue.in_line(bound(handler, services), lambda data: data[chosen])
            for handler in (self.opened, self.search, self.asked_again)
        )
        first = header.opened.change(opened, given, outputs, **wait)
        changes = [_changed(widget) for widget in (self.count, *self.controls.values())]
        again = gr.on(
            [shown.results.submit, *changes],
            search, given, outputs, trigger_mode="always_last", **wait,
        )  # fmt: skip
        shown.timer.tick(once_more, given, outputs, **PRIVATE, concurrency_id=line)
        if self.tab.explain:
            why = self.panels["why"]
            explained: dict[str, Any] = PRIVATE | {"concurrency_id": line}
            for event in (first.then, again.then, why.submit):
                event(bound(self.explained, services), {*given, shown.results, why}, [why, shown.figure], **explained)
        gr.on([place.select, self.engine.input], lambda name: name, [self.engine], [header.engine], **PRIVATE)
        if self.tab.training:
            trained = self.panels[self.tab.training].submit
            inputs = [self.engine, header.session]
            gr.on([place.select, trained], bound(self.refreshed, services), inputs, [self.engine], **PRIVATE)
        header.offer(place, self.engine, lambda name: self.tab.linked(services, name), self.default)

    @property
    def default(self) -> str:
        """The engine of the tab before anyone chooses."""
        return str(self.engine.value)

    def opened(self, services: Services, given: Given, request: gr.Request) -> Changes:
        """Show a catalogue that was just opened or became searchable, or the question that another tab was asked."""
        state = given[self.header.opened]
        if not state or state["engine"] != given[self.engine]:  # another tab is in use
            return {self.answered: gr.skip()}
        catalog, value, chosen = state["catalog"], given[self.asked.question], given[self.asked.filters]
        changes: Changes = {}
        if not state["searchable"]:
            changes[self.asked.question] = value = asking.carried(value, catalog)
        elif value.get("catalog") != catalog or "examples" not in value:
            try:
                changes[self.asked.question] = value = asking.opening(services, catalog, value, request.query_params)
            except Exception as error:
                return changes | self._failed(user_message(error))
        if state["searchable"]:
            spec = services.engines.spec(state["engine"])
            facets = filters.opening(services, catalog, chosen)
            facets = appearance_filters.offered(services, catalog, spec, facets, chosen or {})
            if facets != chosen:
                changes[self.asked.filters] = chosen = facets
        asked = self._asked(services, given | {self.asked.question: value, self.asked.filters: chosen}, catalog)
        if asked:  # else the answer stands there already, and so does what the panels at the foot made of it
            asked = self._told_where(catalog, given, bool(state["searchable"])) | asked
        return changes | asked or {self.answered: gr.skip()}

    def search(self, services: Services, given: Given) -> Changes:
        """Answer the question on the page, under what is chosen in the tab."""
        return self._asked(services, {**given, self.answered: None}, given[self.header.catalog], asked_now=True)

    def asked_again(self, services: Services, given: Given) -> Changes:
        """Ask once more while an answer grows, for as long as the tab is in use."""
        state = given[self.header.opened]
        if not state or state["engine"] != given[self.engine]:
            return {self.shown.timer: gr.Timer(active=False)}
        return self.search(services, given)

    def explained(self, services: Services, given: Given) -> Changes:
        """Say why the result that the panel names is one, the first where it names none."""
        listed, panel = given[self.shown.results] or {}, self.panels["why"]
        state = given[self.header.opened]
        if self.tab.explain is None or not state or state["engine"] != given[self.engine]:
            return {panel: gr.skip()}
        if not listed.get("explains"):
            return {panel: None}
        wanted = (given[panel] or {}).get("asked")
        place = next((n for n, hit in enumerate(listed["hits"]) if hit["id"] == wanted), 0)
        try:
            question = self._question(given, listed["catalog"])
            value, figure = self.tab.explain(services, question, self._controls(services, given), listed, place)
        except Exception as error:
            return {panel: {"state": "problem", "at": time.time(), "text": user_message(error)}}
        return {panel: value, self.shown.figure: figure}

    def refreshed(self, services: Services, name: str, session: str | None) -> gr.Radio:
        """Return the engines that there are now, those that the visitor trained included."""
        known = self.tab.engines(services, session)
        return gr.Radio(known, value=name if name in [each for _, each in known] else self.default)

    def _told_where(self, catalog: str, given: Given, ready: bool) -> Changes:
        """Tell the panels at the foot where the tab is."""
        weights = given[self.engine].partition(":")[2]
        here = {"catalog": catalog, "weights": weights, "ready": ready}
        return {self.panels[panel.name]: here for panel in self.tab.panels if panel.place == "foot"}

    def _asked(self, services: Services, given: Given, catalog: str, asked_now: bool = False) -> Changes:
        """Answer what is asked of `catalog`, unless this tab shows the answer already.

        Words, and whatever is asked now, may choose another engine than the one that stands there.
        """
        name = given[self.engine]
        try:
            question = self._question(given, catalog)
            if self.tab.reader and (asked_now or question.text):
                name = self.tab.reader(services, question, name)
            controls = self._controls(services, given | {self.engine: name})
            asked = (name, question.model_dump_json(), repr(controls.values))
            if asked == given[self.answered]:
                return {}
            if question.blank:
                return self._failed(None) | {self.shown.results: _start(services, catalog, controls.spec)}
            answer = self.tab.answer(services, question, controls)
            changes = self._changes(services, question, answer)
        except Exception as error:
            changes = self._failed(user_message(error))
            answer = None
        if name != given[self.engine]:
            changes |= {self.engine: name, self.header.engine: name}
        complete = answer is not None and answer.result is not None and not answer.pending
        return changes | {self.answered: asked if complete else None}

    def _question(self, given: Given, catalog: str) -> Question:
        """Read what the visitor asks of `catalog`; raises AppError."""
        chosen = filters.parse((given[self.asked.filters] or {}).get("chosen"))
        value = asking.carried(given[self.asked.question], catalog)
        return asking.parse(value, count=given[self.count], cache=given[self.asked.cache], filter=chosen)

    def _controls(self, services: Services, given: Given) -> Controls:
        values = {name: given[widget] for name, widget in self.controls.items()}
        return Controls(services.engines.spec(given[self.engine]), values)

    def _changes(self, services: Services, question: Question, answer: Answer) -> Changes:
        """Return what an answer shows: results, map, figure and panels."""
        panels = {self.panels[name]: value for name, value in answer.panels.items()}
        panels = self._cleared() | panels | {self.shown.timer: gr.Timer(active=answer.pending)}
        if answer.result is None:
            return panels | {self.shown.results: absent(services, question.catalog, answer.spec)}
        figure = answer.figure
        if figure is None:
            said = question.text if not question.pictured else ""
            result, size = answer.result, answer.spec.image_size
            figure = how_it_works.figure(answer.seen, result.query, result.curve, len(result.hits), size, said)
        laid = catalog_map.value(services, question.catalog, answer.spec, None, flow.place(answer, question))
        shown = dict(answer.shown or results.found(question, answer))
        shown["pending"] = answer.pending
        shown["explains"] = bool(self.tab.explain and question.pictured and not question.text)
        return panels | {self.shown.results: shown, self.shown.map: laid, self.shown.figure: figure}

    def _cleared(self) -> Changes:
        return {self.panels[panel.name]: None for panel in self.tab.panels if panel.place != "foot"}

    def _failed(self, text: str | None) -> Changes:
        """Return what is shown where nothing was answered, and the reason in place of results, if there is one."""
        told = {self.shown.results: results.problem(text)} if text else {}
        still: Changes = {self.shown.timer: gr.Timer(active=False), self.shown.figure: "", self.answered: None}
        return self._cleared() | still | told


def _changed(widget: gr.Component) -> Callable[..., Any]:
    """Return the event by which a widget says that the visitor has chosen something else."""
    if isinstance(widget, gr.Slider):
        return widget.release
    event: Callable[..., Any] = widget.change if isinstance(widget, gr.Image) else widget.input  # type: ignore[attr-defined]
    return event


def _start(services: Services, catalog: str, spec: EncoderSpec) -> dict[str, Any]:
    """Return the notice of a page on which nothing was asked yet."""
    if not flow.ready(services, catalog, spec):
        return absent(services, catalog, spec)
    return results.start() if len(services.indexes.searcher(catalog, spec).index) else results.empty()


def absent(services: Services, catalog: str, spec: EncoderSpec) -> dict[str, Any]:
    """Return the notice of a catalogue that cannot be searched yet."""
    status = services.indexes.status(catalog, spec)
    if status.state != "failed":
        return results.waiting()
    hollow = next(iter(services.catalogs.catalog(catalog)), None) is None
    return results.empty() if hollow else results.problem(status.error or "")
