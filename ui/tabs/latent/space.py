"""The space itself: a plane of it drawn as a grid, a walk along its directions, a morph between two pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import gradio as gr
import numpy as np
from pydantic import Field

from retrieval.core import AppError
from retrieval.pictures.sheets import grey, sheet
from retrieval.search.votes import NEIGHBOURS, votes
from services import Services
from services.models import latent
from services.models.latent import LatentEncoder
from ui.search.question import alternatives
from ui.shell import modules
from ui.shell.error_boundary import checked, served
from ui.tabs.latent import reading
from ui.tabs.latent.reading import Place, Reading

CELLS = 14
REACH = (-3.0, 3.0)
SHOWN_AXES = 8
STEPS = 25
FRAMES = 12
FARTHEST = 1e3
Number = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]
Point = Annotated[list[Number], Field(max_length=256)]


class Plane(Place):
    """A square of the plane of two directions through a point."""

    at: Point
    first: int = 0
    second: int = 1
    low: float = REACH[0]
    high: float = REACH[1]
    cells: int = CELLS


class Standing(Place):
    """A point from which to walk."""

    at: Point


class Morph(Place):
    """Two points and how many pictures to draw from one to the other."""

    start: Point
    end: Point
    frames: Annotated[int, Field(ge=2, le=40)] = FRAMES


def create(services: Services) -> gr.HTML:
    """Return the component; a click on a cell or a frame puts its picture to the query input of the tab."""
    return gr.HTML(
        **modules.component("tabs/latent/space"),
        server_functions=[served(plane, services), served(walks, services), served(morph, services)],
    )  # fmt: skip


def opening(services: Services, here: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of a visitor who stands at the centre, no picture asked."""
    encoder = services.latent.encoder(services.engines.spec(reading.ENGINE, here["weights"]))
    return {**here, **_axes(encoder), "at": encoder.axes.centre.tolist(), "picture": None, "other": None}


def standing(services: Services, here: Mapping[str, Any], seen: Reading) -> dict[str, Any]:
    """Return the value of a visitor who stands where their picture lies, with another thing to morph into."""
    encoder = services.latent.encoder(services.engines.spec(reading.ENGINE, here["weights"]))
    return {
        **here,
        **_axes(encoder),
        "at": seen.examined.latents[0].tolist(),
        "picture": sheet(seen.pixels, 1),
        "other": _other(services, encoder, here["catalog"], seen),
    }


def _axes(encoder: LatentEncoder) -> dict[str, Any]:
    axes, shown = encoder.axes, min(SHOWN_AXES, len(encoder.axes.spread))
    return {
        "centre": axes.centre.tolist(),
        "directions": axes.directions[:shown].tolist(),
        "spread": axes.spread[:shown].tolist(),
        "reach": latent.REACH,
        "flat": encoder.latent == len(axes.spread) == 2,
    }


def _other(services: Services, encoder: LatentEncoder, catalog: str, seen: Reading) -> dict[str, Any] | None:
    """Return the example of the catalogue that is least like a picture, as something to morph into."""
    index = services.indexes.searcher(catalog, encoder.spec).index
    examples = services.views.examples(catalog)
    if not examples:
        return None
    alike = index.vectors(examples) @ encoder.vectors(seen.examined.latents)[0]
    item = examples[int(alike.argmin())]
    pixels = encoder.garments([services.views.picture(catalog, item)])
    alt = alternatives(services, catalog, [item])[item]
    return {"at": encoder.latents(pixels)[0].tolist(), "picture": sheet(pixels, 1), "alt": alt}


def plane(services: Services, data: object) -> dict[str, Any]:
    """Return a grid: {"sheet", "cells", "steps", "kinds": what each cell's neighbours are}."""
    asked = checked(Plane, data)
    encoder, at = _stand(services, asked, asked.at)
    points, steps = latent.plane(
        encoder.axes, at, (asked.first, asked.second), (asked.low, asked.high), asked.cells
    )  # fmt: skip
    kinds = _kinds(services, asked, encoder.vectors(points))
    drawn = sheet(grey(encoder.decode(points)), asked.cells)
    return {"sheet": drawn, "cells": asked.cells, "steps": steps.tolist(), "kinds": kinds}


def _kinds(services: Services, place: Place, vectors: np.ndarray) -> list[str]:
    try:
        index = services.indexes.searcher(place.catalog, place.spec(services)).index
    except AppError:  # the catalogue is still being indexed: the grid needs it for names only
        return [""] * len(vectors)
    return [votes(hits).winner or "" for hits in index.query(vectors, NEIGHBOURS)]


def walks(services: Services, data: object) -> dict[str, Any]:
    """Return a filmstrip along every shown direction: {"sheet" of one row each, "steps", "coordinates"}."""
    asked = checked(Standing, data)
    encoder, at = _stand(services, asked, asked.at)
    shown = min(SHOWN_AXES, len(encoder.axes.spread))
    points = np.concatenate([latent.walk(encoder.axes, at, number, REACH, STEPS) for number in range(shown)])
    drawn = grey(encoder.decode(np.concatenate([points, at[None]])))
    return {
        "sheet": sheet(drawn[:-1], STEPS),
        "here": sheet(drawn[-1:], 1),
        "steps": np.linspace(*REACH, STEPS).tolist(),
        "coordinates": latent.coordinates(encoder.axes, at)[:shown].tolist(),
    }


def morph(services: Services, data: object) -> dict[str, Any]:
    """Return the filmstrip from one point to another: {"sheet", "frames"}."""
    asked = checked(Morph, data)
    encoder, start = _stand(services, asked, asked.start)
    _, end = _stand(services, asked, asked.end)
    drawn = encoder.decode(latent.morph(start, end, asked.frames))
    return {"sheet": sheet(grey(drawn), asked.frames), "frames": asked.frames}


def _stand(services: Services, place: Place, at: list[float]) -> tuple[LatentEncoder, np.ndarray]:
    encoder = services.latent.encoder(place.spec(services))
    if len(at) != encoder.latent:
        raise AppError(f"A point of this space has {encoder.latent} numbers, not {len(at)}.")
    return encoder, np.array(at, np.float32)
