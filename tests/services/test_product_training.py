"""Teaching the product engine kinds of one's own: what is refused, what is kept, who waits, what stays apart."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import engines
from engines.product.encoder import Product
from engines.product.training import held_out
from retrieval.core import AppError
from services import Services
from settings import Settings
from tests.conftest import encoded

pytestmark = pytest.mark.skipif(
    engines.missing(engines.spec("product", "fashion")) is not None, reason="our product weights are not here"
)


def features(self: Product, images: Sequence[Image.Image]) -> np.ndarray:
    """Return float32 (n, 1280) in no time: the colours of an 8 x 8 grid, and noise."""
    small = [np.asarray(image.resize((8, 8), Image.Resampling.BOX), np.float32).ravel() / 255 for image in images]
    noise = np.random.default_rng(0).normal(scale=0.05, size=(len(images), 1280 - 192))
    return np.concatenate([np.stack(small), noise], axis=1).astype(np.float32)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Product, "features", features)


def shop(place: Path, counts: dict[str, int]) -> Path:
    """Write a folder a kind, each kind of one colour."""
    place.mkdir()
    for number, (kind, count) in enumerate(counts.items()):
        shade = np.random.default_rng(number).integers(0, 256, 3)
        for each in range(count):
            (place / kind).mkdir(parents=True, exist_ok=True)
            jitter = np.random.default_rng([number, each]).integers(-30, 31, 3)
            colour = tuple(int(value) for value in np.clip(shade + jitter, 0, 255))
            (place / kind / f"{each}.png").write_bytes(encoded(Image.new("RGB", (24, 24), colour), "PNG"))
    return place


def opened(tmp_path: Path, counts: dict[str, int]) -> tuple[Services, str]:
    tmp_path.mkdir(exist_ok=True)
    folder = shop(tmp_path / "shop", counts)
    services = Services(Settings(index_cache=tmp_path / "cache"), [f"folder:{folder}"])
    return services, services.catalogs.infos()[0].key


def ended(services: Services, name: str, epochs: int = 0) -> dict[str, Any]:
    """Return a run once it has ended, or has learnt for so many epochs."""
    deadline = time.monotonic() + 120
    while True:
        run = services.product_runs.run(name)
        if run["state"] not in ("waiting", "running") or 0 < epochs <= len(run["epochs"]):
            return run
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"Hat": 5}, "of one kind, 'Hat'. Training needs at least two"),
        ({"Hat": 1, "Shoe": 1}, "No kind has two pictures"),
        ({}, "There are no pictures in shop to learn from"),
        ({"": 4}, "have no labels to learn from. Put them into folders named by their kind"),
    ],
)
def test_a_catalogue_that_teaches_nothing_is_refused_with_the_remedy(
    tmp_path: Path, counts: dict[str, int], told: str
) -> None:
    services, key = opened(tmp_path, counts)
    with pytest.raises(AppError, match=told):
        services.product_runs.start(key, "mine", 3)
    with pytest.raises(AppError, match=told):
        services.product_runs.counts(key)
    assert services.product_runs.all() == []


@pytest.mark.parametrize(("epochs", "name"), [(0, "mine"), (501, "mine"), (3, "fashion"), (3, "../up")])
def test_epochs_and_names_that_cannot_be_are_refused(tmp_path: Path, epochs: int, name: str) -> None:
    services, key = opened(tmp_path, {"Hat": 2, "Shoe": 2})
    with pytest.raises(AppError):
        services.product_runs.train(key, name, epochs, lambda event: None)


def test_a_kind_with_one_picture_is_learnt_but_not_judged(tmp_path: Path) -> None:
    services, key = opened(tmp_path, {"Hat": 8, "Shoe": 8, "Glove": 1})
    name = services.product_runs.start(key, "My kinds", 12)
    run = ended(services, name)
    assert (run["state"], run["error"]) == ("done", "")
    about = run["about"]
    assert about["classes"] == ["Glove", "Hat", "Shoe"]
    assert about["untested"] == ["Glove"]
    assert [kind["tested"] for kind in about["kinds"]] == [0, 2, 2]
    assert np.array(about["confusion"]).sum() == about["tested"] == 4
    assert len(run["epochs"]) == 12
    (verdict, _), *_ = services.products.classify(
        [Image.new("RGB", (24, 24), "white")], services.engines.spec("product", name)
    )
    assert set(verdict.probabilities) == {"Glove", "Hat", "Shoe"}


def test_five_hundred_kinds_are_learnt(tmp_path: Path) -> None:
    services, key = opened(tmp_path, {f"kind {n:03}": 2 for n in range(500)})
    trained = services.product_runs.train(key, "many", 2, lambda event: None)
    assert trained is not None
    assert len(trained.about["classes"]) == 500
    assert trained.about["tested"] == 500
    assert len(trained.about["samples"]) == 24
    crowded, other = opened(tmp_path / "crowded", {f"kind {n:04}": 2 for n in range(1001)})
    with pytest.raises(AppError, match="1001 kinds; at most 1000"):
        crowded.product_runs.start(other, "more", 2)


def test_a_stop_keeps_the_best_epoch_so_far(tmp_path: Path) -> None:
    services, key = opened(tmp_path, {"Hat": 12, "Shoe": 12})
    name = services.product_runs.start(key, "mine", 500)
    assert ended(services, name, epochs=3)["state"] == "running"
    services.product_runs.stop(name)
    run = ended(services, name)
    assert run["state"] == "stopped"
    assert 3 <= len(run["epochs"]) < 500
    best = run["epochs"][run["about"]["best"] - 1]
    assert best["held_accuracy"] == max(epoch["held_accuracy"] for epoch in run["epochs"])
    assert services.products.classify([Image.new("RGB", (24, 24))], services.engines.spec("product", name))[0][
        0
    ].label in ("Hat", "Shoe")


def test_of_two_visitors_one_waits_and_sees_it(tmp_path: Path) -> None:
    services, key = opened(tmp_path, {"Hat": 12, "Shoe": 12})
    first = services.product_runs.start(key, "first", 500)
    second = services.product_runs.start(key, "second", 2)
    with pytest.raises(AppError, match="is being trained now"):
        services.product_runs.start(key, "first", 2)
    waiting = services.product_runs.run(second)
    assert (waiting["state"], waiting["place"], waiting["epochs"]) == ("waiting", 1, [])
    ended(services, first, epochs=1)
    services.product_runs.stop(first)
    assert ended(services, second)["state"] == "done"
    assert services.product_runs.run(first)["state"] == "stopped"


def test_a_disk_that_fills_while_saving_loses_nothing_of_the_model_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, key = opened(tmp_path, {"Hat": 8, "Shoe": 8})
    services.product_runs.train(key, "mine", 3, lambda event: None)
    white = [Image.new("RGB", (24, 24), "white")]
    before = services.products.classify(white, services.engines.spec("product", "mine"))[0][0].probabilities

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        run = ended(services, services.product_runs.start(key, "mine", 5))
    assert run["state"] == "failed"
    assert "No space left" in run["error"]
    assert "Earlier models are as they were" in run["error"]
    assert services.products.classify(white, services.engines.spec("product", "mine"))[0][0].probabilities == before
    assert Services(services.settings, ["sample"]).engines.spec("product", "mine").digest
    assert services.models.about("product", "mine")["epochs"][-1]["number"] == 3


def test_photos_of_one_sender_stay_on_one_side(tmp_path: Path) -> None:
    folder = shop(tmp_path / "shop", {"Hat": 12, "Shoe": 12})
    rows = [f"{kind}/{n}.png,{kind},{n // 3}" for kind in ("Hat", "Shoe") for n in range(12)]
    (folder / "metadata.csv").write_text("file_name,label,sender_id\n" + "\n".join(rows))
    services = Services(Settings(index_cache=tmp_path / "cache"), [f"folder:{folder}"])
    trained = services.product_runs.train(services.catalogs.infos()[0].key, "mine", 2, lambda event: None)
    assert trained is not None
    assert trained.about["apart"] == "sender_id"
    sides = {int(sample["id"].split("/")[1][:-4]) // 3 for sample in trained.about["samples"]}
    assert len(sides) == 1
    assert trained.about["tested"] == 6


def test_the_split_takes_a_share_of_every_kind_and_leaves_something_to_learn_from() -> None:
    targets = np.repeat([0, 1, 2, 3], [50, 10, 2, 1])
    test = held_out(targets)
    assert np.bincount(targets[test], minlength=4).tolist() == [10, 2, 1, 0]
    groups = [f"{n // 5}" for n in range(63)]
    parted = held_out(targets, groups)
    assert not {groups[n] for n in parted} & {groups[n] for n in range(63) if n not in parted}
    assert 10 <= (targets[parted] == 0).sum() <= 20
    assert held_out(targets, ["one"] * 63).tolist() == []
    assert np.bincount(targets[held_out(targets, [""] * 63)], minlength=4).tolist() == [10, 2, 1, 0]
