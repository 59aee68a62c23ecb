"""A new searching tab is `controls`, `answer`, `panels` and one row: the page, the API and the one question find it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import pytest
from gradio_client import Client

import engines
import ui
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, write_picture
from tests.e2e.conftest import visiting
from ui.search import flow
from ui.search.flow import Answer
from ui.search.question import Question
from ui.search.searching_tab import Controls, Panel, SearchingTab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")
expect = sync_api.expect

ROW = replace(COLOUR_SPEC, title="Mean colours", purposes=("toy",))


def controls(services: Services) -> Mapping[str, gr.Component]:
    """Lay out one choice."""
    return {"order": gr.Radio(["nearest first", "farthest first"], value="nearest first", label="Order")}


def answer(services: Services, question: Question, controls: Controls) -> Answer:
    """Find the nearest, and turn them round where that is chosen."""
    found = flow.answer(services, question, controls.spec)
    if found.result is None or controls["order"] == "nearest first":
        return replace(found, panels={"order": _said("As they come")})
    hits = found.result.hits[::-1]
    return replace(
        found, result=replace(found.result, hits=hits, strong=len(hits)), panels={"order": _said("Turned round")}
    )


def _said(text: str) -> str:
    return f'<p class="toy-order">{text}</p>'


TOY = SearchingTab("toy", answer, controls, (Panel("order", lambda services: gr.HTML()),))


@dataclass(frozen=True)
class Site:
    """Where the page answers, and the catalogue that it shows."""

    url: str
    catalog: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve the page with a fifth searching tab over twelve pictures, indexed for it and for the first tab."""
    place = tmp_path_factory.mktemp("place")
    for number in range(12):
        write_picture(place / "shop" / f"{number:02}.jpg", number)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engines.REGISTRY, "rows", (*engines.REGISTRY.rows, ROW))
        patched.setattr(ui, "TABS", (*ui.TABS, ("toy", "Toy", TOY)))
        patched.setenv("GRADIO_TEMP_DIR", str(place / "sent"))
        services = Services(Settings(index_cache=place / "cache", clip=()), [f"folder:{place / 'shop'}"])
        key = services.catalogs.infos()[0].key
        for spec in (engines.spec(ROW.name), services.engines.first("look-alike")):
            services.indexes.build(key, spec)
        demo = ui.build(services)
        _, url, _ = demo.launch(
            server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, **ui.launch_options(services)
        )
        yield Site(str(url), key)
        demo.close()
        services.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """Return the page with the first tab's first results."""
    with visiting(browser) as opened:
        opened.goto(site.url)
        expect(opened.locator(".card").first).to_be_visible()
        yield opened


def listed(page: Page, tab: str) -> list[str]:
    found = page.locator(f".{tab} .card").evaluate_all("cards => cards.map(card => card.dataset.id)")
    return [str(each) for each in found]


def choose_tab(page: Page, title: str) -> None:
    page.get_by_role("tab", name=title, exact=True).click()


def test_the_question_follows_into_the_new_tab_and_back(page: Page, site: Site) -> None:
    page.locator(".query input[type=file]").set_input_files(
        {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": _picture(5)}
    )
    expect(page.locator(".look-alike .card").first).to_have_attribute("data-id", "05.jpg")
    choose_tab(page, "Toy")
    expect(page.locator(".toy .card").first).to_have_attribute("data-id", "05.jpg")
    expect(page.locator(".toy-order")).to_have_text("As they come")
    page.get_by_label("farthest first").check()
    expect(page.locator(".toy-order")).to_have_text("Turned round")
    assert listed(page, "toy")[-1] == "05.jpg"
    page.locator(".toy .card").first.get_by_role("button", name="Search by this").last.click()
    expect(page.locator(".toy .results .card").last).not_to_have_attribute("data-id", "05.jpg")
    asked = page.evaluate("new URL(location).searchParams.get('item')")
    choose_tab(page, "Look-alike")
    expect(page.locator(f'.look-alike .card[data-id="{asked}"]')).to_have_count(0)
    expect(page.locator('.look-alike .card[data-id="05.jpg"]')).to_have_count(1)


def test_browser_back_and_forward_walk_through_the_questions(page: Page) -> None:
    first = page.evaluate("new URL(location).searchParams.get('item')")
    item = listed(page, "look-alike")[0]
    page.locator(".look-alike .card .thumb").first.click()
    expect(page.locator(f'.look-alike .card[data-id="{item}"]')).to_have_count(0)
    page.go_back()
    expect(page.locator(f'.look-alike .card[data-id="{item}"]')).to_have_count(1)
    assert page.evaluate("new URL(location).searchParams.get('item')") == first
    page.go_forward()
    expect(page.locator(f'.look-alike .card[data-id="{item}"]')).to_have_count(0)
    assert page.evaluate("new URL(location).searchParams.get('item')") == item


def test_a_link_with_words_asks_them(browser: Browser, site: Site) -> None:
    with visiting(browser) as page:
        page.goto(f"{site.url}?tab=toy&words=07")
        expect(page.locator(".toy .card").first).to_have_attribute("data-id", "07.jpg")
        expect(page.locator(".toy .card .why-found").first).to_have_text("file name: 07")
        expect(page.locator(".wording input[type=text]")).to_have_value("07")


def test_the_filters_have_a_place_beside_the_tabs_and_how_it_works_is_there(page: Page) -> None:
    choose_tab(page, "Toy")
    expect(page.locator(".toy .card").first).to_be_visible()
    for fold in ("Filters", "Map of the catalogue", "How it works"):
        expect(page.locator("button.label-wrap:visible").filter(has_text=fold)).to_have_count(1)


def test_clients_find_its_endpoint(site: Site) -> None:
    client = Client(site.url, verbose=False)
    found: Any = client.predict(words="07", k=3, api_name="/toy")
    assert [row["id"] for row in found["results"]][0] == "07.jpg"
    assert {"picture", "thumbnail", "rank", "score"} <= found["results"][0].keys()


def _picture(number: int) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "picture.jpg"
        write_picture(path, number)
        return path.read_bytes()
