"""Planes, walks and morphs of a latent space against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engines.vae import latent_space as latent
from engines.vae.latent_space import Axes
from retrieval.core import AppError

AXES = Axes(
    centre=np.array([1, 0, 0], np.float32),
    directions=np.array([[0, 1, 0], [0, 0, 1]], np.float32),
    spread=np.array([2, 1], np.float32),
)


def test_a_plane_replaces_two_coordinates_and_keeps_the_rest() -> None:
    points, steps = latent.plane(AXES, np.array([5, 9, 9], np.float32), (0, 1), (-1, 1), 3)
    assert steps.tolist() == [-1, 0, 1]
    assert points.shape == (9, 3)
    assert points[0].tolist() == [5, -2, 1]  # left column, top row: -1 sd of 2 across, +1 sd of 1 up
    assert points[4].tolist() == [5, 0, 0]
    assert points[8].tolist() == [5, 2, -1]


def test_a_walk_moves_one_coordinate_only_and_coordinates_tell_it() -> None:
    points = latent.walk(AXES, np.array([1, 4, 3], np.float32), 0, (-3, 3), 7)
    assert points[:, 2].tolist() == [3] * 7
    assert [latent.coordinates(AXES, point).tolist() for point in points] == [[t, 3] for t in range(-3, 4)]


def test_a_morph_begins_and_ends_at_its_ends() -> None:
    frames = latent.morph(np.array([0.0, 0.0]), np.array([4.0, 2.0]), 5)
    assert frames.tolist() == [[0, 0], [1, 0.5], [2, 1], [3, 1.5], [4, 2]]


@pytest.mark.parametrize(
    ("pair", "reach", "cells", "told"),
    [
        ((0, 0), (-1, 1), 5, "two different directions"),
        ((0, 2), (-1, 1), 5, "no direction 3. Choose 1 to 2"),
        ((0, 1), (1, 1), 5, "from 1 to 1 cannot be shown"),
        ((0, 1), (-7, 1), 5, "within -6 to 6"),
        ((0, 1), (float("nan"), 1), 5, "cannot be shown"),
        ((0, 1), (-1, 1), 100, "grid of 100 x 100"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(
    pair: tuple[int, int], reach: tuple[float, float], cells: int, told: str
) -> None:
    with pytest.raises(AppError, match=told):
        latent.plane(AXES, np.zeros(3, np.float32), pair, reach, cells)
