"""Which index answers: what the settings say, exact while there is little, approximate beyond, and that is shown."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from retrieval.core import AppError, MissingIndexError
from retrieval.indexes.approximate.index import ApproximateIndex
from retrieval.indexes.faiss_index import FaissIndex
from services import Services
from services.indexes import vector_indexes
from settings import Settings
from tests.conftest import COLOUR_SPEC, blocks, write_picture
from tests.fakes import pinecone_service

pytestmark = pytest.mark.usefixtures("place")


def opened(place: Path, folder: Path, index: str = "auto") -> tuple[Services, str]:
    services = Services(Settings(index_cache=place / "cache", index=index), [f"folder:{folder}"])
    return services, services.catalogs.key(f"folder:{folder}")


def test_a_small_catalogue_is_searched_exactly_and_a_large_one_is_not(
    place: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, key = opened(place, folder)
    assert services.indexes.build(key, COLOUR_SPEC).index.kind == "flat"
    assert isinstance(services.indexes.searcher(key, COLOUR_SPEC).index, FaissIndex)
    monkeypatch.setattr(vector_indexes, "FLAT_MOST", 11)
    services, key = opened(place, folder)
    assert services.indexes.build(key, COLOUR_SPEC).index.kind == "approximate"
    assert isinstance(services.indexes.searcher(key, COLOUR_SPEC).index, ApproximateIndex)


def test_both_kinds_find_the_same_and_follow_what_comes_and_goes(place: Path, folder: Path) -> None:
    for change in (lambda: None, lambda: write_picture(folder / "red" / "new.jpg", 50), (folder / "red/00.jpg").unlink):
        change()
        answers = []
        for index in ("flat", "approximate"):
            services, key = opened(place, folder, index)
            services.indexes.build(key, COLOUR_SPEC)
            searcher = services.indexes.searcher(key, COLOUR_SPEC)
            for filter in (None, {"label": ["red"]}):
                hits = searcher.by_image(blocks(50), 20, filter).hits
                answers.append([(hit.id, pytest.approx(hit.score, abs=1e-6), hit.attributes) for hit in hits])
        assert answers[:2] == answers[2:]
        assert all("label" in attributes for _, _, attributes in answers[0])


def test_vectors_without_their_approximate_index_say_which_command_makes_it(place: Path, folder: Path) -> None:
    services, key = opened(place, folder, "flat")
    services.indexes.build(key, COLOUR_SPEC)
    services, key = opened(place, folder, "approximate")
    with pytest.raises(MissingIndexError, match="python cli.py index --engine colours"):
        services.indexes.searcher(key, COLOUR_SPEC)
    row = next(row for row in services.overview.rows(key) if row.engine == "colours")
    assert (row.state, row.why) == ("stale", "Its vectors are there, the index of them is not.")


def test_the_recall_is_shown_on_the_command_line_and_on_the_page(place: Path, folder: Path) -> None:
    name = f"folder:{folder}"
    done = CliRunner().invoke(app, ["-q", "index", "--engine", "colours", "--catalog", name, "--index", "approximate"])
    assert "Search: approximate, finds 100.0% of the ten nearest" in done.stdout
    told = CliRunner().invoke(
        app, ["-q", "index", "--engine", "colours", "--catalog", name, "--index", "approximate", "--json"]
    )
    assert json.loads(told.stdout)["index"]["recall"] == 1.0
    services, key = opened(place, folder, "approximate")
    row = next(row for row in services.overview.rows(key, fresh=True) if row.engine == "colours")
    assert (row.state, row.searched) == ("indexed", "approximate, finds 100.0% of the ten nearest")
    found = CliRunner().invoke(
        app,
        ["-q", "search", "--engine", "colours", "--catalog", name, "--index", "approximate", "--json", "--image",
         str(folder / "red" / "03.jpg")],
    )  # fmt: skip
    best = json.loads(found.stdout)[0]
    assert (best["id"], round(best["score"], 3)) == ("red/03.jpg", 1.0)


def test_deleting_an_index_deletes_all_of_its_files(place: Path, folder: Path) -> None:
    services, key = opened(place, folder, "approximate")
    services.indexes.build(key, COLOUR_SPEC)
    services.indexes.delete(key, COLOUR_SPEC)
    assert not list(services.indexes.folder(key).iterdir())


def test_what_a_visitor_uploads_is_searched_on_this_machine(place: Path, folder: Path) -> None:
    services, key = opened(place, folder, "approximate")
    services.catalogs.keep_private("mine", services.catalogs.catalog(key), place / "home")
    services.indexes.build("mine", COLOUR_SPEC)
    assert isinstance(services.indexes.searcher("mine", COLOUR_SPEC).index, FaissIndex)


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(AppError, match="no index 'faiss'. Choose one of: auto, flat, approximate, pinecone"):
        Settings.from_environment({"VISUAL_SEARCH_INDEX": "faiss"})


@pytest.fixture
def pinecone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pinecone_service.Service]:
    pytest.importorskip("pinecone", reason="the package pinecone is not here: pip install -r requirements-scale.txt")
    with pinecone_service.running() as service:
        monkeypatch.setenv("PINECONE_API_KEY", pinecone_service.KEY)
        monkeypatch.setenv("PINECONE_CONTROLLER_HOST", service.url)
        yield service


def ran(*words: str) -> str:
    done = CliRunner().invoke(app, ["-q", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_line_indexes_at_pinecone_and_searches_there(
    place: Path, folder: Path, pinecone: pinecone_service.Service
) -> None:
    name = ("--engine", "colours", "--catalog", f"folder:{folder}", "--index", "pinecone")
    told = ran("index", *name)
    assert "Search: pinecone. 12 vectors of 48 numbers at Pinecone (visual-search-48, namespace folder-" in told
    before = pinecone.asked["query"]  # the build asks whether searches see what it sent
    hits = json.loads(ran("search", *name, "--json", "--image", str(folder / "red" / "03.jpg")))
    assert (hits[0]["id"], round(hits[0]["score"], 3), hits[0]["attributes"]) == ("red/03.jpg", 1.0, {"label": "red"})
    assert pinecone.asked["query"] == before + 1


def test_the_app_searches_at_pinecone_where_the_settings_say_so(
    place: Path, folder: Path, pinecone: pinecone_service.Service
) -> None:
    services = Services(
        Settings.from_environment({**os.environ, "VISUAL_SEARCH_INDEX": "pinecone"}), [f"folder:{folder}"]
    )
    key = services.catalogs.key(f"folder:{folder}")
    services.indexes.build(key, COLOUR_SPEC)
    searcher = services.indexes.searcher(key, COLOUR_SPEC)
    result = searcher.by_id("red/03.jpg", 24, {"label": ["red", "blue"]})
    assert {hit.attributes["label"] for hit in result.hits} == {"red", "blue"}
    assert len(result.hits) == 7
    assert services.views.thumbnail(key, "green/04.jpg")
    with pytest.raises(AppError, match="not in the catalogue"):
        services.views.thumbnail(key, "nobody.jpg")
    row = next(row for row in services.overview.rows(key) if row.engine == "colours")
    assert (row.state, row.searched) == ("indexed", "pinecone")
    (namespace,) = pinecone.indexes["visual-search-48"].namespaces
    assert namespace.startswith(f"{key}.colours-none.")
    services.indexes.delete(key, COLOUR_SPEC)
    assert not pinecone.indexes["visual-search-48"].namespaces


def test_a_catalogue_that_is_removed_leaves_nothing_at_pinecone(
    place: Path, folder: Path, pinecone: pinecone_service.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL_SEARCH_INDEX", "pinecone")
    name = f"folder:{folder}"
    ran("catalogs", "add", name)
    ran("index", "--engine", "colours", "--catalog", name)
    assert pinecone.indexes["visual-search-48"].namespaces
    ran("catalogs", "remove", name)
    assert not pinecone.indexes["visual-search-48"].namespaces


def test_what_a_visitor_uploads_is_never_sent(place: Path, folder: Path, pinecone: pinecone_service.Service) -> None:
    services = Services(
        Settings.from_environment({**os.environ, "VISUAL_SEARCH_INDEX": "pinecone"}), [f"folder:{folder}"]
    )
    services.catalogs.keep_private(
        "mine", services.catalogs.catalog(services.catalogs.key(f"folder:{folder}")), place / "home"
    )
    services.indexes.build("mine", COLOUR_SPEC)
    assert not pinecone.asked


def test_the_key_is_in_no_settings_that_are_shown_or_handed_on() -> None:
    settings = Settings.from_environment({"PINECONE_API_KEY": "pcsk_secret"})
    assert settings.pinecone_key == "pcsk_secret"
    assert "pcsk" not in repr(settings)
    assert not settings.public.pinecone_key
