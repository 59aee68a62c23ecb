"""Imports torchvision also where its operators were built for another torch than the one installed."""

from __future__ import annotations

import torch

_MISSING = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

try:
    from torchvision import models
except RuntimeError as failure:
    if "torchvision::nms" not in str(failure):
        raise
    # The Linux wheel links CUDA: beside a CPU-only torch its operators are not registered, and its import asks for
    # their schemas (pytorch/vision issue 9085). Networks and transforms need none of them. The library must stay alive.
    _schemas = torch.library.Library("torchvision", "DEF")
    for _schema in _MISSING:
        _schemas.define(_schema)
    from torchvision import models

__all__ = ["models"]
