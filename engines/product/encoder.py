"""EfficientNetB0 as a classifier of garments and an encoder: our fashion weights, ImageNet's, or a user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from engines.files import weights_path
from engines.product.network import FEATURES, HEADS, ModelCard, backbone, read
from engines.product.prediction import Prediction
from engines.runtime.resizing import squash
from retrieval.core import AppError, EncoderSpec

BATCH = 8
"""More pictures at once are slower: what lies between two layers no longer fits the processor's cache."""


class Product:
    """Turns pictures into unit vectors and, but for weights "imagenet", says what kind of garment they show."""

    def __init__(self, spec: EncoderSpec) -> None:
        """Load the network of `spec.weights`; raises AppError, with the command that mends it, when it is missing."""
        import tensorflow as tf

        self.spec = spec
        self._tf = tf
        if spec.weights == "imagenet":
            self._card: ModelCard | None = None
            self._heads: dict[str, Any] = {}
            network = _published(spec.image_size)
        else:
            weights, self._card = read(weights_path(spec))
            self._heads = {name: tf.constant(weights[name].astype(np.float32)) for name in HEADS}
            network = backbone(weights, spec.image_size)
        self._parameters = sum(int(np.prod(each.shape)) for each in network.weights)
        self.weights_bytes = 4 * self._parameters
        self.prototypes = _unit(weights["prototypes/kernel"]) if self._card else np.empty((0, spec.dim), np.float32)
        self._forward = _compiled(network, self._heads, spec.image_size)

    @property
    def classes(self) -> tuple[str, ...]:
        """The kinds that `classify` knows, none of them for ImageNet's weights."""
        return self._card.classes if self._card else ()

    @property
    def card(self) -> ModelCard:
        """What the weights file says of itself; raises AppError for ImageNet's weights."""
        if self._card is None:
            raise AppError("The ImageNet weights know no kinds of garment. Choose 'fashion', or a model of your own.")
        return self._card

    @property
    def projection(self) -> tuple[np.ndarray, np.ndarray]:
        """What turns features into vectors before they are brought to length 1: float32 (1280, dim) and (dim,)."""
        _ = self.card
        return np.asarray(self._heads["projection/kernel"]), np.asarray(self._heads["projection/bias"])

    def summary(self, classes: int) -> list[tuple[str, str, int]]:
        """Return the model in short: (part, what it gives, parameters), with `classes` kinds in its last layer."""
        dim, places = self.spec.dim, self.spec.image_size // 32
        return [
            ("EfficientNetB0, seven stages (frozen)", f"{places} x {places} x {FEATURES}", self._parameters),
            ("Average over places", str(FEATURES), 0),
            ("Embedding, to length 1", str(dim), FEATURES * dim + dim),
            ("Class scores, softmax", str(classes), FEATURES * classes + classes),
        ]

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Embed upright RGB pictures of any size as float32 (n, dim), every row of length 1; n may be 0."""
        parts = [vectors for _, _, vectors in self._batches(images)]
        return np.concatenate(parts) if parts else np.empty((0, self.spec.dim), np.float32)

    def features(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, 1280), what the heads read: the pooled last maps."""
        parts = [maps.mean(axis=(1, 2)) for maps, _, _ in self._batches(images)]
        return np.concatenate(parts) if parts else np.empty((0, FEATURES), np.float32)

    def classify(self, images: Sequence[Image.Image]) -> list[Prediction]:
        """Say of each picture what kind of garment it shows; raises AppError for ImageNet's weights.

        The heat map is the class activation map (Zhou et al., 2016, "Learning Deep Features for Discriminative
        Localization"): what each place of the last maps adds to the score of the likeliest class.
        """
        card, predictions = self.card, []
        kernel = np.asarray(self._heads["predictions/kernel"])
        for maps, scores, _ in self._batches(images):
            probabilities = softmax(scores / card.temperature)
            for each, shares in zip(maps, probabilities, strict=True):
                best = int(shares.argmax())
                heat_map = np.maximum(each @ kernel[:, best], 0)
                predictions.append(
                    Prediction(
                        label=card.classes[best],
                        confidence=float(shares[best]),
                        confident=bool(shares[best] >= card.confident_from),
                        probabilities=dict(zip(card.classes, map(float, shares), strict=True)),
                        heat_map=(heat_map / max(float(heat_map.max()), 1e-6)).astype(np.float32),
                    )
                )
        return predictions

    def _batches(self, images: Sequence[Image.Image]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Return maps (n, h, w, 1280), class scores (n, classes), unit vectors (n, dim), BATCH at a time."""
        parts = []
        for start in range(0, len(images), BATCH):
            chunk = images[start : start + BATCH]
            pixels = np.stack([squash(image, self.spec.image_size) for image in chunk])
            parts.append(tuple(np.asarray(each) for each in self._forward(self._tf.constant(pixels))))
        return parts  # type: ignore[return-value]


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def softmax(scores: np.ndarray) -> np.ndarray:
    """Turn scores (n, classes) into probabilities."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _compiled(network: Any, heads: Any, side: int) -> Any:  # noqa: ANN401 - tensorflow is untyped
    """Return uint8 (n, side, side, 3) -> maps, scores, unit vectors as one graph whose weights are constants.

    Frozen, TensorFlow folds the batch norms away and fuses what follows a convolution into it.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    def forward(pixels: Any) -> Any:  # noqa: ANN401
        maps = network(tf.cast(pixels, tf.float32), training=False)
        pooled = tf.reduce_mean(maps, axis=(1, 2))
        if not heads:
            return maps, tf.zeros((tf.shape(pixels)[0], 0)), tf.math.l2_normalize(pooled, axis=1)
        vectors = pooled @ heads["projection/kernel"] + heads["projection/bias"]
        scores = pooled @ heads["predictions/kernel"] + heads["predictions/bias"]
        return maps, scores, tf.math.l2_normalize(vectors, axis=1)

    signature = tf.TensorSpec((None, side, side, 3), tf.uint8)
    return convert_variables_to_constants_v2(tf.function(forward).get_concrete_function(signature))


def _published(side: int) -> Any:  # noqa: ANN401 - keras is untyped
    import keras

    try:
        return keras.applications.EfficientNetB0(include_top=False, weights="imagenet", input_shape=(side, side, 3))
    except Exception as error:
        raise AppError(
            "The published EfficientNetB0 weights could not be loaded: efficientnetb0_notop.h5 is not in keras's cache "
            f"and was not downloaded ({str(error).splitlines()[0] if str(error) else type(error).__name__}). Get them "
            "with a network: python -c \"import engines; engines.load(engines.spec('product:imagenet'))\" — or set "
            "KERAS_HOME to a folder that has them in models/."
        ) from error
