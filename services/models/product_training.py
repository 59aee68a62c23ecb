"""Training the product engine on a catalogue's own labels: reading the pictures, fitting, judging."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

import engines
from retrieval.core import AppError, BadPictureError, Catalog, Item
from services.models.owned import Trained
from services.models.runs import Report

if TYPE_CHECKING:
    from engines.product.encoder import Product

ENGINE = "product"
BASE = "product:fashion"
SAMPLES = 24
MOST_EPOCHS = 500
MOST_LABELS = 1000
MOST_PICTURES = 20_000
BATCH = 16
LABELS = ("label", "category", "class", "type", "articleType")
GROUPS = ("sender_id", "sender", "garment", "garment_id", "pair_id", "product_id", "item_id")
"""Attributes of which photos with one value show one garment, or belong to one person; the first one there counts."""


def label_of(catalog: Catalog) -> str:
    """Return the attribute that names the kinds of a catalogue; raises AppError when it has none."""
    counts: dict[str, set[str]] = {}
    for item in catalog:
        for name, value in item.attributes.items():
            counts.setdefault(name, set()).add(value)
    for name in LABELS:
        if name in counts:
            return name
    if next(iter(catalog), None) is None:
        raise AppError(f"There are no pictures in {catalog.title} to learn from.")
    raise AppError(
        f"The pictures of {catalog.title} have no labels to learn from. Put them into folders named by their kind, or "
        "add a metadata.csv with the columns file_name and label."
    )


def counted(catalog: Catalog) -> tuple[str, dict[str, int]]:
    """Return the labelling attribute and how many pictures each kind has; raises AppError for what cannot be learnt."""
    name = label_of(catalog)
    counts = Counter(item.attributes[name] for item in catalog if name in item.attributes)
    if len(counts) < 2:
        raise AppError(
            f"All pictures of {catalog.title} are of one kind, '{next(iter(counts))}'. Training needs at least two."
        )
    if len(counts) > MOST_LABELS:
        raise AppError(f"{catalog.title} has {len(counts)} kinds; at most {MOST_LABELS} can be learnt.")
    if (many := sum(counts.values())) > MOST_PICTURES:
        raise AppError(f"{catalog.title} has {many} labelled pictures; at most {MOST_PICTURES} can be learnt.")
    if max(counts.values()) < 2:
        raise AppError("No kind has two pictures, so there is nothing to learn what they share. Add more pictures.")
    return name, dict(counts.most_common())


def group_of(items: Sequence[Item]) -> str | None:
    """Return the attribute by which pictures are kept on one side of the split, or None when each stands for itself."""
    for name in GROUPS:
        if len({item.attributes[name] for item in items if name in item.attributes}) > 1:
            return name
    return None


def train(
    catalog: Catalog, name: str, epochs: int, report: Report, stopped: Callable[[], bool] = lambda: False
) -> Trained | None:
    """Train on the labelled pictures of a catalogue.

    `report` gets {"step": "looking", "done", "total", "seconds_left"} and {"step": "epoch", "number", "of", "loss",
    "accuracy", "held_loss", "held_accuracy", "seconds_left"}. When `stopped` says so the best epoch so far is kept;
    None when there was none yet. Raises AppError.
    """
    if not 1 <= epochs <= MOST_EPOCHS:
        raise AppError(f"{epochs} epochs cannot be trained; choose from 1 to {MOST_EPOCHS}.")
    attribute, counts = counted(catalog)
    from engines.product import training as fitting

    base = cast("Product", engines.load(engines.spec(BASE)))
    items, features, skipped = _looked_at(catalog, attribute, base, report, stopped)
    if stopped():
        return None
    labels = [item.attributes[attribute] for item in items]
    classes = sorted(set(labels))
    if len(classes) < 2:
        raise AppError("Fewer than two kinds have pictures that can be read. Training needs at least two.")
    targets = np.array([classes.index(label) for label in labels])
    group = group_of(items)
    test = fitting.held_out(targets, [item.attributes.get(group, "") for item in items] if group else None)
    began = time.monotonic()

    def told(epoch: fitting.Epoch) -> None:
        left = fitting.seconds_left(began, epoch.number, epochs)
        report({"step": "epoch", "of": epochs, "seconds_left": left, **_finite(asdict(epoch))})

    trained = fitting.train_heads(base, features, targets, test, epochs, told, stopped)
    if trained is None:
        return None
    card = fitting.calibrated(classes, trained.held_scores, targets[test])
    spec = replace(
        base.spec, weights=name, title=f"EfficientNetB0 taught '{name}'",
        licence="that of your pictures", source=f"trained here on {catalog.title}",
    )  # fmt: skip
    about = _about(classes, targets, test, trained, card.temperature, [items[row].id for row in test])
    about |= {"data": catalog.title, "attribute": attribute, "counts": counts, "skipped": skipped, "apart": group}
    about |= {"summary": base.summary(len(classes)), "epochs": [_finite(asdict(each)) for each in trained.history]}
    return Trained(spec, fitting.weights_file(base, trained.heads, card), about)


def _looked_at(
    catalog: Catalog, attribute: str, base: Product, report: Report, stopped: Callable[[], bool]
) -> tuple[list[Item], np.ndarray, list[str]]:
    """Return the labelled pictures that can be read, float32 (views, n, 1280) of them, and the ids of the others."""
    from engines.product.training import views

    items = [item for item in catalog if item.attributes.get(attribute)]
    began, read, parts, skipped = time.monotonic(), [], [], []
    for start in range(0, len(items), BATCH):
        if stopped():
            break
        seen = []
        for item in items[start : start + BATCH]:
            try:
                seen.append(views(catalog.open(item.id, base.spec.image_size)))
            except BadPictureError:
                skipped.append(item.id)
                continue
            read.append(item)
        if seen:
            parts.append(np.stack([base.features(list(each)) for each in zip(*seen, strict=True)]))
        done = start + len(items[start : start + BATCH])
        left = (time.monotonic() - began) / done * (len(items) - done)
        report({"step": "looking", "done": done, "total": len(items), "seconds_left": left})
    features = np.concatenate(parts, axis=1) if parts else np.empty((1, 0, 1280), np.float32)
    return read, features, skipped


def _about(classes, targets, test, trained, temperature, ids) -> dict[str, Any]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Return what the held-out pictures say of a model: confusion, precision and recall by kind, sample predictions."""
    from engines.product.encoder import softmax

    truth = targets[test]
    probabilities = softmax(trained.held_scores / temperature) if len(test) else np.empty((0, len(classes)))
    guess = probabilities.argmax(axis=1)
    confusion = np.zeros((len(classes), len(classes)), int)
    np.add.at(confusion, (truth, guess), 1)
    right, said, there = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    kinds = [
        {
            "label": name, "pictures": int((targets == number).sum()), "tested": int(there[number]),
            "precision": round(float(right[number] / said[number]), 3) if said[number] else None,
            "recall": round(float(right[number] / there[number]), 3) if there[number] else None,
        }
        for number, name in enumerate(classes)
    ]  # fmt: skip
    chance = np.random.default_rng(0)
    wrong, fine = chance.permutation(np.flatnonzero(guess != truth)), chance.permutation(np.flatnonzero(guess == truth))
    picked = [*wrong[: SAMPLES // 2], *fine, *wrong[SAMPLES // 2 :]]
    samples = [
        {
            "id": ids[row], "truth": classes[truth[row]], "label": classes[guess[row]],
            "probabilities": [
                [classes[each], round(float(probabilities[row, each]), 3)]
                for each in np.argsort(-probabilities[row])[:3]
            ],
        }
        for row in picked[:SAMPLES]
    ]  # fmt: skip
    return {
        "classes": classes, "kinds": kinds, "confusion": confusion.tolist(), "samples": samples, "best": trained.best,
        "tested": len(test), "right": int(right.sum()),
        "untested": [name for number, name in enumerate(classes) if not there[number]],
    }  # fmt: skip


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value != value else round(value, 4) for name, value in values.items()}
