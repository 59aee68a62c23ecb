"""What the panels that train models share: a component whose script follows runs, and the run itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import gradio as gr
from pydantic import BaseModel, Field

from services import Services
from services.models.runs import Runs
from ui.shell import modules
from ui.shell.error_boundary import checked, served

Name = Annotated[str, Field(max_length=4096)]


class Wanted(BaseModel):
    """What to train on which catalogue; an own name that exists is trained anew, another's is refused."""

    catalog: Name
    name: Annotated[str, Field(max_length=200)]
    epochs: int


class Run(BaseModel):
    """A run by name; `known` is how many of its epochs the page has already."""

    name: Name
    known: Annotated[int, Field(ge=0, le=10_000)] = 0


def create(page: str, services: Services, runs: Runs, *functions: Callable[..., Any]) -> gr.HTML:
    """Return the component that ui/`page`.html and .js are; `functions` are what else its script may call.

    Its `submit` event says that there is another model to choose.
    """
    return gr.HTML(
        **modules.component(page),
        server_functions=[*functions, served(follow, services, runs), served(stop, services, runs)],
    )  # fmt: skip


def follow(services: Services, runs: Runs, data: object, page: str = "") -> dict[str, Any]:
    """Return how a run stands, with those of its epochs that the page has not got yet; another's is not told."""
    asked = checked(Run, data)
    return runs.run(asked.name, asked.known, services.sessions.owner_of_page(page))


def stop(services: Services, runs: Runs, data: object, page: str = "") -> dict[str, Any]:
    """End a run within a step; what was learnt is kept. Another's is not stopped."""
    runs.stop(checked(Run, data).name, services.sessions.owner_of_page(page))
    return {}
