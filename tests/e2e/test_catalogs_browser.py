"""The tab Catalogues in a real browser, links that name tab and engine, and a visitor's place in the queue."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.utils import Status

import ui
from engines.look.encoder import Look
from services import Services
from settings import ROOT, Settings
from tests.conftest import write_picture
from tests.e2e.conftest import SLOW, grave, unfold, visiting, width

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")
expect = sync_api.expect
PICTURES = 80
SIZES = [(1440, 900), (820, 1180), (390, 844)]


@dataclass
class Served:
    """The page at `url`, served in this process, and the brake that makes Look slow."""

    url: str
    services: Services
    brake: threading.Event

    def key(self, name: str) -> str:
        return next(info.key for info in self.services.catalogs.infos() if info.title == name)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the real page over a shop, a folder without pictures, and the drawn catalogues."""
    place = tmp_path_factory.mktemp("place")
    for number in range(PICTURES):
        write_picture(place / "shop" / ("red", "blue")[number % 2] / f"{number:02}.jpg", number)
    (place / "bare").mkdir()
    shutil.copytree(ROOT / "assets" / "prepared", place / "prepared")
    brake, encode = threading.Event(), Look.encode_images

    def slowly(self: Look, images: Any) -> np.ndarray:  # noqa: ANN401
        if brake.is_set():
            time.sleep(4)
        return encode(self, images)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Look, "encode_images", slowly)
        patched.setenv("GRADIO_TEMP_DIR", str(place / "sent"))
        settings = Settings(index_cache=place / "cache", prepared=place / "prepared", clip=())
        services = Services(settings, [f"folder:{place / 'shop'}", f"folder:{place / 'bare'}", "sample", "paintings"])
        demo = ui.build(services)
        _, url, _ = demo.launch(
            server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, **ui.launch_options(services)
        )
        services.indexes.build(services.catalogs.infos()[0].key, services.engines.first("look-alike"))
        yield Served(str(url), services, brake)
        demo.close()
        services.close()


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:  # noqa: ANN401 - playwright is optional
    """Return the tab Catalogues of a new visitor."""
    with visiting(browser) as opened:
        opened.goto(f"{served.url}?tab=catalogs")
        expect(opened.locator(".shelf li[data-key]")).to_have_count(4, timeout=SLOW)
        yield opened


@contextmanager
def braked(served: Served) -> Iterator[None]:
    served.brake.set()
    try:
        yield
    finally:
        served.brake.clear()


def card(page: Any, title: str) -> Any:  # noqa: ANN401
    return page.locator(".shelf li[data-key]").filter(has=page.get_by_role("heading", name=title))


def row(page: Any, title: str, engine: str) -> Any:  # noqa: ANN401
    return card(page, title).locator("tbody tr").filter(has_text=engine)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_tab_reads_well_at_every_size(browser: Any, served: Served, size: tuple[int, int], scheme: str) -> None:  # noqa: ANN401
    view = {"width": size[0], "height": size[1]}
    with visiting(browser, viewport=view, color_scheme=scheme) as page:
        page.goto(f"{served.url}?tab=catalogs")
        expect(page.locator(".shelf li[data-key]")).to_have_count(4, timeout=SLOW)
        for title in ("Search your own pictures", "Open a data set"):
            unfold(page, title)
        page.locator("summary:visible").last.click()
        assert width(page) <= size[0]
        assert not grave(page)


def test_a_catalogue_says_what_it_holds_and_how_each_engine_stands(page: Any) -> None:  # noqa: ANN401
    shop = card(page, "shop")
    assert "80 pictures · a folder on this machine" in shop.locator(".about").inner_text()
    expect(shop.locator(".sheet img")).to_have_count(8)
    assert "red\n40" in shop.locator(".traits").inner_text()
    expect(row(page, "shop", "EfficientNet-Lite0").locator(".state")).to_contain_text("indexed", timeout=SLOW)
    expect(row(page, "shop", "a plane").locator(".state")).to_contain_text("not indexed", timeout=SLOW)
    assert "There are no pictures here yet" in card(page, "bare").inner_text()
    assert "licence CC0" in card(page, "Drawn paintings").inner_text()


