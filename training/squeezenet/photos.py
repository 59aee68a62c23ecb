"""The clothing photos as training sees them: rows, sender-wise splits, pixels in memory, distorted views."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from PIL import Image

NOT_A_CLASS = frozenset({"not sure", "other", "skip"})
TEN_CLASSES = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")
STORED = 208  # side of the square every photo is kept at; its own aspect is kept beside it
UNLABELLED = -1


@dataclass(frozen=True)
class Photos:
    """Rows of `images.csv`: names, who sent them, lower-case labels; the aspect (width / height) of each photo."""

    paths: list[Path]
    senders: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        """Count the photos."""
        return len(self.paths)

    @property
    def classes(self) -> list[str]:
        """Name the real classes, in alphabetical order."""
        return sorted(set(self.labels.tolist()) - NOT_A_CLASS)

    def targets(self) -> np.ndarray:
        """Give int64 (n,) class numbers, `UNLABELLED` where the label is no class."""
        numbers = {name: number for number, name in enumerate(self.classes)}
        return np.array([numbers.get(label, UNLABELLED) for label in self.labels], np.int64)


@dataclass(frozen=True)
class Split:
    """Row numbers: what is trained on, photos of senders who are in training, photos of senders who are not."""

    train: np.ndarray
    seen_senders: np.ndarray
    unseen_senders: np.ndarray


def read_photos(folder: Path) -> Photos:
    """Read `images.csv` of the Clothing Dataset (CC0); raises FileNotFoundError when the folder has none."""
    with open(folder / "images.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return Photos(
        paths=[folder / "images" / f"{row['image']}.jpg" for row in rows],
        senders=np.array([row["sender_id"] for row in rows]),
        labels=np.array([row["label"].lower() for row in rows]),
    )


def split_photos(photos: Photos, seed: int = 7, unseen: float = 0.17, seen: float = 0.08) -> Split:
    """Hold out whole senders (about `unseen` of the photos), then `seen` of the photos of the senders that stay.

    Senders are drawn until the share is reached; of 200 such draws the one whose label counts are nearest to the whole
    set's is taken, so every frequent class is there. The choice sees labels only, never a model.
    """
    generator = np.random.default_rng(seed)
    names = np.unique(photos.senders)
    label_share = {label: float(np.mean(photos.labels == label)) for label in set(photos.labels.tolist())}
    best_gap, held_out = math.inf, np.zeros(len(photos), bool)
    for _ in range(200):
        chosen = np.zeros(len(photos), bool)
        for name in generator.permutation(names):
            if chosen.mean() >= unseen:
                break
            rows = photos.senders == name
            if (chosen | rows).mean() <= unseen + 0.02:
                chosen |= rows
        gap = sum(abs(float(np.mean(photos.labels[chosen] == label)) - share) for label, share in label_share.items())
        if gap < best_gap:
            best_gap, held_out = gap, chosen
    stayed = generator.permutation(np.flatnonzero(~held_out))
    cut = round(seen * len(photos))
    return Split(np.sort(stayed[cut:]), np.sort(stayed[:cut]), np.flatnonzero(held_out))


def load_pixels(photos: Photos, cache: Path, side: int = STORED) -> tuple[np.ndarray, np.ndarray]:
    """Decode every photo once: uint8 (n, 3, side, side), squashed to the square, and float32 (n,) width / height."""
    if cache.exists():
        with np.load(cache) as stored:
            if len(stored["aspects"]) == len(photos):
                return stored["pixels"], stored["aspects"]
    pixels = np.zeros((len(photos), 3, side, side), np.uint8)
    aspects = np.zeros(len(photos), np.float32)

    def decode(row: int) -> None:
        with Image.open(photos.paths[row]) as photo:
            aspects[row] = photo.width / photo.height
            square = photo.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
            pixels[row] = np.asarray(square).transpose(2, 0, 1)

    with ThreadPoolExecutor() as pool:
        list(pool.map(decode, range(len(photos))))
    cache.parent.mkdir(parents=True, exist_ok=True)
    with open(cache.with_suffix(".tmp"), "wb") as file:
        np.savez(file, pixels=pixels, aspects=aspects)
    os.replace(cache.with_suffix(".tmp"), cache)
    return pixels, aspects


def draw_rows(rows: np.ndarray, targets: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Shuffle about len(rows) rows for one epoch; a class of n photos is drawn in proportion to sqrt(n)."""
    counts = np.bincount(targets[rows] + 1)
    share = counts[targets[rows] + 1] ** -0.5
    expected = share / share.mean()
    return generator.permutation(np.repeat(rows, np.floor(expected + generator.random(len(rows))).astype(int)))


