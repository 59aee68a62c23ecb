"""EfficientNet in torch as `keras.applications` builds it, batch norms folded into the convolutions: what trains here.

Folded, a step costs half of what it costs with batch norms on these cores, and the statistics cannot drift on small
batches. Written back for keras, a folded convolution's bias becomes the beta of a batch norm that does nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from torch import Tensor, nn

EPSILON = 1e-3
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Shape:
    """Widths and depths of one EfficientNet: stem, filters and repeats of the seven stages, top."""

    stem: int
    filters: tuple[int, ...]
    repeats: tuple[int, ...]
    top: int


B0 = Shape(32, (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1), 1280)
B4 = Shape(48, (24, 32, 56, 112, 160, 272, 448), (2, 4, 4, 6, 6, 8, 2), 1792)
KERNELS = (3, 3, 5, 3, 5, 5, 3)
STRIDES = (1, 2, 2, 2, 1, 2, 1)


def bias(layer: nn.Conv2d) -> Tensor:
    """Return the bias of a convolution that has one, as all folded ones do."""
    assert layer.bias is not None
    return layer.bias


def in_channels_last(network: FoldedEfficientNet) -> FoldedEfficientNet:
    """Return the network in the memory layout that is fastest here."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def convolve(maps: Tensor, layer: nn.Conv2d) -> Tensor:
    """Pad as keras does: stride 2 puts the odd pixel to the left of an even picture."""
    size = layer.kernel_size[0]
    if layer.stride[0] == 1:
        return F.conv2d(maps, layer.weight, layer.bias, 1, size // 2, 1, layer.groups)
    before = [size // 2 - (1 - maps.shape[axis] % 2) for axis in (3, 2)]
    padded = F.pad(maps, (before[0], size // 2, before[1], size // 2))
    return F.conv2d(padded, layer.weight, layer.bias, 2, 0, 1, layer.groups)


class Block(nn.Module):
    """One inverted residual with squeeze and excitation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        """Make the layers; the first stage's blocks do not expand."""
        super().__init__()
        hidden, squeezed = inputs * expand, max(1, inputs // 4)
        self.expand_conv = nn.Conv2d(inputs, hidden, 1) if expand != 1 else None
        self.dwconv = nn.Conv2d(hidden, hidden, kernel, stride, groups=hidden)
        self.se_reduce = nn.Conv2d(hidden, squeezed, 1)
        self.se_expand = nn.Conv2d(squeezed, hidden, 1)
        self.project_conv = nn.Conv2d(hidden, outputs, 1)
        self.skips = stride == 1 and inputs == outputs

    def expanded(self, maps: Tensor) -> Tensor:
        """Give the hidden maps before their activation."""
        return maps if self.expand_conv is None else self.expand_conv(maps)

    def gated(self, hidden: Tensor) -> Tensor:
        """Go on from the activated hidden maps to what the projection reads."""
        maps = F.silu(convolve(hidden, self.dwconv))
        gate = self.se_expand(F.silu(self.se_reduce(maps.mean((2, 3), keepdim=True))))
        return maps * gate.sigmoid()

    def activated(self, maps: Tensor) -> Tensor:
        """Give the activated hidden maps."""
        return maps if self.expand_conv is None else F.silu(self.expand_conv(maps))

    def forward(self, maps: Tensor, keep: Tensor | None = None) -> Tensor:
        """Run the block; `keep` (n, 1, 1, 1) scales its residual branch (stochastic depth)."""
        result = self.project_conv(self.gated(self.activated(maps)))
        if not self.skips:
            return result
        return maps + (result if keep is None else result * keep)


class FoldedEfficientNet(nn.Module):
    """Stem, seven stages, top convolution; no classifier."""

    def __init__(self, shape: Shape) -> None:
        """Make the layers, with random weights."""
        super().__init__()
        self.shape = shape
        self.stem_conv = nn.Conv2d(3, shape.stem, 3, 2)
        self.blocks = nn.ModuleDict()
        self.stage_ends: list[str] = []
        inputs = shape.stem
        for stage, (outputs, repeats) in enumerate(zip(shape.filters, shape.repeats, strict=True)):
            for repeat in range(repeats):
                name = f"block{stage + 1}{chr(97 + repeat)}"
                stride = STRIDES[stage] if repeat == 0 else 1
                self.blocks[name] = Block(inputs, outputs, KERNELS[stage], stride, 1 if stage == 0 else 6)
                inputs = outputs
            self.stage_ends.append(name)
        self.top_conv = nn.Conv2d(inputs, shape.top, 1)

    def block(self, name: str) -> Block:
        """Return a block by its keras name, such as "block2a"."""
        found = self.blocks[name]
        assert isinstance(found, Block)
        return found

    def stem(self, images: Tensor) -> Tensor:
        """Take normalised images (n, 3, h, w) to the first maps."""
        return F.silu(convolve(images, self.stem_conv))

    def top(self, maps: Tensor) -> Tensor:
        """Give (n, top, h, w), activated."""
        return F.silu(self.top_conv(maps))

    def forward(self, images: Tensor, drop: float = 0.0) -> tuple[list[Tensor], Tensor]:
        """Give the maps at the seven stage ends, and the pooled features (n, top).

        `drop` is the probability that the last residual branch is left out; earlier ones less (Huang et al., 2016).
        """
        maps, ends = self.stem(images), []
        for number, (name, block) in enumerate(self.blocks.items()):
            drop_rate = drop * number / len(self.blocks)
            keep = None
            if drop_rate and block.skips:
                keep = (torch.rand(len(maps), 1, 1, 1, device=maps.device) >= drop_rate).to(maps.dtype) / (
                    1 - drop_rate
                )
            maps = block(maps, keep)
            if name in self.stage_ends:
                ends.append(maps)
        return ends, self.top(maps).mean((2, 3))


def normalise(images: Tensor) -> Tensor:
    """Shift and scale images (n, 3, h, w) in 0..1 as ImageNet networks expect."""
    mean, std = (torch.tensor(each, device=images.device).view(1, 3, 1, 1) for each in (MEAN, STD))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def _names(network: FoldedEfficientNet) -> dict[str, tuple[str, str | None]]:
    """Map each torch layer to keras's names of its convolution and of the batch norm folded into it."""
    names: dict[str, tuple[str, str | None]] = {
        "stem_conv": ("stem_conv", "stem_bn"),
        "top_conv": ("top_conv", "top_bn"),
    }
    for block in network.blocks:
        layers = {"dwconv": "bn", "expand_conv": "expand_bn", "project_conv": "project_bn"}
        for layer, norm in layers.items():
            names[f"blocks.{block}.{layer}"] = (f"{block}_{layer}", f"{block}_{norm}")
        for layer in ("se_reduce", "se_expand"):
            names[f"blocks.{block}.{layer}"] = (f"{block}_{layer}", None)
    return names


def from_keras(shape: Shape, weights: Mapping[str, np.ndarray]) -> FoldedEfficientNet:
    """Fold keras weights, keyed by path, into a network whose input is normalised with MEAN and STD."""
    network = FoldedEfficientNet(shape)
    layers = dict(network.named_modules())
    with torch.no_grad():
        for ours, (convolution, norm) in _names(network).items():
            if ours not in layers or layers[ours] is None:
                continue
            layer = layers[ours]
            assert isinstance(layer, nn.Conv2d)
            kernel = torch.from_numpy(weights[f"{convolution}/kernel"].astype(np.float32))
            # keras holds (h, w, in, out), a depthwise kernel (h, w, channels, 1).
            kernel = kernel.permute(2, 3, 0, 1) if layer.groups > 1 else kernel.permute(3, 2, 0, 1)
            if norm is None:
                layer.weight.copy_(kernel)
                bias(layer).copy_(torch.from_numpy(weights[f"{convolution}/bias"].astype(np.float32)))
                continue
            gamma, beta, mean, variance = (
                torch.from_numpy(weights[f"{norm}/{part}"].astype(np.float32))
                for part in ("gamma", "beta", "moving_mean", "moving_variance")
            )
            scale = gamma / (variance + EPSILON).sqrt()
            layer.weight.copy_(kernel * scale.view(-1, 1, 1, 1))
            bias(layer).copy_(beta - mean * scale)
    return in_channels_last(network)


def to_keras(network: FoldedEfficientNet) -> dict[str, np.ndarray]:
    """Give float32 keras weights keyed by path: kernels, biases, and the beta of every batch norm."""
    weights: dict[str, np.ndarray] = {}
    layers = dict(network.named_modules())
    for ours, (convolution, norm) in _names(network).items():
        layer = layers.get(ours)
        if not isinstance(layer, nn.Conv2d):
            continue
        kernel = layer.weight.detach()
        kernel = kernel.permute(2, 3, 0, 1) if layer.groups > 1 else kernel.permute(2, 3, 1, 0)
        weights[f"{convolution}/kernel"] = kernel.contiguous().numpy()
        weights[f"{norm}/beta" if norm else f"{convolution}/bias"] = bias(layer).detach().numpy()
    return weights
