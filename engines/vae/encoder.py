"""The engine `vae`: pictures of garments as points of a latent space that can be walked, decoded and doubted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from engines.files import weights_path
from engines.vae.anomaly import AnomalyScorer
from engines.vae.latent_space import Axes, Reconstructions
from engines.vae.network import SIDE, unpacked
from engines.vae.preprocessing import garment_pixels
from retrieval.core import EncoderSpec

CHUNK = 256
DRAWS = 4
_NOWHERE = 1e-6


class VariationalAutoencoder:
    """A variational autoencoder over garments of 28 x 28 (Kingma and Welling 2014, arXiv:1312.6114)."""

    def __init__(self, spec: EncoderSpec) -> None:
        """Load the networks of `spec`; raises AppError when their file is missing or damaged."""
        self.spec = spec
        path = weights_path(spec)
        networks, self.facts, arrays = unpacked(path)
        self.latent = networks.latent
        self.axes = Axes(arrays["centre"], arrays["axes"], arrays["spread"])
        self.weights_bytes = path.stat().st_size
        self._centre, self._whitening = arrays["centre"], arrays["whitening"]
        self._scorer = AnomalyScorer.unpacked(arrays)
        self._noise = np.random.default_rng(7).normal(size=(DRAWS, self.latent)).astype(np.float32)
        look, point = tf.TensorSpec((None, SIDE, SIDE, 1)), tf.TensorSpec((None, self.latent))
        self._encode = tf.function(networks.encode, input_signature=[look])
        self._logits = tf.function(networks.decoder, input_signature=[point])

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Embed upright RGB pictures of any size as float32 (n, dim), every row of length 1; n may be 0."""
        return self.vectors(self.latents(self.garments(images)))

    def garments(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return uint8 (n, 28, 28), what the network sees of pictures; zeros where there is nothing on the ground."""
        return np.stack([garment_pixels(image) for image in images]) if images else np.empty((0, SIDE, SIDE), np.uint8)

    def latents(self, pixels: np.ndarray) -> np.ndarray:
        """Return float32 (n, latent), the means of q(z|x) of uint8 (n, 28, 28)."""
        found = [self._encode(batch)[0].numpy() for batch in _batches(pixels)]
        return np.concatenate([np.empty((0, self.latent), np.float32), *found])

    def vectors(self, latents: np.ndarray) -> np.ndarray:
        """Return float32 (n, dim) of unit length, latents as an index holds them: nearer points have larger cosines.

        The space is whitened first, so that no direction counts for more than another. A plane would lose its radius
        by unit length: its points are projected onto the sphere of radius 1 that touches it (gnomonic projection).
        """
        points = (latents - self._centre) @ self._whitening
        points = np.pad(points, ((0, 0), (0, self.spec.dim - self.latent)), constant_values=1.0)
        # The centre of a larger space has no direction; any will do.
        points[np.linalg.norm(points, axis=1) < _NOWHERE, 0] = 1.0
        return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Return float32 (n, 28, 28) in 0..1, the means of p(x|z) of float32 (n, latent)."""
        found = [
            tf.sigmoid(self._logits(tf.constant(latents[start : start + CHUNK], tf.float32))).numpy()[..., 0]
            for start in range(0, len(latents), CHUNK)
        ]
        return np.concatenate([np.empty((0, SIDE, SIDE), np.float32), *found])

    def examine(self, pixels: np.ndarray) -> Reconstructions:
        """Return what the model makes of uint8 (n, 28, 28): latents, reconstructions, evidence and anomaly_scores."""
        parts = [self._examined(batch) for batch in _batches(pixels)]
        if not parts:
            none = np.empty(0, np.float32)
            return Reconstructions(
                np.empty((0, self.latent), np.float32), np.empty((0, SIDE, SIDE), np.float32), none, none
            )
        return Reconstructions(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _examined(self, batch: tf.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        means, log_var, features = self._encode(batch)
        logits = self._logits(means)
        reconstruction_loss = np.mean(
            [_reconstruction_loss(batch, self._logits(means + tf.exp(log_var / 2) * e)) for e in self._noise], axis=0
        )
        kl = 0.5 * tf.reduce_sum(tf.square(means) + tf.exp(log_var) - log_var - 1, axis=1).numpy()
        shown = tf.sigmoid(logits).numpy()[..., 0]
        return means.numpy(), shown, -(reconstruction_loss + kl), self._scorer.score(features.numpy())


def _batches(pixels: np.ndarray) -> list[tf.Tensor]:
    return [
        tf.constant(pixels[start : start + CHUNK, ..., None].astype(np.float32) / 255)
        for start in range(0, len(pixels), CHUNK)
    ]


def _reconstruction_loss(batch: tf.Tensor, logits: tf.Tensor) -> np.ndarray:
    """Return -log p(x|z) in nats, float32 (n,): Bernoulli over pixels between 0 and 1."""
    return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(batch, logits), (1, 2, 3)).numpy()
