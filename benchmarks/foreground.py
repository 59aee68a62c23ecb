"""How well the foreground finds the garment: IoU with the drawn sample's polygons, beside the bare centre prior. JSON.

python -m benchmarks.foreground
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from retrieval.pictures.foreground import centre_prior, foreground
from settings import Settings


def main() -> None:
    """Measure `--pictures` pictures of each source, chosen by `--seed`; milliseconds are of the processor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sample = Settings.from_environment().sample
    notes = [(path, json.loads(path.read_bytes())) for path in sorted((sample / "annos").glob("*.json"))]
    order = np.random.default_rng(given.seed).permutation(len(notes))
    for source in ("shop", "user"):
        chosen = [notes[i] for i in order if notes[i][1]["source"] == source][: given.pictures]
        sys.stdout.write(json.dumps({"source": source, **measured(sample, chosen)}) + "\n")


def measured(sample: Path, notes: list[tuple[Path, dict[str, Any]]]) -> dict[str, float]:
    """Return the mean IoU of both ways over annotated pictures, and the milliseconds that one takes."""
    ours, prior, spent = [], [], 0.0
    for path, note in notes:
        image = Image.open(sample / "image" / f"{path.stem}.jpg").convert("RGB")
        right = polygons(note, image.size)
        started = time.process_time()
        found = foreground(image)
        spent += time.process_time() - started
        ours.append(overlap(found > 0.5, right))
        prior.append(overlap(centre_prior(image.height, image.width) > 0.5, right))
    return {
        "pictures": len(notes),
        "iou": round(float(np.mean(ours)), 3),
        "iou_under_0.5": round(float(np.mean(np.array(ours) < 0.5)), 3),
        "iou_centre_prior": round(float(np.mean(prior)), 3),
        "ms": round(spent / len(notes) * 1e3, 1),
    }


def polygons(note: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Return bool (h, w): where the garments of an annotation are."""
    mask = Image.new("L", size)
    for name, item in note.items():
        for polygon in item["segmentation"] if name.startswith("item") else ():
            ImageDraw.Draw(mask).polygon(polygon, fill=1)
    return np.asarray(mask) > 0


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


if __name__ == "__main__":
    main()
