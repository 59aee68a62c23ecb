"""The door for Python: what a gallery finds, says of itself, and tells of mistakes; and the examples."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from PIL import Image

from retrieval.core import AppError
from tests.conftest import ROOT, blocks, write_picture
from visual_search import Gallery


@pytest.fixture
def gallery(place: Path, folder: Path) -> Gallery:
    return Gallery(f"folder:{folder}", engine="colours")


def test_a_picture_of_the_gallery_finds_itself_with_attributes_and_path(gallery: Gallery, folder: Path) -> None:
    hits = gallery.search(folder / "green" / "04.jpg", k=3)
    assert [len(hits), hits[0].id, hits[0].attributes] == [3, "green/04.jpg", {"label": "green"}]
    assert hits[0].score == pytest.approx(1, abs=1e-5)
    assert hits[0].path == folder.resolve() / "green" / "04.jpg"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert gallery.open(hits[0]).size == Image.open(hits[0].path).size


def test_a_file_a_picture_in_memory_and_a_hit_ask_the_same(gallery: Gallery, folder: Path) -> None:
    by_file = gallery.search(str(folder / "red" / "00.jpg"), k=6)
    by_memory = gallery.search(Image.open(folder / "red" / "00.jpg"), k=6)
    assert [hit.id for hit in by_memory] == [hit.id for hit in by_file]
    by_hit = gallery.search(by_file[0], k=5)
    assert [hit.id for hit in by_hit] == [hit.id for hit in by_file[1:]]


def test_several_pictures_are_asked_as_their_mean(gallery: Gallery, folder: Path) -> None:
    files = [folder / "red" / "00.jpg", folder / "green" / "01.jpg"]
    both = gallery.search(files, k=2)
    assert {hit.id for hit in both} == {"red/00.jpg", "green/01.jpg"}
    assert both[0].score == pytest.approx(both[1].score, abs=1e-5)


def test_a_filter_lets_through_any_of_its_values_and_names_what_there_is(gallery: Gallery, folder: Path) -> None:
    found = gallery.search(blocks(3), where={"label": ["red", "blue"]}, k=12)
    assert {hit.attributes["label"] for hit in found} == {"red", "blue"}
    assert len(found) == 8
    assert len(gallery.search(blocks(3), where={"label": "red"}, k=12)) == 4
    with pytest.raises(AppError, match="No picture here has the attribute 'colour'. There are: label"):
        gallery.search(blocks(3), where={"colour": "red"})
    with pytest.raises(AppError, match="label 'pink'. There are: blue, green, red"):
        gallery.search(blocks(3), where={"label": "pink"})


def test_what_is_new_is_found_after_an_update_which_names_what_it_skipped(gallery: Gallery, folder: Path) -> None:
    assert "new.jpg" not in {hit.id for hit in gallery.search(blocks(77), k=20)}
    write_picture(folder / "new.jpg", 77)
    (folder / "broken.jpg").write_text("no picture")
    report = gallery.update()
    assert [report.pictures, report.encoded, [name for name, _ in report.skipped]] == [13, 1, ["broken.jpg"]]
    assert gallery.search(folder / "new.jpg")[0].id == "new.jpg"


def test_it_reads_well_where_it_is_printed(gallery: Gallery, folder: Path) -> None:
    assert repr(gallery) == f"Gallery('folder:{folder.resolve()}', engine='colours')"
    lines = repr(gallery.search(folder / "blue" / "02.jpg", k=2)).splitlines()
    assert lines[0].startswith("2 hits, ")
    assert lines[1] == "  1  1.000  blue/02.jpg  (label blue)"


def test_words_need_no_model_where_no_engine_is_named(folder: Path, tmp_path: Path) -> None:
    gallery = Gallery(f"folder:{folder}", index_cache=tmp_path / "words")
    assert {hit.attributes["label"] for hit in gallery.search(words="red", k=4)} == {"red"}
    hits = gallery.search(folder / "blue" / "02.jpg", words="blue", k=4)
    assert hits[0].id == "blue/02.jpg"
    assert "blue/02.jpg" not in {hit.id for hit in gallery.search(hits[0], words="blue", k=4)}


def test_mistakes_are_told_with_the_remedy(gallery: Gallery, folder: Path) -> None:
    with pytest.raises(AppError, match=r"nowhere.jpg cannot be read \(No such file"):
        gallery.search("nowhere.jpg")
    with pytest.raises(AppError, match="Say what to look for"):
        gallery.search()
    with pytest.raises(AppError, match="Open the gallery with engine='clip'"):
        gallery.search(words="a red dress")
    with pytest.raises(AppError, match="There is no engine 'sqeezenet'"):
        Gallery(f"folder:{folder}", engine="sqeezenet")
    with pytest.raises(AppError, match="There is no folder"):
        Gallery("folder:/no/such/place")


def example(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: object) -> None:
    """Run an example as a person does, in this process."""
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(ROOT / "examples" / name))


def test_the_examples_do_what_they_say(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VISUAL_SEARCH_CACHE", str(tmp_path / "cache"))
    picture, out = folder / "red" / "03.jpg", tmp_path / "sheet.png"
    example(monkeypatch, "find.py", folder, picture)
    assert "1  1.000  red/03.jpg" in capsys.readouterr().out
    example(monkeypatch, "outfit.py", folder, "green,blue", picture, folder / "red" / "00.jpg")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert not any("/red/" in line for line in lines)
    example(monkeypatch, "sheet.py", folder, picture, out)
    assert Image.open(out).size == (960, 160)
