"""How the page is put together: what is public, what is imported, what is sent to a browser that asks for pictures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

import ui
from services import Services
from settings import Settings
from ui.shell import event_queue, modules, picture_route, theme

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """Return services over one folder of two pictures."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 30), "red").save(folder / name)
    return Services(Settings(index_cache=tmp_path / "cache"), [f"folder:{folder}"])


def test_the_endpoints_of_searching_are_public_and_the_model_events_share_one_queue(services: Services) -> None:
    events = list(ui.build(services).fns.values())
    public = [event.api_name for event in events if event.api_visibility == "public"]
    assert public == [
        "look_alike", "style", "product_type", "anomalies", "latent_neighbours", "edit", "compare", "duplicates",
        "catalogs",
    ]  # fmt: skip
    default = event_queue.line(services.engines.first("look-alike").name)
    model = [event for event in events if event.concurrency_id == default]
    # A question, asked once more, an opened catalogue, the endpoint; look-alikes of an edit, asked and opened.
    assert len(model) == 6
    assert all(hasattr(event.fn, "engine_of") for event in model)
    assert all(event.api_visibility in ("public", "private") for event in events)


def test_the_page_is_built_without_loading_a_framework() -> None:
    heavy = "torch tensorflow keras transformers faiss sklearn matplotlib torchvision datasets"
    code = f"import sys, ui; print([name for name in {heavy.split()!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_is_fetched_from_another_host() -> None:
    options = theme.options()
    sheets = [sheet for sheet in options["theme"]._stylesheets if sheet]
    assert not sheets
    assert "http" not in theme.STYLE.read_text(encoding="utf-8")


def test_no_rule_of_the_style_sheet_is_inside_another_by_mistake() -> None:
    depth = 0
    for line in theme.STYLE.read_text(encoding="utf-8").splitlines():
        assert not (depth and line.startswith(("/*", "@media"))), line
        depth += line.count("{") - line.count("}")
    assert depth == 0


def test_templates_hold_no_values_for_gradio_to_run() -> None:
    for page in modules.ROOMS.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not any(mark in text for mark in ("${", "{{", "`"))


@pytest.mark.parametrize("item", ["../shop/a.png", "/etc/passwd", "a.png", ""])
def test_no_picture_is_served_that_no_index_holds(services: Services, item: str) -> None:
    client = TestClient(Starlette(routes=[picture_route.route(services)]))
    key = services.catalogs.infos()[0].key
    assert client.get(f"/picture/{key}", params={"id": item, "side": "x"}).status_code == 404
    assert client.get("/picture/nothing", params={"id": item}).status_code == 404


def test_every_script_of_a_component_is_served_as_a_module_that_browsers_keep(services: Services) -> None:
    app = Starlette(routes=[modules.route()])
    client = TestClient(app)
    digest = modules.modules().digest
    for name in modules.FIRST:
        answer = client.get(f"/modules/{digest}/{name}.js")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.text == (modules.ROOMS / f"{name}.js").read_text(encoding="utf-8")
    assert client.get(f"/modules/another/{modules.FIRST[0]}.js").headers["cache-control"] == "no-cache"
    for path in ("shell/modules.py", "../settings.py", "..%2f..%2fsettings.py", "nothing.js"):
        assert client.get(f"/modules/{digest}/{path}").status_code == 404


def test_whoever_must_log_in_must_for_modules_too() -> None:
    app = Starlette(routes=[modules.route()])
    app.auth, app.cookie_id, app.tokens = [("a", "b")], "1", {}  # type: ignore[attr-defined]
    assert TestClient(app).get(f"/modules/x/{modules.FIRST[0]}.js").status_code == 401
