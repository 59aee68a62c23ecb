"""What a finished latent space keeps besides its weights: its axes, its whitening, its measure of anomaly_scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from engines.vae.anomaly import AnomalyScorer
from engines.vae.network import Networks, packed
from engines.vae.options import LIFTED, LatentTraining

AXES = 12
_CHUNK = 500
_LEAST = 1e-3


def finished(
    networks: Networks, recipe: LatentTraining, pixels: np.ndarray, facts: dict[str, Any] | None = None
) -> bytes:
    """Return the file of networks trained by `recipe` on uint8 (n, 28, 28), measured on those pictures."""
    means, features = [], []
    for start in range(0, len(pixels), _CHUNK):
        batch = tf.constant(pixels[start : start + _CHUNK, ..., None].astype(np.float32) / 255)
        mean, _, feature = networks.encode(batch)
        means.append(mean.numpy())
        features.append(feature.numpy())
    strange = AnomalyScorer.of(np.concatenate(features), np.random.default_rng(recipe.seed))
    arrays = {**_axes(np.concatenate(means)), **strange.arrays()}
    return packed(networks, {"recipe": recipe.as_dict(), "pictures": len(pixels), **(facts or {})}, arrays)


def _axes(means: np.ndarray) -> dict[str, np.ndarray]:
    """Return centre, axes, spread and whitening of float32 (n, latent); those of a plane are its own coordinates."""
    latent = means.shape[1]
    if latent <= LIFTED:
        return {
            "centre": np.zeros(latent, np.float32), "axes": np.eye(latent, dtype=np.float32),
            "spread": np.ones(latent, np.float32), "whitening": np.eye(latent, dtype=np.float32),
        }  # fmt: skip
    variances, directions = np.linalg.eigh(np.cov(means.T))
    variances, directions = np.maximum(variances[::-1], _LEAST), directions[:, ::-1]
    kept = min(AXES, latent)
    return {
        "centre": means.mean(axis=0),
        "axes": np.ascontiguousarray(directions[:, :kept].T, np.float32),
        "spread": np.sqrt(variances[:kept]).astype(np.float32),
        "whitening": (directions / np.sqrt(variances)).astype(np.float32),
    }
