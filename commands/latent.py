"""The commands of the latent space: which pictures are unusual in it, and training one of one's own."""

from __future__ import annotations

import signal
import threading
from typing import Annotated, Any

import typer
from rich.table import Table

from commands import AsJson, AsJsonLines, Pattern, Weights, bar, err, open_catalog, out, print_json
from retrieval.core import AppError
from retrieval.indexing.build import Progress


def anomaly(
    queries: Annotated[str, typer.Option(help="The pictures to score: folder:PATH, idx:PATH or any other catalogue.")],
    weights: Weights = None,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
    as_lines: AsJsonLines = False,
) -> None:
    """Give each picture its anomaly score in the latent space of clothes; higher is more unusual."""
    services, key = open_catalog(queries, label_pattern)
    spec = services.engines.spec("vae", weights)
    with bar() as on_progress:
        found, problems = services.latent.score_pictures(
            key, spec, lambda done, total: on_progress(Progress(done, total))
        )
    for name, problem in problems:
        err.print(f"skipped {name}: {problem}", style="yellow", highlight=False, markup=False)
    scores = [{"id": name, "score": score} for name, score in found]
    if as_lines:
        for each in scores:
            print_json(each)
        return
    if as_json:
        print_json(scores)
        return
    table = Table("anomaly score", box=None)
    table.add_column("id", overflow="fold")
    for name, score in sorted(found, key=lambda pair: -pair[1]):
        table.add_row(f"{score:.3f}", name)
    out.print(table)


def train(
    catalog: Annotated[str, typer.Option(help="The pictures to train on: idx:PATH, folder:PATH or any other.")],
    out_name: Annotated[str, typer.Option("--out", help="Name of the model, for --weights.")],
    latent: Annotated[int, typer.Option(help="How many numbers a picture becomes.")] = 16,
    epochs: Annotated[int, typer.Option(help="How often every picture is seen.")] = 20,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Train a latent space; Ctrl-C stops early and keeps what was learnt."""
    services, key = open_catalog(catalog, label_pattern)
    stop = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        trained = services.latent_runs.train(key, latent, epochs, out_name, _told, stop.is_set)
    finally:
        signal.signal(signal.SIGINT, before)
    if trained is None:
        raise AppError("Stopped before the first epoch: there is nothing to keep.")
    last = trained.about["epochs"][-1]
    figures = {name: last[name] for name in ("reconstruction", "kl", "held_out", "seconds")}
    if as_json:
        print_json({"weights": trained.spec.weights, "epochs": last["number"], "bytes": len(trained.data)} | figures)
        return
    out.print(f"Trained '{trained.spec.weights}'. Use it: python cli.py evaluate --engine vae --weights "
              f"{trained.spec.weights} --catalog …", highlight=False)  # fmt: skip


def _told(event: dict[str, Any]) -> None:
    if event["step"] != "epoch":
        return
    err.print(
        f"epoch {event['number']:.0f} of {event['of']:.0f}: reconstruction {event['reconstruction']:.1f}, "
        f"KL {event['kl']:.1f}, held out {event['held_out']:.1f} nats, {event['seconds']:.0f} s",
        highlight=False,
    )
