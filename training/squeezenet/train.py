r"""Trains the weights of the engine `squeezenet`: meaning from labels and a teacher, look from telling photos apart.

python -m training.squeezenet.train --photos ../shared/data/clothing \
    --teacher ../shared/weights/efficientnetb4_notop.npz
"""

from __future__ import annotations

import argparse
import copy
import datetime
import logging
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from safetensors.torch import save_file
from torch import Tensor, nn

from engines.runtime.torchvision_compat import models
from engines.squeezenet.network import APPEARANCE_DIM, SEMANTIC_DIM, FashionSqueezeNet
from training.squeezenet.appearance_head import normalise, start_appearance, whiten_appearance
from training.squeezenet.losses import loss_of_classes, loss_of_instances
from training.squeezenet.photos import (
    COPY,
    GENTLE,
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
from training.squeezenet.scores import score_copies, score_labels
from training.teacher.features import compute_teacher_features, teach

logger = logging.getLogger("train_squeezenet")

ALL_PHOTOS = "Clothing Dataset (CC0), all photos"
TRAINING_PHOTOS = "Clothing Dataset (CC0), the training rows of split_photos()"


@dataclass(frozen=True)
class SqueezeNetTraining:
    """Every number of one phase of training; written into the metadata of the weights."""

    name: str
    epochs: int
    sides: tuple[int, ...]
    backbone_rate: float
    head_rate: float
    soft_share: float
    on_all: bool = False
    seed: int = 7
    photos_a_step: int = 64
    decay: float = 0.05
    average: float = 0.995
    smoothing: float = 0.05
    supcon_heat: float = 0.1
    instance_heat: float = 0.07
    weight_geometry: float = 2.0
    weight_supcon: float = 0.5
    weight_instance: float = 0.7
    semantic_share: float = 0.55

    def side(self, epoch: int) -> int:
        """Give the side of the training pictures: they grow over the phase."""
        return self.sides[min(len(self.sides) * epoch // self.epochs, len(self.sides) - 1)]


PHASES = (
    SqueezeNetTraining(
        "first", epochs=22, sides=(112, 128, 128, 160), backbone_rate=5e-4, head_rate=2e-3, soft_share=0.5
    ),
    SqueezeNetTraining("second", epochs=14, sides=(160,), backbone_rate=3e-4, head_rate=1e-3, soft_share=0.6),
    SqueezeNetTraining("all", epochs=12, sides=(160,), backbone_rate=2e-4, head_rate=8e-4, soft_share=0.6, on_all=True),
)
"""Each goes on from the one before. The first two see the training rows only: their result is what is scored."""


class Student(nn.Module):
    """The network, and what only training needs: a cosine classifier and a guess of the teacher's direction."""

    def __init__(self, classes: int, directions: int) -> None:
        """Start from the published ImageNet weights of torchvision (Apache-2.0); its own cache is used."""
        super().__init__()
        self.network = FashionSqueezeNet()
        published = models.squeezenet1_1(weights="DEFAULT")
        self.network.features.load_state_dict(published.features.state_dict())
        self.network.features[0].requires_grad_(False)
        self.centres = nn.Parameter(F.normalize(torch.randn(classes, SEMANTIC_DIM), dim=1))
        self.sharpness = nn.Parameter(torch.tensor(math.log(16.0)))
        self.direction = nn.Linear(512, directions)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give semantic (n, 128), appearance (n, 256), class scores (n, classes) and teacher directions (n, 256)."""
        semantic, appearance, hidden = self.network.heads(images)
        scores = semantic @ F.normalize(self.centres, dim=1).T * self.sharpness.exp().clamp(max=40)
        return semantic, appearance, scores, F.normalize(self.direction(hidden), dim=1)


class Run:
    """One training run over chosen rows, which can be stopped at any time and goes on from its last epoch."""

    def __init__(self, recipe: SqueezeNetTraining, photos: Photos, rows: np.ndarray, work: Path, teacher: Path) -> None:
        """Load pixels and the teacher's knowledge from `work`, computing them when they are not there yet."""
        torch.manual_seed(recipe.seed)
        self.recipe, self.photos, self.rows = recipe, photos, rows
        self.targets = photos.targets()
        stored, aspects = load_pixels(photos, work / "photos.npz")
        self.pixels, self.aspects = torch.from_numpy(stored), torch.from_numpy(aspects)
        soft, geometry = self._taught(work, teacher)
        self.soft, self.geometry = torch.from_numpy(soft), torch.from_numpy(geometry)
        self.student = Student(soft.shape[1], geometry.shape[1])
        self.mean_student = Student(soft.shape[1], geometry.shape[1])
        self.mean_student.requires_grad_(False)
        self.memory = F.normalize(torch.randn(len(photos), APPEARANCE_DIM), dim=1)
        self.unused = torch.ones(len(photos), dtype=torch.bool)
        self.unused[torch.from_numpy(rows)] = False
        backbone = [weight for weight in self.student.network.features.parameters() if weight.requires_grad]
        known = {id(weight) for weight in self.student.network.features.parameters()}
        heads = [weight for weight in self.student.parameters() if id(weight) not in known]
        self.optimiser = torch.optim.AdamW(
            [{"params": backbone, "peak": recipe.backbone_rate}, {"params": heads, "peak": recipe.head_rate}],
            lr=recipe.head_rate,
            weight_decay=recipe.decay,
        )
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.epoch = 0

    def _taught(self, work: Path, teacher: Path) -> tuple[np.ndarray, np.ndarray]:
        """Give soft labels (photos, classes) and directions (photos, 256), fitted once for these rows."""
        cache = work / f"taught_by_{len(self.rows)}.npz"
        if not cache.exists():
            features = compute_teacher_features(self.photos.paths, teacher, work / "teacher.npy")
            soft, geometry = teach(features, self.targets, self.photos.senders, self.rows)
            np.savez(cache, soft=soft, geometry=geometry)
        with np.load(cache) as stored:
            return stored["soft"], stored["geometry"]

    def start(self, earlier: Path | None) -> None:
        """Begin from ImageNet, or from the weights of an earlier run."""
        if earlier is not None:
            state = torch.load(earlier, weights_only=True)
            self.student.load_state_dict(state["mean_student"])
        else:
            rows = torch.from_numpy(self.rows)
            start_appearance(self.student.network, self.pixels[rows], self.aspects[rows], self.generator)
        self.mean_student.load_state_dict(self.student.state_dict())

    def train_epoch(self) -> dict[str, float]:
        """Go once over the rows; give the mean of each loss."""
        recipe = self.recipe
        order = draw_rows(self.rows, self.targets, np.random.default_rng((recipe.seed, self.epoch)))
        steps = len(order) // recipe.photos_a_step
        sums: dict[str, float] = {}
        self.student.train()
        for step in range(steps):
            self._set_rates((self.epoch + step / steps) / recipe.epochs, self.epoch * steps + step)
            numbers = torch.from_numpy(order[step * recipe.photos_a_step : (step + 1) * recipe.photos_a_step])
            losses = self._losses(numbers)
            total = torch.stack(list(losses.values())).sum()
            self.optimiser.zero_grad(set_to_none=True)
            total.backward()
            nn.utils.clip_grad_norm_(self.student.parameters(), 2.0)
            self.optimiser.step()
            with torch.no_grad():
                pairs = zip(self.mean_student.parameters(), self.student.parameters(), strict=True)
                keep = min(recipe.average, (1 + self.epoch * steps + step) / (10 + self.epoch * steps + step))
                for mean, weight in pairs:
                    mean.lerp_(weight, 1 - keep)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach()) / steps
        self.epoch += 1
        return sums

    def _losses(self, numbers: Tensor) -> dict[str, Tensor]:
        """Give the weighted losses of one step: two views of each photo, a gentle and a strong one."""
        recipe, side = self.recipe, self.recipe.side(self.epoch)
        pixels, aspects = self.pixels[numbers], self.aspects[numbers]
        views = [draw_views(pixels, aspects, side, how, self.generator) for how in (GENTLE, STRONG)]
        with torch.autocast("cpu", torch.bfloat16):
            semantic, appearance, scores, directions = self.student(normalise(torch.cat(views)))
        scores, directions = scores.float(), directions.float()
        targets = torch.from_numpy(self.targets)[numbers]
        soft, classes = self.soft[numbers], scores.shape[1]
        hard = F.one_hot(targets.clamp(min=0), classes).float() * (1 - recipe.smoothing) + recipe.smoothing / classes
        aim = torch.where(targets[:, None] >= 0, torch.lerp(hard, soft, recipe.soft_share), soft)
        gentle, strong = appearance.chunk(2)
        losses = {
            "class": F.cross_entropy(scores, aim.repeat(2, 1)),
            "geometry": recipe.weight_geometry * (1 - (directions * self.geometry[numbers].repeat(2, 1)).sum(1)).mean(),
            "supcon": recipe.weight_supcon * loss_of_classes(semantic, targets.repeat(2), recipe.supcon_heat),
            "instance": recipe.weight_instance
            * loss_of_instances(gentle, strong, numbers, self.memory.clone(), self.unused, recipe.instance_heat),
        }
        self.memory[numbers] = gentle.detach()
        return losses

    def _set_rates(self, progress: float, step: int) -> None:
        """Warm up over 100 steps, then follow half a cosine down to a fiftieth."""
        factor = min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor

    def embed(self, images: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Embed uint8 or float (n, 3, h, w) with the averaged weights: semantic (n, 128) and appearance (n, 256)."""
        self.mean_student.eval()
        parts = []
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for chunk in images.split(64):
                views = chunk.float() / 255 if chunk.dtype == torch.uint8 else chunk
                parts.append(self.mean_student.network.heads(normalise(views))[:2])
        return torch.cat([a for a, _ in parts]).numpy(), torch.cat([b for _, b in parts]).numpy()

    def evaluate(self, split: Split) -> dict[str, dict[str, float]]:
        """Score the averaged weights on the held-out photos: both parts, and their copies among the held-out photos."""
        rows = np.concatenate([split.seen_senders, split.unseen_senders])
        semantic, appearance = self.embed(self.pixels[torch.from_numpy(rows)])
        whole = np.concatenate([semantic, appearance], axis=1) * math.sqrt(0.5)
        labels = self.photos.labels[rows]
        new = np.isin(rows, split.unseen_senders)
        ten, real = np.isin(labels, TEN_CLASSES), ~np.isin(labels, list(NOT_A_CLASS))
        views = draw_views(
            self.pixels[torch.from_numpy(rows)],
            self.aspects[torch.from_numpy(rows)],
            self.pixels.shape[-1],
            COPY,
            torch.Generator().manual_seed(1),
        )
        parts = self.embed(views)
        copies = np.concatenate(parts, axis=1) * math.sqrt(0.5)
        numbers = np.arange(len(rows))
        return {
            "ten": score_labels(whole[ten], labels[ten]),
            "ten semantic": score_labels(semantic[ten], labels[ten]),
            "17 unseen": score_labels(whole[real & new], labels[real & new]),
            "17 unseen semantic": score_labels(semantic[real & new], labels[real & new]),
            "copies": score_copies(copies, whole, numbers),
            "copies appearance": score_copies(parts[1], appearance, numbers),
        }

    def finish(self, checkpoint: Path, earlier: Path | None, split: Split) -> None:
        """Run the epochs that are left, keeping a checkpoint after each, and log scores on the held-out photos."""
        if checkpoint.exists():
            self.resume(checkpoint)
        else:
            self.start(earlier)
        recipe = self.recipe
        while self.epoch < recipe.epochs:
            began = time.monotonic()
            losses = " ".join(f"{name} {value:.3f}" for name, value in self.train_epoch().items())
            self.save(checkpoint)
            spent = time.monotonic() - began
            logger.info("%s: epoch %d of %d, %.0f s: %s", recipe.name, self.epoch, recipe.epochs, spent, losses)
            if not recipe.on_all and (self.epoch % 4 == 0 or self.epoch == recipe.epochs):
                for name, scores in self.evaluate(split).items():
                    logger.info("  %s: %s", name, " ".join(f"{key} {value:.3f}" for key, value in scores.items()))

    def save(self, path: Path) -> None:
        """Write everything needed to go on."""
        state = {
            "student": self.student.state_dict(),
            "mean_student": self.mean_student.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "memory": self.memory,
            "generator": self.generator.get_state(),
            "epoch": self.epoch,
        }
        torch.save(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        state = torch.load(path, weights_only=True)
        self.student.load_state_dict(state["student"])
        self.mean_student.load_state_dict(state["mean_student"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.memory, self.epoch = state["memory"], state["epoch"]
        self.generator.set_state(state["generator"])

    def looks(self) -> Tensor:
        """Pool every second row, undistorted, with the averaged weights: (rows / 2, 1280)."""
        parts = []
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for numbers in torch.from_numpy(self.rows[::2]).split(64):
                images = self.pixels[numbers].float() / 255
                images = F.interpolate(images, size=(160, 160), mode="bilinear", antialias=True)
                parts.append(self.mean_student.network.pooled(normalise(images))[1].float())
        return torch.cat(parts)

    def export(self, path: Path) -> None:
        """Write the averaged network as fp16 safetensors, its look whitened, with the recipe in its metadata."""
        network = copy.deepcopy(self.mean_student.network)
        whiten_appearance(network, self.looks())
        network.semantic_share.fill_(self.recipe.semantic_share)
        weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
        metadata = {name: str(value) for name, value in asdict(self.recipe).items()}
        metadata |= {"version": "1", "date": datetime.date.today().isoformat()}
        metadata["data"] = ALL_PHOTOS if self.recipe.on_all else TRAINING_PHOTOS
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, path.with_suffix(".tmp"), metadata)
        os.replace(path.with_suffix(".tmp"), path)


def main() -> None:
    """Run the phases that are not finished yet, and write the weights of the last two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with images.csv and images/")
    parser.add_argument("--teacher", type=Path, required=True, help="EfficientNetB4 weights, npz")
    parser.add_argument("--work", type=Path, default=Path("index_cache/training"), help="checkpoints and caches")
    parser.add_argument("--out", type=Path, default=Path("assets/weights/squeezenet_fashion.safetensors"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    arguments.work.mkdir(parents=True, exist_ok=True)
    photos = read_photos(arguments.photos)
    split = split_photos(photos)
    earlier = None
    for recipe in PHASES:
        rows = np.arange(len(photos)) if recipe.on_all else split.train
        run = Run(recipe, photos, rows, arguments.work, arguments.teacher)
        checkpoint = arguments.work / f"{recipe.name}.pt"
        run.finish(checkpoint, earlier, split)
        run.export(arguments.out if recipe.on_all else checkpoint.with_suffix(".safetensors"))
        earlier = checkpoint


if __name__ == "__main__":
    main()
