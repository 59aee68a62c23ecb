r"""Trains the deeper front of the engine `style`: four stages of an EfficientNetB0 that see as a B4's do.

python -m training.style.train_deep --photos ../shared/data/clothing \
    --teacher ../shared/weights/efficientnetb4_notop.npz

It starts from a cut (see `prune_teacher`) and learns the maps at the ends of the teacher's third and fourth stage, and
their Gram matrices, on crops of photos of clothes and of our own drawings in colours that paintings have.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engines.style.preprocessing import view
from training.style.crops import Crops, held_out_paths, load_pictures, training_paths
from training.style.front import gram
from training.teacher.efficientnet import B0, B4, FoldedEfficientNet, from_keras, in_channels_last, normalise
from training.teacher.prune import Cutter

logger = logging.getLogger("train_style_deep")

ENDS = {"block3b": "block3d", "block4c": "block4f"}
"""Ends of our stages, and the teacher's that they learn."""

_SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class DeepStyleTraining:
    """Every number of the training; written into the metadata of the weights."""

    seed: int = 7
    photos: int = 1500
    cut_pictures: int = 768
    cut_side: int = 144
    steps: int = 700
    batch: int = 16
    side: int = 112
    rate: float = 6e-4
    average: float = 0.99


def front(network: FoldedEfficientNet, images: Tensor, last: str) -> dict[str, Tensor]:
    """Run RGB in 0..1 (n, 3, h, w) as far as the block `last`; give the maps after every block."""
    maps, found = network.stem(normalise(images)), {}
    for name, block in network.blocks.items():
        found[name] = maps = block(maps)
        if name == last:
            break
    return found


def cut(teacher: FoldedEfficientNet, images: Tensor, path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Cut the student out of the teacher once: its weights, and mean and basis of the teacher's stage ends."""
    if not path.is_file():
        cutter = Cutter(teacher, images)
        weights = {f"student.{name}": value.contiguous() for name, value in cutter.cut().state_dict().items()}
        for end in ENDS.values():
            basis, mean = cutter.bases[end]
            weights |= {f"basis.{end}": basis.contiguous(), f"mean.{end}": mean.contiguous()}
        save_file(weights, path)
    held = load_file(path)
    student = {name.removeprefix("student."): value for name, value in held.items() if name.startswith("student.")}
    return student, {name: value for name, value in held.items() if not name.startswith("student.")}


def losses(student: FoldedEfficientNet, teacher: FoldedEfficientNet, axes: dict[str, Tensor], images: Tensor) -> Tensor:
    """Give how far maps (in shares of their variance) and Gram matrices (1 - cosine) are from the teacher's."""
    with torch.no_grad():
        wanted = front(teacher, images, list(ENDS.values())[-1])
    found = front(student, images, list(ENDS)[-1])
    parts = []
    for ours, theirs in ENDS.items():
        aim = (wanted[theirs].permute(0, 2, 3, 1) - axes[f"mean.{theirs}"]) @ axes[f"basis.{theirs}"].T
        got = found[ours].permute(0, 2, 3, 1)
        parts.append((got - aim).square().mean() / aim.flatten(0, 2).var(0).mean())
        one, other = gram(got.permute(0, 3, 1, 2)), gram(aim.permute(0, 3, 1, 2))
        parts.append((1 - F.cosine_similarity(one.flatten(1), other.flatten(1))).mean())
    return torch.stack(parts)


def train(student: FoldedEfficientNet, teacher: FoldedEfficientNet, axes: dict[str, Tensor], crops: Crops,
          recipe: DeepStyleTraining, path: Path) -> FoldedEfficientNet:  # fmt: skip
    """Train, and give the student of the averaged weights; a stopped run goes on where it last saved."""
    mean, step = FoldedEfficientNet(B0), 0
    mean.load_state_dict(student.state_dict())
    if path.is_file():
        held = load_file(path)
        step = int(held.pop("step"))
        student.load_state_dict({n.removeprefix("now."): v for n, v in held.items() if n.startswith("now.")})
        mean.load_state_dict({n.removeprefix("mean."): v for n, v in held.items() if n.startswith("mean.")})
    optimiser = torch.optim.Adam(student.parameters(), lr=recipe.rate)
    began = saved = time.monotonic()
    sums, first = torch.zeros(2 * len(ENDS)), step
    while step < recipe.steps:
        factor = min(1.0, (step - first + 1) / 30) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / recipe.steps)))
        optimiser.param_groups[0]["lr"] = recipe.rate * factor
        parts = losses(student, teacher, axes, crops.draw(recipe.batch, recipe.side))
        optimiser.zero_grad(set_to_none=True)
        parts.sum().backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimiser.step()
        step += 1
        keep = min(recipe.average, step / (10 + step))
        with torch.no_grad():
            for average, weight in zip(mean.parameters(), student.parameters(), strict=True):
                average.lerp_(weight, 1 - keep)
        sums += parts.detach() / 50
        if step % 50 == 0:
            said = " ".join(f"{float(each):.4f}" for each in sums)
            pace = (step - first) * recipe.batch / (time.monotonic() - began)
            logger.info("step %d of %d, %.1f/s: maps and Gram by stage %s", step, recipe.steps, pace, said)
            sums.zero_()
        if time.monotonic() - saved > _SAVE_SECONDS or step == recipe.steps:
            state = {f"now.{n}": v.contiguous() for n, v in student.state_dict().items()}
            state |= {f"mean.{n}": v.contiguous() for n, v in mean.state_dict().items()}
            save_file(state | {"step": torch.tensor(step)}, path.with_suffix(".tmp"))
            os.replace(path.with_suffix(".tmp"), path)
            saved = time.monotonic()
    return mean


