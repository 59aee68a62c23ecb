"""What a searching tab is made of: its own widgets, its answer and its panels; the rest is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import gradio as gr

from retrieval.core import EncoderSpec
from services import Services
from services.models.owned import is_private
from ui.search.flow import Answer
from ui.search.question import COUNT, Question


@dataclass(frozen=True)
class Controls:
    """What is chosen in a tab: its engine, and the value of each of its own widgets by the widget's name."""

    spec: EncoderSpec
    values: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a widget holds any value
        """Return the value of a widget."""
        return self.values[name]


@dataclass(frozen=True)
class Panel:
    """A component of a tab beside its results, to which an answer gives a value under this name.

    It stands above or below the results, or at the foot of the tab in a fold called `title`. A panel at the foot hears
    where the tab is, {"catalog", "weights", "ready"}, whenever a catalogue is opened.
    """

    name: str
    create: Callable[[Services], gr.HTML]
    place: Literal["above", "below", "foot"] = "above"
    title: str = ""


def no_widgets(services: Services) -> Mapping[str, gr.Component]:
    """Lay out nothing: a tab that has no widgets of its own."""
    return {}


@dataclass(frozen=True)
class SearchingTab:
    """One way of searching.

    `answer(services, question, controls)` is called with what is asked and chosen, and raises AppError. `controls` lays
    out the widgets that stand above the results, `options` those in the fold; each returns them by name. The engines
    that serve `purpose` are offered, under `engine_titles` by their names where those are given. `reader` may have
    another engine answer a question than the chosen one. `training` names the panel that makes further engines.
    `explain(services, question, controls, results, place)` says why the result at `place` is one, once the results are
    on the page: it returns the value of the panel "why", and the figure of "How it works".
    `endpoints` are the tab's functions for clients; without one it gets the endpoint that every tab can have.
    """

    purpose: str
    answer: Callable[[Services, Question, Controls], Answer]
    controls: Callable[[Services], Mapping[str, gr.Component]] = no_widgets
    panels: Sequence[Panel] = ()
    method: str = ""
    options: Callable[[Services], Mapping[str, gr.Component]] = no_widgets
    engine_label: str = "Engine"
    engine_titles: Mapping[str, str] = field(default_factory=dict)
    count: int = COUNT
    reader: Callable[[Services, Question, str], str] | None = None
    training: str = ""
    explain: Callable[[Services, Question, Controls, Mapping[str, Any], int], tuple[Any, str]] | None = None
    endpoints: Sequence[Callable[..., Any]] = ()

    def engines(self, services: Services, session: str | None = None) -> list[tuple[str, str]]:
        """Return (title, name) of what a visitor can choose now: everybody's engines, then those the session trained.

        What is missing on this machine says so.
        """
        known = [(spec, reason) for spec, reason in services.engines.choices() if self.purpose in spec.purposes]
        if self.training:
            here = {spec.name for spec, _ in known}
            trained = services.models.rows(known[0][0].engine, services.sessions.owner(session))
            known += [(row, None) for _, row in trained if row.name not in here]
        titled = [(self.engine_titles.get(spec.name, spec.title), spec, reason) for spec, reason in known]
        return [(f"{title} (not here yet)" if reason else title, spec.name) for title, spec, reason in titled]

    def linked(self, services: Services, engine: str) -> gr.Radio | None:
        """Return how the choice shows the engine that the page's address names, None for one of another tab."""
        known, spec = self.engines(services), services.engines.spec(engine)
        if is_private(spec) and self.purpose in spec.purposes:  # who has the name of a session's model may use it
            known.append((spec.title, spec.name))
        return gr.Radio(known, value=engine) if engine in [name for _, name in known] else None
