"""The health of a catalogue: what is measured of its pictures, and that it is measured once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from retrieval.core import Catalog
from retrieval.search.duplicates import Group
from services import Services
from services import health as health_service
from settings import Settings


def picture(seed: int) -> Image.Image:
    """Return a picture of sharp squares of ten pixels."""
    squares = np.random.default_rng(seed).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    return Image.fromarray(squares).resize((320, 240), Image.Resampling.NEAREST)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(Settings.from_environment(), index_cache=tmp_path / "cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with good, blurred, dark, tiny and unreadable pictures, and a mirrored copy."""
    place = tmp_path / "shop"
    place.mkdir()
    picture(1).save(place / "good.png")
    ImageOps.mirror(picture(1)).save(place / "mirrored.png")
    picture(2).filter(ImageFilter.GaussianBlur(6)).save(place / "blurred.png")
    picture(3).point(lambda value: value // 6).save(place / "dark.png")
    picture(4).resize((100, 75)).save(place / "tiny.png")
    (place / "broken.png").write_bytes(b"no picture")
    return place


def test_blurred_dark_and_tiny_pictures_and_copies_are_named(folder: Path, settings: Settings) -> None:
    services = Services(settings, [f"folder:{folder}"])
    survey = services.health.survey(services.catalogs.key(f"folder:{folder}"))
    problems = {name: [item for item, _ in found] for name, found in survey.problems().items()}
    assert problems == {"blurred": ["blurred.png"], "dark": ["dark.png"], "tiny": ["tiny.png"]}
    first, second = survey.copies(["mirrored.png", "tiny.png", "good.png"])
    assert (first.tolist(), second.tolist()) == ([0], [2])
    assert "broken.png" not in survey.ids


def test_a_survey_is_kept_and_only_what_changed_is_looked_at(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"folder:{folder}"
    services = Services(settings, [name])
    before = services.health.survey(services.catalogs.key(name))
    picture(9).save(folder / "new.png")
    (folder / "tiny.png").unlink()
    looked: list[str] = []
    look = health_service._looked

    def noted(source: Catalog, item: str) -> object:
        looked.append(item)
        return look(source, item)

    monkeypatch.setattr(health_service, "_looked", noted)
    again = Services(settings, [name])
    after = again.health.survey(again.catalogs.key(name))
    assert sorted(looked) == ["broken.png", "new.png"]
    assert set(after.ids) == {*before.ids, "new.png"} - {"tiny.png"}
    place = {item: number for number, item in enumerate(after.ids)}
    assert after.measures[place["good.png"]] == before.measures[before.ids.index("good.png")]


def test_of_equal_sizes_that_with_most_bytes_is_kept(folder: Path, settings: Settings) -> None:
    picture(1).save(folder / "a.jpg", quality=20)
    picture(1).save(folder / "b.jpg", quality=95)
    services = Services(settings, [f"folder:{folder}"])
    group = Group(("a.jpg", "b.jpg", "broken.png"), 0.99)
    found = list(services.health.decisions(services.catalogs.key(f"folder:{folder}"), [group]))
    assert [(each.id, each.keep) for each in found] == [("b.jpg", True), ("a.jpg", False)]
