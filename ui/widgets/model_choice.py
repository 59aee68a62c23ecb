"""The choice of a model in a tab whose engine users can train: those that came with the app, and their own."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from services import Services
from services.models.owned import is_private
from ui.shell.error_boundary import PRIVATE, bound
from ui.shell.header import Engine, Header


@dataclass(frozen=True)
class Models:
    """The models of one engine; `titles` are what those that came with the app are called here."""

    engine: str
    default: str
    titles: Mapping[str, str]

    def create(self, services: Services, label: str) -> gr.Radio:
        """Return the choice, the default chosen."""
        return gr.Radio(self.offered(services), value=self.default, label=label)

    def wire(self, services: Services, header: Header, tab: gr.Tab, weights: gr.Radio, training: gr.HTML) -> None:
        """Keep the choice true: to the models that there are, to the page's address, and in the header's engine."""
        asked = [weights, header.session]
        gr.on([tab.select, training.submit], bound(self.choices, services), asked, [weights], **PRIVATE)
        gr.on([tab.select, weights.input], self.of, [weights], [header.engine], **PRIVATE)
        header.offer(tab, weights, functools.partial(self.linked, services), self.of(self.default))

    def choices(self, services: Services, weights: str, session: str | None = None) -> dict[str, Any]:
        """Return the models that there are now, those that the visitor trained included; Outputs: the choice."""
        known = self.offered(services, session)
        there = weights in [name for _, name in known]
        return gr.update(choices=known, value=weights if there else self.default)

    def linked(self, services: Services, engine: Engine) -> gr.Radio | None:
        """Return how the choice shows the model that the page's address names, None for one of another engine."""
        known = self.offered(services)
        spec = services.engines.spec(engine)
        if is_private(spec):  # who has the name of a session's model may use it
            known.append((spec.title, spec.weights))
        there = spec.engine == self.engine and spec.weights in [name for _, name in known]
        return gr.Radio(known, value=spec.weights) if there else None

    def of(self, weights: str) -> Engine:
        """Return the engine with the chosen weights, as the header holds it."""
        return f"{self.engine}:{weights}"

    def owns(self, engine: Engine) -> bool:
        """Return whether an engine, as the header holds it, is one of these models."""
        return engine.partition(":")[0] == self.engine

    def offered(self, services: Services, session: str | None = None) -> list[tuple[str, str]]:
        """Return (title, weights) of the models that a visitor can choose now: everybody's, then the session's own."""
        rows = [row for row, missing in services.engines.choices() if row.engine == self.engine and not missing]
        trained = services.models.rows(self.engine, services.sessions.owner(session))
        rows += [row for _, row in trained if row.weights not in {known.weights for known in rows}]
        return [(self.titles.get(row.weights, row.title), row.weights) for row in rows]
