"""Pooled EfficientNetB4 features of every photo and of its mirror image: what the teacher knows, computed once."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

logger = logging.getLogger(__name__)

PORTRAIT = (256, 336)
LANDSCAPE = (336, 256)
FEATURES = 1792


def _as_pixels(path: Path) -> np.ndarray:
    """Decode one photo to uint8 (height, width, 3) in whichever of the two shapes is nearer its own."""
    with Image.open(path) as photo:
        size = PORTRAIT if photo.height >= photo.width else LANDSCAPE
        photo.draft("RGB", size)
        return np.asarray(photo.convert("RGB").resize(size, Image.Resampling.BICUBIC))


def _load_teacher(weights: Path) -> Callable[..., Any]:
    """Load EfficientNetB4 without its top, pooled, as a compiled function of RGB in 0..255 (n, height, width, 3)."""
    import keras
    import tensorflow as tf

    network = keras.applications.EfficientNetB4(include_top=False, weights=None, pooling="avg")
    with np.load(weights) as stored:
        for variable in network.weights:
            variable.assign(stored[variable.path].reshape(variable.shape))
    network.trainable = False
    return tf.function(lambda pixels: network(pixels, training=False), reduce_retracing=True)


def _save(array: np.ndarray, path: Path) -> None:
    with open(path.with_suffix(".tmp"), "wb") as file:
        np.save(file, array)
    os.replace(path.with_suffix(".tmp"), path)


def _rows_by_shape(paths: list[Path]) -> dict[tuple[int, int], list[int]]:
    rows: dict[tuple[int, int], list[int]] = {}
    for row, path in enumerate(paths):
        with Image.open(path) as photo:
            rows.setdefault(PORTRAIT if photo.height >= photo.width else LANDSCAPE, []).append(row)
    return rows


def compute_teacher_features(paths: list[Path], weights: Path, cache: Path, batch: int = 16) -> np.ndarray:
    """Run the frozen teacher over the photos, and return float16 (2, n, 1792): as they are, then mirrored.

    Keeps what it has done in `cache` after every pass, so a stopped run goes on where it was. Source of the network:
    Tan and Le, "EfficientNet", 2019, as in `keras.applications`; input is RGB in 0..255.
    """
    if cache.exists():
        features = np.load(cache)
        if features.shape == (2, len(paths), FEATURES):
            return features
    forward = _load_teacher(weights)
    partial = cache.with_suffix(".partial.npy")
    features = np.zeros((2, len(paths), FEATURES), np.float16)
    if partial.exists():
        features = np.load(partial)
    by_shape = _rows_by_shape(paths)
    for mirrored in (0, 1):
        for rows in by_shape.values():
            for start in range(0, len(rows), batch):
                chunk = rows[start : start + batch]
                if features[mirrored, chunk].any(axis=1).all():
                    continue
                pixels = np.stack([_as_pixels(paths[row]) for row in chunk])
                if mirrored:
                    pixels = pixels[:, :, ::-1]
                features[mirrored, chunk] = forward(pixels.astype(np.float32)).numpy()
                if start % (40 * batch) == 0:
                    logger.info("teacher: pass %d, %d of %d", mirrored + 1, start + len(chunk), len(rows))
                    _save(features, partial)
    _save(features, cache)
    partial.unlink(missing_ok=True)
    return features


def teach(
    features: np.ndarray, targets: np.ndarray, senders: np.ndarray, rows: np.ndarray, directions: int = 256
) -> tuple[np.ndarray, np.ndarray]:
    """Turn teacher features into what the student learns: soft labels (n, classes), unit directions (n, 256), float32.

    Everything is fitted on `rows` only. The soft label of a photo comes from a regularised logistic probe that has not
    seen the photo's sender (five folds of senders), so it holds the teacher's doubt and not the probe's memory.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold

    known = features.astype(np.float32).mean(axis=0)
    mean, deviation = known[rows].mean(axis=0), known[rows].std(axis=0) + 1e-6
    known = (known - mean) / deviation
    labelled = rows[targets[rows] >= 0]
    classes = int(targets.max()) + 1
    soft = np.zeros((len(known), classes), np.float32)
    for fold, (fitted, left) in enumerate(GroupKFold(5).split(rows, groups=senders[rows])):
        fit_rows = np.intersect1d(rows[fitted], labelled)
        probe = LogisticRegression(C=3e-4, max_iter=300).fit(known[fit_rows], targets[fit_rows])
        held = rows[left]
        soft[held[:, None], probe.classes_] = probe.predict_proba(known[held])
        judged = held[targets[held] >= 0]
        right = float((soft[judged].argmax(axis=1) == targets[judged]).mean())
        logger.info("teacher: fold %d, accuracy on senders unseen by the probe %.3f", fold + 1, right)
    pca = PCA(directions, random_state=0).fit(known[rows])
    geometry = pca.transform(known).astype(np.float32)
    return soft, geometry / np.linalg.norm(geometry, axis=1, keepdims=True)
