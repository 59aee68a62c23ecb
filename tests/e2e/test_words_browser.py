"""Words, engines side by side and the map in a real browser, with a tiny CLIP that the test makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.contracts.test_clip import _saved
from tests.e2e.conftest import SLOW, grave, running, unfold, visiting, width

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")

COLOURS = {"red": (200, 45, 45), "blue": (45, 70, 200), "green": (40, 140, 70)}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the real app on 18 painted pictures with a tiny CLIP beside one that is not there; return its address."""
    from engines.runtime import torchvision_compat  # noqa: F401 (transformers imports torchvision)

    shop, tiny = tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("checkpoints") / "tiny-clip"
    for colour, shade in COLOURS.items():
        (shop / colour).mkdir()
        for number in range(6):
            image = Image.new("RGB", (120, 160), (235, 232, 228))
            ImageDraw.Draw(image).rectangle((20 + number, 20, 90 + number, 90 + 8 * number), fill=shade)
            image.save(shop / colour / f"{number}.png")
    _saved("clip", tiny)
    log = tmp_path_factory.mktemp("app") / "app.log"
    checkpoints = f"acme/not-here,{tiny}"
    with running(log, "--catalog", f"folder:{shop}", HF_HUB_OFFLINE="1", VISUAL_SEARCH_CLIP=checkpoints) as url:
        yield url


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:  # noqa: ANN401 - playwright is optional
    """Return the opened page with its first results."""
    with visiting(browser) as opened:
        opened.goto(address)
        opened.locator(".card").first.wait_for(timeout=SLOW)
        yield opened


def say(page: Any, text: str) -> None:  # noqa: ANN401
    """Type `text` into the words box and press Enter."""
    page.locator(".wording input[type=text]").fill(text)
    page.locator(".wording input[type=text]").press("Enter")


def listed(page: Any) -> list[str]:  # noqa: ANN401
    """Return the ids of the cards, best first."""
    return page.locator(".card").evaluate_all("cards => cards.map(card => card.dataset.id)")


def changed(page: Any, act: Any) -> list[str]:  # noqa: ANN401
    """Do `act`, wait for other results, and return their ids."""
    page.evaluate("document.querySelector('.results .body').firstElementChild.dataset.old = '1'")
    act()
    page.wait_for_function(
        "document.querySelector('.results .card') && !document.querySelector('.results .body > [data-old]')",
        timeout=SLOW,
    )
    return listed(page)


def move(page: Any, slider: Any, value: str) -> None:  # noqa: ANN401
    """Set a slider as a hand would, and let it go."""
    slider.evaluate(
        "(node, value) => { node.value = value; for (const name of ['input', 'change'])"
        " node.dispatchEvent(new Event(name, { bubbles: true })); }",
        value,
    )


def test_words_choose_clip_and_their_sliders_and_that_of_the_picture_are_used_as_told(page: Any) -> None:  # noqa: ANN401
    words = changed(page, lambda: say(page, "red dress, no blue"))
    sliders = page.locator(".wording .sliders input")
    assert sliders.evaluate_all("nodes => nodes.map(node => node.value)") == ["1", "-1"]
    sync_api.expect(page.locator(".wording .balance output")).to_have_text("the words alone")
    other = changed(page, lambda: move(page, sliders.nth(1), "2"))
    assert page.locator(".wording input[type=text]").input_value() == "red dress, blue:2"
    assert other != words
    alike = changed(page, lambda: move(page, page.locator(".wording .balance input"), "1"))
    assert alike != other
    sync_api.expect(page.locator(".wording .balance output")).to_have_text("the picture alone")
    changed(page, lambda: page.locator(".card .thumb").nth(2).click())
    changed(page, lambda: page.get_by_role("button", name="Clear words").click())
    sync_api.expect(page.locator(".wording .balance")).to_be_hidden()


