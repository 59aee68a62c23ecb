"""The page in a real browser: what a visitor does, on a folder of small pictures that the test paints."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from PIL import Image, ImageDraw

from tests.e2e.conftest import grave, running, unfold, visiting, width

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")
expect = sync_api.expect

COLOURS = {"red": (200, 45, 45), "blue": (45, 70, 200), "green": (40, 140, 70), "yellow": (230, 200, 50)}
HOSTILE_NAME = "<img src=x onerror=alert(1)>${alert(2)}.jpg"
HOSTILE_ATTRIBUTE = "<script>alert(3)</script>"
FORMULA = "=cmd|'/C calc'!A0"


def paint(colour: tuple[int, int, int], seed: int, size: tuple[int, int] = (180, 240)) -> Image.Image:
    """Return a garment-like shape in `colour` on a pale ground."""
    chance = random.Random(seed)
    image = Image.new("RGB", size, (235, 232, 228))
    draw = ImageDraw.Draw(image)
    left, top = chance.randint(20, 60), chance.randint(20, 60)
    shade = tuple(min(255, max(0, value + chance.randint(-25, 25))) for value in colour)
    draw.rectangle((left, top, left + 90, top + chance.randint(80, 150)), fill=shade)
    draw.ellipse((left - 15, top, left + 20, top + 60), fill=shade)
    return image


def paint_shop(folder: Path) -> None:
    """Write 40 pictures with attributes, one of them with a hostile name, hostile attributes and a formula."""
    rows = []
    for colour, shade in COLOURS.items():
        for number in range(10):
            name = HOSTILE_NAME if (colour, number) == ("red", 9) else f"{colour}-{number}.jpg"
            paint(shade, number).save(folder / name, quality=92)
            rows.append([name, colour, "odd" if number % 2 else "even", FORMULA if number == 1 else "plain"])
    rows = [[HOSTILE_ATTRIBUTE if r[0] == HOSTILE_NAME and v == "red" else v for v in r] for r in rows]
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file_name", "colour", "parity", "note"], *rows])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return a shop with attributes, a second catalogue, and one without pictures."""
    shop, second, bare = (tmp_path_factory.mktemp(name) for name in ("shop", "second", "bare"))
    paint_shop(shop)
    for number in range(5):
        paint((90, 60, 120), number).save(second / f"plum-{number}.png")
    (second / "broken.jpg").write_text("no picture")
    return shop, second, bare


