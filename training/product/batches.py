"""What `train_product` learns from: batches of distorted, sometimes mixed views of the photos, with their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from torch import Tensor

from training.squeezenet.photos import STRONG, Distortion, Photos, draw_rows, draw_views

SMOOTHING = 0.05


@dataclass(frozen=True)
class Batch:
    """Views (n, 3, side, side) in 0..1; class shares (n, classes); class numbers (n,), None where views are mixed."""

    views: Tensor
    shares: Tensor
    targets: Tensor | None


class Lessons:
    """The photos in memory, on the device that learns."""

    def __init__(self, photos: Photos, pixels: np.ndarray, aspects: np.ndarray, device: torch.device) -> None:
        """Take uint8 (n, 3, h, h) and float32 (n,) width / height."""
        self.photos, self.device = photos, device
        self.pixels, self.aspects = torch.from_numpy(pixels).to(device), torch.from_numpy(aspects).to(device)
        self.targets = torch.from_numpy(photos.targets()).to(device)

    def batches(
        self, rows: np.ndarray, size: int, steps: int, side: int, mixed: float, seed: int,
        how: Distortion = STRONG,
    ) -> Iterator[Batch]:  # fmt: skip
        """Give `steps` batches of `rows`; the share `mixed` of the batches is mixed."""
        generator, numbers = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        targets, order = self.targets.cpu().numpy(), np.empty(0, np.int64)
        for _ in range(steps):
            while len(order) < size:
                order = np.concatenate([order, draw_rows(rows, targets, numbers)])
            chosen, order = torch.from_numpy(order[:size]).to(self.device), order[size:]
            views = draw_views(self.pixels[chosen], self.aspects[chosen], side, how, generator)
            shares = self.shares(chosen)
            if numbers.random() < mixed:
                views, shares = mix(views, shares, numbers)
                yield Batch(views, shares, None)
            else:
                yield Batch(views, shares, self.targets[chosen])

    def shares(self, chosen: Tensor) -> Tensor:
        """Give smoothed labels; what is no class belongs to every class alike (Hendrycks et al., 2019)."""
        targets, classes = self.targets[chosen], len(self.photos.classes)
        hard = F.one_hot(targets.clamp(min=0), classes).float() * (1 - SMOOTHING) + SMOOTHING / classes
        return torch.where(targets[:, None] >= 0, hard, 1 / classes)


def mix(views: Tensor, shares: Tensor, numbers: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Blend each view with another (Zhang et al., 2018) or put a part of another into it (Yun et al., 2019)."""
    share, side = float(numbers.beta(0.8, 0.8)), views.shape[3]
    if numbers.random() < 0.5:
        views = torch.lerp(views.flip(0), views, share)
    else:
        wide = round(side * (1 - share) ** 0.5)
        left, top = numbers.integers(0, side - wide + 1, 2)
        place = (slice(None), slice(None), slice(top, top + wide), slice(left, left + wide))
        views, other = views.clone(), views.flip(0)
        views[place] = other[place]
        share = 1 - (wide / side) ** 2
    return views, torch.lerp(shares.flip(0), shares, share)
