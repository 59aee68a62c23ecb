"""Training a latent space on the open catalogue: started, watched, stopped, compared, all in one component."""

from __future__ import annotations

from typing import Any

import gradio as gr

from services import Services
from services.models.latent_training import recipe
from ui.shell.error_boundary import checked, served
from ui.widgets import training_panel
from ui.widgets.training_panel import Wanted


class Space(Wanted):
    """What latent space to train."""

    latent: int
    beta: float


def create(services: Services) -> gr.HTML:
    """Return the component; see ui.widgets.training_panel."""
    return training_panel.create(
        "tabs/latent/training", services, services.latent_runs, served(start, services), served(runs, services)
    )


def start(services: Services, data: object, page: str = "") -> dict[str, Any]:
    """Put a training in the queue, and return its name as it is kept."""
    asked = checked(Space, data)
    options = recipe(asked.latent, asked.epochs, asked.beta)
    owner = services.sessions.owner_of_page(page, arriving=True)
    return {"name": services.latent_runs.start(asked.catalog, options, asked.name, owner)}


def runs(services: Services, data: object, page: str = "") -> dict[str, Any]:
    """Return the runs that a visitor may see, the newest first: {"runs": [{"name", "state"}, …]}."""
    return {"runs": services.latent_runs.all(services.sessions.owner_of_page(page))}