@torch.inference_mode()
def agreement(
    student: FoldedEfficientNet, teacher: FoldedEfficientNet, axes: dict[str, Tensor], paths: list[Path]
) -> dict[str, float]:
    """Return the mean cosine of Gram vectors with the teacher's, on whole pictures, by our stage ends."""
    totals = dict.fromkeys(ENDS, 0.0)
    for path in paths:
        with Image.open(path) as image:
            pixels = view(image, 224).pixels
        picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        wanted, found = front(teacher, picture, list(ENDS.values())[-1]), front(student, picture, list(ENDS)[-1])
        for ours, theirs in ENDS.items():
            aim = (wanted[theirs].permute(0, 2, 3, 1) - axes[f"mean.{theirs}"]) @ axes[f"basis.{theirs}"].T
            one, other = gram(found[ours]).flatten(1), gram(aim.permute(0, 3, 1, 2)).flatten(1)
            totals[ours] += float(F.cosine_similarity(one, other)) / len(paths)
    return totals


def main() -> None:
    """Read the command line, train, and write the front's weights as fp16 safetensors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="the Clothing Dataset")
    parser.add_argument("--teacher", type=Path, required=True, help="EfficientNetB4 weights, npz")
    parser.add_argument("--drawings", type=Path, nargs="*", default=[Path("assets/sample"), Path("assets/paintings")])
    parser.add_argument("--work", type=Path, default=Path("index_cache/training"), help="for the checkpoints")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = DeepStyleTraining()
    torch.manual_seed(recipe.seed)
    options.work.mkdir(parents=True, exist_ok=True)
    with np.load(options.teacher) as stored:
        teacher = from_keras(B4, stored).eval().requires_grad_(False)
    pictures = load_pictures(training_paths(options.photos, options.drawings, recipe.photos, recipe.seed))
    crops = Crops(pictures, recipe.seed)
    weights, axes = cut(
        teacher, crops.draw(recipe.cut_pictures, recipe.cut_side), options.work / "style_cut.safetensors"
    )
    student = FoldedEfficientNet(B0)
    student.load_state_dict(weights)
    path = options.work / "style_deep.pt.safetensors"
    trained = train(in_channels_last(student), teacher, axes, crops, recipe, path)
    logger.info("agreement %s", agreement(trained, teacher, axes, held_out_paths(options.photos, recipe.seed)[:12]))
    last = list(trained.blocks).index(list(ENDS)[-1])
    kept = ("stem_conv.", *(f"blocks.{name}." for name in list(trained.blocks)[: last + 1]))
    halves = {name: value.half().contiguous() for name, value in trained.state_dict().items() if name.startswith(kept)}
    about = {name: str(value) for name, value in asdict(recipe).items()}
    save_file(halves, options.work / "style_deep.safetensors", about)


if __name__ == "__main__":
    main()
