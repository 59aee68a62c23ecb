r"""Fits what turns Gram matrices into a vector, and writes the weights of the engine `style`.

python -m training.style.fit --photos ../shared/data/clothing

Reads what training/style/train.py and training/style/train_deep.py made.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save_file

from engines.style.deep_network import Deep
from engines.style.network import Front
from engines.style.preprocessing import view
from engines.style.vectors import CHANNELS, CONTENT_CHANNELS, GAIN, SHARES, block, cells, halves, logarithms, unit
from training.style.front import LAYERS

logger = logging.getLogger("fit_style")

PHOTOS = 400
SEED = 0
SIDE = 224
STYLE_DIM, CONTENT_DIM = 224, 96


def read_front(path: Path) -> dict[str, np.ndarray]:
    """Return kernels (3, 3, in, out) and biases by the names of the layers, from what training/style/train.py saved."""
    held = load_file(path)
    found = {}
    for number, name in enumerate(LAYERS):
        found[f"{name}.kernel"] = held[f"layers.{number}.weight"].transpose(2, 3, 1, 0).astype(np.float16)
        found[f"{name}.bias"] = held[f"layers.{number}.bias"].astype(np.float16)
    return found


def read_deep(path: Path) -> dict[str, np.ndarray]:
    """Return what engines.style.deep_network.Deep reads, each name after "deep.", from what train_deep.py saved."""
    found = {}
    for name, value in load_file(path).items():
        layer, _, part = name.removeprefix("blocks.").rpartition(".")
        if part == "weight":
            # torch holds (out, in, h, w), a depthwise kernel (channels, 1, h, w).
            value = value.transpose(2, 3, 0, 1) if layer.endswith(".dwconv") else value.transpose(2, 3, 1, 0)
        found[f"deep.{layer}.{'kernel' if part == 'weight' else part}"] = value.astype(np.float16)
    return found


def seen_by(weights: dict[str, np.ndarray], paths: list[Path]) -> dict[str, np.ndarray]:
    """Return Gram matrices of pictures, float32 (n, c, c) by layer, and `cells`, (n, rows, columns, 80)."""
    exact = {name: value.astype(np.float32) for name, value in weights.items()}
    front = Front(*({name: exact[f"{name}.{kind}"] for name in LAYERS} for kind in ("kernel", "bias")))
    deep = Deep({name.removeprefix("deep."): value for name, value in exact.items() if name.startswith("deep.")})
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*CHANNELS, "cells")}
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            pixels = view(image, SIDE).pixels
        deeper, last = deep(pixels.astype(np.float32) / 255)
        for name, gram in (front(pixels.astype(np.float32) / 127.5 - 1)[0] | deeper).items():
            found[name].append(gram)
        found["cells"].append(cells(last))
        if number % 50 == 0:
            logger.info("%d of %d", number, len(paths))
    return {name: np.array(each, np.float32) for name, each in found.items()}


def fit(seen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays that engines.style.vectors.Projection reads."""
    fitted: dict[str, np.ndarray] = {}
    joined = []
    for layer, few in CHANNELS.items():
        logs = np.array([logarithms(gram) for gram in seen[layer]])
        spread = logs - logs.mean(axis=0)
        channels = _largest(np.einsum("nij,nkj->ik", spread, spread, optimize=True), few)[0]
        blocks = np.array([block(gram, channels) for gram in seen[layer]])
        fitted |= {f"channels.{layer}": channels, f"mean.{layer}": blocks.mean(axis=0)}
        if layer in SHARES:
            joined.append([SHARES[layer] ** 0.5 * unit(each) for each in blocks - blocks.mean(axis=0)])
    rows = np.concatenate(joined, axis=1)
    fitted["style.axes"] = _principal(rows - rows.mean(axis=0), STYLE_DIM)
    grids = seen["cells"].reshape(-1, seen["cells"].shape[-1])
    fitted["content.channels"] = _largest(grids.T @ grids, CONTENT_CHANNELS)[0]
    laid = np.array([(halves(each) @ fitted["content.channels"]).ravel() for each in seen["cells"]])
    fitted |= {
        "content.mean": laid.mean(axis=0),
        "content.axes": _principal(laid - laid.mean(axis=0), CONTENT_DIM),
    }
    return fitted


def _largest(scatter: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `count` eigenvectors of largest eigenvalue, (d, count), and their eigenvalues, largest first."""
    values, axes = np.linalg.eigh(scatter)
    return np.ascontiguousarray(axes[:, ::-1][:, :count], np.float32), values[::-1][:count]


def _principal(rows: np.ndarray, count: int) -> np.ndarray:
    """Return (d, count): the principal axes of centred rows (n, d)."""
    products, values = _largest(rows @ rows.T, count)
    return (rows.T @ products / np.sqrt(np.maximum(values, 1e-12))).astype(np.float32)


def main() -> None:
    """Read the command line, fit, and write the weights as fp16 safetensors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="the Clothing Dataset")
    parser.add_argument("--work", type=Path, default=Path("index_cache/training"), help="where the fronts are")
    parser.add_argument("--drawings", type=Path, default=Path("assets/paintings"))
    parser.add_argument("--out", type=Path, default=Path("assets/weights/style_distilled.safetensors"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    weights = read_front(options.work / "style_front.safetensors") | read_deep(options.work / "style_deep.safetensors")
    photos = sorted((options.photos / "images").glob("*.jpg"))
    chosen = [photos[row] for row in np.random.default_rng(SEED).permutation(len(photos))[:PHOTOS]]
    fitted = fit(seen_by(weights, chosen + sorted(options.drawings.rglob("*.jpg"))))
    saved = {name: np.ascontiguousarray(value, np.float16) for name, value in (weights | fitted).items()}
    about = {"photos": str(PHOTOS), "seed": str(SEED), "gain": str(GAIN)}
    save_file(saved, options.out, about)
    logger.info("%s: %d bytes", options.out, options.out.stat().st_size)


if __name__ == "__main__":
    main()
