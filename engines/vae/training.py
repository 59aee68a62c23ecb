"""Fitting a variational autoencoder to pictures of 28 x 28, epoch by epoch, watched and stopped from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from engines.vae.network import Networks, build
from engines.vae.options import LatentTraining
from retrieval.core import AppError

BATCH = 128
WARM_UP = 400
SHARPNESS = 16.0
HELD_OUT = 2000
SAMPLES = 40
FEWEST = 20


@dataclass(frozen=True, slots=True)
class Epoch:
    """How training stood after `number` of `of` epochs: nats a picture, of the training and of held-out pictures.

    `samples` uint8 (SAMPLES, 28, 28) are decoded from the same points of the prior each time; `seconds` run from the
    start.
    """

    number: int
    of: int
    reconstruction: float
    kl: float
    held_out: float
    seconds: float
    samples: np.ndarray


def fit(
    pixels: np.ndarray,
    labels: np.ndarray | None,
    recipe: LatentTraining,
    on_progress: Callable[[Epoch], None] = lambda epoch: None,
    stopped: Callable[[], bool] = lambda: False,
    step: Callable[[float], None] = lambda part: None,
) -> Networks:
    """Train on uint8 (n, 28, 28) with class numbers int (n,) (-1: none), and return the networks.

    A tenth, at most HELD_OUT, is held out and only measured. When `stopped` says so it ends within a step, and what
    was learnt is kept. `step` hears what part of all is done. Raises AppError for a bad recipe or too few pictures.
    """
    recipe.check()
    if len(pixels) < FEWEST:
        raise AppError(f"{len(pixels)} pictures are too few to train on. Give at least {FEWEST}.")
    keras.utils.set_random_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    known = labels if labels is not None and recipe.label_weight else np.full(len(pixels), -1)
    order = rng.permutation(len(pixels))
    held, used = np.split(order, [min(HELD_OUT, len(order) // 10)])
    networks = build(recipe.latent, int(known.max()) + 1)
    size = min(BATCH, len(used))
    steps = max(1, len(used) // size) * recipe.epochs
    advance = _stepper(networks, recipe, steps)
    points = np.random.default_rng(recipe.seed).normal(size=(SAMPLES, recipe.latent)).astype(np.float32)
    started, done = time.perf_counter(), 0
    for number in range(1, recipe.epochs + 1):
        sums = np.zeros(2)
        count = 0
        for rows in _batches(rng, used, size):
            if stopped():
                break
            warmth = min(1.0, (done + 1) / min(WARM_UP, max(1, steps // 4)))
            sums += advance(_varied(rng, pixels[rows]), known[rows].astype(np.int32), np.float32(warmth)).numpy()
            done, count = done + 1, count + 1
            step(done / steps)
        if count:
            means = sums / count
            scored = -evidence(networks, pixels[held], rng).mean() if len(held) else float("nan")
            samples = np.round(255 * decoded(networks, points)).astype(np.uint8)
            seconds = time.perf_counter() - started
            on_progress(Epoch(number, recipe.epochs, float(means[0]), float(means[1]), float(scored), seconds, samples))
        if stopped():
            break
    return networks


def _stepper(networks: Networks, recipe: LatentTraining, steps: int) -> Callable[..., tf.Tensor]:
    rate = keras.optimizers.schedules.CosineDecay(recipe.rate, steps, alpha=0.02)
    optimizer = keras.optimizers.Adam(rate)
    weights = networks.encoder.trainable_variables + networks.decoder.trainable_variables
    classes = int(networks.directions.shape[0])

    @tf.function(reduce_retracing=True)
    def advance(batch: tf.Tensor, numbers: tf.Tensor, warmth: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            means, log_var, _ = networks.encode(batch)
            codes = means + tf.exp(log_var / 2) * tf.random.normal(tf.shape(means))
            reconstruction_loss = tf.reduce_mean(_cross_entropy(batch, networks.decoder(codes)))
            kl = tf.reduce_mean(_divergence(means, log_var))
            loss = reconstruction_loss + recipe.beta * warmth * kl
            if classes:
                loss += recipe.label_weight * _class_loss(means, networks.directions, numbers)
        trained = [*weights, networks.directions] if classes else weights
        optimizer.apply_gradients(zip(tape.gradient(loss, trained), trained, strict=True))
        return tf.stack([reconstruction_loss, kl])

    return advance


def _class_loss(means: tf.Tensor, directions: tf.Variable, numbers: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of the class over cosines times SHARPNESS: classes part in the space in which is searched."""
    there = tf.cast(numbers >= 0, tf.float32)
    cosines = tf.matmul(tf.math.l2_normalize(means, 1), tf.math.l2_normalize(directions, 1), transpose_b=True)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(numbers, 0), SHARPNESS * cosines)
    return tf.reduce_sum(losses * there) / tf.maximum(tf.reduce_sum(there), 1.0)


def _cross_entropy(pixels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(pixels, logits), (1, 2, 3))


def _divergence(means: tf.Tensor, log_var: tf.Tensor) -> tf.Tensor:
    """KL divergence of N(means, exp(log_var)) from N(0, 1) in nats, (n,)."""
    return 0.5 * tf.reduce_sum(tf.square(means) + tf.exp(log_var) - log_var - 1, axis=1)


def _batches(rng: np.random.Generator, rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    mixed = rng.permutation(rows)
    for start in range(0, len(mixed) - size + 1, size):
        yield mixed[start : start + size]


def _varied(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """Return uint8 (n, 28, 28) as float32 (n, 28, 28, 1) in 0..1, half of them mirrored, moved by a pixel or none."""
    batch = pixels.astype(np.float32) / 255
    mirrored = rng.random(len(batch)) < 0.5
    batch[mirrored] = batch[mirrored, :, ::-1]
    across, down = rng.integers(0, 3, 2)
    padded = np.pad(batch, ((0, 0), (1, 1), (1, 1)))
    return padded[:, down : down + pixels.shape[1], across : across + pixels.shape[2], None]


def decoded(networks: Networks, codes: np.ndarray) -> np.ndarray:
    """Return float32 (n, 28, 28) in 0..1, the means of p(x|z) for float32 (n, latent)."""
    return tf.sigmoid(networks.decoder(codes)).numpy()[..., 0]


def evidence(networks: Networks, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the evidence lower bound of uint8 (n, 28, 28) in nats, float32 (n,), by one sample of q(z|x) each."""
    found = [np.empty(0, np.float32)]
    for start in range(0, len(pixels), 500):
        batch = pixels[start : start + 500].astype(np.float32)[..., None] / 255
        means, log_var, _ = networks.encode(batch)
        codes = means + tf.exp(log_var / 2) * rng.normal(size=means.shape).astype(np.float32)
        reconstruction_loss = _cross_entropy(batch, networks.decoder(codes))
        found.append(-(reconstruction_loss + _divergence(means, log_var)).numpy())
    return np.concatenate(found)
