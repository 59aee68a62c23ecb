r"""Writes what train_product learnt as weights of the engine: heads folded, calibrated on senders it has not seen.

python -m training.product.export --photos ../shared/data/clothing
"""

from __future__ import annotations

import argparse
import datetime
import logging
from pathlib import Path

import numpy as np
import torch

from engines.product.network import ModelCard, write
from training.product.network import TESTED_SIDE, Classifier, see
from training.product.train import STORED, STUDENT, STUDENT_ALL
from training.squeezenet.photos import NOT_A_CLASS, Photos, Split, load_pixels, read_photos, split_photos
from training.teacher.efficientnet import B0, FoldedEfficientNet, to_keras

logger = logging.getLogger("export_product")

SURE_IS_RIGHT = 0.95
TRAINED_ON = {
    STUDENT.name: "Clothing Dataset (CC0), the training rows of split_photos()",
    STUDENT_ALL.name: "Clothing Dataset (CC0), all of its photos",
}


def load_student(path: Path, classes: int) -> Classifier:
    """Read the averaged weights of a phase."""
    state = torch.load(path, weights_only=True, map_location="cpu")
    student = Classifier(FoldedEfficientNet(B0), classes)
    prefix = "student."
    student.load_state_dict({name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)})
    return student.eval()


def keras_weights(student: Classifier) -> dict[str, np.ndarray]:
    """Give the network and its two heads by keras path; the standardising of the features is folded into the heads."""
    weights = to_keras(student.network)
    for name, head in (("projection", student.projection), ("predictions", student.predictions)):
        kernel = head.weight.detach() / student.deviation
        weights[f"{name}/kernel"] = kernel.T.numpy()
        weights[f"{name}/bias"] = (head.bias.detach() - kernel @ student.mean).numpy()
    weights["prototypes/kernel"] = torch.nn.functional.normalize(student.centres.detach(), dim=1).numpy()
    return weights


def fit_temperature(scores: np.ndarray, targets: np.ndarray) -> float:
    """Return the temperature whose probabilities make the labels likeliest (Guo et al., 2017), by a fine search."""
    best = (np.inf, 1.0)
    for temperature in np.exp(np.linspace(np.log(0.25), np.log(4), 200)):
        logs = torch.from_numpy(scores / temperature).log_softmax(1).numpy()
        best = min(best, (float(-logs[np.arange(len(targets)), targets].mean()), float(temperature)))
    return best[1]


def fit_sure(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the least confidence from which on nineteen of twenty verdicts are right."""
    order = np.argsort(-confidence)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    kept = np.flatnonzero(share >= SURE_IS_RIGHT)
    return round(float(confidence[order][kept[-1]]) if len(kept) else 0.99, 3)


def calibrate(student: Classifier, photos: Photos, split: Split, pixels: np.ndarray) -> tuple[float, float]:
    """Fit temperature and the bar of sureness on the photos of unseen senders that have a class."""
    rows = split.unseen_senders[~np.isin(photos.labels[split.unseen_senders], list(NOT_A_CLASS))]
    scores = see(student, torch.from_numpy(pixels[rows]))[1]
    targets = photos.targets()[rows]
    temperature = fit_temperature(scores, targets)
    probabilities = torch.from_numpy(scores / temperature).softmax(1).numpy()
    return temperature, fit_sure(probabilities.max(1), probabilities.argmax(1) == targets)


def main() -> None:
    """Write the development weights, and the shipped ones with the calibration of the development weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with images.csv and images/")
    parser.add_argument("--work", type=Path, default=Path("index_cache/training"), help="checkpoints and caches")
    parser.add_argument("--out", type=Path, default=Path("assets/weights/product_fashion.safetensors"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    photos = read_photos(arguments.photos)
    split = split_photos(photos)
    pixels, _ = load_pixels(photos, arguments.work / f"photos{STORED}.npz", STORED)
    names = [name.capitalize() if name != "t-shirt" else "T-Shirt" for name in photos.classes]
    held_back = load_student(arguments.work / f"{STUDENT.name}.pt", len(names))
    temperature, sure = calibrate(held_back, photos, split, pixels)
    logger.info("temperature %.3f, sure from %.3f on", temperature, sure)
    card = ModelCard(tuple(names), temperature, sure)
    development = arguments.work / "product_development.safetensors"
    for phase, path in ((STUDENT.name, development), (STUDENT_ALL.name, arguments.out)):
        checkpoint = arguments.work / f"{phase}.pt"
        if not checkpoint.exists():
            continue
        facts = {"version": "1", "side": str(TESTED_SIDE), "data": TRAINED_ON[phase]}
        facts["date"] = datetime.date.today().isoformat()
        data = write(keras_weights(load_student(checkpoint, len(names))), card, facts)
        path.with_suffix(".tmp").write_bytes(data)
        path.with_suffix(".tmp").replace(path)
        logger.info("%s: %.2f MB", path.name, len(data) / 1e6)


if __name__ == "__main__":
    main()
