"""Anomaly scores of a catalogue with a known measure: their order, thresholds, and what is kept of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import AppError, EncoderSpec
from retrieval.evaluation import anomaly

GREY = EncoderSpec("vae", "grey", "Grey", 2, 32, "", "", "")


def darkness(images: Sequence[Image.Image]) -> np.ndarray:
    return np.array([1 - np.asarray(image.convert("L")).mean() / 255 for image in images], np.float32)


def test_every_picture_is_scored_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, tone in (("light", 220), ("dark", 10), ("middle", 128)):
        Image.new("RGB", (40, 40), (tone,) * 3).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    catalog = FolderCatalog(tmp_path)
    seen: list[tuple[int, int]] = []
    found, problems = anomaly.score_pictures(
        catalog,
        [item.id for item in catalog],
        32,
        darkness,
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
    anomaly.save(tmp_path, GREY, found)
    kept = anomaly.load(tmp_path, GREY, "then")
    assert kept is not None
    assert (kept.ids, kept.scores.tolist()) == (found.ids, [2, 1])
    assert anomaly.load(tmp_path, GREY, "later") is None
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(file.read_bytes()[:40])
    assert anomaly.load(tmp_path, GREY, "then") is None
