"""How good are weights of the engine `product` on photos they have not seen: accuracy, calibration, neighbours. JSON.

python -m benchmarks.product_quality --photos ../shared/data/clothing \
    --file index_cache/training/product_development.safetensors
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import engines
from engines.product.encoder import Product
from training.squeezenet.photos import NOT_A_CLASS, TEN_CLASSES, read_photos, split_photos
from training.squeezenet.scores import score_labels

CHUNK = 64
BINS = 15


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error over BINS bins of equal width (Guo et al., 2017)."""
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(float(right[places == b].mean() - confidence[places == b].mean())) * float((places == b).mean())
            for b in np.unique(places)]  # fmt: skip
    return sum(gaps)


def main() -> None:
    """Score the held-out photos of the training's own split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with images.csv and images/")
    parser.add_argument("--file", type=Path, required=True, help="weights trained on the training rows only")
    arguments = parser.parse_args()
    photos = read_photos(arguments.photos)
    split = split_photos(photos)
    rows = np.concatenate([split.seen_senders, split.unseen_senders])
    product = Product(replace(engines.spec("product"), file=str(arguments.file.resolve())))
    predictions, vectors = [], []
    for start in range(0, len(rows), CHUNK):
        images = [Image.open(photos.paths[row]).convert("RGB") for row in rows[start : start + CHUNK]]
        predictions += product.classify(images)
        vectors.append(product.encode_images(images))
    labels, embeddings = photos.labels[rows], np.concatenate(vectors)
    guess = np.array([prediction.label.lower() for prediction in predictions])
    confidence = np.array([prediction.confidence for prediction in predictions])
    sure = np.array([prediction.confident for prediction in predictions])
    no_class, ten = np.isin(labels, list(NOT_A_CLASS)), np.isin(labels, TEN_CLASSES)
    new = np.isin(rows, split.unseen_senders) & ~no_class
    known = np.isin(rows, split.seen_senders) & ~no_class
    result = {
        "ten classes": {"photos": int(ten.sum()), "accuracy": float((guess == labels)[ten].mean()),
                        **score_labels(embeddings[ten], labels[ten])},
        "17 classes, unseen senders": {"photos": int(new.sum()), "accuracy": float((guess == labels)[new].mean()),
                                       **score_labels(embeddings[new], labels[new])},
        "calibration error, unseen senders (temperature fitted on them)": calibration_error(
            confidence[new], (guess == labels)[new]),
        "calibration error, seen senders": calibration_error(confidence[known], (guess == labels)[known]),
        "sure, unseen senders": {"share": float(sure[new].mean()),
                                 "right": float((guess == labels)[new & sure].mean())},
        "sure on what is no class": {"photos": int(no_class.sum()), "share": float(sure[no_class].mean())},
    }  # fmt: skip
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
