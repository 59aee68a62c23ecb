"""How well is a picture of a kind that was never seen told apart? One class left out of training in turn. JSON.

python -m benchmarks.latent_anomaly --data ../shared/data/fashion-mnist

Ten latent spaces are trained, each without one class, and each has to tell that class from the other nine among the
10,000 pictures that are only measured on; and letters and digits of our own drawing from those nine. A score is better
the larger its AUROC. Every score is taken from the same networks. Rows marked "ours" are what `vae` uses.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from engines.vae.anomaly import AnomalyScorer
from engines.vae.network import Networks, packed, unpacked
from engines.vae.options import LatentTraining
from engines.vae.training import fit
from retrieval.disk import write_atomically
from training.corpus.glyphs import draw
from training.vae.fashion_mnist import Pictures, load

CLASSES = 10
GLYPHS = 3000
CHUNK = 500
NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """What a latent space makes of n pictures: latents, features, reconstruction loss, KL (nats), squared error."""

    latents: np.ndarray
    features: np.ndarray
    reconstruction_loss: np.ndarray
    kl: np.ndarray
    squared: np.ndarray


def see(networks: Networks, pixels: np.ndarray) -> Reconstruction:
    """Look at uint8 (n, 28, 28), reconstructing from the means."""
    parts = []
    for start in range(0, len(pixels), CHUNK):
        batch = tf.constant(pixels[start : start + CHUNK, ..., None].astype(np.float32) / 255)
        means, log_var, features = networks.encode(batch)
        logits = networks.decoder(means)
        reconstruction_loss = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(batch, logits), (1, 2, 3))
        kl = 0.5 * tf.reduce_sum(tf.square(means) + tf.exp(log_var) - log_var - 1, 1)
        squared = tf.reduce_sum(tf.square(batch - tf.sigmoid(logits)), (1, 2, 3))
        parts.append([each.numpy() for each in (means, features, reconstruction_loss, kl, squared)])
    return Reconstruction(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def scores(known: Reconstruction, asked: Reconstruction) -> dict[str, np.ndarray]:
    """Return every score of the asked pictures by name; `known` are pictures of the classes that were trained on."""
    ours = AnomalyScorer.of(known.features, np.random.default_rng(7))
    return {
        "squared error": asked.squared,
        "reconstruction, nats": asked.reconstruction_loss,
        "minus ELBO, nats": asked.reconstruction_loss + asked.kl,
        "latent: distance to the 5 nearest": _nearest(known.latents, asked.latents),
        "latent: 1 - cosine of the 5 nearest": _cosines(known.latents, asked.latents),
        "features: distance to the 5 nearest": _nearest(known.features, asked.features),
        "features: 1 - cosine of the 5 nearest": _cosines(known.features, asked.features),
        "ours: features, 64 components, 1 - cosine of the 5 nearest of 4,000": ours.score(asked.features),
    }


def _nearest(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    squared = (asked**2).sum(1)[:, None] + (known**2).sum(1)[None] - 2 * asked @ known.T
    return np.partition(squared, NEIGHBOURS, axis=1)[:, :NEIGHBOURS].mean(axis=1)


def _cosines(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    known, asked = (each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-9) for each in (known, asked))
    return 1 - np.partition(asked @ known.T, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:].mean(axis=1)


def space(used: Pictures, left_out: int, options: argparse.Namespace) -> Networks:
    """Return a latent space trained on `used`, kept in the folder of spaces, or the one that lies there already."""
    path = options.spaces and options.spaces / f"without-{left_out}.safetensors"
    if path and path.is_file():
        return unpacked(path)[0]
    recipe = LatentTraining(options.latent, options.epochs, label_weight=options.label_weight)
    networks = fit(used.pixels, used.labels.astype(np.int32), recipe)
    if path:
        write_atomically(path, packed(networks, recipe.as_dict(), {}))
    return networks


def measure(train: Pictures, held: Pictures, left_out: int, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return {"class": {score: AUROC}, "glyphs": {score: AUROC}} of a latent space that never saw class `left_out`."""
    shown = train.take(train.labels != left_out)
    used = shown.take(np.arange(min(options.pictures, len(shown))))
    networks = space(used, left_out, options)
    known = see(networks, used.pixels)
    strange, usual = held.labels == left_out, held.labels != left_out
    classes, glyphs = scores(known, see(networks, held.pixels)), scores(known, see(networks, draw(GLYPHS)))
    return {
        "class": {name: float(roc_auc_score(strange, value)) for name, value in classes.items()},
        "glyphs": {
            name: float(
                roc_auc_score(np.r_[np.zeros(usual.sum()), np.ones(GLYPHS)], np.r_[classes[name][usual], glyphs[name]])
            )
            for name in classes
        },
    }


def main() -> None:
    """Print one row for each score: its AUROC for every class, their mean, and that for letters and digits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--latent", type=int, default=32)
    parser.add_argument("--label-weight", type=float, default=30.0)
    parser.add_argument("--pictures", type=int, default=12_000, help="How many to train each space on.")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--spaces", type=Path, help="Folder of trained spaces, so that scores can be tried anew.")
    parser.add_argument("--classes", type=int, nargs="+", default=list(range(CLASSES)))
    options = parser.parse_args()
    train, held = load(options.data)
    found = {}
    for number in options.classes:
        found[number] = measure(train, held, number, options)
        sys.stderr.write(f"without class {number}: {json.dumps(found[number])}\n")
    rows = {
        name: {
            "by class": {number: round(each["class"][name], 3) for number, each in found.items()},
            "mean": round(float(np.mean([each["class"][name] for each in found.values()])), 3),
            "letters and digits": round(float(np.mean([each["glyphs"][name] for each in found.values()])), 3),
        }
        for name in next(iter(found.values()))["class"]
    }
    told = {name: value for name, value in vars(options).items() if name not in ("data", "spaces")}
    sys.stdout.write(json.dumps({**told, "scores": rows}, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
