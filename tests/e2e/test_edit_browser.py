"""The tab Edit and search in a real browser, against a service on this machine that edits for real."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from PIL import Image

from tests.e2e.conftest import SLOW, grave, running, unfold, visiting, width
from tests.fakes import images_service
from tests.fakes.images_service import KEY, Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")
expect = sync_api.expect


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with images_service.running() as running:
        yield running


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "app.log"


@pytest.fixture(scope="module")
def address(service: Service, log: Path) -> Iterator[str]:
    """Start the real app on the drawn sample, without a key of its own, and return where it answers."""
    with running(log, OPENAI_BASE_URL=service.url, OPENAI_API_KEY="") as url:
        yield url


@pytest.fixture
def page(browser: Browser, address: str, service: Service) -> Iterator[Page]:
    """Return the page with the tab opened and a garment marked."""
    service.faults.clear()
    service.seen.clear()
    with visiting(browser) as opened:
        opened.goto(address)
        expect(opened.locator(".card").first).to_be_visible(timeout=SLOW)
        opened.get_by_role("tab", name="Edit and search").click()
        marked(opened)
        yield opened


def marked(page: Page) -> int:
    """Return how many per cent of the picture the page says are marked, once it says so."""
    share = page.locator(".studio .share")
    expect(share).to_contain_text(" % of the picture", timeout=SLOW)
    return int(share.inner_text().split(":")[1].split("%")[0])


def change(page: Page, wish: str, key: str = KEY) -> None:
    page.get_by_label("Your key for").fill(key)
    page.get_by_label("What should change?").fill(wish)
    page.get_by_role("button", name="Change it").click()


def test_without_a_key_the_tab_shows_what_it_would_do_and_sends_nothing(page: Page, service: Service) -> None:
    expect(page.locator(".board")).to_contain_text("Say what should change")
    expect(page.locator(".board .example img").first).to_be_visible()
    page.get_by_label("What should change?").fill("in red")
    plan = page.locator(".plan", has_text="Sends this picture").first
    expect(plan).to_contain_text("“in red” to 127.0.0.1", timeout=SLOW)
    expect(plan).to_contain_text(f"{marked(page)} % of it free to change", timeout=SLOW)
    page.get_by_role("button", name="Change it").click()
    expect(page.locator(".board .problem")).to_contain_text("needs a key", timeout=SLOW)
    assert not service.seen


def test_a_result_is_edited_and_what_comes_out_finds_red_ones(page: Page, service: Service, log: Path) -> None:
    page.goto(f"{page.url.split('?')[0]}?engine=squeezenet:fashion")
    unfold(page, "More")
    expect(page.get_by_label("SqueezeNet 1.1, tuned on clothes").first).to_be_checked()
    expect(page.locator(".card:visible").nth(2)).to_be_visible()
    page.locator(".card:visible").nth(2).get_by_role("button", name="Edit this").click()
    expect(page.locator(".studio .picture")).not_to_have_attribute("alt", "The first example")
    marked(page)
    change(page, "the same in red")
    page.get_by_role("button", name="Variant 1: find look-alikes").click()
    first = page.locator(".editing .card").first
    expect(first).to_be_visible(timeout=SLOW)
    (got,) = service.seen
    assert got.mask is not None
    after = page.locator(".variant .pair img").first.get_attribute("src") or ""
    picture = Image.open(io.BytesIO(page.request.get(f"{page.url.split('?')[0]}{after}").body())).convert("RGB")
    open_part = np.asarray(got.mask.getchannel("A").resize(picture.size)) < 100
    red, green, blue = np.asarray(picture, np.float32)[open_part].mean(axis=0)
    assert red > 2 * max(green, blue)
    page.get_by_label("Look-alikes, as seen by").click()
    page.get_by_role("option", name="SqueezeNet 1.1, tuned on clothes").click()
    expect(first.locator(".words")).to_contain_text("red", timeout=SLOW)
    assert KEY not in page.content()
    assert KEY not in page.url
    assert KEY not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert KEY not in log.read_text()


def test_what_is_painted_is_what_may_change(page: Page, service: Service) -> None:
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".studio .share")).to_have_text("Paint over what should change.")
    page.locator(".studio canvas").scroll_into_view_if_needed()
    box = page.locator(".studio canvas").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.25, steps=6)
    page.mouse.up()
    painted = marked(page)
    assert 3 <= painted <= 30
    change(page, "blue")
    expect(page.locator(".variant .doings")).to_be_visible(timeout=SLOW)
    mask = service.seen[-1].mask
    assert mask is not None
    alpha = np.asarray(mask.getchannel("A"))
    assert (alpha == 0).mean() * 100 == pytest.approx(painted, abs=2.5)
    rows = np.flatnonzero((alpha == 0).any(axis=1)) / len(alpha)
    assert rows.min() > 0.12
    assert rows.max() < 0.4


def test_keys_paint_and_undo_too(page: Page) -> None:
    page.get_by_role("button", name="Clear").click()
    page.locator(".studio canvas").focus()
    page.keyboard.press("Space")
    dot = marked(page)
    assert 0 < dot < 10
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    assert marked(page) > dot
    page.keyboard.press("z")
    expect(page.locator(".studio .share")).to_contain_text(f" {dot} % of")
    page.get_by_role("button", name="All").click()
    expect(page.locator(".studio .share")).to_have_text("Everything may change.")


def test_variants_are_kept_for_the_visit_and_edited_further(page: Page, service: Service) -> None:
    page.get_by_role("button", name="More").last.click()
    page.locator(".editing").get_by_label("2", exact=True).check()
    change(page, "red")
    expect(page.locator(".variant .doings")).to_have_count(2, timeout=SLOW)
    expect(page.locator(".visit li")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("link", name="Variant 2: download").click()
    assert Image.open(download.value.path()).format == "PNG"
    page.get_by_role("button", name="Variant 1: keep editing").click()
    expect(page.locator(".studio .picture")).to_have_attribute("alt", "Edited: red")
    marked(page)
    change(page, "and blue")
    expect(page.locator(".visit li")).to_have_count(4, timeout=SLOW)
    sent = np.asarray(service.seen[-1].image.convert("RGB"), np.float32)
    middle = sent[sent.shape[0] // 3 : sent.shape[0] // 2, sent.shape[1] // 3 : sent.shape[1] // 2].mean(axis=(0, 1))
    assert middle[0] > 2 * middle[1:].max()


def test_stop_hangs_up_and_the_page_goes_on(page: Page, service: Service) -> None:
    service.broken_off.clear()
    service.faults.append("slow")
    change(page, "red")
    expect(page.locator(".board")).to_contain_text("Making it", timeout=SLOW)
    while service.faults:  # the request has not arrived yet
        page.wait_for_timeout(50)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".board .problem")).to_contain_text("You stopped this edit.", timeout=SLOW)
    assert service.broken_off.wait(SLOW / 1000)
    service.broken_off.clear()
    service.faults.append("moderation")
    change(page, "red")
    expect(page.locator(".board .problem")).to_contain_text("The service declined", timeout=SLOW)


@pytest.mark.parametrize(("scheme", "screen"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(
    page: Page, scheme: Literal["light", "dark"], screen: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": screen, "height": 844})
    change(page, "red")
    expect(page.locator(".variant .doings")).to_be_visible(timeout=SLOW)
    assert not grave(page)
    assert width(page) <= screen
