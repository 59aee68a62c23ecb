"""The tab Compare engines in a real browser, with the real look-alike engines on painted clothes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

import engines
from tests.conftest import SHARED
from tests.e2e.conftest import SLOW, running, unfold, visiting

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")

SHARED_TORCH = SHARED / "weights" / "torch"
PUBLISHED = "hub/checkpoints/squeezenet1_1-b8a52dc0.pth"
COLOURS = {"red": (200, 45, 45), "blue": (45, 70, 200), "green": (40, 140, 70)}


def torch_home() -> Path | None:
    """Return a torch cache that holds the published SqueezeNet, or None."""
    places = (os.environ.get("TORCH_HOME"), SHARED_TORCH, Path.home() / ".cache" / "torch")
    return next((Path(place) for place in places if place and (Path(place) / PUBLISHED).is_file()), None)


pytestmark = [
    pytest.mark.skipif(torch_home() is None, reason=f"the published SqueezeNet is not here: {PUBLISHED}"),
    pytest.mark.skipif(
        engines.missing(engines.spec("squeezenet", "fashion")) is not None,
        reason="our SqueezeNet weights are not here: assets/weights/squeezenet_fashion.safetensors",
    ),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the real app on a folder of 18 painted pictures in three folders and return where it answers."""
    shop = tmp_path_factory.mktemp("shop")
    for colour, shade in COLOURS.items():
        (shop / colour).mkdir()
        for number in range(6):
            image = Image.new("RGB", (120, 160), (235, 232, 228))
            ImageDraw.Draw(image).rectangle((20 + number, 20, 90 + number, 90 + 8 * number), fill=shade)
            image.save(shop / colour / f"{number}.png")
    log = tmp_path_factory.mktemp("app") / "app.log"
    with running(log, "--catalog", f"folder:{shop}", TORCH_HOME=str(torch_home())) as url:
        yield url


@pytest.fixture(scope="module")
def page(browser: Any, address: str) -> Iterator[Any]:  # noqa: ANN401 - playwright is optional
    """Return the tab after a comparison."""
    with visiting(browser) as opened:
        opened.goto(address)
        opened.get_by_role("tab", name="Compare engines").click()
        opened.get_by_role("button", name="Compare", exact=True).click()
        opened.locator(".cmp-verdict").wait_for(timeout=2 * SLOW)
        yield opened


def test_a_comparison_ends_in_a_chart_a_table_and_a_verdict(page: Any) -> None:  # noqa: ANN401 - playwright is optional
    assert page.locator(".cmp-chart .point").count() == 3
    assert page.locator(".cmp-chart .error").count() == 3
    assert page.locator(".cmp-board tbody tr").count() == 3
    assert "18 questions among 18 pictures" in page.locator(".cmp-summary").inner_text()
    assert "fast" in page.locator(".cmp-verdict").inner_text()


def test_the_result_can_be_taken_away(page: Any) -> None:  # noqa: ANN401
    with page.expect_download() as csv:
        page.get_by_role("button", name="Download CSV").click()
    lines = Path(csv.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 4
    assert lines[0].startswith('"engine","title","p_at_1"')
    with page.expect_download() as png:
        page.get_by_role("button", name="Download PNG").click()
    drawn = Image.open(png.value.path())
    assert drawn.width > 600
    assert len(drawn.convert("RGB").getcolors(1 << 24) or []) > 10


def test_a_taste_test_shows_two_grids_and_keeps_score(page: Any) -> None:  # noqa: ANN401
    unfold(page, "Blind taste test")
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="A is better").click()
    page.locator(".cmp-taste .cmp-share").wait_for()
    assert "no difference 0" in page.locator(".cmp-taste .cmp-score").inner_text()


def test_near_duplicates_answer_to_the_slider(page: Any) -> None:  # noqa: ANN401
    unfold(page, "Near-duplicates")
    slider = page.locator(".cmp-slider input")
    slider.wait_for()
    before = page.locator(".cmp-twins .cmp-score").inner_text()
    slider.fill("1")
    sync_api.expect(page.locator(".cmp-twins .cmp-score")).not_to_have_text(before)
    assert page.locator(".cmp-bars .chosen text").inner_html() == "1.00"
