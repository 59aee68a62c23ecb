r"""Trains the weights of the engine `product`: EfficientNetB0, cut out of a B4, and taught by it.

python -m training.product.train --photos ../shared/data/clothing \
    --teacher ../shared/weights/efficientnetb4_notop.npz

The teacher learns the labels first. The student then sees what the teacher sees: the same distorted and mixed views,
for many epochs ("Knowledge distillation: A good teacher is patient and consistent", Beyer et al., 2022). Runs on a GPU
where there is one; a phase that is finished is not run again.
"""

from __future__ import annotations

import argparse
import copy
import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from torch import Tensor, nn

from training.product.batches import Batch, Lessons
from training.product.network import TESTED_SIDE, Classifier, fast, see, standardise
from training.squeezenet.losses import loss_of_classes
from training.squeezenet.photos import (
    NOT_A_CLASS,
    TEN_CLASSES,
    Distortion,
    Split,
    draw_views,
    load_pixels,
    read_photos,
    split_photos,
)
from training.squeezenet.scores import score_labels
from training.teacher.efficientnet import B0, B4, FoldedEfficientNet, from_keras, in_channels_last, normalise
from training.teacher.prune import Cutter

logger = logging.getLogger("train_product")

SEED = 7
STORED = 256
CUT_PICTURES = 1024
CUT_SIDE = 144
CUT_VIEW = Distortion(
    area=(0.4, 1.0), stretch=0.2, degrees=20, mirror=0.5, light=0.3, saturation=0.3, hue=0.03, erase=0.1
)
TAUGHT = ("block3d", "block4f", "block5f", "block6h", "block7b")


@dataclass(frozen=True)
class ProductTraining:
    """Every number of one phase."""

    name: str
    epochs: float
    rate: float
    side: int
    batch: int
    head_rate: float = 2e-3
    decay: float = 0.02
    average: float = 0.998
    drop: float = 0.0
    mixed: float = 0.0
    weight_supcon: float = 0.2

    def steps(self, photos: int) -> int:
        """Count the steps of the phase."""
        return max(1, round(self.epochs * photos / self.batch))


TEACHER = ProductTraining("teacher", epochs=20, rate=2e-4, side=208, batch=64, drop=0.2, mixed=0.5, decay=0.05)
STAGES = ProductTraining("stages", epochs=40, rate=6e-4, side=192, batch=128)
STUDENT = ProductTraining("student", epochs=230, rate=6e-4, side=192, batch=128, mixed=0.6, drop=0.05)
TEACHER_ALL = ProductTraining("teacher_all", epochs=8, rate=1e-4, side=208, batch=64, drop=0.2, mixed=0.5, decay=0.05)
STUDENT_ALL = ProductTraining("student_all", epochs=30, rate=3e-4, side=192, batch=128, mixed=0.6, drop=0.05)


class Course:
    """One phase's optimiser: warm-up, half a cosine down to a fiftieth, clipped slopes, an average of the weights."""

    def __init__(self, recipe: ProductTraining, steps: int, module: nn.Module, heads: list[nn.Parameter]) -> None:
        """Give `heads` their own rate."""
        self.recipe, self.steps, self.step, self.module = recipe, steps, 0, module
        self.average = copy.deepcopy(module).requires_grad_(False)
        known = {id(weight) for weight in heads}
        body = [weight for weight in module.parameters() if id(weight) not in known]
        groups = [{"params": body, "peak": recipe.rate}, {"params": heads, "peak": recipe.head_rate}]
        self.weights = body + heads
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.rate, weight_decay=recipe.decay, fused=True)
        self.began, self.sums = time.monotonic(), dict[str, Tensor]()

    def learn(self, losses: dict[str, Tensor]) -> None:
        """Take one step down the sum of the losses."""
        progress = self.step / self.steps
        factor = min(1.0, (self.step + 1) / 60) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(self.weights, 2.0)
        self.optimiser.step()
        self.step += 1
        keep = min(self.recipe.average, self.step / (10 + self.step))
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), self.module.parameters(), strict=True):
                mean.lerp_(weight, 1 - keep)
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, torch.zeros((), device=value.device)) + value.detach()
        if self.step % 100 == 0 or self.step == self.steps:
            self._say()

    def _say(self) -> None:
        counted = self.step % 100 or 100
        pace = self.step * self.recipe.batch / (time.monotonic() - self.began)
        said = " ".join(f"{name} {float(value) / counted:.3f}" for name, value in self.sums.items())
        logger.info("%s: step %d of %d, %.0f/s: %s", self.recipe.name, self.step, self.steps, pace, said)
        self.sums = {}


