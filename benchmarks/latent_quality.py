"""How good is a latent space on the 10,000 pictures of Fashion-MNIST that it was not trained on, and how fast? JSON.

python -m benchmarks.latent_quality --data ../shared/data/fashion-mnist
python -m benchmarks.latent_quality --data ../shared/data/fashion-mnist --file index_cache/vae_plain.safetensors

Neighbours are looked for among the 50,000 that were trained on, by cosine, as the index does. Raw pixels go through the
same measure. Out of distribution: letters and digits of our own drawing against held-out garments.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from sklearn.metrics import roc_auc_score

import engines
from engines.vae.encoder import VariationalAutoencoder
from retrieval.evaluation import measures
from retrieval.evaluation.measures import Collection
from retrieval.evaluation.protocol import EvaluationProtocol
from training.corpus.glyphs import draw
from training.vae.fashion_mnist import Pictures, load

NEIGHBOURS = 10
SEARCHES = 200
GLYPHS = 3000


def neighbours(vectors: Callable[[np.ndarray], np.ndarray], train: Pictures, held: Pictures) -> dict[str, float]:
    """Return the vote's accuracy and P@10 of held-out pictures among those trained on."""
    known, asked = (
        Collection(["" for _ in range(len(each))], vectors(each.pixels), [{"label": str(c)} for c in each.labels])
        for each in (train, held)
    )
    index = faiss.IndexFlatIP(known.vectors.shape[1])
    index.add(known.vectors)
    _, found = index.search(asked.vectors, NEIGHBOURS)
    precision = (train.labels[found] == held.labels[:, None]).mean()
    vote = measures.knn_accuracy(known, asked, EvaluationProtocol(), NEIGHBOURS)
    return {"knn_accuracy": round(vote, 4), "p_at_10": round(float(precision), 4)}


def raw(pixels: np.ndarray) -> np.ndarray:
    """Return pixels as unit vectors."""
    flat = pixels.reshape(len(pixels), -1).astype(np.float32)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def quality(encoder: VariationalAutoencoder, train: Pictures, held: Pictures) -> dict[str, Any]:
    """Return neighbours, evidence and what letters and digits look like to `encoder`."""
    examined = encoder.examine(held.pixels)
    strange = encoder.examine(draw(GLYPHS)).anomaly_scores
    truth = np.r_[np.zeros(len(held)), np.ones(GLYPHS)]
    return {
        **neighbours(lambda pixels: encoder.vectors(encoder.latents(pixels)), train, held),
        "elbo_nats": round(float(examined.evidence.mean()), 2),
        "letters_and_digits_auroc": round(float(roc_auc_score(truth, np.r_[examined.anomaly_scores, strange])), 4),
    }


def speed(encoder: VariationalAutoencoder, pixels: np.ndarray) -> dict[str, float]:
    """Return pictures a second to vectors, milliseconds to search 60,000, and to decode 20 x 20."""
    encoder.latents(pixels[:512])
    started = time.perf_counter()
    encoder.vectors(encoder.latents(pixels))
    encoded = len(pixels) / (time.perf_counter() - started)
    index = faiss.IndexFlatIP(encoder.spec.dim)
    rng = np.random.default_rng(0)
    index.add(rng.normal(size=(60_000, encoder.spec.dim)).astype(np.float32))
    asked = rng.normal(size=(SEARCHES, 1, encoder.spec.dim)).astype(np.float32)
    grid = rng.normal(size=(400, encoder.latent)).astype(np.float32)
    return {
        "encode_per_second": round(encoded),
        "search_60000_ms": round(_milliseconds(lambda n: index.search(asked[n], NEIGHBOURS), SEARCHES), 2),
        "decode_400_ms": round(_milliseconds(lambda _: encoder.decode(grid), 10), 1),
    }


def _milliseconds(work: Callable[[int], object], times: int) -> float:
    work(0)
    taken = []
    for number in range(times):
        started = time.perf_counter()
        work(number)
        taken.append(time.perf_counter() - started)
    return float(np.median(taken) * 1e3)


def main() -> None:
    """Print the figures of the shipped spaces, or of one file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--file", type=Path, help="A file of 32 numbers in place of those that ship.")
    options = parser.parse_args()
    train, held = load(options.data)
    rows = [row for row in engines.REGISTRY.rows if row.engine == "vae"]
    if options.file:
        rows = [replace(rows[0], weights=options.file.stem, file=str(options.file.resolve()))]
    found: dict[str, Any] = {}
    for row in rows:
        encoder = VariationalAutoencoder(row)
        found[row.weights] = quality(encoder, train, held) | speed(encoder, held.pixels)
    if not options.file:
        found["raw pixels"] = neighbours(raw, train, held)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
