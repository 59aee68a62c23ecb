"""Where a visitor begins: what the page's address and the browser's memory name, and what suits an engine."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from services import DEFAULT_ENGINE, Services
from settings import Settings
from ui.shell import header, session
from ui.shell.header import Offer


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Return services over a folder of one picture, the drawn garments and the drawn paintings."""
    (tmp_path / "shop").mkdir()
    Image.new("RGB", (40, 30), "red").save(tmp_path / "shop" / "a.png")
    return Services(Settings(index_cache=tmp_path / "cache"), [f"folder:{tmp_path / 'shop'}", "paintings", "sample"])


@pytest.fixture(autouse=True)
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "open_index", lambda *_: None)


def style_choice(engine: str) -> gr.Radio | None:
    name, _, weights = engine.partition(":")
    return gr.Radio(value=weights) if name == "style" else None


def offers() -> list[Offer]:
    """Return the choices of two tabs: one by "engine:weights", one by weights alone."""
    with gr.Blocks():
        looks, styles = gr.Radio(["squeezenet:fashion", "squeezenet:imagenet"]), gr.Radio(["distilled", "imagenet"])
    return [
        Offer(
            "look-alike", looks, lambda e: gr.Radio(value=e) if e.startswith("squeezenet:") else None, DEFAULT_ENGINE
        ),
        Offer(
            "style",
            styles,
            lambda e: gr.Radio(value=e.partition(":")[2]) if e.startswith("style:") else None,
            "style:distilled",
        ),
    ]


def arrived(services: Services, asked: dict[str, str], remembered: str = "") -> dict[str, Any]:
    """Return what the page shows to a browser that asks with `asked`."""
    top: Any = SimpleNamespace(offers=offers())
    request: Any = SimpleNamespace(query_params=asked, session_hash="s")
    names = ["choice", "status", "timer", "opened", "visit", "engine", "mode", "tabs", "looks", "styles"]
    return dict(zip(names, session.arrive(services, top, DEFAULT_ENGINE, remembered, request), strict=True))


@pytest.mark.parametrize(
    ("asked", "tab", "engine"),
    [({}, None, DEFAULT_ENGINE), ({"engine": "squeezenet:imagenet"}, "look-alike", "squeezenet:imagenet"),
     ({"engine": "style:imagenet"}, "style", "style:imagenet"),
     ({"tab": "style"}, "style", "style:distilled"),
     ({"tab": "style", "engine": "squeezenet:imagenet"}, "style", "style:distilled"),
     ({"tab": "style", "engine": "style:imagenet"}, "style", "style:imagenet"),
     ({"tab": "<b>", "engine": "rm -rf:x"}, None, DEFAULT_ENGINE)],
)  # fmt: skip
def test_the_address_names_tab_and_engine(
    services: Services, asked: dict[str, str], tab: str | None, engine: str
) -> None:
    shown = arrived(services, asked)
    assert shown["engine"] == shown["opened"]["engine"] == engine
    assert getattr(shown["tabs"], "selected", None) == tab
    if asked.get("engine") == "style:imagenet":
        assert shown["styles"].value == "imagenet"


def test_the_catalogue_is_the_one_named_else_the_one_before_else_the_first_that_suits(services: Services) -> None:
    folder = services.catalogs.infos()[0].key
    assert arrived(services, {})["choice"].value == folder
    assert arrived(services, {"catalog": "paintings"}, json.dumps({"catalog": "sample"}))["choice"].value == "paintings"
    assert arrived(services, {}, json.dumps({"catalog": "sample"}))["choice"].value == "sample"
    assert arrived(services, {"catalog": "../etc"}, '{"catalog": 7, "visit": []}')["choice"].value == folder
    assert arrived(services, {"catalog": "x"}, "not JSON")["choice"].value == folder


def test_what_does_not_suit_the_engine_comes_last(services: Services) -> None:
    folder = services.catalogs.infos()[0].key
    for engine, order in (("squeezenet", ["sample", "paintings"]), ("style", ["paintings", "sample"])):
        assert [key for _, key in header.offered(services, None, engine)] == [folder, *order]


def test_a_tab_of_another_mode_takes_the_drawn_catalogue_that_suits_it(services: Services) -> None:
    style, garments = "style:distilled", "product:fashion"
    folder = services.catalogs.infos()[0].key
    for catalog, engine, mode, wanted in [
        ("sample", style, "look-alike", "paintings"),
        ("paintings", garments, "style", "sample"),
        ("sample", style, "style", "sample"),  # chosen there, so it stays when the weights change
        (folder, style, "look-alike", folder),
        ("sample", garments, "look-alike", "sample"),
    ]:
        choice, *_ = header.enter(services, catalog, engine, None, mode)
        assert choice.value == wanted
