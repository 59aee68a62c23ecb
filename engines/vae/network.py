"""The networks behind the latent space: a convolutional variational autoencoder in Keras, and its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from retrieval.core import AppError

SIDE = 28
FEATURES = 128
_LOG_VAR = (-12.0, 6.0)


@dataclass(frozen=True, slots=True)
class Networks:
    """The parts of one variational autoencoder (Kingma and Welling 2014, arXiv:1312.6114).

    `encoder` turns float32 (n, 28, 28, 1) in 0..1 into the means (n, latent) and the logarithms of the variances of
    q(z|x), and its last hidden layer (n, FEATURES); `decoder` turns (n, latent) into the logits of p(x|z), (n, 28, 28,
    1); `directions` float32 (classes, latent) point to where each class lies, or have no rows.
    """

    encoder: keras.Model
    decoder: keras.Model
    directions: tf.Variable

    @property
    def latent(self) -> int:
        """The number of latent variables."""
        return int(self.directions.shape[1])

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """Every weight by the name that it has in a file."""
        named = {f"encoder/{v.path}": v for v in self.encoder.variables}
        named |= {f"decoder/{v.path}": v for v in self.decoder.variables}
        return named | {"directions": self.directions}

    def encode(self, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return means, log-log_var within sane bounds, and hidden features of float32 (n, 28, 28, 1) in 0..1."""
        means, log_var, features = self.encoder(pixels)
        return means, tf.clip_by_value(log_var, *_LOG_VAR), features


def build(latent: int, classes: int = 0) -> Networks:
    """Return networks with random weights."""
    pixels = keras.Input((SIDE, SIDE, 1))
    hidden = layers.Conv2D(32, 5, 2, "same", activation="relu", name="down1")(pixels)
    hidden = layers.Conv2D(64, 3, 2, "same", activation="relu", name="down2")(hidden)
    features = layers.Dense(FEATURES, activation="relu", name="features")(layers.Flatten()(hidden))
    means = layers.Dense(latent, name="means")(features)
    log_var = layers.Dense(latent, name="log_variances")(features)
    codes = keras.Input((latent,))
    hidden = layers.Dense(FEATURES, activation="relu", name="widen")(codes)
    hidden = layers.Dense(7 * 7 * 32, activation="relu", name="spread")(hidden)
    hidden = layers.Reshape((7, 7, 32))(hidden)
    hidden = layers.Conv2DTranspose(24, 4, 2, "same", activation="relu", name="up1")(hidden)
    logits = layers.Conv2DTranspose(1, 4, 2, "same", name="up2")(hidden)
    directions = keras.random.normal((classes, latent), seed=7)
    return Networks(
        keras.Model(pixels, [means, log_var, features]), keras.Model(codes, logits), tf.Variable(directions)
    )


def packed(networks: Networks, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return a safetensors file: the weights in float16, `arrays` as they are under `facts/…`, `facts` as JSON."""
    tensors = {name: variable.numpy().astype(np.float16) for name, variable in networks.variables.items()}
    tensors |= {f"facts/{name}": np.ascontiguousarray(array) for name, array in arrays.items()}
    return save(tensors, {"facts": json.dumps({**facts, "latent": networks.latent})})


def unpacked(path: Path) -> tuple[Networks, dict[str, Any], dict[str, np.ndarray]]:
    """Read what `packed` made: networks, facts, arrays; raises AppError when the file is damaged or another's."""
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        networks = build(int(facts["latent"]), len(tensors["directions"]))
        for name, variable in networks.variables.items():
            variable.assign(tensors[name].astype(np.float32))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise AppError(f"{path.name} holds no latent space that can be read ({error}). Train it again.") from None
    return networks, facts, {n.removeprefix("facts/"): t for n, t in tensors.items() if n.startswith("facts/")}
