"""The commands of the product engine: what kind of garment a picture shows, and training kinds of one's own."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from commands import AsJson, Pattern, Weights, err, open_catalog, out, print_json, read
from retrieval.core import AppError, BadPictureError

BATCH = 16


def classify(
    image: Annotated[Path | None, typer.Option(help="One picture.")] = None,
    catalog: Annotated[
        str | None, typer.Option(help="Every picture of sample, folder:PATH or deepfashion2:PATH.")
    ] = None,
    weights: Weights = None,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Say what kind of garment pictures show, how sure that is, its colours and its pattern."""
    from retrieval.pictures import decoding

    if (image is None) == (catalog is None):
        raise AppError("Say what to classify: --image FILE or --catalog folder:PATH.")
    services, key = open_catalog(catalog or "sample", label_pattern)
    spec = services.engines.spec("product", weights)
    side = spec.image_size
    if image is not None:
        _tell(services.products.classify([decoding.decode(read(image), side)], spec), [str(image)], as_json)
        return
    opened, ids, images = services.catalogs.catalog(key), [], []
    for item in opened:
        try:
            images.append(opened.open(item.id, side))
            ids.append(item.id)
        except BadPictureError as error:
            err.print(f"skipped {item.id}: {error}", style="yellow", highlight=False, markup=False)
        if len(images) == BATCH:
            _tell(services.products.classify(images, spec), ids, as_json)
            ids, images = [], []
    _tell(services.products.classify(images, spec) if images else [], ids, as_json)


def train(
    catalog: Annotated[str, typer.Option(help="Labelled pictures: folder:PATH (a folder a kind) or any other.")],
    out_name: Annotated[str, typer.Option("--out", help="Name of the model, for --weights.")],
    epochs: Annotated[int, typer.Option(help="How often every picture is seen.")] = 40,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Teach the product engine kinds of your own; Ctrl-C stops early and keeps the best epoch."""
    services, key = open_catalog(catalog, label_pattern)
    stop = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        trained = services.product_runs.train(key, out_name, epochs, _told, stop.is_set)
    finally:
        signal.signal(signal.SIGINT, before)
    if trained is None:
        raise AppError("Stopped before the first epoch: there is nothing to keep.")
    if as_json:
        print_json({"weights": trained.spec.weights, "bytes": len(trained.data), **trained.about})
        return
    about = trained.about
    table = Table("kind", "pictures", "tested", "precision", "recall", box=None)
    for kind in about["kinds"]:
        table.add_row(*("–" if value is None else str(value) for value in kind.values()))
    out.print(table)
    out.print(
        f"Epoch {about['best']} is kept: {about['right']} of {about['tested']} held-out pictures right. Use it: "
        f"python cli.py classify --weights {trained.spec.weights} --image …",
        highlight=False,
    )


def _tell(found: list[Any], ids: list[str], as_json: bool) -> None:
    for name, (prediction, look) in zip(ids, found, strict=True):
        if as_json:
            probabilities = dict(sorted(prediction.probabilities.items(), key=lambda pair: -pair[1]))
            print_json(
                {
                    "id": name, "label": prediction.label, "confidence": prediction.confidence,
                    "sure": prediction.confident,
                    "probabilities": probabilities, "colours": [asdict(each) for each in look.colours],
                    "pattern": look.pattern,
                }
            )  # fmt: skip
            continue
        doubt = "" if prediction.confident else " (not sure)"
        shades = ", ".join(f"{each.name} {each.share:.0%}" for each in look.colours)
        pattern = f"{look.pattern} · " if look.pattern else ""
        out.print(
            f"{name}: {prediction.label} {prediction.confidence:.0%}{doubt} · {pattern}{shades}",
            highlight=False, markup=False,
        )  # fmt: skip


def _told(event: dict[str, Any]) -> None:
    if event["step"] != "epoch":
        return
    held = "" if event["held_accuracy"] is None else f", held out {event['held_accuracy']:.1%}"
    err.print(
        f"epoch {event['number']} of {event['of']}: loss {event['loss']:.3f}, right {event['accuracy']:.1%}{held}",
        highlight=False,
    )
