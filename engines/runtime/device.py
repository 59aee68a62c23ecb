"""Which device torch computes on."""

from __future__ import annotations

import torch


def torch_device() -> torch.device:
    """Return the graphics card where there is one, NVIDIA's or Apple's, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
