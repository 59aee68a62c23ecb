"""The commands of the product engine: what kind of garment a picture shows, and training kinds of one's own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image
from rich.table import Table

from commands import AsJson, AsJsonLines, Pattern, Weights, err, open_catalog, out, print_json, read
from retrieval.core import AppError, BadPictureError, Catalog, EncoderSpec
from services import Services

BATCH = 16


def classify(
    image: Annotated[Path | None, typer.Option(help="One picture.")] = None,
    catalog: Annotated[
        str | None, typer.Option(help="Every picture of sample, folder:PATH or deepfashion2:PATH.")
    ] = None,
    weights: Weights = None,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
    as_lines: AsJsonLines = False,
) -> None:
    """Say what kind of garment pictures show, how sure that is, its colours and its pattern."""
    from retrieval.pictures import decoding

    if (image is None) == (catalog is None):
        raise AppError("Say what to classify: --image FILE or --catalog folder:PATH.")
    services, key = open_catalog(catalog or "sample", label_pattern)
    spec = services.engines.spec("product", weights)
    if image is not None:
        told = _told_of(services, spec, [(str(image), decoding.decode(read(image), spec.image_size))])
    else:
        told = (
            each for batch in _batches(services.catalogs.catalog(key), spec) for each in _told_of(services, spec, batch)
        )
    if as_json and not as_lines:
        found = list(told)
        print_json(found if catalog else found[0])
        return
    for each in told:
        if as_lines:
            print_json(each)
        else:
            _print(each)


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


def _batches(catalog: Catalog, spec: EncoderSpec) -> Iterator[list[tuple[str, Image.Image]]]:
    """Yield (id, picture) of a catalogue, BATCH at a time; what cannot be read is named on the error stream."""
    batch: list[tuple[str, Image.Image]] = []
    for item in catalog:
        try:
            batch.append((item.id, catalog.open(item.id, spec.image_size)))
        except BadPictureError as error:
            err.print(f"skipped {item.id}: {error}", style="yellow", highlight=False, markup=False)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _told_of(
    services: Services, spec: EncoderSpec, batch: Sequence[tuple[str, Image.Image]]
) -> Iterator[dict[str, Any]]:
    found = services.products.classify([image for _, image in batch], spec)
    for (name, _), (prediction, look) in zip(batch, found, strict=True):
        yield {
            "id": name, "label": prediction.label, "confidence": prediction.confidence, "sure": prediction.confident,
            "probabilities": dict(sorted(prediction.probabilities.items(), key=lambda pair: -pair[1])),
            "colours": [asdict(each) for each in look.colours], "pattern": look.pattern,
        }  # fmt: skip


def _print(told: dict[str, Any]) -> None:
    doubt = "" if told["sure"] else " (not sure)"
    shades = ", ".join(f"{each['name']} {each['share']:.0%}" for each in told["colours"])
    pattern = f"{told['pattern']} · " if told["pattern"] else ""
    out.print(f"{told['id']}: {told['label']} {told['confidence']:.0%}{doubt} · {pattern}{shades}", highlight=False)


def _told(event: dict[str, Any]) -> None:
    if event["step"] != "epoch":
        return
    held = "" if event["held_accuracy"] is None else f", held out {event['held_accuracy']:.1%}"
    err.print(
        f"epoch {event['number']} of {event['of']}: loss {event['loss']:.3f}, right {event['accuracy']:.1%}{held}",
        highlight=False,
    )
