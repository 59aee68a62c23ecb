"""The tab Compare engines without a browser: what the board, the taste test and the groups are told to show."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from retrieval.core import AppError
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, register, write_picture
from ui.tabs.catalogs import new_catalog
from ui.tabs.compare import blind_test, duplicates, tab
from ui.tabs.compare import board as compare_board
from ui.tabs.compare.board import Wanted
from ui.widgets import running_task
from ui.widgets.running_task import Running

NAMES = ["colours:none", "colours:half"]


class HalfEncoder(ColourEncoder):
    """Sees only the upper half of each picture."""

    def encode_images(self, images: Any) -> Any:  # noqa: ANN401 - as the base
        return super().encode_images([image.crop((0, 0, image.width, image.height // 2)) for image in images])


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Return services over twelve labelled and three bare pictures, with two engines of one kind."""
    for n in range(12):
        write_picture(tmp_path / "shop" / "red green blue".split()[n % 3] / f"{n}.jpg", n)
    for n in range(3):
        write_picture(tmp_path / "bare" / f"{n}.jpg", n)
    half = replace(COLOUR_SPEC, weights="half", title="Upper half", digest="d2")
    register(monkeypatch, COLOUR_SPEC, half, loaded=[ColourEncoder(), HalfEncoder(half)])
    services = Services(Settings(index_cache=tmp_path / "cache"), [f"folder:{tmp_path / n}" for n in ("shop", "bare")])
    yield services
    services.close()


def keys(services: Services) -> list[str]:
    return [info.key for info in services.catalogs.infos()]


def board(
    services: Services, catalog: str, names: list[str], match: str, running: Running | None = None
) -> dict[str, Any]:
    """Return the last thing that a comparison puts on the board."""
    return [shown[0] for shown in compare_board.run(services, catalog, Wanted(names, match), running or Running())][-1]


def test_the_board_says_what_was_measured_in_words_and_figures(shop: Services) -> None:
    shown = board(shop, keys(shop)[0], NAMES, "label")
    assert shown["state"] == "result"
    assert [row["engine"] for row in shown["engines"]] == NAMES
    assert "12 questions among 12 pictures" in shown["summary"]
    assert len(shown["verdict"]) == 2
    assert "fast" in shown["verdict"][-1][0]


def test_progress_comes_before_the_result_and_the_buttons_follow(shop: Services) -> None:
    steps = list(compare_board.run(shop, keys(shop)[0], Wanted(NAMES, "label"), Running()))
    assert steps[0][0]["state"] == "working"
    assert (steps[0][1].interactive, steps[0][2].visible) == (False, True)
    assert (steps[-1][1].interactive, steps[-1][2].visible) == (True, False)


def test_a_stop_ends_the_comparison_and_keeps_the_page_usable(shop: Services) -> None:
    running = Running()
    shown = compare_board.run(shop, keys(shop)[0], Wanted(NAMES, "label"), running)
    next(shown)
    running_task.stop(running)
    last = list(shown)[-1]
    assert last[0]["title"] in ("Stopped", "") or last[0]["state"] == "result"
    assert last[1].interactive
    assert board(shop, keys(shop)[0], NAMES, "label", running)["state"] == "result"


def test_no_engine_and_an_attribute_that_is_not_there_are_told_on_the_board(shop: Services) -> None:
    assert "Tick at least one" in board(shop, keys(shop)[0], [], "label")["text"]
    shown = board(shop, keys(shop)[0], NAMES, "size")
    assert shown["state"] == "problem"
    assert "'size'" in shown["text"]


def test_a_catalogue_without_labels_offers_speed_alone(shop: Services) -> None:
    bare = keys(shop)[1]
    told = tab.opened(shop, {"catalog": bare}, None, Running())
    assert told[1].value == ""
    assert "no labels" in told[4]["title"]
    shown = board(shop, bare, NAMES, "")
    assert (shown["match"], shown["queries"]) == (None, 0)
    assert all(row["pictures_per_second"] > 0 for row in shown["engines"])


def test_few_engines_are_chosen_at_first_and_all_can_be() -> None:
    here = ["vae:a", "squeezenet:a", "squeezenet:b", "product:c", "clip:d", "clip:e"]
    purposes = {"squeezenet": ("look-alike",), "clip": ("look-alike",), "vae": ("latent",)}
    specs = [
        replace(COLOUR_SPEC, engine=engine, weights=weights, purposes=purposes.get(engine, ("product",)))
        for engine, weights in (name.split(":") for name in here)
    ]
    assert tab.first(specs) == ["squeezenet:a", "squeezenet:b", "clip:d"]


def test_opening_the_same_catalogue_again_keeps_what_is_shown(shop: Services) -> None:
    first = keys(shop)[0]
    assert tab.opened(shop, {"catalog": first}, None, Running())[1].value == "label"
    again = tab.opened(shop, {"catalog": first}, first, Running())
    assert again == (first, *[gr.skip()] * 6)


