"""EfficientNetB0 as keras makes it, filled from a small safetensors file, and the heads of the engine `product`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from retrieval.core import AppError

EPSILON = 1e-3
MEAN = (0.485, 0.456, 0.406)
VARIANCE = (0.229**2, 0.224**2, 0.225**2)
FEATURES = 1280
HEADS = ("projection/kernel", "projection/bias", "predictions/kernel", "predictions/bias", "prototypes/kernel")


@dataclass(frozen=True)
class ModelCard:
    """What a weights file says of itself beside the weights.

    `temperature` divides the class scores; a prediction is confident when its probability reaches `sure`.
    """

    classes: tuple[str, ...]
    temperature: float
    confident_from: float

    def metadata(self) -> dict[str, str]:
        """Return it as safetensors keeps it."""
        return {
            "classes": json.dumps(self.classes),
            "temperature": repr(self.temperature),
            "sure": repr(self.confident_from),
        }


def read(path: Path) -> tuple[dict[str, np.ndarray], ModelCard]:
    """Return the weights of a file by keras path, as they are stored, and its card; raises AppError."""
    try:
        with safe_open(path, framework="numpy") as file:
            facts = file.metadata() or {}
            card = ModelCard(tuple(json.loads(facts["classes"])), float(facts["temperature"]), float(facts["sure"]))
            return {name: file.get_tensor(name) for name in file.keys()}, card  # noqa: SIM118 - no mapping
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise AppError(f"{path.name} is no weights file of the product engine ({error}).") from None


def write(weights: dict[str, np.ndarray], card: ModelCard, extra: dict[str, str]) -> bytes:
    """Return a weights file: fp16 arrays by keras path, and the card."""
    halves = {name: np.ascontiguousarray(value, np.float16) for name, value in weights.items()}
    return to_bytes(halves, card.metadata() | extra)


def backbone(weights: dict[str, np.ndarray], side: int) -> Any:  # noqa: ANN401 - keras is untyped
    """Return keras's EfficientNetB0 without its top for pictures (n, side, side, 3) of RGB in 0..255.

    Its batch norms are folded into the convolutions in our files: what is left of one is its beta, and the rest is
    set to do nothing.
    """
    import keras

    network = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=(side, side, 3))
    for variable in network.weights:
        variable.assign(np.reshape(_value(variable.path, tuple(variable.shape), weights), variable.shape))
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # what was assigned counts only from here on
    network.trainable = False
    return network


def _value(path: str, shape: tuple[int, ...], weights: dict[str, np.ndarray]) -> np.ndarray:
    if path in weights:
        return weights[path].astype(np.float32)
    layer, _, part = path.rpartition("/")
    if layer.startswith("normalization"):
        return np.array({"mean": MEAN, "variance": VARIANCE}.get(part, 0), np.float32)
    fixed = {"gamma": 1.0, "moving_mean": 0.0, "moving_variance": 1.0 - EPSILON}
    if part not in fixed:
        raise AppError(f"The weights file has no {path}.")
    return np.full(shape, fixed[part], np.float32)
