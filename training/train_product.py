r"""Trains the weights of the engine `product`: EfficientNetB0 cut from B4, taught by it, then by the labels.

python -m training.train_product --photos ../shared/data/clothing \
    --teacher ../shared/weights/efficientnetb4_notop.npz
"""

from __future__ import annotations

import argparse
import copy
import logging
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from torch import Tensor, nn

from training.efficientnet_torch import B0, FoldedEfficientNet, in_channels_last, normalise
from training.fashion_data import (
    NOT_A_CLASS,
    STRONG,
    TEN_CLASSES,
    Photos,
    Split,
    draw_rows,
    draw_views,
    load_pixels,
    read_photos,
    split_photos,
)
from training.fashion_losses import loss_of_classes
from training.fashion_scores import score_labels
from training.prune_teacher import Cutter
from training.teacher_features import teach
from training.teacher_views import TAUGHT, cache_pooled, cache_views, load_teacher

logger = logging.getLogger("train_product")

SEED = 7
ROUNDS = 2
CUT_PICTURES = 1024
EMBEDDING = 256
FROZEN = ("block1a", "block2a", "block2b")
FROZEN_FOR_LABELS = (*FROZEN, "block3a", "block3b")
TESTED_SIDE = 192


@dataclass(frozen=True)
class Recipe:
    """Every number of one phase."""

    name: str
    epochs: int
    rate: float
    photos_a_step: int = 48
    sides: tuple[int, ...] = (128,)
    head_rate: float = 2e-3
    decay: float = 0.02
    average: float = 0.99
    drop: float = 0.0
    smoothing: float = 0.05
    soft_share: float = 0.4
    weight_supcon: float = 0.4
    weight_geometry: float = 1.0
    supcon_heat: float = 0.1
    on_all: bool = False

    def side(self, epoch: int) -> int:
        """Give the side of the training pictures: they grow over the phase."""
        return self.sides[min(len(self.sides) * epoch // self.epochs, len(self.sides) - 1)]


STAGES = Recipe("stages", epochs=3, rate=1.5e-4)
LABELS = Recipe("labels", epochs=12, rate=3e-4, sides=(128, 128, 144), drop=0.1)
ALL = Recipe("all", epochs=3, rate=1e-4, head_rate=5e-4, sides=(144,), drop=0.1, on_all=True)


def freeze_front(network: FoldedEfficientNet, names: Sequence[str]) -> None:
    """Leave the first layers as they are: they are the slowest, and nearest to the teacher's."""
    network.stem_conv.requires_grad_(False)
    for name in names:
        network.blocks[name].requires_grad_(False)


class Student(nn.Module):
    """The network, and its heads: an embedding with a cosine classifier on it, and class scores of the features."""

    def __init__(self, classes: int, cut: dict[str, Tensor]) -> None:
        """Begin from a cut network's weights."""
        super().__init__()
        self.network = FoldedEfficientNet(B0)
        self.network.load_state_dict(cut)
        in_channels_last(self.network)
        freeze_front(self.network, FROZEN_FOR_LABELS)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(B0.top))
        self.register_buffer("deviation", torch.ones(B0.top))
        self.projection = nn.Linear(B0.top, EMBEDDING)
        self.centres = nn.Parameter(F.normalize(torch.randn(classes, EMBEDDING), dim=1))
        self.sharpness = nn.Parameter(torch.tensor(math.log(16.0)))
        self.predictions = nn.Linear(B0.top, classes)
        nn.init.zeros_(self.predictions.weight)
        nn.init.zeros_(self.predictions.bias)

    def forward(self, images: Tensor, drop: float = 0.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give pooled features, embedding (unit length), class scores of the features and of the embedding."""
        pooled = (self.network(images, drop)[1] - self.mean) / self.deviation
        hidden = F.dropout(pooled, 0.2 if drop and self.training else 0.0)
        embedding = F.normalize(self.projection(hidden), dim=1)
        near = embedding @ F.normalize(self.centres, dim=1).T * self.sharpness.exp().clamp(max=30)
        return pooled, embedding, self.predictions(hidden), near


def rates(optimiser: torch.optim.Optimizer, progress: float, step: int) -> None:
    """Warm up over 60 steps, then follow half a cosine down to a fiftieth."""
    factor = min(1.0, (step + 1) / 60) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor


def save(state: dict, path: Path) -> None:
    """Write a checkpoint whole or not at all."""
    torch.save(state, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


def cut_teacher(views: np.ndarray, weights: Path, path: Path) -> dict:
    """Cut the student out of the teacher once; see `prune_teacher`."""
    if not path.exists():
        rows = np.sort(np.random.default_rng(0).permutation(len(views))[:CUT_PICTURES])
        images = torch.from_numpy(views[rows]).permute(0, 3, 1, 2).float() / 255
        cutter = Cutter(load_teacher(weights), images)
        student = cutter.cut()
        bases = {name: list(pair) for name, pair in cutter.bases.items()}
        save({"student": student.state_dict(), "top_units": cutter.top_units, "bases": bases}, path)
    return torch.load(path, weights_only=True)


def stage_losses(
    network: FoldedEfficientNet, cached: dict[str, np.memmap], rows: np.ndarray, cut: dict, scale: Tensor, mirror: bool
) -> dict[str, Tensor]:
    """Compare the student's stage ends and pooled features with the teacher's, in shares of the variance."""
    images = torch.from_numpy(cached["views"][rows]).permute(0, 3, 1, 2).float() / 255
    if mirror:
        images = images.flip(3)
    ends, pooled = network(normalise(images))
    losses = {}
    for stage, name in zip(range(2, 7), TAUGHT, strict=True):
        basis, mean = cut["bases"][name]
        aim = (torch.from_numpy(cached[name][rows]).float() - mean) @ basis.T
        aim = aim.flip(2) if mirror else aim
        got = ends[stage].permute(0, 2, 3, 1)
        losses[f"stage{stage + 1}"] = (got - aim).square().mean() / aim.flatten(0, 2).var(0).mean()
    aim = torch.from_numpy(cached["pooled"][rows]).float()[:, cut["top_units"]]
    losses["pooled"] = ((pooled - aim) / scale).square().mean()
    return losses


def learn_stages(recipe: Recipe, cached: dict[str, np.memmap], cut: dict, path: Path) -> None:
    """Distil: the student's stages follow the teacher's on the cached views, plain and mirrored."""
    network = FoldedEfficientNet(B0)
    network.load_state_dict(cut["student"])
    in_channels_last(network)
    freeze_front(network, FROZEN)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW([{"params": weights, "peak": recipe.rate}], lr=recipe.rate, weight_decay=0.0)
    mean_network, epoch = copy.deepcopy(network), 0
    if path.exists():
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        mean_network.load_state_dict(state["student"])
        optimiser.load_state_dict(state["optimiser"])
        epoch = state["epoch"]
    pooled = torch.from_numpy(cached["pooled"][:].astype(np.float32))[:, cut["top_units"]]
    scale = pooled.std(0) + 0.02
    count = len(pooled)
    while epoch < recipe.epochs:
        began = time.monotonic()
        generator = np.random.default_rng((SEED, epoch))
        order = generator.permutation(count)
        steps = count // recipe.photos_a_step
        sums: dict[str, float] = {}
        for step in range(steps):
            rates(optimiser, (epoch + step / steps) / recipe.epochs, epoch * steps + step)
            rows = np.sort(order[step * recipe.photos_a_step : (step + 1) * recipe.photos_a_step])
            losses = stage_losses(network, cached, rows, cut, scale, bool(generator.integers(2)))
            optimiser.zero_grad(set_to_none=True)
            torch.stack(list(losses.values())).sum().backward()
            nn.utils.clip_grad_norm_(weights, 5.0)
            optimiser.step()
            with torch.no_grad():
                for mean, weight in zip(mean_network.parameters(), network.parameters(), strict=True):
                    mean.lerp_(weight, 1 - min(recipe.average, (1 + step) / (10 + step) if epoch == 0 else 1.0))
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            if step % 20 == 19:
                said = " ".join(f"{name} {value / (step + 1):.3f}" for name, value in sums.items())
                spent = (step + 1) * recipe.photos_a_step / (time.monotonic() - began)
                logger.info("stages: epoch %d step %d of %d, %.1f/s: %s", epoch + 1, step + 1, steps, spent, said)
        epoch += 1
        state = {"network": network.state_dict(), "student": mean_network.state_dict()}
        save(state | {"optimiser": optimiser.state_dict(), "epoch": epoch}, path)


class Lessons:
    """What the labels phases learn from: pixels, labels, the teacher's soft labels and its features of whole photos."""

    def __init__(self, photos: Photos, rows: np.ndarray, work: Path, weights: Path, units: Tensor) -> None:
        """Load what is cached in `work`, computing what is missing; everything is fitted on `rows` only."""
        self.photos, self.rows = photos, rows
        pixels, aspects = load_pixels(photos, work / "photos.npz")
        self.pixels, self.aspects = torch.from_numpy(pixels), torch.from_numpy(aspects)
        self.targets = torch.from_numpy(photos.targets())
        whole = np.array(cache_pooled(photos.paths, weights, work / "pooled_whole.npy"))
        cache = work / f"soft_{len(rows)}.npy"
        if not cache.exists():
            soft, _ = teach(whole[None], photos.targets(), photos.senders, rows)
            np.save(cache, soft)
        self.soft = torch.from_numpy(np.load(cache))
        features = torch.from_numpy(whole.astype(np.float32))[:, units]
        self.mean, self.deviation = features[rows].mean(0), features[rows].std(0) + 0.02
        self.features = (features - self.mean) / self.deviation


def label_losses(
    recipe: Recipe, student: Student, lessons: Lessons, numbers: Tensor, views: Tensor
) -> dict[str, Tensor]:
    """Give the weighted losses of one step."""
    pooled, embedding, scores, near = student(normalise(views), recipe.drop)
    targets, soft, classes = lessons.targets[numbers], lessons.soft[numbers], scores.shape[1]
    hard = F.one_hot(targets.clamp(min=0), classes).float() * (1 - recipe.smoothing) + recipe.smoothing / classes
    aim = torch.where(targets[:, None] >= 0, torch.lerp(hard, soft, recipe.soft_share), soft)
    alike = F.cosine_similarity(pooled, lessons.features[numbers], dim=1)
    return {
        "class": F.cross_entropy(scores, aim),
        "near": 0.5 * F.cross_entropy(near, aim),
        "geometry": recipe.weight_geometry * (1 - alike).mean(),
        "supcon": recipe.weight_supcon * loss_of_classes(embedding, targets, recipe.supcon_heat),
    }


def learn_labels(recipe: Recipe, lessons: Lessons, student: Student, path: Path, split: Split | None) -> Student:
    """Fine-tune with the labels; give the student of the averaged weights. A stopped run goes on where it was."""
    mean_student, epoch = copy.deepcopy(student).requires_grad_(False), 0
    body = [weight for weight in student.network.parameters() if weight.requires_grad]
    known = {id(weight) for weight in student.network.parameters()}
    heads = [weight for weight in student.parameters() if id(weight) not in known]
    groups = [{"params": body, "peak": recipe.rate}, {"params": heads, "peak": recipe.head_rate}]
    optimiser = torch.optim.AdamW(groups, lr=recipe.rate, weight_decay=recipe.decay)
    if path.exists():
        state = torch.load(path, weights_only=True)
        student.load_state_dict(state["now"])
        mean_student.load_state_dict(state["student"])
        optimiser.load_state_dict(state["optimiser"])
        epoch = state["epoch"]
    while epoch < recipe.epochs:
        began, sums = time.monotonic(), dict[str, float]()
        generator = torch.Generator().manual_seed(SEED * 1000 + epoch)
        order = draw_rows(lessons.rows, lessons.targets.numpy(), np.random.default_rng((SEED, epoch)))
        steps = len(order) // recipe.photos_a_step
        student.train()
        for step in range(steps):
            rates(optimiser, (epoch + step / steps) / recipe.epochs, epoch * steps + step)
            numbers = torch.from_numpy(order[step * recipe.photos_a_step : (step + 1) * recipe.photos_a_step])
            pixels, aspects = lessons.pixels[numbers], lessons.aspects[numbers]
            views = draw_views(pixels, aspects, recipe.side(epoch), STRONG, generator)
            losses = label_losses(recipe, student, lessons, numbers, views)
            optimiser.zero_grad(set_to_none=True)
            torch.stack(list(losses.values())).sum().backward()
            nn.utils.clip_grad_norm_(body + heads, 2.0)
            optimiser.step()
            keep = min(recipe.average, (1 + epoch * steps + step) / (10 + epoch * steps + step))
            with torch.no_grad():
                for mean, weight in zip(mean_student.parameters(), student.parameters(), strict=True):
                    mean.lerp_(weight, 1 - keep)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) / steps
        epoch += 1
        said = " ".join(f"{name} {value:.3f}" for name, value in sums.items())
        logger.info("%s: epoch %d of %d, %.0f s: %s", recipe.name, epoch, recipe.epochs, time.monotonic() - began, said)
        state = {"now": student.state_dict(), "student": mean_student.state_dict()}
        save(state | {"optimiser": optimiser.state_dict(), "epoch": epoch}, path)
        if split is not None and (epoch % 4 == 0 or epoch == recipe.epochs):
            report(lessons, mean_student, split)
    return mean_student


def see(student: Student, pixels: Tensor, side: int = TESTED_SIDE, batch: int = 32) -> tuple[np.ndarray, ...]:
    """Give pooled features, embeddings and class scores of uint8 (n, 3, h, w), undistorted."""
    student.eval()
    parts = []
    with torch.inference_mode():
        for chunk in pixels.split(batch):
            images = F.interpolate(chunk.float() / 255, size=(side, side), mode="bilinear", antialias=True)
            parts.append(student(normalise(images))[:3])
    return tuple(torch.cat([part[number] for part in parts]).numpy() for number in range(3))


def report(lessons: Lessons, student: Student, split: Split) -> None:
    """Log what the averaged weights make of the held-out photos."""
    rows = np.concatenate([split.seen_senders, split.unseen_senders])
    _, embeddings, scores = see(student, lessons.pixels[torch.from_numpy(rows)])
    targets, labels = lessons.targets.numpy()[rows], lessons.photos.labels[rows]
    ten = np.isin(labels, TEN_CLASSES)
    new = np.isin(rows, split.unseen_senders) & ~np.isin(labels, list(NOT_A_CLASS))
    allowed = np.array([name in TEN_CLASSES for name in lessons.photos.classes])
    logger.info(
        "  held out: ten %.3f (among the ten %.3f), 17 unseen %.3f; P@10 ten %.3f, 17 unseen %.3f",
        float((scores[ten].argmax(1) == targets[ten]).mean()),
        float((np.where(allowed, scores[ten], -np.inf).argmax(1) == targets[ten]).mean()),
        float((scores[new].argmax(1) == targets[new]).mean()),
        score_labels(embeddings[ten], labels[ten])["p@10"],
        score_labels(embeddings[new], labels[new])["p@10"],
    )


def main() -> None:
    """Run the phases that are not finished yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with images.csv and images/")
    parser.add_argument("--teacher", type=Path, required=True, help="EfficientNetB4 weights, npz")
    parser.add_argument("--work", type=Path, default=Path("index_cache/training"), help="checkpoints and caches")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(SEED)
    work = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    photos = read_photos(arguments.photos)
    split = split_photos(photos)
    pixels, aspects = load_pixels(photos, work / "photos.npz")
    cached = cache_views(pixels, aspects, split.train, ROUNDS, arguments.teacher, work / "views")
    cut = cut_teacher(cached["views"], arguments.teacher, work / "cut.pt")
    learn_stages(STAGES, cached, cut, work / "stages.pt")
    learnt = torch.load(work / "stages.pt", weights_only=True)["student"]
    student = Student(len(photos.classes), learnt)
    for recipe in (LABELS, ALL):
        rows = np.arange(len(photos)) if recipe.on_all else split.train
        lessons = Lessons(photos, rows, work, arguments.teacher, cut["top_units"])
        if not recipe.on_all:
            student.mean.copy_(lessons.mean)
            student.deviation.copy_(lessons.deviation)
        path = work / f"{recipe.name}.pt"
        student = learn_labels(recipe, lessons, student, path, None if recipe.on_all else split)
        student = copy.deepcopy(student)
        student.requires_grad_(True)
        freeze_front(student.network, FROZEN_FOR_LABELS)


if __name__ == "__main__":
    main()
