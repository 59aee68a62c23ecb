"""Training a latent space of one's own: what is refused, what is kept, that a second one waits."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrieval.core import AppError
from services import Services
from services.models import latent_training
from settings import Settings


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Return services over forty garments of two kinds, bars and squares."""
    rng = np.random.default_rng(3)
    for n in range(40):
        kind = ("bar", "square")[n % 2]
        (tmp_path / "shop" / kind).mkdir(parents=True, exist_ok=True)
        picture = np.full((56, 56), 255, np.uint8)
        half = 6 if kind == "bar" else 20
        picture[6:50, 28 - half : 28 + half] = rng.integers(30, 120)
        Image.fromarray(picture).convert("RGB").save(tmp_path / "shop" / kind / f"{n}.png")
    return Services(Settings(index_cache=tmp_path / "cache"), [f"folder:{tmp_path / 'shop'}"])


@pytest.mark.parametrize(
    ("latent", "epochs", "beta", "told"),
    [
        (0, 5, 1.0, "latent space of 0 numbers cannot be trained. Choose 2 to 256"),
        (10_000, 5, 1.0, "of 10000 numbers"),
        (8, 0, 1.0, "0 epochs"),
        (8, 5, 0.0, "beta of 0"),
        (8, 5, float("nan"), "beta of nan"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_read(
    services: Services, latent: int, epochs: int, beta: float, told: str
) -> None:
    with pytest.raises(AppError, match=told):
        services.latent_runs.start(
            services.catalogs.infos()[0].key, latent_training.recipe(latent, epochs, beta), "mine"
        )
    assert services.latent_runs.all() == []


@pytest.mark.parametrize("name", ["fashion", "../up", "", "x" * 50])
def test_a_name_that_is_taken_or_no_name_is_refused(services: Services, name: str) -> None:
    with pytest.raises(AppError):
        services.latent_runs.start(services.catalogs.infos()[0].key, latent_training.recipe(4, 1, 1.0), name)


def test_pictures_are_read_as_garments_with_their_kinds(services: Services) -> None:
    events: list[dict[str, Any]] = []
    catalog = services.catalogs.catalog(services.catalogs.infos()[0].key)
    pixels, labels, classes = latent_training.read(catalog, events.append)
    assert pixels.shape == (40, 28, 28)
    assert classes == ["bar", "square"]
    assert np.bincount(labels).tolist() == [20, 20]
    assert pixels[labels == 1].mean() > 1.5 * pixels[labels == 0].mean()
    assert events[0]["step"] == "reading"


def ended(services: Services, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 200
    while (run := services.latent_runs.run(name))["state"] in ("waiting", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return run


def test_two_train_at_once_the_second_waits_and_both_can_be_searched_with(services: Services) -> None:
    key = services.catalogs.infos()[0].key
    first = services.latent_runs.start(key, latent_training.recipe(4, 2, 1.0), "First one")
    second = services.latent_runs.start(key, latent_training.recipe(2, 400, 1.0), "second")
    assert first == "first-one"
    with pytest.raises(AppError, match="is being trained now"):
        services.latent_runs.start(key, latent_training.recipe(4, 2, 1.0), "first one")
    assert services.latent_runs.run(second)["place"] == 1
    run = ended(services, first)
    assert (run["state"], run["error"]) == ("done", "")
    assert [epoch["number"] for epoch in run["epochs"]] == [1, 2]
    assert run["about"]["recipe"]["label_weight"] > 0
    assert services.latent_runs.run(first, known=1)["epochs"][0]["number"] == 2
    while len(services.latent_runs.run(second)["epochs"]) < 2:
        time.sleep(0.05)
    services.latent_runs.stop(second)
    stopped = ended(services, second)
    assert stopped["state"] == "stopped"
    for name, dim in ((first, 4), (second, 3)):
        spec = services.engines.spec("vae", name)
        services.indexes.build(key, spec)
        hits = services.indexes.searcher(key, spec).by_id("bar/0.png", 5).hits
        assert len(hits) == 5
        assert spec.dim == dim
    assert {run["name"] for run in services.latent_runs.all()} == {first, second}
