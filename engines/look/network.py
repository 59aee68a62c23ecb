"""The network behind the look of a garment: EfficientNet-Lite0 read at four depths, and a linear head for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from safetensors import safe_open
from torch import Tensor, nn

FILTERS = (16, 24, 40, 80, 112, 192, 320)
REPEATS = (1, 2, 2, 3, 3, 4, 1)
KERNELS = (3, 3, 5, 3, 5, 5, 3)
STRIDES = (1, 2, 2, 2, 1, 2, 1)
STEM, TOP = 32, 1280

PARTS = {"texture": 80, "pattern": 96, "shape": 80, "top": 224, "colour": 32}
"""Sizes of the parts of a look, in their order."""

KIND_DIM = 17
LOOK_DIM = sum(PARTS.values())
DIM = LOOK_DIM + KIND_DIM
INPUTS = {"texture": 3240, "pattern": 6328, "shape": FILTERS[-1], "top": TOP, "colour": 320, "kind": FILTERS[-1] + TOP}
"""What each head reads: Gram matrices after stages 4 and 5, means after stage 7 and the top, colours; both means."""

GAIN = 10.0
"""In log(1 + GAIN |g|): Gram matrices have few giant entries, which alone would decide a plain cosine."""


def convolve(maps: Tensor, layer: nn.Conv2d) -> Tensor:
    """Convolve, padded as TensorFlow pads: where the map is halved, an odd pixel of padding goes behind it."""
    size, stride = layer.kernel_size[0], layer.stride[0]
    padding: list[int] = []
    for axis in (3, 2):
        length = maps.shape[axis]
        missing = max((math.ceil(length / stride) - 1) * stride + size - length, 0)
        padding += [missing // 2, missing - missing // 2]
    if stride == 1:
        return F.conv2d(maps, layer.weight, layer.bias, 1, size // 2, 1, layer.groups)
    return F.conv2d(F.pad(maps, padding), layer.weight, layer.bias, stride, 0, 1, layer.groups)


class Block(nn.Module):
    """One inverted residual without squeeze and excitation, batch norms folded into its convolutions."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        """Make the layers; the first stage's block does not expand."""
        super().__init__()
        hidden = inputs * expand
        self.expand_conv = nn.Conv2d(inputs, hidden, 1) if expand != 1 else None
        self.dwconv = nn.Conv2d(hidden, hidden, kernel, stride, groups=hidden)
        self.project_conv = nn.Conv2d(hidden, outputs, 1)
        self.skips = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        """Run the block on float32 (n, inputs, h, w); what it adds up is float32 too, whatever its weights are."""
        hidden = maps.to(self.project_conv.weight.dtype)
        if self.expand_conv is not None:
            hidden = F.relu6(self.expand_conv(hidden), inplace=True)
        result = self.project_conv(F.relu6(convolve(hidden, self.dwconv), inplace=True))
        return maps + result if self.skips else result.float()


