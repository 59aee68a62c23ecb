r"""Fits what turns Gram matrices into a vector, and writes the weights of the engine `style`.

python -m training.fit_style --photos ../shared/data/clothing --teacher ../shared/weights/vgg19_normalised_front.npz
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file

from engines.style_pictures import view
from engines.style_vectors import (
    CHANNELS,
    CONTENT_CHANNELS,
    GAIN,
    STYLE_LAYERS,
    block,
    cells,
    halves,
)
from training.style_front import LAYERS, Teacher, gram

logger = logging.getLogger("fit_style")

PHOTOS = 400
SEED = 0
STYLE_DIM, CONTENT_DIM = 256, 96
WHITENING = 0.35
"""Axes are divided by their variance to this power: 0 keeps them, 0.5 makes all equal. See the model card."""

_RIDGE = 1e-3


def read_front(path: Path) -> dict[str, np.ndarray]:
    """Return kernels (3, 3, in, out) and biases by the names of the layers, from what training/train_style.py saved."""
    held = load_file(path)
    found = {}
    for number, name in enumerate(LAYERS):
        found[f"{name}.kernel"] = held[f"layers.{number}.weight"].transpose(2, 3, 1, 0).astype(np.float16)
        found[f"{name}.bias"] = held[f"layers.{number}.bias"].astype(np.float16)
    return found


def seen_by(teacher: Teacher, paths: list[Path], cache: Path) -> dict[str, np.ndarray]:
    """Return the teacher's Gram matrices, float32 (n, c, c) by layer, and `cells`, (n, rows, columns, 256)."""
    if cache.is_file():
        with np.load(cache) as held:
            if len(held["cells"]) == len(paths):
                return {name: held[name] for name in held.files}
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*CHANNELS, "cells")}
    for number, path in enumerate(paths):
        with Image.open(path) as image:
            pixels = view(image.convert("RGB"), 224).pixels
        maps = teacher(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255)
        for name, each in zip(LAYERS, maps, strict=True):
            if name in CHANNELS:
                found[name].append(gram(each)[0].numpy())
        found["cells"].append(cells(maps[-1][0].permute(1, 2, 0).numpy()))
        if number % 50 == 0:
            logger.info("%d of %d", number, len(paths))
    stacked = {name: np.array(each, np.float32) for name, each in found.items()}
    partial = cache.with_suffix(".part.npz")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **stacked)
    os.replace(partial, cache)
    return stacked


def fit(seen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays that engines.style_vectors.Projection reads."""
    fitted: dict[str, np.ndarray] = {}
    centred = []
    for layer, few in CHANNELS.items():
        logs = np.log1p(GAIN * seen[layer])
        logs = logs / np.linalg.norm(logs, axis=(1, 2), keepdims=True)
        spread = logs - logs.mean(axis=0)
        channels = _largest(np.einsum("nij,nkj->ik", spread, spread, optimize=True), few)[0]
        blocks = np.array([block(gram, channels) for gram in seen[layer]])
        fitted |= {f"channels.{layer}": channels, f"mean.{layer}": blocks.mean(axis=0)}
        if layer in STYLE_LAYERS:
            centred.append(blocks - blocks.mean(axis=0))
    fitted["style.axes"] = _whitened(np.concatenate(centred, axis=1), STYLE_DIM)
    grids = seen["cells"].reshape(-1, seen["cells"].shape[-1])
    fitted["content.channels"] = _largest(grids.T @ grids, CONTENT_CHANNELS)[0]
    laid = np.array([(halves(each) @ fitted["content.channels"]).ravel() for each in seen["cells"]])
    fitted |= {"content.mean": laid.mean(axis=0), "content.axes": _whitened(laid - laid.mean(axis=0), CONTENT_DIM)}
    return fitted


def _largest(scatter: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `count` eigenvectors of largest eigenvalue, (d, count), and their eigenvalues, largest first."""
    values, axes = np.linalg.eigh(scatter)
    return np.ascontiguousarray(axes[:, ::-1][:, :count], np.float32), values[::-1][:count]


def _whitened(rows: np.ndarray, count: int) -> np.ndarray:
    """Return (d, count): the principal axes of centred rows (n, d), each divided by its variance to WHITENING."""
    products, values = _largest(rows @ rows.T, count)
    axes = rows.T @ products / np.sqrt(np.maximum(values, 1e-12))
    variance = values / len(rows)
    scaled = axes * (variance + _RIDGE * variance[0]) ** -WHITENING
    return (scaled / np.abs(scaled).max()).astype(np.float32)


def main() -> None:
    """Read the command line, fit, and write the weights as fp16 safetensors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="the Clothing Dataset")
    parser.add_argument("--teacher", type=Path, required=True, help="vgg19_normalised_front.npz")
    parser.add_argument("--front", type=Path, default=Path("index_cache/training/style_front.safetensors"))
    parser.add_argument("--drawings", type=Path, default=Path("assets/paintings"))
    parser.add_argument("--out", type=Path, default=Path("assets/weights/style_distilled.safetensors"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    weights = read_front(options.front)
    photos = sorted((options.photos / "images").glob("*.jpg"))
    chosen = [photos[row] for row in np.random.default_rng(SEED).permutation(len(photos))[:PHOTOS]]
    paths = chosen + sorted(options.drawings.rglob("*.jpg"))
    fitted = fit(seen_by(Teacher(options.teacher), paths, options.front.with_name("style_seen.npz")))
    saved = {name: np.ascontiguousarray(value, np.float16) for name, value in (weights | fitted).items()}
    about = {"photos": str(PHOTOS), "seed": str(SEED), "whitening": str(WHITENING), "gain": str(GAIN)}
    save_file(saved, options.out, about)
    logger.info("%s: %d bytes", options.out, options.out.stat().st_size)


if __name__ == "__main__":
    main()
