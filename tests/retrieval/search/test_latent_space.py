"""Planes, walks, morphs and votes against values worked out by hand; strangeness of a catalogue with a known model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import AppError, Axes, EncoderSpec, Examined, Hit
from retrieval.evaluation import anomaly
from retrieval.search import latent_space as latent

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


def hits(*kinds: str) -> list[Hit]:
    return [Hit(str(n), 1 - n / 100, {"label": kind} if kind else {}) for n, kind in enumerate(kinds)]


def test_ten_neighbours_vote_and_a_tie_goes_to_the_nearest() -> None:
    voted = latent.votes(hits("Bag", "Coat", "Coat", "Bag", "", *(["Shirt"] * 2), *(["Dress"] * 9)))
    assert voted.counts == (("Dress", 3), ("Bag", 2), ("Coat", 2), ("Shirt", 2))
    assert (voted.winner, voted.of) == ("Dress", 10)
    assert latent.votes(hits("Coat", "Bag", "Bag", "Coat")).winner == "Coat"
    assert latent.votes(hits("", "")).winner is None


class Grey:
    """A latent space that finds dark pictures strange."""

    latent = 1
    axes = Axes(np.zeros(1), np.eye(1), np.ones(1))
    spec = EncoderSpec("vae", "grey", "Grey", 2, 32, "", "", "")

    def garments(self, images: Sequence[Image.Image]) -> np.ndarray:
        return np.stack([np.full((28, 28), np.asarray(image.convert("L")).mean(), np.uint8) for image in images])

    def examine(self, pixels: np.ndarray) -> Examined:
        dark = 1 - pixels.mean(axis=(1, 2)).astype(np.float32) / 255
        return Examined(dark[:, None], pixels / 255, -dark, dark)


def test_every_picture_is_judged_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, tone in (("light", 220), ("dark", 10), ("middle", 128)):
        Image.new("RGB", (40, 40), (tone,) * 3).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    catalog = FolderCatalog(tmp_path)
    seen: list[tuple[int, int]] = []
    found, problems = anomaly.score_pictures(
        catalog,
        Grey(),  # type: ignore[arg-type]  # the parts that judging needs
        [item.id for item in catalog],
        lambda done, total: seen.append((done, total)),
    )
    assert [name for name, _ in found] == ["dark.png", "light.png", "middle.png"]
    assert [name for name, _ in problems] == ["broken.png"]
    assert seen[-1] == (4, 4)
    ranked = anomaly.ranked("then", found)
    assert ranked.ids == ("dark.png", "middle.png", "light.png")
    assert ranked.share_below(0.5) == pytest.approx(2 / 3)


def test_the_threshold_lets_through_as_many_as_the_rate_says() -> None:
    found = anomaly.AnomalyScores("then", tuple("abcdefghij"), np.arange(10, 0, -1, dtype=np.float32))
    assert found.flagged(0.2) == (9.0, 2)
    assert found.flagged(0.001) == (10.0, 1)
    for rate in (0, -1, 0.9, float("nan")):
        with pytest.raises(AppError, match="false-alarm rate"):
            anomaly.check_rate(rate)


def test_a_measurement_is_kept_for_its_index_only_and_a_damaged_one_is_no_error(tmp_path: Path) -> None:
    found = anomaly.AnomalyScores("then", ("é/1.png", "b"), np.array([2, 1], np.float32))
    anomaly.save(tmp_path, Grey.spec, found)
    kept = anomaly.load(tmp_path, Grey.spec, "then")
    assert kept is not None
    assert (kept.ids, kept.scores.tolist()) == (found.ids, [2, 1])
    assert anomaly.load(tmp_path, Grey.spec, "later") is None
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(file.read_bytes()[:40])
    assert anomaly.load(tmp_path, Grey.spec, "then") is None
