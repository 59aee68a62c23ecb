"""The training of the engine look: its trunk goes on from a checkpoint, its heads do what their fits promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engines.look.network import INPUTS, LOOK_DIM, LookNetwork, Trunk
from training.look.fit import Describer
from training.look.heads import fit_kinds, scatter_within
from training.look.train import LookTraining, Pairs, Run

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


def test_kinds_are_told_apart_and_a_temperature_makes_them_less_sure() -> None:
    generator = np.random.default_rng(1)
    targets = np.repeat(np.arange(3), 2000)
    rows = (np.eye(3, 8)[targets] + 0.1 * generator.normal(size=(6000, 8))).astype(np.float32)
    weights, biases = fit_kinds(rows, targets, 0.01, 1.0)
    assert ((rows @ weights + biases).argmax(axis=1) == targets).mean() == 1
    cooler, shifts = fit_kinds(rows, targets, 0.01, 2.0)
    assert 2 * (rows @ cooler + shifts) == pytest.approx(rows @ weights + biases, abs=1e-3)


def test_what_differs_between_groups_is_no_scatter_within_them() -> None:
    rows = np.array([[5, 1], [5, -1], [-7, 1], [-7, -1]], np.float32)
    assert scatter_within(rows, np.array([0, 0, 1, 1])).tolist() == [[0, 0], [0, 1]]


def test_a_set_is_described_once(tmp_path: Path) -> None:
    describer = Describer(Trunk().eval().requires_grad_(False), tmp_path, 64)
    picture = Image.effect_noise((48, 64), 90).convert("RGB")
    first = describer("few", [picture, picture])
    again = describer("few", [])
    assert {name: each.shape for name, each in first.items()} == {n: (2, size) for n, size in INPUTS.items()}
    assert all((again[name] == first[name]).all() for name in first)


def moved(one: Trunk, other: Trunk) -> float:
    """Return the largest difference of two trunks' weights."""
    return max(float((a - b).abs().max()) for a, b in zip(one.parameters(), other.parameters(), strict=True))