def test_the_endpoint_gives_plain_figures(shop: Services) -> None:
    found = tab.compare(shop, ["colours"], keys(shop)[0])
    assert found["match"] == "label"
    assert 0 <= found["engines"][0]["map_low"] <= found["engines"][0]["map_high"] <= 1


def test_conditions_choose_who_asks_and_who_is_searched(shop: Services) -> None:
    key = keys(shop)[0]

    def told(asking: str, among: str) -> dict[str, Any]:
        wanted = Wanted(["colours:none"], "label", (), asking, among)
        return [shown[0] for shown in compare_board.run(shop, key, wanted, Running())][-1]

    assert "4 questions among 8 pictures" in told("label=red", "label=red,green")["summary"]
    found = tab.compare(shop, ["colours"], key, where={"query": "label=red", "gallery": "label=red,green"})
    assert found["queries"] == 4
    assert "Write ATTRIBUTE=VALUE" in told("red", "")["text"]
    assert "'purple'" in told("", "label=purple")["text"]


def test_a_taste_test_hides_the_engines_and_counts_votes_for_them(shop: Services) -> None:
    key = keys(shop)[0]
    waiting, nothing = blind_test.begin(shop, key, NAMES)
    assert (waiting["state"], nothing) == ("notice", None)
    board(shop, key, NAMES, "label")
    pair, taste = blind_test.begin(shop, key, NAMES)
    assert taste is not None
    assert not any(name in str(pair) for name in [*NAMES, "Upper half", "Mean colours"])
    sides = {"a": pair["a"], "b": pair["b"]}
    upper = [
        h.id
        for h in shop.indexes.searcher(key, shop.engines.spec("colours:half"))
        .by_id(pair["query"], blind_test.SHOWN)
        .hits
    ]
    chosen = "a" if sides["a"] == upper else "b"
    assert sides[chosen] == upper
    shown, taste = blind_test.vote(shop, taste, SimpleNamespace(_data={"choice": chosen}))  # type: ignore[arg-type]
    assert taste is not None
    assert taste.won == [0, 1]
    assert shown["score"]["text"] == "Mean colours 0 · Upper half 1 · no difference 0"
    _, taste = blind_test.vote(shop, taste, SimpleNamespace(_data={"choice": "same"}))  # type: ignore[arg-type]
    assert taste is not None
    assert (taste.won, taste.ties) == ([0, 1], 1)


def test_near_duplicates_follow_the_threshold_and_bad_ones_are_told(shop: Services) -> None:
    key = keys(shop)[0]
    missing, forest = duplicates.find(shop, key, "colours:none")
    assert (missing["state"], forest) == ("notice", None)
    shop.indexes.build(key, COLOUR_SPEC)
    shown, forest = duplicates.find(shop, key, "colours:none")
    assert forest is not None
    moved = duplicates.move({**shown, "threshold": 0.1}, forest)
    assert moved["threshold"] == 0.8
    assert [moved["total"], moved["pictures"]] == list(forest.counts(0.8))
    with pytest.raises(AppError, match="number from 0.8 to 1"):
        duplicates.clipped("wide")
    found = duplicates.duplicates(shop, key, 1.0, "colours")
    assert found["groups"] == []
    assert found["by_threshold"][0]["groups"] == forest.counts(0.8)[0]


def test_a_comparison_waits_for_the_one_before_it_and_says_so(shop: Services) -> None:
    go = threading.Event()
    before = shop.tasks.submit("comparison", "before", lambda task: go.wait(30))
    running = Running()
    shown = compare_board.run(shop, keys(shop)[0], Wanted(NAMES, "label"), running)
    assert next(shown)[0]["title"] == "Waiting: 1 goes before this one"
    assert running.task is not None
    assert (running.task.state, running.task.place) == ("waiting", 1)
    go.set()
    assert list(shown)[-1][0]["state"] == "result"
    assert before.state == "done"


def test_who_leaves_takes_the_comparison_along(shop: Services) -> None:
    go = threading.Event()
    shop.tasks.submit("comparison", "before", lambda task: go.wait(30))
    running = Running()
    shown = compare_board.run(shop, keys(shop)[0], Wanted(NAMES, "label"), running)
    next(shown)
    shown.close()  # as Gradio does when the browser is gone
    assert running.task is not None
    assert running.task.state == "stopped"
    go.set()


def test_making_a_catalogue_is_a_task_whose_failure_is_told_in_place(shop: Services) -> None:
    running = Running()
    steps = list(new_catalog.follow(shop, new_catalog.keep, running, None, "colours:none", [], ""))
    assert "Choose pictures or a zip first" in steps[-1][0]
    assert running.task is not None
    assert running.task.state == "failed"
