"""Trains assets/weights/patterns.npz on the drawn sample, and says how good it is on garments it has not seen.

python -m training.train_patterns
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from retrieval.catalogs import open_catalog
from retrieval.pictures.foreground import foreground
from retrieval.pictures.patterns import NAMES, WEIGHTS, measure
from settings import Settings

FAMILY = {
    "plain": "plain", "denim": "plain", "knitted": "plain", "ribbed": "plain", "striped": "striped",
    "checked": "checked", "dotted": "dotted", "floral": "floral", "leafy": "floral", "graphic": "printed",
    "abstract": "printed", "animal print": "printed", "hearts": "printed", "stars": "printed", "tie-dye": "printed",
}  # fmt: skip
STRENGTH = 0.3


def measured(cache: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure every drawn picture: float32 (n, numbers), the family of its pattern (n,), its garment (n,)."""
    if not cache.exists():
        catalog = open_catalog("sample", Settings.from_environment().sample, None)
        rows, labels, garments = [], [], []
        for item in catalog:
            if item.attributes.get("pattern") in FAMILY:
                image = catalog.open(item.id, 400)
                rows.append(measure(image, foreground(image)))
                labels.append(FAMILY[item.attributes["pattern"]])
                garments.append(item.attributes["garment"])
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, rows=np.array(rows), labels=np.array(labels), garments=np.array(garments))
    with np.load(cache) as stored:
        return stored["rows"], stored["labels"], stored["garments"]


def fit(rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, LogisticRegression]:
    """Fit a regularised logistic regression; classes count alike."""
    mean, deviation = rows.mean(0), rows.std(0) + 1e-6
    numbers = np.array([NAMES.index(label) for label in labels])
    model = LogisticRegression(C=STRENGTH, max_iter=2000, class_weight="balanced")
    return mean, deviation, model.fit((rows - mean) / deviation, numbers)


def main() -> None:
    """Cross-validate by garment, then fit on everything and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("index_cache/training"), help="cache of measurements")
    arguments = parser.parse_args()
    rows, labels, garments = measured(arguments.work / "patterns.npz")
    guesses = np.empty(len(labels), object)
    for kept, left in GroupKFold(5).split(rows, groups=garments):
        mean, deviation, model = fit(rows[kept], labels[kept])
        guesses[left] = np.array(NAMES)[model.predict((rows[left] - mean) / deviation)]
    recall = {name: float((guesses[labels == name] == name).mean()) for name in NAMES}
    mean, deviation, model = fit(rows, labels)
    scratch = WEIGHTS.with_suffix(".tmp")
    with open(scratch, "wb") as file:
        np.savez(
            file, mean=mean.astype(np.float32), deviation=deviation.astype(np.float32),
            kernel=model.coef_.T.astype(np.float32), bias=model.intercept_.astype(np.float32),
        )  # fmt: skip
    os.replace(scratch, WEIGHTS)
    result = {"pictures": len(labels), "accuracy": float((guesses == labels).mean()), "recall": recall}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
