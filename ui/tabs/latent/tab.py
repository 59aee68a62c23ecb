"""The tab Latent space: what a model that learnt to draw clothes makes of a picture, and walks through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from retrieval.core import Hit
from retrieval.search.votes import NEIGHBOURS, votes
from services import Services
from ui.search import endpoint, flow
from ui.search.endpoint import Place
from ui.search.flow import Answer
from ui.search.question import Question
from ui.search.searching_tab import Controls, Panel, SearchingTab
from ui.shell import modules
from ui.tabs.latent import anomalies, how_it_works, reading, space, training

COUNT = 12
TITLES = {"vae:fashion": "Larger, for search", "vae:map": "Flat, for the map"}

METHOD = """
A **variational autoencoder** ([Kingma and Welling 2014](https://arxiv.org/abs/1312.6114)) is two networks trained
together: one squeezes a picture of 28 x 28 grey pixels into a few numbers, a point of the **latent space**; the other
draws the picture again from that point. Both are also made to keep all points close to a bell curve around the centre,
so that every place in between draws something too: that is why you can walk and morph. Its score is a lower bound of
how probable the picture is, in nats (**ELBO**): reconstruction minus the distance from the bell curve.

The larger space was also told the classes of its training pictures, so that neighbours are of one kind; the flat one
was not. **Strange** is a picture whose features lie far from those of the pictures the model learnt from
([Sun et al. 2022](https://arxiv.org/abs/2204.06507)).

This tab goes back to the notebook on variational autoencoders of
[TensorHouse](https://github.com/ikatsov/tensor-house): two numbers, a grid of ten by ten, six neighbours.
"""


def controls(services: Services) -> Mapping[str, gr.Component]:
    """Lay out the canvas on which a garment can be drawn: what is drawn becomes the visitor's picture."""
    gr.HTML(**modules.component("tabs/latent/drawing"))
    return {}


def answer(services: Services, question: Question, controls: Controls) -> Answer:
    """Read the picture, find its neighbours, and stand at its point of the space."""
    spec = controls.spec
    here = {"catalog": question.catalog, "weights": spec.weights, "ready": True}
    found = flow.answer(services, question, spec)
    if found.result is None or found.pending:
        return found
    if question.text or not (question.picture or question.item):
        return replace(found, panels={"space": space.opening(services, here)})
    seen = reading.examined(services, question, spec)
    query = found.result.query
    index = services.indexes.searcher(question.catalog, spec).index
    nearest = index.query(query[None], NEIGHBOURS + 1)[0]
    voted = votes([hit for hit in nearest if hit.id != question.item])
    panels = {
        "reading": reading.value(here, seen, voted),
        "more": reading.more(services, here, voted.winner, query),
        "space": space.standing(services, here, seen),
    }
    return replace(found, panels=panels, figure=how_it_works.figure(seen, query, nearest))


def latent_neighbours(
    services: Services,
    picture: str,
    catalog: str | None = None,
    k: int = COUNT,
    weights: str = "fashion",
    request: gr.Request | None = None,
) -> dict[str, Any]:
    """Find the garments of a catalogue that are nearest to a picture in a latent space of clothes.

    Parameters:
        picture: a data URI (data:image/jpeg;base64,…) or an https address of the picture; files of Gradio clients too.
        catalog: the catalogue's key; the first one that suits without it.
        k: how many results, 1 to 96.
        weights: "fashion", "map" or the name of a latent space trained here.

    Returns:
        {"results": [{"rank", "id", "score", "attributes", "picture", "thumbnail"}, …] best first, "strong": how many
        lie above the cut-off, "seconds": {step: seconds}, "category": what most of the ten nearest are, or null,
        "votes": {category: votes}, "evidence": nats, "strangeness": higher is stranger}.
    """
    spec = services.engines.spec("vae", weights)
    question = endpoint.received(services, picture, Place(spec, catalog, k))
    found = endpoint.of_answer(services, question, flow.answer(services, question, spec), request)
    seen = reading.examined(services, question, spec)
    voted = votes([Hit(row["id"], row["score"], row["attributes"]) for row in found["results"]])
    return found | {
        "category": voted.winner,
        "votes": dict(voted.counts),
        "evidence": float(seen.examined.evidence[0]),
        "strangeness": float(seen.examined.anomaly_scores[0]),
    }


TAB = SearchingTab(
    "latent", answer, controls, method=METHOD, engine_label="Latent space", engine_titles=TITLES, count=COUNT,
    training="training",
    panels=(
        Panel("reading", reading.create),
        Panel("more", reading.create_more, "below"),
        Panel("space", space.create, "foot", "Walk it"),
        Panel("strangest", anomalies.create, "foot", "Strangest"),
        Panel("training", training.create, "foot", "Train"),
    ),
    endpoints=(anomalies.anomalies, latent_neighbours),
)  # fmt: skip
