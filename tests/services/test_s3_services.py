"""A bucket as a catalogue of the app: added, listed, shown, searched, its thumbnails, removed; never by a visitor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner

import ui.shell.picture_route
from cli import app
from retrieval.core import AppError
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, jpeg, register
from tests.fakes import bucket
from tests.fakes.bucket import BUCKET, Store

pytest.importorskip("boto3", reason="boto3 is not installed: pip install -r requirements-scale.txt")
pytest.importorskip("moto", reason="moto is not installed: pip install -r requirements-dev.txt")

NAME = f"s3://{BUCKET}/shop"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Serve six pictures, and keep everything else in the test's own folder, under an engine without weights."""
    register(monkeypatch, COLOUR_SPEC, loaded=[ColourEncoder()])
    monkeypatch.setenv("VISUAL_SEARCH_CACHE", str(tmp_path / "cache"))
    with bucket.serving() as served:
        bucket.environment(monkeypatch, served.url)
        for n in range(6):
            served.put(f"shop/{('red', 'blue')[n % 2]}/{n}.jpg", jpeg(n))
        served.asked.clear()
        yield served


def ran(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_bucket_is_added_listed_shown_indexed_and_removed(store: Store, tmp_path: Path) -> None:
    added = json.loads(ran("catalogs", "add", f"{NAME}/", "--json"))
    assert (added["name"], added["pictures"]) == (NAME, 6)
    assert store.count(".jpg") == 0
    report = json.loads(ran("index", "--engine", "colours", "--catalog", NAME, "--json"))
    assert (report["pictures"], report["encoded"]) == (6, 6)
    (*_, row) = json.loads(ran("catalogs", "list", "--json"))
    assert (row["name"], row["problem"], row["indexed"]) == (NAME, "", ["colours:none"])
    shown = json.loads(ran("catalogs", "show", NAME, "--json"))
    assert (shown["title"], shown["source"], shown["pictures"]) == ("shop", NAME, 6)
    assert shown["attributes"] == {"label": {"values": {"blue": 3, "red": 3}, "different": 2}}
    assert shown["engines"][0]["state"] == "indexed"
    assert len(list((tmp_path / "cache" / "s3").glob("*.sqlite"))) == 1
    ran("catalogs", "remove", f"{NAME}/")
    assert [each["name"] for each in json.loads(ran("catalogs", "list", "--json"))] == ["sample", "paintings"]
    assert not list((tmp_path / "cache" / "s3").glob("*.sqlite*"))
    assert not (tmp_path / "cache" / added["key"]).exists()
    assert store.count("DELETE") == 0


def test_a_store_that_is_away_at_the_start_is_a_reason_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    ran("catalogs", "add", NAME)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (*_, row) = json.loads(ran("catalogs", "list", "--json"))
    assert row["key"] is None
    assert "cannot be reached" in row["problem"]


def test_a_visitor_opens_no_bucket() -> None:
    services = Services(Settings.from_environment(), [])
    for name in (NAME, f"hf:{NAME}", f"{NAME}#20"):
        with pytest.raises(AppError, match="is no name of|Say how many"):
            services.saved_catalogs.add_from_hub(name)


@pytest.mark.parametrize("links", [False, True])
def test_a_thumbnail_comes_from_the_app_or_the_browser_is_sent_to_the_bucket(
    links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL_SEARCH_S3_LINKS", str(int(links)))
    services = Services(Settings.from_environment(), [NAME])
    key = services.catalogs.key(NAME)
    services.indexes.build(key, COLOUR_SPEC)
    services.indexes.searcher(key, COLOUR_SPEC)
    web = TestClient(Starlette(routes=[ui.shell.picture_route.route(services)]), follow_redirects=False)
    answer = web.get(f"/picture/{key}?id=red/0.jpg&side=160")
    if links:
        assert answer.status_code == 307
        assert "/pictures/shop/red/0.jpg?" in answer.headers["location"]
    else:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    for unknown in ("red/1.jpg", "../shop/red/0.jpg", ""):
        assert web.get(f"/picture/{key}?id={unknown}").status_code == 404


def test_settings_of_buckets_are_read_from_the_environment() -> None:
    chosen = Settings.from_environment({"VISUAL_SEARCH_S3_CACHE_MB": "100", "VISUAL_SEARCH_S3_LINKS": "1"})
    assert (chosen.s3_cache_bytes, chosen.s3_links) == (100 << 20, True)
    assert (Settings.from_environment({}).s3_cache_bytes, Settings.from_environment({}).s3_links) == (2 << 30, False)
    with pytest.raises(AppError, match="VISUAL_SEARCH_S3_CACHE_MB is 'much'"):
        Settings.from_environment({"VISUAL_SEARCH_S3_CACHE_MB": "much"})