class Trunk(nn.Module):
    """EfficientNet-Lite0 (Google 2020, after Tan and Le, "EfficientNet", 2019) without its classifier."""

    def __init__(self) -> None:
        """Make the network with random weights."""
        super().__init__()
        self.stem_conv = nn.Conv2d(3, STEM, 3, 2)
        self.blocks = nn.ModuleList()
        self.ends: list[int] = []
        inputs = STEM
        for stage, (outputs, repeats) in enumerate(zip(FILTERS, REPEATS, strict=True)):
            for repeat in range(repeats):
                stride = STRIDES[stage] if repeat == 0 else 1
                self.blocks.append(Block(inputs, outputs, KERNELS[stage], stride, 1 if stage == 0 else 6))
                inputs = outputs
            self.ends.append(len(self.blocks) - 1)
        self.top_conv = nn.Conv2d(inputs, TOP, 1)

    def use_bfloat16(self) -> None:
        """Multiply in bfloat16 from the second block on: vectors keep a cosine of 0.9995 with those of float32.

        The first block stays as it is, since what is rounded there is carried through all others.
        """
        for block in self.blocks[1:]:
            block.bfloat16()
        self.top_conv.bfloat16()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Run RGB in 0..255, float32 (n, 3, h, w); give what the heads read of it, rows of length 1."""
        maps, ends = F.relu6(convolve((images - 127) / 128, self.stem_conv), inplace=True), []
        for number, block in enumerate(self.blocks):
            maps = block(maps)
            if number in self.ends:
                ends.append(maps)
        top = F.relu6(self.top_conv(maps.to(self.top_conv.weight.dtype)), inplace=True)
        means = {"shape": mean_of_places(maps), "top": mean_of_places(top)}
        return {"texture": gram(ends[3]), "pattern": gram(ends[4])} | means | {"kind": torch.cat([*means.values()], 1)}


def mean_of_places(maps: Tensor) -> Tensor:
    """Average maps (n, c, h, w) over their places: (n, c), rows of length 1."""
    return F.normalize(maps.float().mean(dim=(2, 3)), dim=1)


def gram(maps: Tensor) -> Tensor:
    """Return the logarithms of the Gram matrices of maps (n, c, h, w) as (n, c (c + 1) / 2), rows of length 1.

    Of a symmetric matrix the upper triangle is kept, off its diagonal times sqrt 2, which changes no cosine. What a
    Gram matrix says of a fabric holds wherever the fabric lies in the picture (Gatys et al. 2016).
    """
    channels = maps.shape[1]
    places = maps.float().flatten(2)
    products = torch.bmm(places, places.transpose(1, 2)) / places.shape[2]
    rows, columns = torch.triu_indices(channels, channels, device=maps.device)
    kept = products[:, rows, columns]
    logs = torch.sign(kept) * torch.log1p(GAIN * kept.abs())
    return F.normalize(logs * torch.where(rows == columns, 1.0, math.sqrt(2.0)), dim=1)


class LookNetwork(nn.Module):
    """The trunk and its heads: how a garment looks, and as far as that is known what kind it is of.

    Each head of the look is linear, and its part is brought to length 1. The parts, weighted by `shares`, go through
    `metric`, which makes little of what differs between pictures of one garment. The kinds are probabilities as they
    are: where none is sure, or the picture is unlike the photos they were learnt from, only the look counts.
    """

    def __init__(self) -> None:
        """Make the network with random trunk weights and heads of zeros."""
        super().__init__()
        self.trunk = Trunk()
        for name, size in PARTS.items():
            self.register_buffer(f"{name}_mean", torch.zeros(INPUTS[name]))
            self.register_buffer(f"{name}_axes", torch.zeros(INPUTS[name], size))
        self.register_buffer("shares", torch.full((len(PARTS),), 1 / len(PARTS)))
        self.register_buffer("metric", torch.eye(LOOK_DIM))
        self.register_buffer("kind_weights", torch.zeros(INPUTS["kind"], KIND_DIM + 1))
        self.register_buffer("kind_biases", torch.zeros(KIND_DIM + 1))
        self.register_buffer("kind_share", torch.tensor(0.0))

    def forward(self, images: Tensor, colours: Tensor) -> Tensor:
        """Embed RGB in 0..255, float32 (n, 3, h, w), whose colours are (n, 320): unit vectors (n, DIM)."""
        return self.join(self.trunk(images) | {"colour": F.normalize(colours, dim=1)})

    def set_head(self, name: str, mean: np.ndarray, axes: np.ndarray) -> None:
        """Set what a head subtracts, (inputs,), and multiplies with, (inputs, size)."""
        for kind, value in (("mean", mean), ("axes", axes)):
            self.get_buffer(f"{name}_{kind}").copy_(torch.from_numpy(np.ascontiguousarray(value, np.float32)))

    def part(self, name: str, found: Mapping[str, Tensor]) -> Tensor:
        """Turn what the head `name` reads into its unit vectors (n, size)."""
        centred = found[name].float() - self.get_buffer(f"{name}_mean")
        return F.normalize(centred @ self.get_buffer(f"{name}_axes"), dim=1)

    def parts(self, found: Mapping[str, Tensor]) -> Tensor:
        """Lay the parts of the look side by side, by their shares: unit vectors (n, LOOK_DIM)."""
        shares = self.get_buffer("shares").sqrt()
        return torch.cat([share * self.part(name, found) for share, name in zip(shares, PARTS, strict=True)], dim=1)

    def kinds(self, found: Mapping[str, Tensor]) -> Tensor:
        """Return the probabilities of the kinds (n, KIND_DIM); what they lack to 1 is that of being no such photo."""
        logits = found["kind"].float() @ self.get_buffer("kind_weights") + self.get_buffer("kind_biases")
        return logits.softmax(dim=1)[:, :KIND_DIM]

    def join(self, found: Mapping[str, Tensor]) -> Tensor:
        """Turn what the heads read into unit vectors (n, DIM)."""
        share = self.get_buffer("kind_share")
        look = F.normalize(self.parts(found) @ self.get_buffer("metric"), dim=1)
        return F.normalize(torch.cat([(1 - share).sqrt() * look, share.sqrt() * self.kinds(found)], dim=1), dim=1)


def load_network(path: Path) -> LookNetwork:
    """Load a network saved by `training.look.fit` (safetensors, fp16), in float32, for inference."""
    network = LookNetwork()
    with safe_open(path, framework="pt") as file:
        network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    return network.eval().requires_grad_(False)
