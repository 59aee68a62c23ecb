r"""Trains the front of the engine `style`: our own five convolutions that give a VGG's Gram matrices.

python -m training.style.train --photos ../shared/data/clothing --teacher ../shared/weights/vgg19_normalised_front.npz
"""

from __future__ import annotations

import argparse
import logging
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.style.crops import Crops, held_out_paths, load_pictures, training_paths
from training.style.front import LAYERS, POOLED_AFTER, Student, Teacher, gram

logger = logging.getLogger("train_style")

_SAVE_SECONDS = 60.0
_RIDGE = 1e-5


@dataclass(frozen=True)
class StyleTraining:
    """Every number of the training; written into the metadata of the weights."""

    seed: int = 7
    photos: int = 1500
    patches: int = 40_000
    layer_steps: int = 800
    layer_batch: int = 2048
    layer_rate: float = 0.1
    gram_steps: int = 400
    gram_batch: int = 6
    gram_side: int = 96
    gram_rate: float = 1.5e-4


def layer_inputs(teacher: Teacher, crops: Crops, number: int, count: int) -> tuple[Tensor, Tensor]:
    """Sample what layer `number` of the teacher takes and gives: patches (n, 9 c_in), activations (n, c_out)."""
    inputs, outputs, have = [], [], 0
    while have < count:
        images = crops.draw(8, 64)
        maps = teacher(images, layers=number + 1)
        below = images * 2 - 1 if number == 0 else maps[number - 1]
        if number - 1 in POOLED_AFTER:
            below = F.max_pool2d(below, 2)
        places = torch.randperm(maps[number][0, 0].numel())[:256]
        inputs.append(F.unfold(below, 3)[:, :, places].transpose(1, 2).flatten(0, 1))
        outputs.append(maps[number].flatten(2)[:, :, places].transpose(1, 2).flatten(0, 1))
        have += len(outputs[-1])
    return torch.cat(inputs)[:count].clone(), torch.cat(outputs)[:count].clone()


def fit_layer(layer: nn.Conv2d, inputs: Tensor, outputs: Tensor, recipe: StyleTraining) -> float:
    """Train one convolution to give `outputs` after its ReLU; return the share of their variance that it misses.

    Neighbouring pixels say nearly the same, so plain gradient descent crawls: it runs in coordinates in which the
    inputs are white, and the kernel is read back from them.
    """
    mean = inputs.mean(0)
    values, axes = torch.linalg.eigh(torch.cov((inputs - mean).T))
    whiten = axes / (values + _RIDGE * values.max()).sqrt()
    white = (inputs - mean) @ whiten
    start = layer.weight.detach().flatten(1)
    scale = outputs.std() / (F.relu((inputs[:4096] - mean) @ start.T).std() + 1e-6)
    kernel = (scale * (torch.linalg.pinv(whiten) @ start.T)).requires_grad_()
    bias = torch.zeros(len(start), requires_grad=True)
    optimiser = torch.optim.Adam([kernel, bias], lr=recipe.layer_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.layer_steps)
    spread = outputs.var(0).mean()
    for _ in range(recipe.layer_steps):
        rows = torch.randint(len(white), (recipe.layer_batch,))
        # A leak lets a channel that starts dead come alive; it closes with the schedule.
        leak = 0.1 * optimiser.param_groups[0]["lr"] / recipe.layer_rate
        loss = F.mse_loss(F.leaky_relu(white[rows] @ kernel + bias, leak), outputs[rows]) / spread
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        folded = (whiten @ kernel).T
        layer.weight.copy_(folded.view_as(layer.weight))
        assert layer.bias is not None
        layer.bias.copy_(bias - folded @ mean)
        missed = F.mse_loss(F.relu(white @ kernel + bias), outputs) / spread
    return float(missed)


