"""The tab Latent space: what a model that learnt to draw clothes makes of a picture, and walks through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from retrieval.core import Hit
from retrieval.search.votes import NEIGHBOURS, Votes, votes
from services import Services
from ui.search import filters, flow, results
from ui.search import question as query
from ui.search.flow import COUNTS, Scope, Seen
from ui.shell import modules
from ui.shell.error_boundary import answering, bound, words
from ui.shell.header import Header
from ui.tabs.latent import anomalies, how_it_works
from ui.tabs.latent import reading as latent_reading
from ui.tabs.latent import space as latent_space
from ui.tabs.latent import training as latent_training
from ui.widgets.model_choice import Models

COUNT = 12
MODELS = Models("vae", "fashion", {"fashion": "Larger, for search", "map": "Flat, for the map"})

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


def create(services: Services, header: Header, tab: gr.Tab) -> None:
    """Lay out the question, the reading and the neighbours; below them the space, the strangest, and training."""
    with gr.Column(elem_classes="latent"):
        with gr.Row(elem_classes="mode"):
            with gr.Column(scale=1, min_width=300, elem_classes="ask"):
                asked = query.create()
                gr.HTML(**modules.component("tabs/latent/drawing"))
                with gr.Accordion("Filters", open=False):
                    chosen = filters.create()
                with gr.Accordion("More", open=False):
                    count = gr.Radio(list(COUNTS), value=COUNT, label="Number of results")
                    weights = MODELS.create(services, "Latent space")
            with gr.Column(scale=2, min_width=320, elem_classes="answer"):
                reading = latent_reading.create(services)
                shown = results.create()
                more = latent_reading.create_more(services)
        with gr.Tabs(elem_classes="lat-views"):
            with gr.Tab("Walk it"):
                space = latent_space.create(services)
            with gr.Tab("Strangest"):
                strange = anomalies.create(services)
            with gr.Tab("Train"):
                training = latent_training.create(services)
        with gr.Accordion("How it works", open=False, elem_classes="method"):
            drawn = gr.HTML(apply_default_css=False)
            gr.Markdown(METHOD)

    seen = gr.State(None)
    given = [asked, chosen, count, weights, seen]
    answers = [reading, shown, more, space, drawn, seen]
    model: dict[str, Any] = {"concurrency_id": f"engine-{MODELS.engine}"}
    ask = answering(shown) | model
    header.opened.change(
        bound(opened, services), [header.opened, *given], [asked, chosen, strange, training, *answers],
        **ask,
    )  # fmt: skip
    gr.on(
        [asked.submit, chosen.input, count.input],
        bound(search, services), [header.catalog, *given], answers,
        trigger_mode="always_last", **ask,
    )  # fmt: skip
    MODELS.wire(services, header, tab, weights, training)
    gr.api(bound(anomalies.anomalies, services), api_name="anomalies")
    gr.api(bound(latent_neighbours, services), api_name="latent_neighbours", **model)


def opened(
    services: Services,
    state: Mapping[str, Any],
    asked: dict[str, Any] | None,
    chosen: dict[str, Any] | None,
    count: int,
    weights: str,
    seen: Seen | None,
    request: gr.Request,
) -> tuple[object, ...]:
    """Show a catalogue that was just opened, or one whose index is ready now; other tabs' engines are not ours.

    Inputs: the header's state, then those of `search`. Outputs: query, filters, strangest, training, then those of
    `search`.
    """
    if not MODELS.owns(state["engine"]) or flow.already(state, seen):
        return tuple(gr.skip() for _ in range(10))
    question, choice, notice = flow.opening(services, state, asked, chosen, request)
    here = {"catalog": state["catalog"], "weights": weights, "ready": not notice}
    if notice:
        return question, choice, here, here, None, notice, None, here, "", None
    return question, choice, here, here, *search(services, state["catalog"], question, choice, count, weights, seen)


def search(
    services: Services,
    catalog: str,
    asked: Mapping[str, Any] | None,
    chosen: Mapping[str, Any] | None,
    count: int,
    weights: str,
    seen: Seen | None,
) -> tuple[object, ...]:
    """Read the picture, find its neighbours, and stand at its point of the space.

    Inputs: catalogue, query, filters, count, weights, seen. Outputs: reading, results, more of its kind, space, figure,
    seen.
    """
    here = {"catalog": catalog, "weights": weights, "ready": True}
    try:
        question = query.parse(asked)
        spec = services.engines.spec(MODELS.of(weights))
        scope = Scope(catalog, spec, count, filters.parse((chosen or {}).get("chosen")))
        if not question.subject[0] and not question.subject[1]:
            return None, results.start(), None, latent_space.opening(services, here), "", None
        read = latent_reading.read(services, scope, question)
        result, seen = flow.answer(services, question, scope, seen)
    except Exception as error:
        return None, results.problem(words(error)), None, gr.skip(), "", None
    nearest = services.indexes.searcher(catalog, scope.spec).index.query(result.query[None], NEIGHBOURS + 1)[0]
    voted = votes([hit for hit in nearest if hit.id != question.item])
    return (
        latent_reading.value(here, read, voted),
        results.found(catalog, result, question.liked, question.disliked, scope.passing),
        latent_reading.more(services, here, voted.winner, result.query),
        latent_space.standing(services, here, read),
        how_it_works.figure(read, result.query, nearest),
        seen,
    )


def latent_neighbours(
    services: Services,
    picture: str,
    catalog: str | None = None,
    k: int = COUNT,
    weights: str = MODELS.default,
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
    question = query.of_client(services, picture)
    spec = services.engines.spec(MODELS.of(weights))
    scope = Scope(catalog or services.catalogs.infos(spec)[0].key, spec, k, None)
    found = flow.answer_client(services, question, scope, request)
    read = latent_reading.read(services, scope, question)
    voted = _votes(found["results"])
    return found | {
        "category": voted.winner,
        "votes": dict(voted.counts),
        "evidence": float(read.examined.evidence[0]),
        "strangeness": float(read.examined.anomaly_scores[0]),
    }


def _votes(rows: Sequence[Mapping[str, Any]]) -> Votes:
    return votes([Hit(row["id"], row["score"], row["attributes"]) for row in rows])
