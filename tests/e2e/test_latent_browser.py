"""The tab Latent space in a real browser: draw, upload, votes, pages, grid, walk, morph, strangeness, training."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import pytest
from PIL import Image, ImageDraw

from tests.e2e.conftest import SLOW, grave, running, unfold, visiting, width
from tests.e2e.test_latent_cli import garments, write_idx

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")
expect = sync_api.expect


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the real app on 80 drawn trousers and bags of 28 x 28 pixels and return where it answers."""
    folder = write_idx(tmp_path_factory.mktemp("files") / "fashion", *garments(80, 1))
    log = tmp_path_factory.mktemp("app") / "app.log"
    with running(log, "--catalog", f"idx:{folder}") as url:
        yield f"{url}?tab=latent"


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Return the tab with the reading of its first example and the space around it."""
    with visiting(browser) as opened:
        opened.goto(address)
        arrived(opened)
        yield opened


def arrived(page: Page) -> None:
    expect(page.locator(".lat-strange b")).to_be_visible(timeout=SLOW)
    expect(page.locator(".latent .card").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".lat-rows label").first).to_be_visible(timeout=SLOW)


def answered(page: Page, act: Callable[[], object]) -> None:
    """Do `act` and wait for another reading."""
    page.locator(".lat-reading").evaluate("node => node.firstElementChild.dataset.old = '1'")
    act()
    expect(page.locator(".lat-reading > [data-old]")).to_have_count(0, timeout=SLOW)


def shown(canvas: Locator) -> str:
    """Return what a canvas shows, as a data address."""
    return str(canvas.evaluate("canvas => canvas.toDataURL()"))


def give(page: Page, image: Image.Image) -> None:
    data = io.BytesIO()
    image.save(data, "PNG")
    page.locator(".query input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": data.getvalue()}
    )


def bag(size: int = 280) -> Image.Image:
    """Return a dark bag on white, as a shop would photograph it."""
    image = Image.new("RGB", (size, size), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((30, 110, 250, 250), fill=(60, 40, 30))
    pen.rectangle((90, 50, 190, 110), outline=(60, 40, 30), width=14)
    return image


def test_an_upload_is_read_voted_on_and_placed_among_the_catalogue(page: Page) -> None:
    answered(page, lambda: give(page, bag()))
    expect(page.locator(".lat-verdict b")).to_have_text("Bag")
    assert page.locator(".lat-votes .count").first.inner_text() == "10 of 10"
    assert page.locator(".lat-tiles img").count() == 3
    assert page.locator(".lat-tiles img").evaluate_all("all => all.every(image => image.naturalWidth === 28)")
    expect(page.locator(".lat-strange")).to_contain_text("Stranger than", timeout=SLOW)
    assert page.locator(".lat-gauge meter").evaluate("meter => meter.value") > 0.5
    expect(page.locator(".lat-gauge")).to_contain_text("nats")


def test_a_drawing_is_searched_when_the_pen_is_lifted(page: Page) -> None:
    page.get_by_text("Or draw a garment").click()
    canvas = page.locator(".lat-draw canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box

    def draw() -> None:
        corners = [(0.3, 0.1), (0.7, 0.1), (0.7, 0.9), (0.55, 0.9), (0.5, 0.4), (0.45, 0.9), (0.3, 0.9), (0.3, 0.1)]
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=8)
        page.mouse.up()

    answered(page, draw)
    expect(page.locator(".lat-verdict b")).to_have_text("Trouser")
    expect(page.locator(".query .picture")).to_have_attribute("alt", "Your drawing")


def test_the_category_is_paged_nearest_first_and_a_thumb_is_searched_by(page: Page) -> None:
    more = page.locator(".lat-more")
    expect(more.locator("h2")).to_contain_text("All 40 of the kind")
    assert more.locator("li").count() == 24
    first = more.locator("img").first.get_attribute("src")
    more.get_by_role("button", name="Next").click()
    expect(more).to_contain_text("Page 2 of 2")
    assert more.locator("li").count() == 16
    assert more.locator("img").first.get_attribute("src") != first
    answered(page, more.locator("li button").nth(3).click)
    assert "item=" in page.url


def test_a_cell_of_the_grid_says_what_it_is_like_and_is_searched_by(page: Page) -> None:
    grid = page.locator(".lat-frame canvas")
    grid.scroll_into_view_if_needed()
    grid.hover(position={"x": 20, "y": 20})
    expect(page.locator(".lat-cell")).to_contain_text("across", timeout=SLOW)
    before = shown(grid)
    page.get_by_label("Cells a side").fill("6")
    expect(page.locator(".lat-frame canvas")).to_have_attribute("width", str(6 * 28), timeout=SLOW)
    assert shown(grid) != before
    answered(page, lambda: grid.click(position={"x": 30, "y": 30}))
    expect(page.locator(".query .picture")).to_have_attribute("alt", "A point of the latent space")
    page.get_by_label("To", exact=True).fill("-5")
    page.get_by_label("To", exact=True).press("Tab")
    expect(page.locator(".lat-form .problem")).to_be_visible(timeout=SLOW)


def test_a_slider_walks_and_the_way_back_is_known(page: Page) -> None:
    here = page.locator(".lat-now canvas")
    before = shown(here)
    slider = page.locator(".lat-rows input").first
    slider.focus()
    for _ in range(6):
        slider.press("ArrowRight")
    page.wait_for_function("([node, before]) => node.toDataURL() !== before", arg=[here.element_handle(), before])
    page.get_by_role("button", name="Go back").click()
    page.wait_for_function("([node, before]) => node.toDataURL() === before", arg=[here.element_handle(), before])
    answered(page, page.get_by_role("button", name="Search by this").last.click)


def test_a_morph_goes_from_one_picture_to_another(page: Page) -> None:
    strip = page.locator(".lat-strip")
    expect(strip).to_have_attribute("width", str(12 * 28), timeout=SLOW)
    ends = page.locator(".lat-ends img").evaluate_all("all => all.map(image => image.src)")
    assert ends[0] != ends[1]
    strip.focus()
    for _ in range(7):
        strip.press("ArrowRight")
    answered(page, lambda: strip.press("Enter"))
    expect(page.locator(".query .picture")).to_have_attribute("alt", "A step of the morph")


def test_the_strangest_are_as_many_as_the_false_alarms_allow(page: Page) -> None:
    page.get_by_role("tab", name="Strangest").click()
    odd = page.locator(".lat-odd")
    expect(odd.locator(".lat-state")).to_contain_text("1 of 80 pictures", timeout=SLOW)
    odd.get_by_role("slider").fill("5")
    expect(odd.locator(".lat-state")).to_contain_text("8 of 80 pictures", timeout=SLOW)
    scores = [float(each) for each in odd.locator("li span").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert odd.locator(".over").count() > 0
    answered(page, odd.locator("li button").first.click)


def test_two_visitors_train_one_waits_and_runs_are_compared(page: Page, browser: Browser, address: str) -> None:
    page.get_by_role("tab", name="Train", exact=True).click()
    panel = page.locator(".latent .train")
    panel.get_by_label("Name").fill("first")
    panel.get_by_label("Numbers a picture").fill("10000")
    panel.get_by_role("button", name="Train").click()
    expect(panel.locator("form .problem")).to_contain_text("of 10000 numbers cannot be trained", timeout=SLOW)
    panel.get_by_label("Numbers a picture").fill("3")
    panel.get_by_label("Epochs").fill("500")
    panel.get_by_role("button", name="Train").click()
    expect(panel.locator(".lat-samples")).to_be_visible(timeout=SLOW)
    with visiting(browser) as other:
        other.goto(address)
        arrived(other)
        other.get_by_role("tab", name="Train", exact=True).click()
        second = other.locator(".latent .train")
        second.get_by_label("Name").fill("second")
        second.get_by_label("Epochs").fill("2")
        second.get_by_role("button", name="Train").click()
        expect(second.locator(".run-state").first).to_contain_text("Waiting: 1 training", timeout=SLOW)
        panel.get_by_role("button", name="Stop and keep").click()
        expect(panel.locator(".run-state").first).to_contain_text("Stopped; what it had learnt is kept", timeout=SLOW)
        expect(second.locator(".run-state").first).to_contain_text("Done.", timeout=SLOW)
        second.get_by_label("Run to compare with").select_option("first")
        expect(second.locator(".lat-samples")).to_have_count(2, timeout=SLOW)
        expect(second.locator(".lat-note", has_text="3 numbers")).to_be_visible()
    unfold(page, "More")
    answered(page, page.get_by_label("Latent space 'first', 3 numbers").check)
    expect(page.locator(".lat-rows label")).to_have_count(3, timeout=SLOW)


@pytest.mark.parametrize(
    ("name", "image"),
    [("white", Image.new("RGB", (200, 200), "white")), ("black", Image.new("RGB", (200, 200), "black"))],
    ids=["white", "black"],
)
def test_a_picture_with_nothing_on_it_says_so_and_the_page_lives(page: Page, name: str, image: Image.Image) -> None:
    give(page, image)
    expect(page.locator(".query .problem")).to_contain_text("There is nothing on this picture", timeout=SLOW)
    give(page, bag())
    expect(page.locator(".lat-verdict b")).to_have_text("Bag", timeout=SLOW)
    expect(page.locator(".query .problem")).to_be_hidden()


def test_a_colour_picture_of_a_person_is_read_as_any_other(page: Page) -> None:
    person = Image.new("RGB", (300, 500), (120, 160, 200))
    pen = ImageDraw.Draw(person)
    pen.rectangle((0, 380, 300, 500), fill=(70, 110, 60))
    pen.ellipse((115, 40, 185, 120), fill=(224, 180, 150))
    pen.rectangle((95, 120, 205, 290), fill=(190, 40, 60))
    pen.rectangle((100, 290, 145, 480), fill=(40, 50, 90))
    pen.rectangle((155, 290, 200, 480), fill=(40, 50, 90))
    answered(page, lambda: give(page, person))
    expect(page.locator(".lat-strange b")).to_be_visible(timeout=SLOW)
    assert page.locator(".lat-tiles img").count() == 3
    assert page.locator(".latent .card").count() == 12


@pytest.mark.parametrize(("scheme", "screen"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(
    browser: Browser, address: str, scheme: Literal["light", "dark"], screen: int
) -> None:
    with visiting(browser, color_scheme=scheme, viewport={"width": screen, "height": 844}) as page:
        page.goto(address)
        arrived(page)
        page.get_by_text("Or draw a garment").click()
        for fold in ("Filters", "More", "How it works"):
            unfold(page, fold)
        for tab in ("Walk it", "Strangest", "Train"):
            page.get_by_role("tab", name=tab, exact=True).click()
            page.wait_for_timeout(500)
            assert not grave(page)
            assert width(page) <= screen