def save(state: dict, path: Path) -> None:
    """Write a checkpoint whole or not at all."""
    torch.save(state, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


def cut_teacher(lessons: Lessons, rows: np.ndarray, teacher: FoldedEfficientNet, path: Path) -> dict:
    """Cut the student out of the teacher once, on the CPU; see `prune_teacher`."""
    if not path.exists():
        chosen = np.sort(np.random.default_rng(0).permutation(rows)[:CUT_PICTURES])
        pixels, aspects = lessons.pixels[chosen].cpu(), lessons.aspects[chosen].cpu()
        images = draw_views(pixels, aspects, CUT_SIDE, CUT_VIEW, torch.Generator().manual_seed(SEED))
        cutter = Cutter(copy.deepcopy(teacher).cpu(), images)
        student = cutter.cut()
        bases = {name: list(pair) for name, pair in cutter.bases.items()}
        save({"student": student.state_dict(), "top_units": cutter.top_units, "bases": bases}, path)
    return torch.load(path, weights_only=True)


def phase(
    recipe: ProductTraining,
    module: nn.Module,
    heads: list[nn.Parameter],
    lessons: Lessons,
    rows: np.ndarray,
    losses_of: Callable[[Batch], dict[str, Tensor]],
    path: Path,
) -> nn.Module:
    """Train `module` by `losses_of` each batch, and give it with its averaged weights; once, then from `path`."""
    if path.exists():
        module.load_state_dict(torch.load(path, weights_only=True, map_location=lessons.device))
        return module
    steps = recipe.steps(len(rows))
    course = Course(recipe, steps, module, heads)
    module.train()
    torch.backends.cudnn.benchmark = True
    for batch in lessons.batches(rows, recipe.batch, steps, recipe.side, recipe.mixed, SEED):
        with fast(lessons.device):
            losses = losses_of(batch)
        course.learn(losses)
    module.load_state_dict(course.average.state_dict())
    module.eval()
    torch.backends.cudnn.benchmark = False
    save(module.state_dict(), path)
    return module


def losses_of_labels(recipe: ProductTraining, model: Classifier, batch: Batch) -> dict[str, Tensor]:
    """Give the losses by which the teacher learns the labels."""
    _, embedding, scores, near = model(normalise(batch.views), recipe.drop)
    losses = {"class": F.cross_entropy(scores, batch.shares), "near": 0.5 * F.cross_entropy(near, batch.shares)}
    if batch.targets is not None:
        losses["supcon"] = recipe.weight_supcon * loss_of_classes(embedding, batch.targets, 0.1)
    return losses


class Stages(nn.Module):
    """A student whose stage ends and pooled features are to follow the teacher's, in shares of their variance."""

    def __init__(
        self, student: FoldedEfficientNet, teacher: FoldedEfficientNet, cut: dict, device: torch.device
    ) -> None:
        """Take the principal axes of the teacher's stage ends that `cut` has, and its chosen top units."""
        super().__init__()
        self.student, self._teacher = student, [teacher]
        self._bases = [[each.to(device) for each in cut["bases"][name]] for name in TAUGHT]
        self._units = cut["top_units"].to(device)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Compare the two on the views of a batch."""
        images = normalise(batch.views)
        with torch.no_grad():
            wanted, wanted_top = self._teacher[0](images)
        ends, pooled = self.student(images)
        losses = {}
        for stage, (basis, mean) in zip(range(2, 7), self._bases, strict=True):
            aim = (wanted[stage].permute(0, 2, 3, 1).float() - mean) @ basis.T
            got = ends[stage].permute(0, 2, 3, 1).float()
            losses[f"stage{stage + 1}"] = (got - aim).square().mean() / aim.flatten(0, 2).var(0).mean()
        aim = wanted_top.float()[:, self._units]
        losses["pooled"] = ((pooled.float() - aim) / (aim.std(0) + 0.02)).square().mean()
        return losses


class Pupil(nn.Module):
    """A student that learns from the teacher's scores, embedding and features, and a little from the labels."""

    def __init__(self, student: Classifier, teacher: Classifier, labels: float = 0.2) -> None:
        """Make the layer that reads the teacher's features off the student's; it is thrown away afterwards."""
        super().__init__()
        self.student, self._teacher, self._labels = student, [teacher], labels
        self.translate = nn.Linear(len(student.mean), len(teacher.mean)).to(student.mean.device)

    def losses(self, recipe: ProductTraining, batch: Batch) -> dict[str, Tensor]:
        """Compare the two on the views of a batch."""
        images = normalise(batch.views)
        with torch.no_grad():
            features, direction, scores, near = self._teacher[0](images)
        mine, embedding, my_scores, my_near = self.student(images, recipe.drop)
        with torch.autocast(images.device.type, enabled=False):
            losses = {
                "class": F.cross_entropy(my_scores, torch.lerp(scores.softmax(1), batch.shares, self._labels)),
                "near": 0.5 * F.cross_entropy(my_near, torch.lerp(near.softmax(1), batch.shares, self._labels)),
                "direction": 2 * (1 - (embedding * direction).sum(1)).mean(),
                "features": 0.5 * (self.translate(mine) - features).square().mean(),
            }
            if batch.targets is not None:
                losses["supcon"] = recipe.weight_supcon * loss_of_classes(embedding, batch.targets, 0.1)
        return losses


def report(name: str, lessons: Lessons, model: Classifier, split: Split, side: int) -> None:
    """Log what a model makes of the held-out photos."""
    rows = np.concatenate([split.seen_senders, split.unseen_senders])
    embeddings, scores = see(model, lessons.pixels[rows], side)
    targets, labels = lessons.targets.cpu().numpy()[rows], lessons.photos.labels[rows]
    ten, none = np.isin(labels, TEN_CLASSES), np.isin(labels, list(NOT_A_CLASS))
    new = np.isin(rows, split.unseen_senders) & ~none
    right, probabilities = scores.argmax(1) == targets, torch.from_numpy(scores).softmax(1).numpy().max(1)
    logger.info(
        "%s held out, %d px: ten %.4f, 17 unseen %.4f; P@10 %.3f, %.3f; median confidence %.2f, on no class %.2f",
        name,
        side,
        float(right[ten].mean()),
        float(right[new].mean()),
        score_labels(embeddings[ten], labels[ten])["p@10"],
        score_labels(embeddings[new], labels[new])["p@10"],
        float(np.median(probabilities[~none])),
        float(np.median(probabilities[none])),
    )


def run(lessons: Lessons, split: Split, weights: Path, work: Path) -> None:
    """Run the phases that are not finished yet: the development run, then on over all photos."""
    device, classes = lessons.device, len(lessons.photos.classes)
    with np.load(weights) as stored:
        untouched = from_keras(B4, stored).eval()
    cut = cut_teacher(lessons, split.train, untouched, work / "cut.pt")
    untouched = in_channels_last(untouched.to(device))
    teacher = Classifier(copy.deepcopy(untouched), classes).to(device)
    standardise(teacher, lessons.pixels[split.train], 224)

    def teach(recipe: ProductTraining, rows: np.ndarray) -> None:
        path = work / f"{recipe.name}.pt"
        phase(recipe, teacher, teacher.heads(), lessons, rows, lambda b: losses_of_labels(recipe, teacher, b), path)

    teach(TEACHER, split.train)
    report("teacher", lessons, teacher, split, 224)
    network = FoldedEfficientNet(B0)
    network.load_state_dict(cut["student"])
    stages = Stages(in_channels_last(network.to(device)), untouched, cut, device)
    phase(STAGES, stages, [], lessons, split.train, stages.losses, work / "stages.pt")
    student = Classifier(stages.student, classes).to(device)
    standardise(student, lessons.pixels[split.train], TESTED_SIDE)
    pupil = Pupil(student, teacher)

    def learn(recipe: ProductTraining, rows: np.ndarray) -> None:
        heads, path = [*student.heads(), *pupil.translate.parameters()], work / f"{recipe.name}.pt"
        phase(recipe, pupil, heads, lessons, rows, lambda b: pupil.losses(recipe, b), path)

    learn(STUDENT, split.train)
    for side in (176, 192, 208, 224):
        report("student", lessons, student, split, side)
    everything = np.arange(len(lessons.photos))
    teach(TEACHER_ALL, everything)
    learn(STUDENT_ALL, everything)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with images.csv and images/")
    parser.add_argument("--teacher", type=Path, required=True, help="EfficientNetB4 weights, npz")
    parser.add_argument("--work", type=Path, default=Path("index_cache/training"), help="checkpoints and caches")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(SEED)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    arguments.work.mkdir(parents=True, exist_ok=True)
    photos = read_photos(arguments.photos)
    pixels, aspects = load_pixels(photos, arguments.work / f"photos{STORED}.npz", STORED)
    run(Lessons(photos, pixels, aspects, device), split_photos(photos), arguments.teacher, arguments.work)


if __name__ == "__main__":
    main()
