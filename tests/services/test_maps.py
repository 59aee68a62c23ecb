"""Maps through the services: made once, told how far, redone for another state of the index, and served to the page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retrieval.core import AppError, MissingIndexError
from retrieval.evaluation import projection
from services import Services
from services.indexes.maps import Map
from services.tasks import Task
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, register, write_picture
from ui.search import catalog_map as page


@pytest.fixture
def services(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    register(monkeypatch, COLOUR_SPEC, loaded=[ColourEncoder()])
    services = Services(Settings(index_cache=tmp_path / "cache"), [f"folder:{folder}"])
    yield services
    services.close()


@pytest.fixture
def key(services: Services) -> str:
    key = services.catalogs.infos()[0].key
    services.indexes.build(key, COLOUR_SPEC)
    return key


def made(services: Services, key: str, method: str = "tsne") -> projection.Projection:
    return services.maps.make(key, COLOUR_SPEC, method, lambda done, total: None).layout


def finished(services: Services, key: str) -> Task[Map]:
    """Wait for the background, then return how the map stands."""
    task = services.maps.ask(key, COLOUR_SPEC, "tsne")
    while not task.ended:
        assert task.wait(60)
        task = services.maps.ask(key, COLOUR_SPEC, "tsne")
    return task


def test_a_map_is_made_once_and_again_when_the_index_changes(
    services: Services, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(services, key)
    assert (len(first.ids), first.of) == (12, 12)
    with monkeypatch.context() as patched:
        patched.setattr(projection, "project", lambda *a: pytest.fail("laid out again"))
        assert made(services, key).points.tolist() == first.points.tolist()
        assert finished(services, key).state == "done"
    write_picture(folder / "red" / "99.jpg", 99)
    services.indexes.build(key, COLOUR_SPEC)
    status = finished(services, key)
    assert status.result
    assert "red/99.jpg" in status.result.layout.ids
    assert status.result.attributes[list(status.result.layout.ids).index("red/99.jpg")] == {"label": "red"}


def test_without_an_index_or_a_catalogue_there_is_no_map(services: Services) -> None:
    with pytest.raises(MissingIndexError):
        services.maps.ask(services.catalogs.infos()[0].key, COLOUR_SPEC, "tsne")
    with pytest.raises(AppError, match="no catalogue"):
        services.maps.ask("../elsewhere", COLOUR_SPEC, "tsne")


def test_a_failure_is_told_once_and_then_tried_again(
    services: Services, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise AppError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(projection, "save", full)
        failed = finished(services, key)
    assert (failed.state, failed.error) == ("failed", "The disk is full.")
    assert finished(services, key).state == "done"


def test_the_page_is_told_how_far_the_map_is_and_then_gets_it(services: Services, key: str) -> None:
    client = TestClient(Starlette(routes=[page.route(services)]))
    address = f"/map/{key}?engine=colours&weights=none&method=pca"
    deadline = time.monotonic() + 60
    while (answer := client.get(address)).status_code == 202 and time.monotonic() < deadline:
        assert set(answer.json()) == {"state", "done", "total", "error"}
    shown = answer.json()
    assert (shown["state"], shown["of"], len(shown["ids"])) == ("ready", 12, 12)
    layout = made(services, key, "pca")
    assert [x / 30_000 for x in shown["x"]] == pytest.approx(layout.points[:, 0].tolist(), abs=1e-4)
    label = shown["attributes"][0]
    assert label["name"] == "label"
    assert sum(label["counts"]) == 12
    assert [label["values"][code] for code in label["codes"]] == [item.split("/")[0] for item in shown["ids"]]


@pytest.mark.parametrize(
    "asked", ["nothing?engine=colours", "{key}?engine=nothing", "{key}?engine=colours&method=umap", "{key}"]
)
def test_what_there_is_no_map_of_is_refused(services: Services, key: str, asked: str) -> None:
    client = TestClient(Starlette(routes=[page.route(services)]))
    assert client.get(f"/map/{asked.format(key=key)}").status_code == 404


def test_the_question_comes_with_its_nearest(services: Services, key: str) -> None:
    item = "red/00.jpg"
    value = page.value(services, key, COLOUR_SPEC, query=item)
    assert (value["state"], value["item"]) == ("map", item)
    expected = [hit.id for hit in services.indexes.searcher(key, COLOUR_SPEC).by_id(item, 11).hits]
    assert value["near"] == expected
    vector = services.indexes.searcher(key, COLOUR_SPEC).index.vectors([item])[0]
    assert page.value(services, key, COLOUR_SPEC, query=vector)["near"][0] == item
    assert page.value(services, key, COLOUR_SPEC)["near"] == []


def test_a_question_that_is_gone_or_an_index_that_is_not_there_is_said(services: Services, key: str) -> None:
    assert page.value(services, key, COLOUR_SPEC, query="gone.jpg")["state"] == "none"


def test_attributes_that_tell_nothing_apart_are_left_out() -> None:
    rows = [{"label": "a", "same": "x", "id": str(n)} for n in range(70)]
    rows[3]["label"] = "b"
    found = page.coded([*rows, {}])
    assert [each["name"] for each in found] == ["label"]
    assert (found[0]["values"], found[0]["codes"][3], found[0]["codes"][-1]) == (("a", "b"), 1, -1)
