"""The front of VGG on TensorFlow: five convolutions, and the Gram matrices of their maps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

LAYERS = ("block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2", "block3_conv1")
GRAM_LAYERS = ("block1_conv1", "block2_conv1", "block2_conv2", "block3_conv1")
_POOLED_AFTER = ("block1_conv2", "block2_conv2")


class Front:
    """Maps and Gram matrices of pictures by kernels (3, 3, in, out) and biases (out,), in the order of LAYERS.

    Convolutions are not padded: a padded border is no brush stroke, and would count as one.
    """

    def __init__(self, kernels: Mapping[str, np.ndarray], biases: Mapping[str, np.ndarray]) -> None:
        """Keep the weights as constants of TensorFlow."""
        self._weights = [(name, tf.constant(kernels[name]), tf.constant(biases[name])) for name in LAYERS]

    def __call__(self, pixels: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Run float32 (h, w, 3) as the first kernel takes it.

        Returns for each of GRAM_LAYERS its Gram matrix over the number of places, float32 (c, c) (Gatys et al. 2016,
        "Image Style Transfer Using Convolutional Neural Networks"), and the map of the last, float32 (h', w', 256).
        """
        grams, last = self._run(tf.constant(pixels[None]))
        return {name: gram.numpy() for name, gram in zip(GRAM_LAYERS, grams, strict=True)}, last.numpy()

    @cached_property
    def _run(self) -> Any:  # noqa: ANN401 - tensorflow ships no type for its functions
        @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.float32)])
        def run(pixels: Any) -> Any:  # noqa: ANN401
            maps, grams = pixels, []
            for name, kernel, bias in self._weights:
                maps = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(maps, kernel, 1, "VALID"), bias))
                if name in GRAM_LAYERS:
                    places = tf.reshape(maps, [-1, kernel.shape[-1]])
                    count = tf.cast(tf.shape(places)[0], tf.float32)
                    grams.append(tf.matmul(places, places, transpose_a=True) / count)
                if name in _POOLED_AFTER:
                    maps = tf.nn.max_pool2d(maps, 2, 2, "VALID")
            return grams, maps[0]

        return run
