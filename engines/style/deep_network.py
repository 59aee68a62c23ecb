"""The deeper front of the style engine: the first four stages of an EfficientNetB0 on TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

DEEP_LAYERS = ("block3b", "block4c")
"""The ends of the third and of the fourth stage, by keras's names of the blocks."""

_BLOCKS = ("block1a", "block2a", "block2b", "block3a", "block3b", "block4a", "block4b", "block4c")
_HALVING = ("block2a", "block3a", "block4a")
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

Layer = tuple[Any, Any]


class Deep:
    """Gram matrices of maps that lie deeper than the front of VGG goes, at a twentieth of its cost.

    The blocks are those of Tan and Le 2019, "EfficientNet", the batch norms folded into the convolutions: `weights` has
    "stem_conv.kernel", "block2a.expand_conv.kernel" and so on, (h, w, in, out), depthwise (h, w, channels, 1), and
    biases (out,), float32.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        """Keep the weights as constants of TensorFlow."""
        self._layers: dict[str, Layer] = {}
        for name in weights:
            layer, _, part = name.rpartition(".")
            if part == "kernel":
                self._layers[layer] = tf.constant(weights[name]), tf.constant(weights[f"{layer}.bias"])

    def __call__(self, pixels: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Run RGB in 0..1, float32 (h, w, 3).

        Returns for each of DEEP_LAYERS its Gram matrix over the number of places, float32 (c, c), and the maps of the
        last, float32 (h / 16, w / 16, 80).
        """
        grams, last = self._run(tf.constant(pixels[None]))
        return {name: gram.numpy() for name, gram in zip(DEEP_LAYERS, grams, strict=True)}, last.numpy()

    @cached_property
    def _run(self) -> Any:  # noqa: ANN401 - tensorflow ships no type for its functions
        @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.float32)])
        def run(pixels: Any) -> Any:  # noqa: ANN401
            maps = tf.nn.silu(_convolve((pixels - _MEAN) / _DEVIATION, self._layers["stem_conv"], halve=True))
            grams = []
            for name in _BLOCKS:
                maps = self._block(name, maps)
                if name in DEEP_LAYERS:
                    places = tf.reshape(maps, [-1, maps.shape[-1]])
                    grams.append(tf.matmul(places, places, transpose_a=True) / tf.cast(tf.shape(places)[0], tf.float32))
            return grams, maps[0]

        return run

    def _block(self, name: str, maps: Any) -> Any:  # noqa: ANN401
        """Run one inverted residual with squeeze and excitation."""
        hidden = maps
        if f"{name}.expand_conv" in self._layers:
            hidden = tf.nn.silu(_convolve(maps, self._layers[f"{name}.expand_conv"]))
        hidden = tf.nn.silu(_convolve(hidden, self._layers[f"{name}.dwconv"], name in _HALVING, depthwise=True))
        gate = tf.reduce_mean(hidden, [1, 2], keepdims=True)
        gate = tf.nn.silu(_convolve(gate, self._layers[f"{name}.se_reduce"]))
        gate = tf.sigmoid(_convolve(gate, self._layers[f"{name}.se_expand"]))
        result = _convolve(hidden * gate, self._layers[f"{name}.project_conv"])
        return maps + result if result.shape[-1] == maps.shape[-1] and name not in _HALVING else result


def _convolve(maps: Any, layer: Layer, halve: bool = False, depthwise: bool = False) -> Any:  # noqa: ANN401
    """Pad as keras.applications does: where the map is halved, the odd pixel of an even side goes before it."""
    kernel, bias = layer
    padding, stride = "SAME", 1
    if halve:
        padding, stride, reach = "VALID", 2, kernel.shape[0] // 2
        before = [reach - 1 + tf.shape(maps)[axis] % 2 for axis in (1, 2)]
        maps = tf.pad(maps, [[0, 0], [before[0], reach], [before[1], reach], [0, 0]])
    if depthwise:
        found = tf.nn.depthwise_conv2d(maps, kernel, [1, stride, stride, 1], padding)
    else:
        found = tf.nn.conv2d(maps, kernel, stride, padding)
    return tf.nn.bias_add(found, bias)
