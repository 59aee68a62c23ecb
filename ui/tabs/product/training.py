"""Teaching the product engine the kinds of the open catalogue: counted, started, watched, stopped, judged."""

from __future__ import annotations

from typing import Any

import gradio as gr
from pydantic import BaseModel

from retrieval.core import AppError
from services import Services
from ui.shell.error_boundary import checked, served
from ui.widgets import training_panel
from ui.widgets.training_panel import Name, Wanted


class Place(BaseModel):
    """The open catalogue."""

    catalog: Name


def create(services: Services) -> gr.HTML:
    """Return the component; see ui.widgets.training_panel."""
    return training_panel.create(
        "tabs/product/training", services, services.product_runs, served(counts, services), served(start, services)
    )  # fmt: skip


def counts(services: Services, data: object, page: str = "") -> dict[str, Any]:
    """Return what there is to learn from: kinds and their pictures; and the runs that a visitor may see."""
    found = services.product_runs.all(services.sessions.owner_of_page(page))
    try:
        return services.product_runs.counts(checked(Place, data).catalog) | {"runs": found}
    except AppError as error:
        return {"problem": str(error), "runs": found}


def start(services: Services, data: object, page: str = "") -> dict[str, Any]:
    """Put a training in the queue, and return its name as it is kept."""
    asked = checked(Wanted, data)
    owner = services.sessions.owner_of_page(page, arriving=True)
    return {"name": services.product_runs.start(asked.catalog, asked.name, asked.epochs, owner)}
