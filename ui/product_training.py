"""Teaching the product engine the kinds of the open catalogue: counted, started, watched, stopped, judged."""

from __future__ import annotations

from typing import Annotated, Any

import gradio as gr
from pydantic import BaseModel, Field

from retrieval.core import AppError
from services import Services
from ui import look
from ui.events import checked, served

Name = Annotated[str, Field(max_length=4096)]


class Place(BaseModel):
    """The open catalogue."""

    catalog: Name


class Wanted(Place):
    """What to train; a name that exists is trained anew."""

    name: Annotated[str, Field(max_length=200)]
    epochs: int


class Run(BaseModel):
    """A training by name; `known` is how many of its epochs the page has already."""

    name: Name
    known: Annotated[int, Field(ge=0, le=10_000)] = 0


def create(services: Services) -> gr.HTML:
    """Return the component; its `submit` event says that there is another model to choose."""
    return gr.HTML(
        html_template=look.read("product_training.html"), js_on_load=look.script("product_training.js"),
        server_functions=[
            served(counts, services), served(start, services), served(follow, services), served(stop, services)
        ],
        apply_default_css=False, padding=False,
    )  # fmt: skip


def counts(services: Services, data: object) -> dict[str, Any]:
    """Return what there is to learn from: kinds and their pictures; and the models that were trained before."""
    found = services.product_runs.names()
    try:
        return services.product_runs.counts(checked(Place, data).catalog) | {"names": found}
    except AppError as error:
        return {"problem": str(error), "names": found}


def start(services: Services, data: object) -> dict[str, Any]:
    """Put a training in the queue, and return its name as it is kept."""
    asked = checked(Wanted, data)
    return {"name": services.product_runs.start(asked.catalog, asked.name, asked.epochs)}


def follow(services: Services, data: object) -> dict[str, Any]:
    """Return how a training stands, with those of its epochs that the page has not got yet."""
    asked = checked(Run, data)
    return services.product_runs.run(asked.name, asked.known)


def stop(services: Services, data: object) -> dict[str, Any]:
    """End a training within a step; the best epoch so far is kept."""
    services.product_runs.stop(checked(Run, data).name)
    return {}