def loss_of_grams(found: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Return how far Gram matrices are apart: of each layer the angle, plain and of the logarithm, and the size."""
    loss = torch.zeros(())
    for ours, theirs in zip(found, wanted, strict=True):
        one, other = gram(ours).flatten(1), gram(theirs).flatten(1)
        loss = loss + (1 - F.cosine_similarity(one, other)).mean()
        loss = loss + (1 - F.cosine_similarity(one.log1p(), other.log1p())).mean()
        loss = loss + ((one.norm(dim=1) + 1e-3).log() - (other.norm(dim=1) + 1e-3).log()).square().mean()
    return loss


@torch.no_grad()
def agreement(student: Student, teacher: Teacher, images: list[Tensor]) -> dict[str, float]:
    """Return the mean cosine of Gram vectors with the teacher's, which are padded as the teacher was made."""
    totals = dict.fromkeys(LAYERS, 0.0)
    for image in images:
        for name, ours, theirs in zip(LAYERS, student(image), teacher(image, reflect=True), strict=True):
            cosine = F.cosine_similarity(gram(ours).flatten(1), gram(theirs).flatten(1))
            totals[name] += float(cosine) / len(images)
    return totals


class Training:
    """One run that can be stopped at any time: each layer and each minute of the last phase is saved."""

    def __init__(self, teacher: Teacher, recipe: StyleTraining, scratch: Path) -> None:
        """Go on from the checkpoint in `scratch`, if there is one."""
        self.teacher, self.recipe, self.scratch = teacher, recipe, scratch
        torch.manual_seed(recipe.seed)
        self.student = Student()
        self.done = 0
        self.path = scratch / "style.pt.safetensors"
        if self.path.is_file():
            held = load_file(self.path)
            self.done = int(held.pop("done"))
            self.student.load_state_dict(held)
            logger.info("going on after step %d", self.done)

    def save(self, done: int) -> None:
        """Write the checkpoint, in place of the one before."""
        self.done = done
        self.scratch.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".tmp")
        save_file({**self.student.state_dict(), "done": torch.tensor(done)}, partial)
        os.replace(partial, self.path)

    def fit_layers(self, crops: Crops) -> None:
        """Give each layer the teacher's input and let it learn the teacher's output."""
        for number, layer in enumerate(self.student.layers):
            if number < self.done:
                continue
            started = time.monotonic()
            assert isinstance(layer, nn.Conv2d)
            inputs, outputs = layer_inputs(self.teacher, crops, number, self.recipe.patches)
            missed = fit_layer(layer, inputs, outputs, self.recipe)
            self.save(number + 1)
            logger.info("%s: misses %.5f of the variance, %.0f s", LAYERS[number], missed, time.monotonic() - started)

    def fit_grams(self, crops: Crops, check: list[Tensor]) -> None:
        """Train all layers together on the Gram matrices."""
        recipe, first = self.recipe, len(LAYERS)
        optimiser = torch.optim.Adam(self.student.parameters(), lr=recipe.gram_rate)
        saved = time.monotonic()
        for step in range(self.done - first, recipe.gram_steps):
            part = step / recipe.gram_steps
            optimiser.param_groups[0]["lr"] = recipe.gram_rate * min(1, (step + 1) / 20) * (1 - part) ** 0.9
            images = crops.draw(recipe.gram_batch, recipe.gram_side)
            wanted = [maps.clone() for maps in self.teacher(images)]
            loss = loss_of_grams(self.student(images), wanted)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
            optimiser.step()
            if time.monotonic() - saved > _SAVE_SECONDS or step + 1 == recipe.gram_steps:
                self.save(first + step + 1)
                saved = time.monotonic()
                scores = " ".join(f"{value:.4f}" for value in agreement(self.student, self.teacher, check).values())
                logger.info("step %d of %d: loss %.5f, agreement %s", step + 1, recipe.gram_steps, float(loss), scores)


def as_images(paths: list[Path]) -> list[Tensor]:
    """Return pictures as float32 (1, 3, h, w) in 0..1, the shorter side 224."""
    return [torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() / 255 for p in load_pictures(paths, 224)]


def write_front(training: Training, scratch: Path) -> None:
    """Write the student as fp16 safetensors, with the recipe and the steps that were done."""
    front = {name: value.half() for name, value in training.student.state_dict().items()}
    about = {**asdict(training.recipe), "gram_steps_done": training.done - len(LAYERS)}
    save_file(front, scratch / "style_front.safetensors", {name: str(value) for name, value in about.items()})


def main() -> None:
    """Read the command line, train, and write the front as fp16 safetensors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="the Clothing Dataset")
    parser.add_argument("--teacher", type=Path, required=True, help="vgg19_normalised_front.npz")
    parser.add_argument("--drawings", type=Path, nargs="*", default=[Path("assets/sample"), Path("assets/paintings")])
    parser.add_argument("--scratch", type=Path, default=Path("index_cache/training"), help="for the checkpoint")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--stop-here", action="store_true", help="write the front as the checkpoint has it")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    recipe = StyleTraining()
    if options.stop_here:
        write_front(Training(Teacher(options.teacher), recipe, options.scratch), options.scratch)
        return
    pictures = load_pictures(training_paths(options.photos, options.drawings, recipe.photos, recipe.seed))
    logger.info("%d pictures", len(pictures))
    training = Training(Teacher(options.teacher), recipe, options.scratch)
    crops = Crops(pictures, recipe.seed + training.done)
    check = as_images(held_out_paths(options.photos, recipe.seed)[:12])
    training.fit_layers(crops)
    logger.info("agreement %s", agreement(training.student, training.teacher, check))
    training.fit_grams(crops, check)
    write_front(training, options.scratch)


if __name__ == "__main__":
    main()