@pytest.fixture(scope="module")
def address(folders: tuple[Path, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the real app on the three folders and return where it answers."""
    catalogs = [part for folder in folders for part in ("--catalog", f"folder:{folder}")]
    with running(tmp_path_factory.mktemp("app") / "app.log", *catalogs) as url:
        yield url


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """Return the opened page with its first results."""
    with visiting(browser, permissions=["camera"]) as opened:
        opened.goto(address)
        expect(opened.locator(".card").first).to_be_visible()
        yield opened


def upload(page: Page, name: str, data: bytes, kind: str = "image/jpeg") -> None:
    """Give a file to the page as if it was chosen."""
    page.locator(".query input[type=file]").set_input_files({"name": name, "mimeType": kind, "buffer": data})


def jpeg(image: Image.Image) -> bytes:
    """Return `image` as a JPEG file."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return out.getvalue()


def names(page: Page) -> list[str]:
    """Return the ids of the cards, best first."""
    return page.locator(".card").evaluate_all("cards => cards.map(card => card.dataset.id)")


def scores(page: Page) -> list[str]:
    """Return the scores of the cards, best first."""
    return page.locator(".card .score").all_inner_texts()


def answered(page: Page, act: Callable[[], object]) -> None:
    """Do `act` and wait until the page shows other results than before."""
    before = page.locator(".results").evaluate(
        "node => node.querySelector('.body').firstElementChild.dataset.old = '1'"
    )
    assert before == "1"
    act()
    expect(page.locator(".results .body > [data-old]")).to_have_count(0)


def search_by_upload(page: Page, data: bytes) -> None:
    """Upload `data` and wait for its results."""
    answered(page, lambda: upload(page, "mine.jpg", data))


def test_arriving_shows_results_with_ranks_scores_and_alternative_texts(page: Page) -> None:
    assert page.locator(".card").count() == 24
    assert page.locator(".card .rank").first.inner_text() == "1"
    values = [float(score) for score in scores(page)]
    assert values == sorted(values, reverse=True)
    assert all(page.locator(".card img").evaluate_all("images => images.map(image => image.alt)"))
    expect(page.locator(".summary")).to_contain_text("24 results")


def test_weak_matches_are_shown_faded_below_a_line(page: Page) -> None:
    unfold(page, "More")
    answered(page, lambda: page.get_by_label("48").check())
    expect(page.locator(".weaker")).to_have_text("weaker matches below")
    faded = page.locator(".weak .card .thumb img").first
    assert float(faded.evaluate("image => getComputedStyle(image).opacity")) < 1
    assert page.locator(".cards:not(.weak) .card").count() > 0


def test_an_uploaded_picture_of_the_catalogue_finds_itself_first(page: Page, folders: tuple[Path, Path, Path]) -> None:
    search_by_upload(page, (folders[0] / "green-3.jpg").read_bytes())
    assert names(page)[0] == "green-3.jpg"
    assert scores(page)[0] == "1.00"
    expect(page.locator(".detail")).to_contain_text("reading the picture")


def test_a_dropped_picture_and_a_pasted_one_are_searched(page: Page, folders: tuple[Path, Path, Path]) -> None:
    for event, name in (("drop", "blue-2.jpg"), ("paste", "yellow-2.jpg")):
        data = list((folders[0] / name).read_bytes())
        give = f"""([data]) => {{
            const carried = new DataTransfer();
            carried.items.add(new File([new Uint8Array(data)], "given.jpg", {{ type: "image/jpeg" }}));
            const made = "{event}" === "drop"
                ? new DragEvent("drop", {{ dataTransfer: carried, bubbles: true, cancelable: true }})
                : new ClipboardEvent("paste", {{ clipboardData: carried, bubbles: true, cancelable: true }});
            document.querySelector(".query").dispatchEvent(made);
        }}"""
        answered(page, partial(page.evaluate, give, [data]))
        assert names(page)[0] == name


def test_the_camera_takes_a_picture(page: Page) -> None:
    page.get_by_role("button", name="Camera").click()
    take = page.get_by_role("button", name="Take the picture")
    expect(take).to_be_visible()
    answered(page, take.click)
    expect(page.locator(".detail")).to_contain_text("reading the picture")


def test_a_dragged_box_changes_the_results_and_can_be_cleared(page: Page, folders: tuple[Path, Path, Path]) -> None:
    two = Image.new("RGB", (360, 240), "white")
    two.paste(Image.open(folders[0] / "red-2.jpg"), (0, 0))
    two.paste(Image.open(folders[0] / "blue-2.jpg"), (180, 0))
    search_by_upload(page, jpeg(two))
    whole = scores(page)

    area = page.locator(".frame .picture").evaluate("node => node.getBoundingClientRect().toJSON()")

    def drag() -> None:
        page.mouse.move(area["x"] + area["width"] * 0.51, area["y"] + area["height"] * 0.01)
        page.mouse.down()
        page.mouse.move(area["x"] + area["width"] * 0.8, area["y"] + area["height"] * 0.5)
        page.mouse.move(area["x"] + area["width"] * 0.995, area["y"] + area["height"] * 0.995)
        page.mouse.up()

    answered(page, drag)
    assert names(page)[0] == "blue-2.jpg"
    assert scores(page) != whole
    answered(page, page.get_by_role("button", name="Clear part").click)
    assert scores(page) == whole


def test_a_box_is_drawn_moved_and_cleared_with_the_keyboard(page: Page) -> None:
    before = names(page)
    page.locator(".frame").focus()
    answered(page, lambda: page.keyboard.press("Enter"))
    expect(page.locator(".box")).to_be_visible()
    answered(page, lambda: page.keyboard.press("Shift+ArrowLeft"))
    answered(page, lambda: page.keyboard.press("Escape"))
    expect(page.locator(".box")).to_be_hidden()
    assert names(page) == before


def test_a_result_can_be_searched_by_and_back_returns(page: Page) -> None:
    before, second = names(page), names(page)[1]
    answered(page, page.locator(".card").nth(1).get_by_role("button", name="Search by this").last.click)
    assert second not in names(page)
    assert names(page) != before
    assert "item=" in page.url
    answered(page, page.get_by_role("button", name="Back").click)
    assert names(page) == before


def test_a_card_opens_with_its_facts_and_closes_where_it_was(page: Page) -> None:
    card = page.locator(".card").nth(2)
    opener = card.get_by_role("button", name="Open")
    opener.focus()
    page.keyboard.press("Enter")
    view = page.get_by_role("dialog")
    expect(view.locator("img")).to_be_visible()
    expect(view.locator("dt", has_text="colour")).to_have_count(1)
    expect(view.locator("dd").last).to_have_text(names(page)[2])
    assert not grave(page)
    page.keyboard.press("Escape")
    expect(view).to_have_count(0)
    expect(opener).to_be_focused()
    wanted = names(page)[2]
    opener.click()
    answered(page, view.get_by_role("button", name="Search by this").click)
    assert wanted not in names(page)
    assert f"item={wanted}" in page.url


def test_marks_move_the_question(page: Page) -> None:
    blue, yellow = "blue-5.jpg", "yellow-5.jpg"
    unfold(page, "More")
    answered(page, lambda: page.get_by_label("48").check())
    first = names(page)
    for name, label in ((blue, "Less like this"), (yellow, "More like this")):
        mark = page.locator(f'.card[data-id="{name}"]').get_by_role("button", name=label)
        mark.click()
        expect(mark).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".marks")).to_contain_text("1 more like this · 1 less")
    answered(page, page.get_by_role("button", name="Search again with your marks").click)
    marked = names(page)
    assert blue not in marked
    assert marked.index(yellow) < first.index(yellow)
    answered(page, page.get_by_role("button", name="Clear marks").click)
    assert names(page) == first


