"""Fine-tuning the product engine on a user's own kinds: new heads on features that are computed once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageOps

from engines.files import weights_path
from engines.product.encoder import Product, softmax
from engines.product.network import ModelCard, read, write

HELD_OUT = 0.2
SEED = 7
BATCH = 64
RATE = 2e-3
DECAY = 1e-3
SMOOTHING = 0.05
DROPOUT = 0.3
HEAT = 12.0
FEWEST_FOR_CALIBRATION = 40
SURE = 0.6


@dataclass(frozen=True)
class Epoch:
    """How one epoch went; losses in nats, accuracies in 0..1; the held-out ones are nan when nothing is held out."""

    number: int
    loss: float
    accuracy: float
    held_loss: float
    held_accuracy: float


@dataclass
class Trained:
    """The heads of the best epoch, the history, and the scores (n, classes) that they give the held-out pictures."""

    heads: dict[str, np.ndarray]
    best: int
    history: list[Epoch] = field(default_factory=list)
    held_scores: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))


def views(image: Image.Image) -> list[Image.Image]:
    """Return what is seen of one training picture: itself, mirrored, and its middle mirrored and as it is."""
    width, height = image.size
    dx, dy = width * 0.08, height * 0.08
    middle = image.crop((round(dx), round(dy), max(round(width - dx), 1), max(round(height - dy), 1)))
    return [image, ImageOps.mirror(image), middle]


def held_out(
    targets: np.ndarray, groups: Sequence[str] | None = None, share: float = HELD_OUT, seed: int = SEED
) -> np.ndarray:
    """Choose rows to test on, about a share of each class: sorted row numbers.

    Rows of one group (a sender, a garment) stay on one side; an empty name is no group. No class gives more than twice
    its share, so that one with a single picture, or a single group, is not tested.
    """
    names = [f"{name}" or f"row {row}" for row, name in enumerate(groups)] if groups else np.arange(len(targets))
    _, belongs = np.unique(names, return_inverse=True)
    counts = np.zeros((belongs.max(initial=-1) + 1, targets.max(initial=-1) + 1), int)
    np.add.at(counts, (belongs, targets), 1)
    whole = counts.sum(axis=0)
    wanted = np.maximum(1, np.round(share * whole))
    most = np.maximum(wanted, 2 * share * whole) * (whole > 1)
    taken, chosen = np.zeros_like(whole), []
    for group in np.random.default_rng(seed).permutation(len(counts)):
        has = counts[group] > 0
        if (taken + counts[group] <= most)[has].all() and (taken < wanted)[has].any():
            taken += counts[group]
            chosen.append(group)
    return np.flatnonzero(np.isin(belongs, chosen))


def train_heads(
    product: Product,
    features: np.ndarray,
    targets: np.ndarray,
    test: np.ndarray,
    epochs: int,
    report: Callable[[Epoch], None],
    stopped: Callable[[], bool],
) -> Trained | None:
    """Train embedding and class scores on features (views, n, 1280); None when it was stopped before the first epoch.

    The embedding starts from the engine's projection, with a centre for each class near its pictures; the best epoch
    by held-out accuracy, then loss, is kept. Adam with decoupled decay (Loshchilov and Hutter, 2019), half a cosine.
    """
    import tensorflow as tf

    tf.random.set_seed(SEED)
    generator = np.random.default_rng(SEED)
    train = np.setdiff1d(np.arange(len(targets)), test)
    mean, deviation = features[0][train].mean(0), features[0][train].std(0) + 0.02
    known = (features - mean) / deviation
    classes = int(targets.max()) + 1
    heads = _start(product, known, targets, train, mean, deviation, classes)
    moments = [(tf.Variable(tf.zeros_like(each)), tf.Variable(tf.zeros_like(each))) for each in heads]

    @tf.function(reduce_retracing=True)
    def step(inputs, wanted, rate, number):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - a TensorFlow graph
        with tf.GradientTape() as tape:
            near, scores = _scores(tf, heads, tf.nn.dropout(inputs, DROPOUT))
            losses = [tf.nn.softmax_cross_entropy_with_logits(wanted, each) for each in (scores, near)]
            loss = tf.reduce_mean(losses[0] + 0.5 * losses[1])
        for weight, slope, (first, second) in zip(heads, tape.gradient(loss, heads), moments, strict=True):
            first.assign(0.9 * first + 0.1 * slope)
            second.assign(0.99 * second + 0.01 * slope * slope)
            moved = (first / (1 - 0.9**number)) / (tf.sqrt(second / (1 - 0.99**number)) + 1e-8)
            weight.assign(weight - rate * (moved + DECAY * weight))
        return tf.reduce_mean(losses[0])

    trained, taken = None, 0
    hard = np.eye(classes, dtype=np.float32)[targets] * (1 - SMOOTHING) + SMOOTHING / classes
    per_epoch = max(1, math.ceil(len(train) / BATCH))
    for epoch in range(1, epochs + 1):
        losses = []
        for rows in np.array_split(generator.permutation(train), per_epoch):
            if stopped():
                return trained
            taken += 1
            rate = RATE * 0.5 * (1 + math.cos(math.pi * taken / (per_epoch * epochs))) + RATE / 50
            seen = known[generator.integers(len(known), size=len(rows)), rows].astype(np.float32)
            losses.append(float(step(seen, hard[rows], np.float32(rate), np.float32(taken))))
        fitted = _scores(tf, heads, known[0][train].astype(np.float32))[1].numpy()
        tested = _scores(tf, heads, known[0][test].astype(np.float32))[1].numpy()
        now = Epoch(epoch, float(np.mean(losses)), _accuracy(fitted, targets[train]), *_judged(tested, targets[test]))
        history = [*(trained.history if trained else []), now]
        if trained is None or _better(now, history[trained.best - 1]):
            trained = Trained(_folded(heads, mean, deviation), epoch, history, tested)
        trained.history = history
        report(now)
    return trained


def weights_file(base: Product, heads: dict[str, np.ndarray], card: ModelCard) -> bytes:
    """Return a weights file with the network of `base` and new heads."""
    weights, _ = read(weights_path(base.spec))
    return write({**weights, **heads}, card, {"version": "1", "base": base.spec.weights})


def calibrated(names: Sequence[str], scores: np.ndarray, targets: np.ndarray) -> ModelCard:
    """Fit the temperature on held-out scores (n, classes) where there are enough; see training.product.export."""
    temperature = 1.0
    if len(targets) >= FEWEST_FOR_CALIBRATION:
        tried = np.exp(np.linspace(math.log(0.3), math.log(3), 60))
        temperature = float(min(tried, key=lambda each: _judged(scores / each, targets)[0]))
    return ModelCard(tuple(names), round(temperature, 3), SURE)


def seconds_left(started: float, done: int, total: int) -> float:
    """Guess the seconds that the rest takes at the pace so far."""
    return (time.monotonic() - started) / max(done, 1) * (total - done)


def _start(product, known, targets, train, mean, deviation, classes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the variables: projection, its bias, class centres, prediction kernel and bias."""
    import tensorflow as tf

    kernel, bias = product.projection
    projection, shift = kernel * deviation[:, None], bias + mean @ kernel
    embedded = known[0][train] @ projection + shift
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    centres = np.stack([embedded[targets[train] == each].mean(0) for each in range(classes)])
    values = (projection, shift, centres, np.zeros((known.shape[2], classes)), np.zeros(classes))
    return [tf.Variable(value.astype(np.float32)) for value in values]


