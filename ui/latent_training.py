"""Training a latent space on the open catalogue: started, watched, stopped, compared, all in one component."""

from __future__ import annotations

from typing import Annotated, Any

import gradio as gr
from pydantic import Field

from services import Services
from ui import look
from ui.events import checked, served
from ui.latent_reading import Name, Place


class Wanted(Place):
    """What to train; a name that exists is trained anew."""

    name: Annotated[str, Field(max_length=200)]
    latent: int
    beta: float
    epochs: int


class Run(Place):
    """A run by name; `known` is how many of its epochs the page has already."""

    name: Name
    known: Annotated[int, Field(ge=0, le=10_000)] = 0


def create(services: Services) -> gr.HTML:
    """Return the component; its `submit` event says that there is another latent space to choose."""
    return gr.HTML(
        html_template=look.read("latent_training.html"), js_on_load=look.script("latent_training.js"),
        server_functions=[
            served(start, services), served(runs, services), served(follow, services), served(stop, services)
        ],
        apply_default_css=False, padding=False,
    )  # fmt: skip


def start(services: Services, data: object) -> dict[str, Any]:
    """Put a training in the queue, and return its name as it is kept."""
    asked = checked(Wanted, data)
    runs = services.latent_runs
    return {"name": runs.start(asked.catalog, asked.latent, asked.epochs, asked.beta, asked.name)}


def runs(services: Services, data: object) -> dict[str, Any]:
    """Return the runs that there are, the newest first: {"runs": [{"name", "state"}, …]}."""
    checked(Place, data)
    return {"runs": services.latent_runs.all()}


def follow(services: Services, data: object) -> dict[str, Any]:
    """Return how a run stands, with those of its epochs that the page has not got yet."""
    asked = checked(Run, data)
    return services.latent_runs.run(asked.name, asked.known)


def stop(services: Services, data: object) -> dict[str, Any]:
    """End a run within a step; what was learnt is kept."""
    services.latent_runs.stop(checked(Run, data).name)
    return {}