def test_filters_combine_values_and_attributes_and_can_be_cleared(page: Page) -> None:
    unfold(page, "Filters")
    for value in ("blue", "green", "even"):
        answered(page, page.locator(".chip:has(small)", has_text=value).click)
    found = names(page)
    assert sorted(found) == sorted(set(found))
    assert {name.split("-")[0] for name in found} <= {"blue", "green"}
    assert all(int(name.split("-")[1][0]) % 2 == 0 for name in found)
    answered(page, lambda: page.locator(".filters").get_by_role("button", name="Clear filters").click())
    assert len(names(page)) == 24


def test_no_hits_under_filters_says_so_and_offers_to_clear(page: Page) -> None:
    unfold(page, "Filters")
    answered(page, lambda: page.locator(".chip", has_text="odd").click())
    answered(page, lambda: page.locator(".chip", has_text=HOSTILE_ATTRIBUTE).click())
    answered(page, lambda: page.locator(".chip", has_text=FORMULA).click())
    expect(page.locator(".notice")).to_contain_text("No picture passes these filters")
    answered(page, lambda: page.locator(".notice").get_by_role("button", name="Clear filters").click())
    assert len(names(page)) == 24


def test_the_csv_holds_what_is_shown_and_no_formula(page: Page) -> None:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["id"] for row in rows] == names(page)
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, 25)]
    cut = [1 if float(row["score"]) >= 0.99995 else min(float(row["score"]), 0.99) for row in rows]
    assert [f"{score:.2f}" for score in cut] == scores(page)
    assert {row["note"] for row in rows} <= {"plain", f"'{FORMULA}"}