def _scores(tf, heads, inputs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - tensorflow is untyped
    """Return class scores of the embedding (cosine to the centres) and of the features."""
    projection, shift, centres, kernel, bias = heads
    embedded = tf.math.l2_normalize(inputs @ projection + shift, axis=1)
    near = HEAT * embedded @ tf.transpose(tf.math.l2_normalize(centres, axis=1))
    return near, inputs @ kernel + bias


def _folded(heads, mean, deviation) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    projection, shift, centres, kernel, bias = (each.numpy() for each in heads)
    projection, kernel = projection / deviation[:, None], kernel / deviation[:, None]
    return {
        "projection/kernel": projection,
        "projection/bias": shift - mean @ projection,
        "predictions/kernel": kernel,
        "predictions/bias": bias - mean @ kernel,
        "prototypes/kernel": centres,
    }


def _accuracy(scores: np.ndarray, targets: np.ndarray) -> float:
    return float((scores.argmax(1) == targets).mean()) if len(targets) else math.nan


def _judged(scores: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Return loss and accuracy of scores (n, classes)."""
    if not len(targets):
        return math.nan, math.nan
    probabilities = softmax(scores)[np.arange(len(targets)), targets]
    return float(-np.log(np.maximum(probabilities, 1e-9)).mean()), _accuracy(scores, targets)


def _better(now: Epoch, best: Epoch) -> bool:
    """Return whether an epoch beats the best so far; without held-out pictures the latest does."""
    if math.isnan(now.held_accuracy):
        return True
    return (now.held_accuracy, -now.held_loss) > (best.held_accuracy, -best.held_loss)
