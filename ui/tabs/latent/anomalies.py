"""The strangest pictures of a catalogue: quality control by what the model cannot place."""

from __future__ import annotations

from typing import Annotated, Any

import gradio as gr
import numpy as np
from pydantic import Field

from retrieval.core import AppError
from retrieval.evaluation import anomaly
from services import Services
from ui.search import endpoint, flow
from ui.search.question import alternatives
from ui.shell import modules
from ui.shell.error_boundary import checked, served
from ui.tabs.latent.reading import ENGINE, PAGE, Place


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
    texts = alternatives(services, asked.catalog, ids)
    scores = found.scores[part].tolist()
    items = [{"id": i, "alt": texts.get(i, i), "score": score} for i, score in zip(ids, scores, strict=True)]
    return {
        "items": items, "threshold": threshold, "count": count, "of": len(found.ids), "page": asked.page,
        "pages": max(1, -(-count // PAGE)), "scores": _histogram(found),
    }  # fmt: skip


def anomalies(
    services: Services, catalog: str | None = None, rate: float = 0.05, page: int = 0, weights: str = "fashion"
) -> dict[str, Any]:
    """List the pictures of a catalogue that a latent space of clothes finds unusual, the most unusual first.

    Parameters:
        catalog: the catalogue's key; the first one that suits without it.
        rate: the part of ordinary clothes that may be flagged by mistake, such as 0.05.
        page: which page of 24 pictures, from 0.
        weights: "fashion", "map" or the name of a latent space trained here.

    Returns:
        {"items": [{"id", "alt", "score"}, …], "count": how many are flagged, "of": how many there are, "threshold",
        "page", "pages", "scores": {"counts", "low", "high"}: a histogram}; a higher score is more unusual.
    """
    spec = services.engines.spec(ENGINE, weights)
    key = catalog or services.catalogs.infos(spec)[0].key
    if not flow.ready(services, key, spec):
        raise endpoint.not_indexed(services, key, spec)
    found = strangest(services, {"catalog": key, "weights": spec.weights, "rate": rate, "page": page})
    if "items" not in found:
        raise AppError(f"The catalogue is being measured ({found['done']} of {found['total']}). Ask again in a while.")
    return found


def _histogram(found: anomaly.AnomalyScores) -> dict[str, Any]:
    counts, edges = np.histogram(found.scores, bins=60)
    return {"counts": counts.tolist(), "low": float(edges[0]), "high": float(edges[-1])}