def test_an_index_is_deleted_built_with_progress_stopped_and_taken_up_again(page: Any, served: Served) -> None:  # noqa: ANN401
    mine = row(page, "shop", "EfficientNet-Lite0")
    mine.get_by_role("button", name="Delete the index").click()
    expect(mine.get_by_role("button", name="Delete the index")).to_have_text("Sure?")
    mine.get_by_role("button", name="Delete the index").click()
    expect(mine.locator(".state")).to_contain_text("not indexed", timeout=SLOW)
    with braked(served):
        mine.get_by_role("button", name="Build the index").click()
        expect(mine.locator(".state")).to_contain_text("32 of 80", timeout=SLOW)
        expect(mine.locator("progress")).to_have_attribute("max", "80")
        assert "left" in mine.locator(".state").inner_text()
        assert not grave(page)
        mine.get_by_role("button", name="Stop indexing").click()
        expect(mine.locator("progress")).to_have_count(0, timeout=SLOW)
    mine.get_by_role("button", name="Build the index").click()
    expect(mine.locator(".state")).to_contain_text("indexed", timeout=SLOW)
    expect(mine.locator("[data-head=pictures]")).to_have_text("80", timeout=SLOW)


def test_own_pictures_become_a_catalogue_in_use_and_are_gone_when_removed(
    page: Any,  # noqa: ANN401
    served: Served,
    tmp_path: Path,
) -> None:
    for number in range(3):
        write_picture(tmp_path / f"{number}.jpg", 100 + number)
    unfold(page, "Search your own pictures")
    page.locator("input[type=file][multiple]:not([accept='image/*'])").last.set_input_files(sorted(tmp_path.iterdir()))
    expect(page.locator(".file-preview:visible tr")).to_have_count(3, timeout=SLOW)
    page.get_by_label("Call it").fill("Holiday <b>")
    page.get_by_role("button", name="Make a catalogue").click()
    expect(page.locator(".told.ready")).to_contain_text("pictures are in your catalogue; only you see it", timeout=SLOW)
    expect(card(page, "Holiday <b>")).to_contain_text("in use", timeout=SLOW)
    assert page.locator(".catalog input").input_value() == "Holiday <b>"
    expect(page.locator(".file-preview:visible")).to_have_count(0, timeout=SLOW)
    assert "upload-" not in page.url
    assert not grave(page)
    with braked(served):  # a build of another catalogue does not hold it up
        row(page, "shop", "a plane").get_by_role("button", name="Build the index").click()
        for _ in range(2):
            card(page, "Holiday <b>").get_by_role("button", name="Remove the catalogue").click()
        expect(card(page, "Holiday <b>")).to_have_count(0, timeout=SLOW)
    expect(page.locator(".catalog input")).to_have_value("shop", timeout=SLOW)
    assert not list(served.services.settings.uploads.rglob("*.jpg"))


@pytest.mark.parametrize(
    ("link", "tab", "chosen", "catalog"),
    [
        ("?engine=vae:map&catalog=sample", "Latent space", "Flat, for the map", "Drawn sample"),
        ("?tab=style", "Artistic style", "Our own front", "shop"),
        ("?tab=product&catalog=sample", "Product type", "17 kinds of clothes (our own training)", "Drawn sample"),
    ],
)
def test_a_link_names_tab_catalogue_and_engine(
    browser: Any,  # noqa: ANN401
    served: Served,
    link: str,
    tab: str,
    chosen: str,
    catalog: str,
) -> None:
    with visiting(browser) as page:
        page.goto(served.url + link)
        expect(page.locator(".card:visible").first).to_be_visible(timeout=SLOW)
        assert page.get_by_role("tab", selected=True).first.inner_text() == tab
        expect(page.locator(".catalog input")).to_have_value(catalog)
        unfold(page, "More")
        expect(page.get_by_label(chosen, exact=True).locator("visible=true")).to_be_checked()
        assert "engine=" in page.url


def test_who_waits_is_told_the_own_place_in_the_queue(browser: Any, served: Served) -> None:  # noqa: ANN401
    client = Client(served.url, verbose=False)
    picture = next((ROOT / "assets" / "sample" / "image").glob("*.jpg"))
    with visiting(browser) as page, braked(served):
        page.goto(f"{served.url}?catalog={served.key('shop')}")
        expect(page.locator(".card").first).to_be_visible(timeout=SLOW)
        jobs = [client.submit(picture=handle_file(str(picture)), api_name="/look_alike") for _ in range(4)]
        while any(job.status().code in (Status.STARTING, Status.JOINING_QUEUE) for job in jobs):
            page.wait_for_timeout(50)
        page.locator(".query input[type=file]").first.set_input_files(str(picture))
        told = re.compile("you are number . of . in the queue|yours is the next question")
        expect(page.locator(".results .detail").first).to_contain_text(told, timeout=SLOW)
        for job in jobs:
            job.result(SLOW / 1000)
        expect(page.locator(".results .detail").first).to_contain_text("ms", timeout=SLOW)
