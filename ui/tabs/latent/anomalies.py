"""The strangest pictures of a catalogue: quality control by what the model cannot place."""

from __future__ import annotations

from typing import Annotated, Any

import gradio as gr
import numpy as np
from pydantic import Field

from retrieval.core import AppError
from retrieval.evaluation import anomaly
from services import Services
from ui.shell import modules
from ui.shell.error_boundary import checked, served
from ui.tabs.latent import reading
from ui.tabs.latent.reading import PAGE, Place


class Asked(Place):
    """One page of the pictures that a rate of false alarms flags, the strangest first."""

    rate: float
    page: Annotated[int, Field(ge=0, le=100_000)] = 0


def create(services: Services) -> gr.HTML:
    """Return the component; it asks when it comes into view."""
    return gr.HTML(
        **modules.component("tabs/latent/anomalies"),
        server_functions=[served(strangest, services)],
    )  # fmt: skip


def strangest(services: Services, data: object) -> dict[str, Any]:
    """Return one page of the flagged pictures, or how far measuring the catalogue is."""
    asked = checked(Asked, data)
    anomaly.check_rate(asked.rate)
    survey = services.latent.survey(asked.catalog, asked.spec(services))
    if survey.ended and survey.result is None:
        raise AppError(survey.error or "The app is closing.")
    if survey.result is None:
        return {"done": survey.progress.done, "total": survey.progress.total}
    found = survey.result
    threshold, count = found.flagged(asked.rate)
    part = slice(asked.page * PAGE, min((asked.page + 1) * PAGE, count))
    ids = list(found.ids[part])
    alts = reading.alternatives(services.indexes.searcher(asked.catalog, asked.spec(services)).index, ids)
    scores = found.scores[part].tolist()
    items = [{"id": i, "alt": a, "score": s} for i, a, s in zip(ids, alts, scores, strict=True)]
    return {
        "items": items, "threshold": threshold, "count": count, "of": len(found.ids), "page": asked.page,
        "pages": max(1, -(-count // PAGE)), "scores": _histogram(found),
    }  # fmt: skip


def _histogram(found: anomaly.Strangeness) -> dict[str, Any]:
    counts, edges = np.histogram(found.scores, bins=60)
    return {"counts": counts.tolist(), "low": float(edges[0]), "high": float(edges[-1])}
