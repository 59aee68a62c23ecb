"""How good is a SqueezeNet embedding on photos its training left out: classes, unseen senders, distorted copies. JSON.

python -m benchmarks.embedding_quality --photos ../shared/data/clothing --weights imagenet
python -m benchmarks.embedding_quality --photos ../shared/data/clothing --file index_cache/training/second.safetensors
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors import safe_open

import engines
from engines.squeezenet.encoder import SqueezeNet
from training.copies import Copying, copy_photo
from training.squeezenet.photos import NOT_A_CLASS, TEN_CLASSES, Photos, read_photos, split_photos
from training.squeezenet.scores import score_copies, score_labels
from training.squeezenet.train import ALL_PHOTOS

CHUNK = 32


COPIES = {
    "cropped, turned, recoloured": Copying(),
    "the same, often mirrored, white corners": Copying(mirror=0.5, fill=(255, 255, 255)),
    "milder: 50 to 90 % of the area, 20 degrees": Copying(area=(0.5, 0.9), degrees=20, light=0.3, hue=0.03),
    "turned by a quarter or a half": Copying(degrees=0, quarter_turns=True),
}
"""The first is the one to quote; the others show how far it holds."""


def embed_photos(encoder: SqueezeNet, paths: Sequence[Path], how: Copying | None = None, seed: int = 0) -> np.ndarray:
    """Embed photos, or seeded distorted copies of them: float32 (n, dim)."""
    generator, parts = np.random.default_rng(seed), []
    for start in range(0, len(paths), CHUNK):
        images = [Image.open(path).convert("RGB") for path in paths[start : start + CHUNK]]
        parts.append(encoder.encode_images(images if how is None else [copy_photo(i, how, generator) for i in images]))
    return np.concatenate(parts)


def measure(encoder: SqueezeNet, photos: Photos, copies: dict[str, Copying]) -> dict[str, dict[str, float]]:
    """Score the encoder on the held-out photos; distorted copies are looked for among all photos with a class."""
    split = split_photos(photos)
    real = ~np.isin(photos.labels, list(NOT_A_CLASS))
    ten = np.isin(photos.labels, TEN_CLASSES)
    new = np.isin(np.arange(len(photos)), split.unseen_senders)
    held = new | np.isin(np.arange(len(photos)), split.seen_senders)
    gallery_rows = np.flatnonzero(real)
    gallery = embed_photos(encoder, [photos.paths[row] for row in gallery_rows])
    sets = {
        "10 classes": ten & held,
        "10 classes, unseen senders": ten & new,
        "10 classes, senders seen in training": ten & held & ~new,
        "17 classes, unseen senders": real & new,
    }
    found = {}
    for name, chosen in sets.items():
        inside = chosen[gallery_rows]
        found[name] = score_labels(gallery[inside], photos.labels[chosen])
    queries = np.flatnonzero((real & held)[gallery_rows])
    for name, how in copies.items():
        vectors = embed_photos(encoder, [photos.paths[gallery_rows[query]] for query in queries], how)
        found[name] = score_copies(vectors, gallery, queries)
    return found


def main() -> None:
    """Measure one set of weights and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with images.csv and images/")
    parser.add_argument("--weights", choices=("fashion", "imagenet"), default="fashion")
    parser.add_argument("--file", type=Path, help="weights of the development run instead of the shipped ones")
    parser.add_argument("--copies", type=int, default=len(COPIES), help="how many of the ways of copying to measure")
    arguments = parser.parse_args()

    spec = engines.spec("squeezenet", arguments.weights)
    if arguments.file is not None:
        spec = replace(spec, file=str(arguments.file.resolve()))
    trained_on = "ImageNet"
    if spec.file is not None:
        with safe_open(engines.weights_path(spec), framework="np") as file:
            trained_on = file.metadata()["data"]
    scores = measure(SqueezeNet(spec), read_photos(arguments.photos), dict(list(COPIES.items())[: arguments.copies]))
    report = {"weights": arguments.weights, "trained_on": trained_on, "held_out": trained_on != ALL_PHOTOS}
    json.dump(report | {"scores": scores}, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
