"""The front of VGG as training sees it, teacher and student: five convolutions, without padding, and Gram matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from torch import Tensor, nn

LAYERS = ("block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2", "block3_conv1")
WIDTHS = (3, 64, 64, 128, 128, 256)
POOLED_AFTER = (1, 3)
"""Numbers of the layers that a 2 x 2 maximum follows."""


class Teacher(nn.Module):
    """ImageNet VGG19 up to block3_conv1, its activations scaled to mean 1, in ../shared/weights; never trained."""

    def __init__(self, path: Path) -> None:
        """Read the .npz at `path`, whose kernels are (3, 3, in, out)."""
        super().__init__()
        with np.load(path) as stored:
            arrays = {name: torch.from_numpy(stored[name]) for name in stored.files}
        self.colours = arrays["input_1x1/kernel"].permute(3, 2, 0, 1).contiguous(), arrays["input_1x1/bias"]
        self.kernels = [arrays[f"{name}/kernel"].permute(3, 2, 0, 1).contiguous() for name in LAYERS]
        self.biases = [arrays[f"{name}/bias"] for name in LAYERS]

    def prepare(self, images: Tensor) -> Tensor:
        """Turn RGB in 0..1 (n, 3, h, w) into what the first layer takes."""
        return F.conv2d(images, *self.colours)

    @torch.inference_mode()
    def forward(self, images: Tensor, reflect: bool = False, layers: int = len(LAYERS)) -> list[Tensor]:
        """Return the maps after the ReLU of the first `layers`; with `reflect` padded, as the teacher was made."""
        maps, found = self.prepare(images), []
        for number, (kernel, bias) in enumerate(zip(self.kernels[:layers], self.biases[:layers], strict=True)):
            padded = F.pad(maps, (1, 1, 1, 1), mode="reflect") if reflect else maps
            maps = F.relu(F.conv2d(padded, kernel, bias))
            found.append(maps)
            if number in POOLED_AFTER:
                maps = F.max_pool2d(maps, 2, ceil_mode=reflect)
        return found


class Student(nn.Module):
    """Our own front, of the same widths: takes RGB scaled to -1..1, from a random start."""

    def __init__(self) -> None:
        """Start from He's initialisation (He et al. 2015) with torch's generator."""
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(*pair, 3) for pair in zip(WIDTHS[:-1], WIDTHS[1:], strict=True))
        for layer in self.layers:
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the maps after each layer's ReLU for RGB in 0..1 (n, 3, h, w), h and w at least 24."""
        maps, found = images * 2 - 1, []
        for number, layer in enumerate(self.layers):
            maps = F.relu(layer(maps))
            found.append(maps)
            if number in POOLED_AFTER:
                maps = F.max_pool2d(maps, 2)
        return found


def gram(maps: Tensor) -> Tensor:
    """Return the Gram matrices (n, c, c) of maps (n, c, h, w), divided by h w (Gatys et al. 2016)."""
    flat = maps.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]
