"""What a latent space makes of one picture: its pixels, what comes back, its category, how strange it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import gradio as gr
import numpy as np
from pydantic import BaseModel, Field

from retrieval.core import AppError, EncoderSpec, Filter
from retrieval.pictures.sheets import grey, sheet
from retrieval.search.votes import Votes
from services import Services
from services.models.latent import Reconstructions
from ui.search import flow
from ui.search.question import Question, described
from ui.shell import modules
from ui.shell.error_boundary import checked, served

ENGINE = "vae"
PAGE = 24
HOT = np.array([234, 88, 12], np.float32)
Name = Annotated[str, Field(max_length=4096)]


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture as the model sees it: uint8 (1, 28, 28), and what it makes of it."""

    pixels: np.ndarray
    examined: Reconstructions


class Place(BaseModel):
    """Where a component of the tab is: a catalogue and a latent space."""

    catalog: Name
    weights: Name

    def spec(self, services: Services) -> EncoderSpec:
        """Return the latent space; raises AppError."""
        return services.engines.spec(ENGINE, self.weights)


class Kind(Place):
    """One page of the items of one category, those nearest to `vector` first."""

    category: Name
    vector: Annotated[list[float], Field(max_length=512)]
    page: Annotated[int, Field(ge=0, le=100_000)] = 0


class Judged(Place):
    """A strangeness whose place among those of the catalogue is asked."""

    score: float


def create(services: Services) -> gr.HTML:
    """Return the reading of the picture that was asked."""
    return gr.HTML(
        **modules.component("tabs/latent/reading", '<section class="lat-reading" aria-live="polite"></section>'),
        server_functions=[served(share_below, services)],
    )  # fmt: skip


def create_more(services: Services) -> gr.HTML:
    """Return the pages of all items of the category that the neighbours vote for."""
    return gr.HTML(
        **modules.component("tabs/latent/category_pages", '<section class="lat-more"></section>'),
        server_functions=[served(kind, services)],
    )  # fmt: skip


def examined(services: Services, question: Question, spec: EncoderSpec) -> Reading:
    """Return what the model sees and makes of the question's picture; raises AppError when nothing is on it."""
    encoder = services.latent.encoder(spec)
    pixels = encoder.garments([flow.picture(services, question, encoder.spec.image_size)])
    if not pixels.any():
        raise AppError("There is nothing on this picture but its ground. Draw or choose one with a garment on it.")
    return Reading(pixels, encoder.examine(pixels))


def value(here: Mapping[str, Any], seen: Reading, voted: Votes) -> dict[str, Any]:
    """Return the reading's value."""
    return {
        **here,
        "seen": sheet(seen.pixels, 1),
        "decoded": sheet(grey(seen.examined.decoded), 1),
        "heat": sheet(heat(seen), 1),
        "evidence": round(float(seen.examined.evidence[0]), 1),
        "score": float(seen.examined.anomaly_scores[0]),
        "votes": [{"name": name, "count": count} for name, count in voted.counts],
        "of": voted.of,
    }


def heat(seen: Reading) -> np.ndarray:
    """Return uint8 (1, 28, 28, 3): the picture in grey, hot where what comes back differs from it."""
    error = np.abs(seen.pixels / 255 - seen.examined.decoded)[..., None]
    return np.round((1 - error) * 0.6 * seen.pixels[..., None] + error * HOT).astype(np.uint8)


def more(
    services: Services, here: Mapping[str, Any], category: str | None, vector: np.ndarray
) -> dict[str, Any] | None:
    """Return the value of the pages of a category, the first of them; None when the neighbours have none."""
    if category is None:
        return None
    asked = {**here, "category": category, "vector": [round(float(number), 6) for number in vector]}
    return {**asked, **kind(services, asked)}


def kind(services: Services, data: object) -> dict[str, Any]:
    """Return one page of the items of a category: {"items", "page", "pages", "total"}."""
    asked = checked(Kind, data)
    index = services.indexes.searcher(asked.catalog, asked.spec(services)).index
    facets = services.views.facets(asked.catalog)
    name = next((n for n in ("label", "category") if asked.category in facets.get(n, {})), "label")
    passing: Filter = {name: [asked.category]}
    total = facets.get(name, {}).get(asked.category, 0)
    vector = np.array(asked.vector, np.float32)
    hits = index.query(vector[None], (asked.page + 1) * PAGE, passing)[0][asked.page * PAGE :]
    items = [{"id": hit.id, "alt": described(hit.attributes) or hit.id} for hit in hits]
    return {"items": items, "page": asked.page, "pages": max(1, -(-total // PAGE)), "total": total}


def share_below(services: Services, data: object) -> dict[str, Any]:
    """Return what part of the catalogue is less strange than a score, or how far measuring the catalogue is."""
    asked = checked(Judged, data)
    survey = services.latent.survey(asked.catalog, asked.spec(services))
    if survey.ended and survey.result is None:
        raise AppError(survey.error or "The app is closing.")
    if survey.result is None:
        return {"done": survey.progress.done, "total": survey.progress.total}
    return {"part": survey.result.share_below(asked.score), "of": len(survey.result.ids)}
