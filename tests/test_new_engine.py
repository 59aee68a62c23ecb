"""A new engine is one folder and one row: page, search, compare and doctor find it by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import engines
from cli import app
from doctor import examine
from retrieval.core import EncoderSpec
from services import Services
from settings import Settings
from tests.conftest import write_picture
from ui.tabs.look_alike import tab as look_alike

ROW = EncoderSpec(
    engine="toy", weights="rows", title="Toy rows", dim=24, image_size=32, licence="MIT", source="this test",
    load="tests.toy_engine.encoder:Toy", digest="toy-1", purposes=("look-alike",),
)  # fmt: skip


@pytest.fixture
def shop(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Add the row, and return the name of a catalogue of twelve labelled pictures."""
    monkeypatch.setattr(engines.REGISTRY, "rows", (*engines.REGISTRY.rows, ROW))
    monkeypatch.setenv("VISUAL_SEARCH_CACHE", str(tmp_path / "cache"))
    return f"folder:{folder}"


def ran(*arguments: str) -> str:
    """Run the command line in this process and return what it prints; raises what it raises."""
    done = CliRunner().invoke(app, ["-q", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_page_offers_it_among_the_engines_of_its_purpose(shop: str) -> None:
    services = Services(Settings.from_environment(), [shop])
    assert "toy:rows" in [name for title, name in look_alike.TAB.engines(services) if "not here" not in title]
    assert look_alike.TAB.linked(services, "toy:rows") is not None


def test_search_finds_a_picture_with_it(shop: str, tmp_path: Path) -> None:
    write_picture(tmp_path / "query.jpg", 4)
    picture = str(tmp_path / "query.jpg")
    (first, *_) = json.loads(ran("search", "--engine", "toy", "--image", picture, "--catalog", shop, "--json"))
    assert first["id"] == "green/04.jpg"
    assert first["score"] == pytest.approx(1, abs=1e-4)


def test_compare_measures_it(shop: str) -> None:
    found = json.loads(ran("compare", "--engines", "toy:rows", "--catalog", shop, "--json"))
    (row,) = found["engines"]
    assert (row["engine"], row["title"], found["queries"]) == ("toy:rows", "Toy rows", 12)


def test_doctor_looks_at_it(shop: str) -> None:
    (check,) = [each for each in examine(Settings.from_environment()) if each.name == "weights toy rows"]
    assert (check.ok, check.found) == (True, "needs none, 24 numbers a picture")
