"""The map of a catalogue: every picture a point, neighbours close together, the question among them."""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from retrieval.core import AppError, Attributes, EncoderSpec
from services import Services
from services.indexes.maps import Map
from ui.shell import auth, modules

if TYPE_CHECKING:
    from starlette.routing import Route

NEAR = 10
"""How many of the nearest pictures say where the question belongs, and are marked."""

_SEARCHED = 100
_VALUES = 60
_FIRST = ("label", "category", "style")


def create() -> gr.HTML:
    """Return the map; its "Search by this" puts a question to the query input of the same `.mode` element.

    It asks for its points itself, once it is seen, and shows how far they are while they are made.
    """
    return gr.HTML(**modules.component("search/catalog_map"))


def value(
    services: Services,
    catalog: str,
    spec: EncoderSpec,
    colour_by: str | None = None,
    query: np.ndarray | str | None = None,
) -> dict[str, Any]:
    """Return the component's value: the map of a catalogue under an engine, with a question in it.

    `colour_by` names an attribute (the likeliest without it); `query` is the question's vector, float32 (dim,), or the
    id of an item. Without a finished index the map says so in the page.
    """
    asked = {"catalog": catalog, "engine": spec.engine, "weights": spec.weights, "by": colour_by}
    try:
        index = services.indexes.searcher(catalog, spec).index
        vector = index.vectors([query])[0] if isinstance(query, str) else query
        near = [] if vector is None else [hit.id for hit in index.query(vector[None], _SEARCHED)[0]]
    except AppError as error:
        return {"state": "none", "text": str(error), "at": time.time()}
    item = query if isinstance(query, str) else None
    made = services.indexes.made(catalog)  # another state of the index has another map
    found = {"made": made, "item": item, "near": [i for i in near if i != item], "at": time.time()}
    return {"state": "map", **asked, **found}


def route(services: Services) -> Route:
    """Return `GET /map/{catalog}?engine=…&weights=…&method=…`, for the `routes` of the web application."""
    return auth.require_login("/map/{catalog}", partial(points, services))


def points(services: Services, request: Request) -> Response:
    """Answer with a map's points, with how far it is (202) while it is made, or with what is wrong."""
    given = request.query_params
    try:
        spec = services.engines.spec(given.get("engine", ""), given.get("weights"))
        task = services.maps.ask(request.path_params["catalog"], spec, given.get("method", "tsne"))
    except AppError as error:
        return PlainTextResponse(str(error), status_code=404)
    if task.result is None:
        failed = task.state in ("failed", "stopped")
        told = {"state": "failed" if failed else "waiting" if task.state == "waiting" else "working"}
        far: dict[str, Any] = {"done": task.progress.done, "total": task.progress.total, "error": ""}
        if failed:
            far["error"] = task.error or "The app is closing."
        return JSONResponse(told | far, status_code=200 if failed else 202)
    data = gzip.compress(json.dumps(shown(task.result)).encode(), 4)
    return Response(data, media_type="application/json", headers={"Content-Encoding": "gzip"})


def shown(found: Map) -> dict[str, Any]:
    """Return a ready map as JSON values: ids, whole coordinates in -30,000..30,000, and attributes as codes."""
    layout = found.layout
    across, down = np.round(layout.points.T * 30_000).astype(int).tolist()
    facts = {"state": "ready", "of": layout.of, "ids": list(layout.ids), "x": across, "y": down}
    return facts | {"attributes": coded(found.attributes)}


def coded(attributes: Sequence[Attributes]) -> list[dict[str, Any]]:
    """Return the attributes that tell pictures apart, the likeliest to colour by first.

    Each is {"name", "values": [value, …] commonest first, "counts": [n, …], "codes": [place of the value or -1, …]}.
    """
    counts: dict[str, Counter[str]] = {}
    for each in attributes:
        for name, text in each.items():
            counts.setdefault(name, Counter())[text] += 1
    found = []
    for name, counted in counts.items():
        if 1 < len(counted) <= _VALUES:
            values, numbers = zip(*counted.most_common(), strict=True)
            codes = {text: place for place, text in enumerate(values)}
            rows = [codes.get(each.get(name, ""), -1) for each in attributes]
            found.append({"name": name, "values": values, "counts": numbers, "codes": rows})
    return sorted(found, key=lambda each: _FIRST.index(each["name"]) if each["name"] in _FIRST else len(_FIRST))
