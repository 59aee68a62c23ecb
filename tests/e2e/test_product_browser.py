"""The tab Product type in a real browser: a verdict with its reasons, filters as seen, words, the map, and teaching."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import pytest
from PIL import Image

import engines
from tests.e2e.conftest import SLOW, grave, running, unfold, visiting, width
from tests.fakes.drawn import shirt, trousers

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")
expect = sync_api.expect
SHADES = {"red": (196, 30, 42), "blue": (43, 95, 184)}

pytestmark = pytest.mark.skipif(
    engines.missing(engines.spec("product", "fashion")) is not None, reason="our product weights are not here"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the real app on 24 drawn garments of two kinds and two colours, and on as many without a label."""
    shop, plain = tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("plain")
    for kind, drawn in (("Trousers", trousers), ("T-Shirt", shirt)):
        (shop / kind).mkdir()
        for name, shade in SHADES.items():
            for number in range(6):
                drawn(shade, number).save(shop / kind / f"{name}-{number}.png")
                drawn(shade, number).save(plain / f"{kind}-{name}-{number}.png")
    log = tmp_path_factory.mktemp("app") / "app.log"
    with running(log, "--catalog", f"folder:{shop}", "--catalog", f"folder:{plain}") as url:
        yield f"{url}?tab=product"


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Return the tab with the reading of its first example."""
    with visiting(browser) as opened:
        opened.goto(address)
        expect(opened.locator(".pro-verdict")).to_be_visible(timeout=SLOW)
        expect(opened.locator(".card:visible").first).to_be_visible(timeout=SLOW)
        yield opened


def listed(page: Page) -> list[str]:
    """Return the ids of the cards, best first."""
    found = page.locator(".card:visible").evaluate_all("cards => cards.map(card => card.dataset.id)")
    return [str(each) for each in found]


def answered(page: Page, act: Callable[[], object]) -> list[str]:
    """Do `act`, wait for other results, and return their ids."""
    body = page.locator(".product .results .body")
    body.evaluate("node => node.firstElementChild.dataset.old = '1'")
    act()
    expect(page.locator(".product .results .body > [data-old]")).to_have_count(0, timeout=SLOW)
    return listed(page)


def give(page: Page, image: Image.Image) -> None:
    data = io.BytesIO()
    image.save(data, "PNG")
    page.locator(".query input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": data.getvalue()}
    )


def test_an_upload_gets_a_verdict_with_bars_heat_colours_and_more_of_its_kind(page: Page) -> None:
    found = answered(page, lambda: give(page, trousers(SHADES["blue"], 3)))
    assert (found[0], page.locator(".card:visible .score").first.inner_text()) == ("Trousers/blue-3.png", "1.00")
    reading = page.locator(".pro-reading")
    assert reading.locator(".pro-verdict").inner_text().split(" · ")[1].startswith(("perhaps", "9", "8", "7", "100"))
    shares = reading.locator(".pro-bars .pro-share").all_inner_texts()
    assert len(shares) == 6
    heat = reading.locator("figure img")
    assert heat.evaluate("image => image.complete && image.naturalWidth") > 100
    expect(reading).to_contain_text("blue")
    expect(reading.locator(".pro-goes")).to_contain_text("Trousers")
    assert page.locator(".query .problem:visible").count() == 0


def test_what_is_seen_can_be_filtered_by_though_no_attribute_says_it(page: Page) -> None:
    unfold(page, "Filters")
    seen = page.locator(".filters fieldset", has_text="Colour seen")
    found = answered(page, lambda: seen.locator(".chip", has_text="blue").click())
    assert found
    assert all("/blue-" in name for name in found)
    expect(page.locator(".product .results .detail")).to_contain_text("only colour seen: blue")
    everything = answered(
        page, lambda: page.locator(".filters:visible").get_by_role("button", name="Clear filters").click()
    )
    assert len(everything) > len(found)


def test_words_name_kinds_and_colours_and_say_what_was_not_understood(page: Page) -> None:
    box = page.locator(".wording input[type=text]")
    box.fill("red t-shirt zzz")
    found = answered(page, lambda: box.press("Enter"))
    assert found[0].startswith("T-Shirt/red")
    expect(page.locator(".product .results .note").first).to_contain_text("'zzz' was not understood")
    expect(page.locator(".product .card").first.locator(".why-found")).to_contain_text("red")
    box.fill("zzz")
    answered(page, lambda: box.press("Enter"))
    expect(page.locator(".product .notice")).to_contain_text("'zzz' was not understood", timeout=SLOW)
    assert page.locator(".problem:visible").count() == 0


def test_the_map_holds_every_picture_and_the_question(page: Page) -> None:
    unfold(page, "Map")
    expect(page.locator(".product .map-note")).to_contain_text("24 pictures", timeout=SLOW)
    assert sorted(page.locator(".product .map-legend button span").all_inner_texts()) == ["T-Shirt", "Trousers"]


def teach(page: Page, name: str, epochs: int) -> Locator:
    """Fill in the form of the panel and return the panel."""
    panel = page.locator(".product .train")
    panel.get_by_label("Name").fill(name)
    panel.get_by_label("Epochs").fill(str(epochs))
    return panel


def test_kinds_are_taught_watched_stopped_judged_and_chosen(page: Page, browser: Browser, address: str) -> None:
    unfold(page, "Teach it your own kinds")
    first = teach(page, "Mine", 500)
    expect(first.locator(".pro-counts")).to_have_text("2 kinds: T-Shirt 12 · Trousers 12", timeout=SLOW)
    with visiting(browser) as other:
        other.goto(address)
        expect(other.locator(".pro-verdict")).to_be_visible(timeout=SLOW)
        unfold(other, "Teach it your own kinds")
        second = teach(other, "second", 2)
        first.get_by_role("button", name="Teach").click()
        second.get_by_role("button", name="Teach").click()
        expect(second.locator(".run-state")).to_have_text("Waiting: 1 training goes before this one.", timeout=SLOW)
        first.get_by_role("button", name="Stop and keep the best").click()
        over = re.compile("Stopped; the best epoch so far is kept|Stopped before anything|Done")
        expect(first.locator(".run-state")).to_have_text(over, timeout=SLOW)
        expect(second.locator(".run-state")).to_contain_text("Done. Choose 'second'", timeout=SLOW)
        expect(second.locator(".run-rest table")).to_have_count(3)
        assert second.locator(".pro-samples figure").count() == 4
        expect(second.locator("tbody tr", has_text="Embedding")).to_contain_text("256")
        unfold(other, "More")
        answered(other, lambda: other.get_by_label("EfficientNetB0 taught 'second'").check())
        expect(other.locator(".product .pro-bars li")).to_have_count(2, timeout=SLOW)


def test_a_catalogue_without_labels_says_how_to_get_them(page: Page) -> None:
    page.get_by_label("Catalogue").click()
    answered(page, lambda: page.get_by_role("option").filter(has_text="plain").click())
    unfold(page, "Teach it your own kinds")
    panel = page.locator(".product .train")
    expect(panel.locator(".problem")).to_contain_text("have no labels to learn from", timeout=SLOW)
    expect(panel.get_by_role("button", name="Teach")).to_be_disabled()


@pytest.mark.parametrize(("scheme", "screen"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(
    browser: Browser, address: str, scheme: Literal["light", "dark"], screen: int
) -> None:
    with visiting(browser, color_scheme=scheme, viewport={"width": screen, "height": 844}) as page:
        page.goto(address)
        expect(page.locator(".pro-verdict")).to_be_visible(timeout=SLOW)
        for fold in ("Filters", "More", "Map", "Teach it", "How it works"):
            unfold(page, fold)
        expect(page.locator(".product .map-note")).to_contain_text("24 pictures", timeout=SLOW)
        picker = page.get_by_label("Earlier model")
        if picker.is_visible():
            picker.select_option(index=1)
            expect(page.locator(".product .pro-samples")).to_be_visible(timeout=SLOW)
        assert not grave(page)
        assert width(page) <= screen