def test_another_catalogue_opens_with_its_own_results(page: Page, folders: tuple[Path, Path, Path]) -> None:
    page.get_by_label("Catalogue").click()
    answered(page, lambda: page.get_by_role("option").nth(1).click())
    expect(page.locator(".card").first).to_be_visible()
    assert all(name.startswith("plum-") for name in names(page))
    expect(page.locator(".status").first).to_contain_text("5 pictures · ready")
    page.locator(".status summary").click()
    expect(page.locator(".status").first).to_contain_text("broken.jpg")
    page.reload()
    expect(page.locator(".card").first).to_be_visible()
    assert all(name.startswith("plum-") for name in names(page))


def test_a_catalogue_without_pictures_says_what_to_do(page: Page) -> None:
    page.get_by_label("Catalogue").click()
    page.get_by_role("option").nth(2).click()
    expect(page.locator(".notice")).to_contain_text("python app.py --catalog folder:/path/to/your/pictures")


def test_what_strangers_wrote_is_shown_as_text(page: Page) -> None:
    answered(page, page.locator(".card .thumb").first.click)
    unfold(page, "More")
    answered(page, lambda: page.get_by_label("48").check())
    card = page.locator(".card").filter(has_text="onerror")
    expect(card.locator(".name")).to_have_text(HOSTILE_NAME)
    expect(card.locator(".words")).to_contain_text(HOSTILE_ATTRIBUTE)
    assert page.locator("img[src=x]").count() == 0
    assert card.locator("img").evaluate("image => image.complete ? image.naturalWidth : 1") > 0


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("notes.jpg", b"dear diary", "not a picture"),
        ("cut.jpg", jpeg(paint(COLOURS["red"], 1))[:900], "damaged or cut short"),
        ("empty.jpg", b"", "empty"),
    ],
)
def test_what_is_no_picture_is_told_in_place_and_the_page_lives(page: Page, name: str, data: bytes, told: str) -> None:
    upload(page, name, data)
    expect(page.locator(".query .problem")).to_contain_text(told)
    upload(page, "good.jpg", jpeg(paint(COLOURS["blue"], 4)))
    expect(page.locator(".card").first).to_be_visible()
    expect(page.locator(".query .problem")).to_be_hidden()


def test_a_turned_and_a_cmyk_picture_are_searched_upright(page: Page, folders: tuple[Path, Path, Path]) -> None:
    image = Image.open(folders[0] / "blue-6.jpg")
    turned, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(turned, "JPEG", quality=95, exif=exif)
    search_by_upload(page, turned.getvalue())
    assert names(page)[0].startswith("blue-")
    search_by_upload(page, jpeg(image.convert("CMYK")))
    assert names(page)[0].startswith("blue-")


def test_how_it_works_draws_the_visitors_own_query(page: Page) -> None:
    unfold(page, "How it works")
    expect(page.locator(".figures img")).to_be_visible()
    expect(page.locator(".figures .curve")).to_contain_text("cut-off after")
    before = page.locator(".figures .strip").inner_html()
    answered(page, page.locator(".card .thumb").nth(3).click)
    expect(page.locator(".figures .strip")).not_to_have_js_property("innerHTML", before)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.reload()
    expect(page.locator(".card").first).to_be_visible()
    for fold in ("Filters", "More", "How it works"):
        unfold(page, fold)
    page.locator(".card .more").first.click()
    assert not grave(page)


@pytest.mark.parametrize("screen", [390, 820])
def test_nothing_is_wider_than_the_screen(page: Page, screen: int) -> None:
    page.set_viewport_size({"width": screen, "height": 844})
    for fold in ("Filters", "More", "How it works"):
        unfold(page, fold)
    assert width(page) <= screen


def test_only_known_pictures_are_served(page: Page, address: str) -> None:
    key = page.evaluate("new URL(location).searchParams.get('catalog')")
    get = page.request.get
    assert get(f"{address}picture/{key}?id=red-1.jpg").headers["content-type"] == "image/jpeg"
    for catalog, item in (
        (key, "../../../etc/passwd"),
        (key, "/etc/passwd"),
        (key, "metadata.csv"),
        ("none", "red-1.jpg"),
    ):
        assert get(f"{address}picture/{catalog}", params={"id": item}).status == 404
