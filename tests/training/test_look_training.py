"""The training of the engine look: it goes on from its checkpoint as if it had never stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from engines.look.network import LOOK_DIM, LookNetwork, Trunk
from training.look.train import Pairs, LookTraining, Run

RECIPE = LookTraining(steps=3, planned=6, pairs=2, side=64)


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path in paths:
        Image.effect_noise((48, 64), 90).convert("RGB").save(path)
    return Pairs(paths, RECIPE)


def network() -> LookNetwork:
    torch.manual_seed(1)
    made = LookNetwork().requires_grad_(False)
    for name in ("texture", "pattern", "shape", "top"):
        made.get_buffer(f"{name}_axes").normal_()
    return made


def test_a_run_that_was_stopped_ends_where_one_that_was_not_ends(pairs: Pairs, tmp_path: Path) -> None:
    wanted = torch.nn.functional.normalize(torch.randn(4, LOOK_DIM), dim=1)
    straight = Run(network(), RECIPE, tmp_path / "straight.pt").train(wanted, pairs)
    first = Run(network(), replace(RECIPE, steps=1), tmp_path / "stopped.pt")
    pairs.recipe = first.recipe
    first.train(wanted, pairs)
    pairs.recipe = RECIPE
    second = Run(network(), RECIPE, tmp_path / "stopped.pt")
    assert second.step == 1
    resumed = second.train(wanted, pairs)
    assert moved(straight, network().trunk) > 0
    assert moved(straight, resumed) == pytest.approx(0, abs=1e-6)


def moved(one: Trunk, other: Trunk) -> float:
    """Return the largest difference of two trunks' weights."""
    return max(float((a - b).abs().max()) for a, b in zip(one.parameters(), other.parameters(), strict=True))
