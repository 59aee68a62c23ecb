"""Training a latent space on the open catalogue: started, watched, stopped, compared, all in one component."""

from __future__ import annotations

from typing import Any

import gradio as gr

from services import Services
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
        "tabs/latent/training", services.latent_runs, served(start, services), served(runs, services)
    )


def start(services: Services, data: object) -> dict[str, Any]:
    """Put a training in the queue, and return its name as it is kept."""
    asked = checked(Space, data)
    kept = services.latent_runs
    return {"name": kept.start(asked.catalog, asked.latent, asked.epochs, asked.beta, asked.name)}


def runs(services: Services, data: object) -> dict[str, Any]:
    """Return the runs that there are, the newest first: {"runs": [{"name", "state"}, …]}."""
    return {"runs": services.latent_runs.all()}
