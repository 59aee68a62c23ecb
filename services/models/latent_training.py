"""Training a latent space on a catalogue's pictures: reading them, fitting, keeping the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import engines
from engines.vae.options import LatentTraining
from retrieval.core import AppError, Attributes, BadPictureError, Catalog
from retrieval.pictures.sheets import sheet
from services.models.owned import Trained
from services.models.runs import Report

ENGINE = "vae"
IMAGE_SIZE = 128
MOST_PICTURES = 120_000
LABEL_WEIGHT = 30.0
SAMPLE_COLUMNS = 10


def recipe(latent: int, epochs: int, beta: float = 1.0) -> LatentTraining:
    """Return what to train by; raises AppError, before anything is loaded, for what cannot be trained."""
    made = LatentTraining(int(latent), int(epochs), float(beta))
    made.check()
    return made


def train(
    catalog: Catalog, by: LatentTraining, name: str, report: Report, stopped: Callable[[], bool] = lambda: False
) -> Trained | None:
    """Train on the garments of `catalog`, with their labels where there are two kinds or more.

    `report` gets {"step": "reading" | "training", "part": 0..1} often and {"step": "epoch", …} after every epoch. When
    `stopped` says so, what was learnt is kept; None when nothing was yet. Raises AppError.
    """
    pixels, labels, classes = read(catalog, report, stopped)
    if stopped():
        return None
    from engines.vae.training import Epoch, fit
    from engines.vae.weights import finished

    weight = LABEL_WEIGHT if len(classes) > 1 else 0.0
    used = LatentTraining(by.latent, by.epochs, by.beta, weight, by.rate, by.seed)
    epochs: list[dict[str, Any]] = []

    def told(epoch: Epoch) -> None:
        epochs.append(_as_json(epoch))
        report({"step": "epoch", **epochs[-1]})

    networks = fit(
        pixels, labels, used, told, stopped, _percent(lambda part: report({"step": "training", "part": part}))
    )
    if not epochs:
        return None
    about = {"recipe": used.as_dict(), "data": catalog.title, "pictures": len(pixels), "classes": classes}
    spec = replace(
        engines.REGISTRY.base(ENGINE), weights=name, title=f"Latent space '{name}', {used.latent} numbers",
        dim=used.dim, licence="that of your pictures", source=f"trained here on {catalog.title}",
    )  # fmt: skip
    return Trained(spec, finished(networks, used, pixels, about), {**about, "epochs": epochs})


def read(
    catalog: Catalog, report: Report, stopped: Callable[[], bool] = lambda: False
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return uint8 (n, 28, 28), class numbers int32 (n,) (-1: none) and the classes' names; raises AppError.

    Pictures that cannot be read, and those on which there is nothing, are left out.
    """
    from engines.vae.preprocessing import garment_pixels

    items = list(catalog)
    if not items:
        raise AppError(f"There are no pictures in {catalog.title} to train on.")
    if len(items) > MOST_PICTURES:
        raise AppError(f"{catalog.title} has {len(items)} pictures; at most {MOST_PICTURES} can be trained on here.")
    tell = _percent(lambda part: report({"step": "reading", "part": part}))
    pixels, names = [], []
    for number, item in enumerate(items):
        if stopped():
            break
        tell(number / len(items))
        try:
            seen = garment_pixels(catalog.open(item.id, IMAGE_SIZE))
        except BadPictureError:
            continue
        if seen.any():
            pixels.append(seen)
            names.append(_category(item.attributes))
    classes = sorted(set(names) - {""})
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers.get(name, -1) for name in names], np.int32)
    return np.array(pixels, np.uint8).reshape(-1, 28, 28), labels, classes


def _category(attributes: Attributes) -> str:
    return attributes.get("label") or attributes.get("category", "")


def _percent(told: Callable[[float], None]) -> Callable[[float], None]:
    """Return a listener that passes on a part of the whole whenever it has grown by a hundredth."""
    last = [-1]

    def listen(part: float) -> None:
        if int(part * 100) > last[0]:
            last[0] = int(part * 100)
            told(round(part, 3))

    return listen


def _as_json(epoch: Any) -> dict[str, Any]:  # noqa: ANN401 - engines.vae.training.Epoch, whose module loads a framework
    names = ("number", "of", "reconstruction", "kl", "held_out", "seconds")
    return {name: round(float(getattr(epoch, name)), 3) for name in names} | {
        "samples": sheet(epoch.samples, SAMPLE_COLUMNS)
    }
