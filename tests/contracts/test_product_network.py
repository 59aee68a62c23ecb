"""The network that was trained in torch and the one that keras builds from its weights are the same function."""

from __future__ import annotations

import numpy as np
import torch

import engines
from engines.product.encoder import Product
from engines.product.network import read
from engines.runtime.resizing import squash
from tests.conftest import blocks
from training.teacher.efficientnet import B0, EPSILON, from_keras, normalise


def test_torch_and_keras_give_the_same_vectors() -> None:
    product = engines.load(engines.spec("product:fashion"))
    assert isinstance(product, Product)
    weights, _ = read(engines.weights_path(product.spec))
    for name in [name for name in weights if name.endswith("/beta")]:
        layer, nothing = name.removesuffix("beta"), np.zeros_like(weights[name])
        weights |= {f"{layer}gamma": nothing + 1, f"{layer}moving_mean": nothing}
        weights[f"{layer}moving_variance"] = np.full(nothing.shape, 1 - EPSILON, np.float32)
    network = from_keras(B0, weights).eval()
    images = [blocks(seed, (300, 400)) for seed in range(3)]
    pixels = np.stack([squash(image, product.spec.image_size) for image in images])
    with torch.inference_mode():
        pooled = network(normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255))[1].numpy()
    kernel, bias = product.projection
    vectors = pooled @ kernel + bias
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.abs(product.encode_images(images) - vectors).max() < 1e-3