@pytest.mark.parametrize(
    ("text", "told"),
    [("- stripes", "only minus phrases"), ("a" * 10_000, "10,000 characters"), ("", "Type what you are looking for")],
)
def test_words_that_say_nothing_are_told_under_the_words(page: Any, text: str, told: str) -> None:  # noqa: ANN401
    say(page, text)
    sync_api.expect(page.locator(".wording .problem")).to_contain_text(told, timeout=SLOW)
    sync_api.expect(page.locator(".query .problem")).to_be_hidden()
    changed(page, lambda: page.locator(".examples button").first.click()) if not text else None


def test_other_scripts_are_read_and_a_text_that_is_cut_is_said(page: Any) -> None:  # noqa: ANN401
    assert changed(page, lambda: say(page, "赤いドレス 👗"))
    changed(page, lambda: say(page, "a " * 60))
    sync_api.expect(page.locator(".results .note")).to_contain_text("Only the beginning of")


def test_engines_side_by_side_mark_what_both_found(page: Any) -> None:  # noqa: ANN401
    unfold(page, "More")
    page.get_by_label("CLIP, tiny-clip").last.check()
    page.wait_for_function("document.querySelectorAll('.sides .side .cards').length === 2", timeout=SLOW)
    sides = page.locator(".sides .side")
    lists = [set(sides.nth(n).locator(".card").evaluate_all("c => c.map(e => e.dataset.id)")) for n in range(2)]
    marked = set(page.locator(".card.both").evaluate_all("cards => cards.map(card => card.dataset.id)"))
    assert marked == lists[0] & lists[1] != set()
    assert "found in" in sides.nth(1).locator(".said").inner_text()


def test_an_engine_that_is_not_here_says_what_is_missing_and_the_page_lives(page: Any) -> None:  # noqa: ANN401
    unfold(page, "More")
    page.get_by_label("CLIP, acme/not-here (not here yet)").first.check()
    sync_api.expect(page.locator(".notice.problem")).to_contain_text("hf download acme/not-here", timeout=SLOW)
    changed(page, lambda: page.get_by_label("SqueezeNet 1.1, tuned on clothes").first.check())


def test_the_map_shows_every_picture_and_asks_the_question_of_one(page: Any) -> None:  # noqa: ANN401
    unfold(page, "Map of the catalogue")
    canvas = page.locator(".map-stage canvas")
    sync_api.expect(page.locator(".map-note")).to_contain_text("18 pictures", timeout=SLOW)
    asked = page.evaluate("new URL(location).searchParams.get('item')")
    home = "document.querySelector('[data-home]').dataset.home"
    assert page.evaluate(home) == asked
    entries = page.locator(".map-legend button")
    assert sorted(entries.locator("span").all_inner_texts()) == ["blue", "green", "red"]
    entries.first.click()
    sync_api.expect(entries.first).to_have_attribute("aria-pressed", "true")
    entries.first.click()
    canvas.focus()
    for key in ("ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "ArrowDown", "+", "ArrowLeft"):
        canvas.press(key)
    card = page.locator(".map-card.pinned")
    card.get_by_role("button", name="Search by this").wait_for()
    canvas.press("Enter")
    changed(page, lambda: page.keyboard.press("Enter"))
    page.wait_for_function(f"{home} === new URL(location).searchParams.get('item')")
    sync_api.expect(card).to_be_hidden()


@pytest.mark.parametrize("screen", [390, 1280])
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_screen(page: Any, screen: int) -> None:  # noqa: ANN401
    page.set_viewport_size({"width": screen, "height": 844})
    page.emulate_media(color_scheme="dark" if screen == 390 else "light")
    changed(page, lambda: say(page, "red dress, no blue"))
    for fold in ("More", "Map of the catalogue"):
        unfold(page, fold)
    sync_api.expect(page.locator(".map-note")).to_contain_text("18 pictures", timeout=SLOW)
    assert width(page) <= screen
    assert not grave(page)
