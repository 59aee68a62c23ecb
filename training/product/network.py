"""The networks of `train_product`: an EfficientNet with an embedding and class scores, and how it is run and tested."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from torch import Tensor, nn

from training.teacher.efficientnet import FoldedEfficientNet, in_channels_last, normalise

EMBEDDING = 256
TESTED_SIDE = 224
"""Larger than what it was trained at, so that whole garments look as large as the crops did (Touvron et al., 2019)."""


class Classifier(nn.Module):
    """A network, an embedding with a cosine classifier on it, and class scores of the features."""

    def __init__(self, network: FoldedEfficientNet, classes: int) -> None:
        """Put fresh heads on a network; see `standardise`."""
        super().__init__()
        self.network = in_channels_last(network)
        top = network.shape.top
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(top))
        self.register_buffer("deviation", torch.ones(top))
        self.projection = nn.Linear(top, EMBEDDING)
        self.centres = nn.Parameter(F.normalize(torch.randn(classes, EMBEDDING), dim=1))
        self.sharpness = nn.Parameter(torch.tensor(math.log(16.0)))
        self.predictions = nn.Linear(top, classes)
        nn.init.zeros_(self.predictions.weight)
        nn.init.zeros_(self.predictions.bias)

    def forward(self, images: Tensor, drop: float = 0.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give standardised features, embedding (unit length), class scores of the features and of the embedding."""
        pooled = (self.network(images, drop)[1].float() - self.mean) / self.deviation
        hidden = F.dropout(pooled, 0.2 if drop and self.training else 0.0)
        with torch.autocast(images.device.type, enabled=False):
            embedding = F.normalize(self.projection(hidden), dim=1)
            near = embedding @ F.normalize(self.centres, dim=1).T * self.sharpness.exp().clamp(max=30)
            return pooled, embedding, self.predictions(hidden), near

    def heads(self) -> list[nn.Parameter]:
        """Return what is not the network's."""
        body = {id(weight) for weight in self.network.parameters()}
        return [weight for weight in self.parameters() if id(weight) not in body]


def fast(device: torch.device) -> torch.autocast:
    """Compute in bf16 on a GPU, as it is elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def whole(pixels: Tensor, side: int) -> Tensor:
    """Resize uint8 (n, 3, h, h) to float32 (n, 3, side, side) in 0..1."""
    return F.interpolate(pixels.float() / 255, size=(side, side), mode="bilinear", antialias=True)


@torch.inference_mode()
def standardise(model: Classifier, pixels: Tensor, side: int, batch: int = 64) -> None:
    """Measure mean and deviation of the features over uint8 (n, 3, h, h), for the heads to read them by."""
    with fast(pixels.device):
        parts = [model.network(normalise(whole(chunk, side)))[1].float() for chunk in pixels.split(batch)]
    features = torch.cat(parts)
    model.mean.copy_(features.mean(0))
    model.deviation.copy_(features.std(0) + 0.02)


@torch.inference_mode()
def see(model: Classifier, pixels: Tensor, side: int = TESTED_SIDE, batch: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Give embeddings and class scores of uint8 (n, 3, h, h), undistorted."""
    model.eval()
    device = model.mean.device
    parts = [model(normalise(whole(chunk.to(device), side)))[1:3] for chunk in pixels.split(batch)]
    return tuple(torch.cat([part[number] for part in parts]).cpu().numpy() for number in range(2))  # type: ignore[return-value]
