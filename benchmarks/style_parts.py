"""Do the two parts of a style vector say what they are for: the hand of a painting, and its subject? JSON.

python -m benchmarks.style_parts

Every drawn painting asks all others: by style alone for its hand, by content alone for its subject by another hand.
"""

from __future__ import annotations

import json
import sys

import numpy as np

import engines
from retrieval.search.parts import weigh
from services import Services
from settings import Settings

CATALOG = "paintings"


def precision(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Return the mean share of the first `k` of each row of scores (n, n) that have the row's own label."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((labels[order] == labels[:, None]).mean())


def main() -> None:
    """Measure, and print."""
    services = Services(Settings.from_environment(), [CATALOG])
    encoder = engines.load(engines.spec("style:distilled"))
    catalog = services.catalogs.catalog(CATALOG)
    items = list(catalog)
    vectors = np.concatenate([encoder.encode_images([catalog.open(item.id)]) for item in items])
    hands = np.array([item.attributes["label"] for item in items])
    subjects = np.array([item.attributes["subject"] for item in items])
    found: dict[str, dict[str, float]] = {}
    for name, labels, left_out in (("style", hands, np.eye(len(items), dtype=bool)),
                                   ("content", subjects, hands[:, None] == hands)):  # fmt: skip
        shares = {part.name: float(part.name == name) for part in encoder.spec.parts}
        asked = np.stack([weigh(encoder.spec.parts, dict.fromkeys(shares, own), shares) for own in vectors])
        scores = np.where(left_out, -np.inf, asked @ vectors.T)
        found[name] = {"p@1": precision(scores, labels, 1), "p@7": precision(scores, labels, 7)}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