@dataclass(frozen=True)
class Distortion:
    """How far a random view goes: shares of the area kept, degrees, probabilities, factors of colour (as +- shares)."""

    area: tuple[float, float]
    stretch: float
    degrees: float
    mirror: float
    light: float
    saturation: float
    hue: float
    erase: float


GENTLE = Distortion(area=(0.8, 1.0), stretch=0.1, degrees=8, mirror=0.5, light=0.15, saturation=0.15, hue=0.01, erase=0)
STRONG = Distortion(
    area=(0.35, 1.0), stretch=0.2, degrees=30, mirror=0.5, light=0.4, saturation=0.4, hue=0.05, erase=0.3
)
COPY = Distortion(area=(0.4, 0.9), stretch=0.1, degrees=25, mirror=0.5, light=0.35, saturation=0.4, hue=0.05, erase=0)


def draw_views(
    pixels: torch.Tensor, aspects: torch.Tensor, side: int, how: Distortion, generator: torch.Generator
) -> torch.Tensor:
    """Cut, turn, mirror and recolour uint8 (n, 3, h, h); give float32 (n, 3, side, side) in 0..1, on their device.

    One affine grid does the crop, the rotation (in the photo's own aspect), the mirror and the resize.
    """
    count = len(pixels)

    def uniform(low: float, high: float) -> torch.Tensor:
        return (torch.rand(count, generator=generator) * (high - low) + low).to(pixels.device)

    scale = uniform(*how.area).sqrt()
    stretch = (uniform(-1, 1) * math.log(1 + how.stretch)).exp().sqrt()
    width, height = (scale * stretch).clamp(max=1), (scale / stretch).clamp(max=1)
    angle = uniform(-1, 1) * math.radians(how.degrees)
    flip = torch.where(uniform(0, 1) < how.mirror, -1.0, 1.0)
    centre_x, centre_y = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    cos, sin = angle.cos(), angle.sin()
    # Coordinates run over -1..1 whatever the aspect, so a true rotation has the aspect in its off-diagonal.
    affine = torch.stack(
        [
            torch.stack([cos * width * flip, -sin * height / aspects, centre_x], dim=1),
            torch.stack([sin * width * flip * aspects, cos * height, centre_y], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(affine, [count, 3, side, side], align_corners=False)
    border = ("zeros", "border", "reflection")[int(torch.randint(3, (1,), generator=generator))]
    views = F.grid_sample(pixels.float().div_(255), grid, mode="bilinear", padding_mode=border, align_corners=False)
    return _erase(_recolour(views, how, uniform), how, uniform)


def _recolour(views: torch.Tensor, how: Distortion, uniform: Callable[[float, float], torch.Tensor]) -> torch.Tensor:
    """Change brightness, contrast, saturation, the balance of the channels and, by a turn about grey, the hue."""
    column = (-1, 1, 1, 1)
    views = views * uniform(1 - how.light, 1 + how.light).view(column)
    mean = views.mean(dim=(1, 2, 3), keepdim=True)
    views = (views - mean) * uniform(1 - how.light, 1 + how.light).view(column) + mean
    # Saturation and hue are one 3 x 3 matrix a picture: a turn about the grey axis (Rodrigues), scaled around grey.
    turn, amount = uniform(-1, 1) * how.hue * 2 * math.pi, uniform(1 - how.saturation, 1 + how.saturation)
    axis = 1 / math.sqrt(3)
    cross = torch.tensor([[0.0, -axis, axis], [axis, 0.0, -axis], [-axis, axis, 0.0]], device=views.device)
    grey = torch.full((3, 3), 1 / 3, device=views.device)
    cos, sin = turn.cos().view(-1, 1, 1), turn.sin().view(-1, 1, 1)
    matrix = grey + amount.view(-1, 1, 1) * (cos * (torch.eye(3, device=views.device) - grey) + sin * cross)
    return torch.einsum("nij,njhw->nihw", matrix, views).clamp_(0, 1)


def _erase(views: torch.Tensor, how: Distortion, uniform: Callable[[float, float], torch.Tensor]) -> torch.Tensor:
    """Paint a rectangle of up to a quarter of the area in one random colour over some of the views."""
    count, _, side, _ = views.shape
    place = torch.arange(side, device=views.device) / side
    left, top, width, height = uniform(0, 0.8), uniform(0, 0.8), uniform(0.1, 0.5), uniform(0.1, 0.5)
    columns = (place >= left[:, None]) & (place < (left + width)[:, None])
    rows = (place >= top[:, None]) & (place < (top + height)[:, None])
    chosen = (uniform(0, 1) < how.erase)[:, None, None]
    mask = (rows[:, :, None] & columns[:, None, :] & chosen)[:, None]
    colour = torch.stack([uniform(0, 1), uniform(0, 1), uniform(0, 1)], dim=1).view(count, 3, 1, 1)
    return torch.where(mask, colour, views)
