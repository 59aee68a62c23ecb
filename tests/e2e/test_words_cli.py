"""Words and decisions on the command line."""

from __future__ import annotations

import csv
import io
import json
import webbrowser
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner

import cli
import engines
from services.words import looking
from tests.conftest import COLOUR_SPEC, blocks


@pytest.mark.usefixtures("place")
def test_one_result_a_product_with_the_others_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    lines = ["file_name,product,name,price"]
    for number in range(4):
        blocks(number).save(folder / f"{number}.jpg")
        lines.append(f"{number}.jpg,p{number // 2},Polar fleece,{30 + 20 * number}")
    (folder / "metadata.csv").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(looking, "look_at_all", lambda table, catalog, on_progress: None)
    arguments = ["-q", "search", "--catalog", f"folder:{folder}", "--words", "fleece under 80", "--json"]
    answer = CliRunner().invoke(cli.app, [*arguments, "--group", "product"])
    found = json.loads(answer.stdout)
    assert [(each["id"], each["others"]) for each in found] == [("0.jpg", ["1.jpg"]), ("2.jpg", [])]
    assert found[0]["why"] == ["name: fleece"]


@pytest.mark.usefixtures("place")
def test_of_duplicates_the_largest_is_kept_and_nothing_is_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    picture = blocks(1, (400, 400))
    picture.save(folder / "large.png")
    picture.resize((200, 200), Image.Resampling.BOX).save(folder / "a small.png")
    ImageOps.mirror(picture).resize((300, 300)).save(folder / "mirrored.png")
    picture.rotate(90).resize((100, 100)).save(folder / "turned.png")
    blocks(2).save(folder / "other.png")
    command = ["-q", "duplicates", "--engine", "colours", "--catalog", f"folder:{folder}", "--format", "csv"]
    rows = list(csv.DictReader(io.StringIO(CliRunner().invoke(cli.app, command).stdout)))
    assert [(row["decision"], row["id"], row["width"]) for row in rows] == [
        ("keep", "large.png", "400"), ("drop", "mirrored.png", "300"), ("drop", "a small.png", "200"),
        ("drop", "turned.png", "100"),
    ]  # fmt: skip
    assert len(list(folder.iterdir())) == 5


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of four pictures, the third a mirrored copy of the first, with a table."""
    monkeypatch.setattr(looking, "look_at_all", lambda table, catalog, on_progress: None)
    folder = tmp_path / "shop"
    folder.mkdir()
    pictures = [blocks(0, (300, 200)), blocks(1, (300, 200)), ImageOps.mirror(blocks(0, (300, 200))), blocks(3)]
    rows = [("a", "Polar fleece", "60", "2026-01-01"), ("b", "Airy fleece", "ask", "2026-03-01"),
            ("c", "Wool fleece", "30", "2026-02-01"), ("d", "<b>Cap</b>", "20", "")]  # fmt: skip
    lines = ["image;title;price;added;link"]
    for picture, (name, title, price, added) in zip(pictures, rows, strict=True):
        picture.save(folder / f"{name}.jpg")
        lines.append(f"{name}.JPG;{title};{price};{added};javascript:alert(1)")
    (folder / "metadata.csv").write_text("\n".join(lines), encoding="utf-16")
    return folder


def found(folder: Path, *arguments: str) -> list[str]:
    """Return the first letters of the pictures that a search finds, in order."""
    command = ["-q", "search", "--catalog", f"folder:{folder}", "--json", *arguments]
    answer = CliRunner().invoke(cli.app, command)
    assert answer.exception is None, answer.exception
    return [each["id"][0] for each in json.loads(answer.stdout)]


@pytest.mark.usefixtures("place")
def test_results_are_sorted_narrowed_paged_and_without_copies(shop: Path) -> None:
    words = ("--words", "fleece")
    assert found(shop, *words, "--sort", "price") == ["c", "a", "b"]
    assert found(shop, *words, "--sort", "newest", "--start", "1") == ["c", "a"]
    assert found(shop, *words, "--sort", "name", "-k", "1") == ["b"]
    assert found(shop, *words, "--where", "price=20..50") == ["c"]
    assert found(shop, *words, "--where", "added>=2026-02", "--sort", "newest") == ["b", "c"]
    assert found(shop, *words, "--unique") == ["a", "b"]
    assert found(shop, "--words", "fleece under 60") == ["c"]
    assert found(shop, "--engine", "product", *words, "--sort", "price") == ["c", "a", "b"]


@pytest.mark.usefixtures("place")
def test_a_picture_and_words_are_one_question(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.REGISTRY, "rows", (replace(COLOUR_SPEC, purposes=("look-alike",)),))
    image = ("--image", str(shop / "b.jpg"))
    assert found(shop, *image, "--words", "fleece", "--where", "price=20,ask")[0] == "b"
    assert found(shop, "--engine", "colours", *image, "--where", "price<=30", "-k", "2") == ["c", "d"]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--where", "view=main"), "has the attribute 'view'. There are: added, link, price, title."),
        (("--where", "price=99"), "has price '99'. There are: 20, 30, 60, ask."),
        (("--sort", "cheapest"), "Choose one of: match, price, name, newest"),
    ],
)
def test_a_bad_question_is_said_before_anything_is_looked_at(
    shop: Path, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "look_at_all", lambda table, catalog, on_progress: pytest.fail("looked"))
    command = ["-q", "search", "--catalog", f"folder:{shop}", "--words", "fleece", *arguments]
    assert said in str(CliRunner().invoke(cli.app, command).exception)


@pytest.mark.usefixtures("place")
def test_results_are_copied_and_written_as_a_page_in_which_a_table_is_only_text(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def noted(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", noted)
    page, copies = tmp_path / "found.html", tmp_path / "copies"
    (copies).mkdir()
    (copies / "d.jpg").write_text("mine")
    assert found(shop, "--words", "cap", "--html", str(page), "--copy-to", str(copies), "--open") == ["d"]
    assert opened == [page.as_uri()]
    assert (copies / "d.jpg").read_text() == "mine"
    assert (copies / "d (2).jpg").read_bytes() == (shop / "d.jpg").read_bytes()
    text = page.read_text(encoding="utf-8")
    assert "data:image/jpeg;base64," in text
    assert "href" not in text
    assert "<b>" not in text


@pytest.mark.usefixtures("place")
def test_an_image_text_model_takes_part_when_it_is_here_and_is_offered_when_it_is_not(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.fakes import tiny_models

    command = ["search", "--catalog", f"folder:{shop}", "--words", "gloomy blue", "--json"]
    monkeypatch.setenv("VISUAL_SEARCH_CLIP", "openai/clip-vit-base-patch32")
    answer = CliRunner().invoke(cli.app, command)
    assert json.loads(answer.stdout) == []
    assert "'gloomy' was not understood" in answer.stderr
    assert "605 MB through the Hub's cache; licence MIT). To get it: hf download openai/clip" in answer.stderr
    tiny_models.save("clip", tmp_path / "tiny")
    monkeypatch.setenv("VISUAL_SEARCH_CLIP", str(tmp_path / "tiny"))
    answer = CliRunner().invoke(cli.app, command)
    assert answer.exception is None, answer.exception
    assert sorted(each["id"] for each in json.loads(answer.stdout)) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    by_model = CliRunner().invoke(cli.app, [*command, "--engine", "clip"])
    assert [e["id"] for e in json.loads(by_model.stdout)] == [e["id"] for e in json.loads(answer.stdout)]
