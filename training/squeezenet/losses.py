"""The two contrastive losses of the SqueezeNet training: telling photos apart, pulling classes together."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from torch import Tensor


def loss_of_instances(
    gentle: Tensor, strong: Tensor, numbers: Tensor, memory: Tensor, unused: Tensor, temperature: float
) -> Tensor:
    """Tell each photo's strong view from every other photo: InfoNCE (van den Oord et al., 2018) with a memory.

    `gentle`, `strong` (n, 256); `numbers` (n,) row numbers; `memory` (photos, 256), the latest gentle view of each,
    but for the `unused`.
    """
    same = numbers[:, None] == numbers[None]
    others = same & ~torch.eye(len(numbers), dtype=torch.bool)
    in_batch = (strong @ gentle.T / temperature).masked_fill(others, -1e4)
    itself = numbers[None].expand(len(numbers), -1)
    remembered = (strong @ memory.T / temperature).masked_fill(unused[None], -1e4).scatter(1, itself, -1e4)
    aims = torch.arange(len(numbers))
    forward = F.cross_entropy(torch.cat([in_batch, remembered], dim=1), aims)
    return (forward + F.cross_entropy(in_batch.T, aims)) / 2


def loss_of_classes(semantic: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Pull photos of a class together: supervised contrast (Khosla et al., 2020) over one batch."""
    semantic, targets = semantic[targets >= 0], targets[targets >= 0]
    itself = torch.eye(len(targets), dtype=torch.bool, device=targets.device)
    logs = (semantic @ semantic.T / temperature).masked_fill(itself, -1e4).log_softmax(dim=1)
    positive = (targets[:, None] == targets[None]) & ~itself
    count = positive.sum(dim=1)
    return -((logs * positive).sum(dim=1) / count.clamp(min=1))[count > 0].mean()
