"""Regions as a property of an index: asked for once, kept by later builds, under every kind of index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cli import app
from retrieval.indexes.region_index import RegionIndex
from services import Services
from services.indexes import vector_indexes
from services.indexes.workers import EncodingJob
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, blocks, write_picture
from tests.fakes import pinecone_service

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture
def pinecone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pinecone_service.Service]:
    pytest.importorskip("pinecone", reason="the package pinecone is not here: pip install -r requirements-scale.txt")
    with pinecone_service.running() as service:
        monkeypatch.setenv("PINECONE_API_KEY", pinecone_service.KEY)
        monkeypatch.setenv("PINECONE_CONTROLLER_HOST", service.url)
        yield service


def opened(folder: Path, **choices: object) -> tuple[Services, str]:
    services = Services(Settings(**choices), [f"folder:{folder}"])  # type: ignore[arg-type]
    return services, services.catalogs.key(f"folder:{folder}")


def ran(*words: str) -> str:
    done = CliRunner().invoke(app, ["-q", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("index", ["flat", "approximate"])
def test_a_picture_and_an_item_find_themselves_and_a_part_finds_its_picture(
    cache: Path, folder: Path, index: str
) -> None:
    services, key = opened(folder, index_cache=cache, index=index)
    services.indexes.build(key, COLOUR_SPEC, regions=True)
    searcher = services.indexes.searcher(key, COLOUR_SPEC)
    assert isinstance(searcher.index, RegionIndex)
    assert services.indexes.holds(key, "red/03.jpg")
    whole = searcher.by_image(services.catalogs.catalog(key).open("red/03.jpg"), 50)
    assert (whole.hits[0].id, f"{whole.hits[0].score:.3f}", len(whole.hits)) == ("red/03.jpg", "1.000", 12)
    assert "red/03.jpg" not in {hit.id for hit in searcher.by_id("red/03.jpg", 50).hits}
    picture = services.catalogs.catalog(key).open("red/03.jpg")
    upper = picture.crop((0, 0, picture.width, round(0.6 * picture.height)))
    assert searcher.by_image(upper, 1).hits[0].score == pytest.approx(1.0, abs=1e-3)
    assert searcher.by_image(upper, 1).hits[0].id == "red/03.jpg"
    labels = [hit.attributes["label"] for hit in searcher.by_image(blocks(50), 50, {"label": ["red"]}).hits]
    assert labels == ["red"] * 4


def test_later_builds_keep_what_the_index_is_and_the_settings_choose_for_new_ones(cache: Path, folder: Path) -> None:
    services, key = opened(folder, index_cache=cache)
    assert services.indexes.build(key, COLOUR_SPEC).index.regions == 1
    assert services.indexes.build(key, COLOUR_SPEC, regions=True).index.regions == 4
    write_picture(folder / "red" / "new.jpg", 50)
    report = services.indexes.build(key, COLOUR_SPEC)
    assert (report.index.regions, report.encoded) == (4, 1)
    row = next(row for row in services.overview.rows(key, fresh=True) if row.engine == "colours")
    assert (row.state, row.searched, row.pictures) == ("indexed", "4 regions a picture", 13)
    assert services.indexes.build(key, COLOUR_SPEC, regions=False).index.regions == 1
    assert not isinstance(services.indexes.searcher(key, COLOUR_SPEC).index, RegionIndex)
    services, key = opened(folder, index_cache=cache.with_name("other"), regions=True)
    assert services.indexes.build(key, COLOUR_SPEC).index.regions == 4


def test_the_number_of_vectors_decides_which_kind_of_index_searches(
    cache: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_indexes, "FLAT_MOST", 20)
    services, key = opened(folder, index_cache=cache)
    assert services.indexes.build(key, COLOUR_SPEC).index.kind == "flat"
    assert services.indexes.build(key, COLOUR_SPEC, regions=True).index.kind == "approximate"


def test_the_command_line_asks_for_regions_once_and_says_what_they_take(folder: Path) -> None:
    name = ("--engine", "colours", "--catalog", f"folder:{folder}")
    told = ran("index", *name, "--regions")
    assert "Search: 4 regions a picture. The vectors of 4 regions a picture take 0.0 MB" in told
    hits = json.loads(ran("search", *name, "--json", "--image", str(folder / "red" / "03.jpg")))
    assert (hits[0]["id"], round(hits[0]["score"], 3), len(hits)) == ("red/03.jpg", 1.0, 10)
    assert json.loads(ran("index", *name, "--json"))["index"]["regions"] == 4
    measured = json.loads(ran("evaluate", *name, "--json"))
    assert (measured["queries"], measured["gallery"]) == (12, 12)
    assert json.loads(ran("index", *name, "--no-regions", "--json"))["index"]["regions"] == 1


def test_regions_at_pinecone_are_one_hit_an_item(folder: Path, pinecone: pinecone_service.Service) -> None:
    name = ("--engine", "colours", "--catalog", f"folder:{folder}", "--index", "pinecone")
    assert "48 vectors of 48 numbers at Pinecone" in ran("index", *name, "--regions")
    hits = json.loads(ran("search", *name, "--json", "-k", "50", "--image", str(folder / "red" / "03.jpg")))
    assert (hits[0]["id"], round(hits[0]["score"], 3), hits[0]["attributes"]) == ("red/03.jpg", 1.0, {"label": "red"})
    assert len({hit["id"] for hit in hits}) == len(hits) == 12


def test_another_machine_encodes_the_same_regions(cache: Path, folder: Path) -> None:
    settings = Settings(index_cache=cache)
    recipe = EncodingJob(settings, f"folder:{folder}", None, "colours:none", "d1", regions=True)
    picture = recipe.open().open("red/03.jpg")
    vectors = recipe.load().encode_images([picture])
    assert vectors.shape == (1, 4 * COLOUR_SPEC.dim)
    np.testing.assert_allclose(vectors[0, : COLOUR_SPEC.dim], ColourEncoder().encode_images([picture])[0], atol=1e-6)
