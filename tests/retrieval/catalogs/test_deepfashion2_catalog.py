"""Garments of pictures in DeepFashion2's layout: boxes, attributes, and annotations that are broken."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from retrieval.catalogs import open_catalog
from retrieval.catalogs.local.deepfashion2 import DeepFashion2Catalog
from retrieval.core import AppError, BadPictureError, Item
from tests.conftest import ColourEncoder, blocks, built, encoded, stored

RED, WHITE = (255, 0, 0), (255, 255, 255)


def item(box: object, **more: object) -> dict[str, Any]:
    return {"bounding_box": box, "category_name": "skirt", "category_id": 9, "style": 1, **more}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a corpus of one picture, white with a red garment at (60, 40, 120, 100), and an empty annotation."""
    (tmp_path / "image").mkdir()
    (tmp_path / "annos").mkdir()
    picture = Image.new("RGB", (240, 160), WHITE)
    picture.paste(RED, (60, 40, 120, 100))
    (tmp_path / "image" / "000001.jpg").write_bytes(encoded(picture, "JPEG", quality=95, subsampling=0))
    annotate(tmp_path, {"source": "shop", "pair_id": 7})
    return tmp_path


def annotate(root: Path, note: object) -> None:
    (root / "annos" / "000001.json").write_text(note if isinstance(note, str) else json.dumps(note))


def opened(root: Path) -> DeepFashion2Catalog:
    return DeepFashion2Catalog(root, f"deepfashion2:{root}", "corpus")


def only(root: Path) -> Item:
    (found,) = opened(root)
    return found


def test_every_garment_of_a_picture_is_an_item_with_its_box_and_attributes(root: Path) -> None:
    note = {"source": "user", "pair_id": 7, "item1": item([60, 40, 120, 100]), "item2": item([0, 0, 50, 50], style=0)}
    annotate(root, note)
    first, second = opened(root)
    assert (first.id, second.id) == ("000001/item1", "000001/item2")
    assert first.attributes == {"category": "skirt", "source": "user", "garment": "7-1"}
    assert second.attributes == {"category": "skirt", "source": "user"}  # style 0 pairs with nothing
    # The longer side is 60 (50): a margin of 8 % is 4.8 (4) pixels, cut off towards the corner.
    assert (first.box, second.box) == ((55, 35, 124, 104), (0, 0, 54, 54))


def test_what_the_photo_is_like_is_said_in_words(root: Path) -> None:
    annotate(root, {"item1": item([0, 0, 9, 9], scale=1, occlusion=2, zoom_in=3, viewpoint=1)})
    words = {"scale": "small", "occlusion": "medium", "zoom": "large", "viewpoint": "not worn"}
    assert only(root).attributes == {"category": "skirt", **words}
    annotate(root, {"item1": item([0, 0, 9, 9], scale=3, occlusion=1, zoom_in=1, viewpoint=3)})
    words = {"scale": "large", "occlusion": "slight", "zoom": "none", "viewpoint": "side or back"}
    assert only(root).attributes == {"category": "skirt", **words}


@pytest.mark.parametrize("grade", [0, 4, -1, None, "2", 1.5, [1], {"1": 1}])
def test_a_grade_that_is_none_is_left_out(root: Path, grade: object) -> None:
    annotate(root, {"item1": item([0, 0, 9, 9], scale=grade, viewpoint=grade)})
    assert only(root).attributes == {"category": "skirt"}


def test_an_item_opens_as_its_part_of_the_picture(root: Path) -> None:
    annotate(root, {"item1": item([60, 40, 120, 100])})
    shown = opened(root).open("000001/item1")
    assert shown.size == (69, 69)
    assert shown.getpixel((34, 34)) == pytest.approx(RED, abs=4)
    assert shown.getpixel((1, 1)) == pytest.approx(WHITE, abs=4)


@pytest.mark.parametrize("note", ["{broken", "", "[]", "3", "null", '"text"', "[" * 100_000])
def test_a_picture_with_a_broken_annotation_is_one_whole_item(root: Path, note: str) -> None:
    annotate(root, note)
    assert (only(root).id, only(root).box) == ("000001/whole", None)
    assert opened(root).open("000001/whole").size == (240, 160)


def test_a_picture_without_an_annotation_is_one_whole_item(root: Path) -> None:
    (root / "annos" / "000001.json").unlink()
    assert (only(root).id, dict(only(root).attributes)) == ("000001/whole", {})


def test_an_annotation_without_a_picture_is_skipped_by_name_until_the_picture_comes(root: Path, cache: Path) -> None:
    annotate(root, {"item1": item([60, 40, 120, 100])})
    (root / "annos" / "000002.json").write_text(json.dumps({"item1": item([0, 0, 9, 9])}))
    report = built(opened(root), cache, ColourEncoder())
    assert (report.pictures, [name for name, _ in report.skipped]) == (1, ["000002/whole"])
    assert report.skipped[0][1] == "There is an annotation annos/000002.json, but no picture image/000002.jpg."
    (root / "image" / "000002.jpg").write_bytes(encoded(blocks(1), "JPEG"))
    report = built(opened(root), cache, ColourEncoder())
    assert (report.pictures, report.encoded, report.skipped) == (2, 1, [])
    assert set(stored(cache)) == {"000001/item1", "000002/item1"}


def test_a_picture_whose_annotation_names_no_garment_keeps_what_it_shares(root: Path) -> None:
    assert (only(root).id, dict(only(root).attributes)) == ("000001/whole", {"source": "shop"})


@pytest.mark.parametrize(
    "box",
    [[60, 40, 60, 100], [60, 40, 120, 40], [120, 100, 60, 40], [1, 2, 3], [1, 2, 3, 4, 5], None, "60 40 120 100",
     ["a", "b", "c", "d"], [None, 0, 1, 1], [0, 0, float("nan"), 9], [0, 0, float("inf"), 9], {"left": 1},
     [[1], 2, 3, 4], [0, 0, 10**400, 9]],
)  # fmt: skip
def test_a_box_that_is_none_means_the_whole_picture(root: Path, box: object) -> None:
    annotate(root, {"item1": item(box)})
    assert (only(root).id, only(root).box) == ("000001/item1", None)
    assert opened(root).open("000001/item1").size == (240, 160)


def test_a_box_over_the_edge_is_cut_there_and_one_outside_is_a_bad_picture(root: Path) -> None:
    annotate(root, {"item1": item([200, 100, 400, 300]), "item2": item([900, 900, 950, 950])})
    assert opened(root).open("000001/item1").size == (56, 76)
    with pytest.raises(BadPictureError, match="outside the picture"):
        opened(root).open("000001/item2")


def test_what_is_no_garment_in_an_annotation_is_left_out(root: Path) -> None:
    annotate(root, {"item1": [1, 2], "item2": "x", "other": {}, "item3": item([0, 0, 9, 9])})
    assert only(root).id == "000001/item3"


def test_the_fingerprint_changes_with_box_attribute_and_picture(root: Path) -> None:
    prints = [opened(root).fingerprint()]
    for note in (
        {"pair_id": 7, "item1": item([0, 0, 9, 9])},
        {"pair_id": 7, "item1": item([0, 0, 9, 8])},
        {"pair_id": 7, "item1": item([0, 0, 9, 8], style=2)},
        {"pair_id": 7, "item1": item([0, 0, 9, 8], style=2), "source": "user"},
    ):
        annotate(root, note)
        prints.append(opened(root).fingerprint())
    (root / "image" / "000001.jpg").write_bytes(encoded(blocks(1), "JPEG"))
    prints.append(opened(root).fingerprint())
    assert len(set(prints)) == len(prints)
    assert opened(root).fingerprint() == prints[-1]


def test_links_to_outside_pipes_and_loops_are_refused(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("secret") / "private.jpg"
    secret.write_bytes(encoded(blocks(1), "JPEG"))
    (root / "image" / "000002.jpg").symlink_to(secret)
    (root / "image" / "000003.jpg").symlink_to("000003.jpg")
    (root / "image" / "000004.jpg").symlink_to("gone.jpg")
    os.mkfifo(root / "image" / "000005.jpg")
    catalog = opened(root)
    assert [found.id for found in catalog] == [f"00000{n}/whole" for n in range(1, 6)]
    for n in range(2, 6):
        with pytest.raises(BadPictureError):
            catalog.read(f"00000{n}/whole")


@pytest.mark.parametrize("item_id", ["../000001/item1", "/etc/passwd", "..", "", "nothing/item1", "\0/item1"])
def test_nothing_outside_can_be_named(root: Path, item_id: str) -> None:
    with pytest.raises(BadPictureError):
        opened(root).read(item_id)


def test_a_corpus_whose_pictures_are_a_linked_folder_is_read(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("disk") / "image"
    (root / "image").rename(elsewhere)
    (root / "image").symlink_to(elsewhere)
    assert opened(root).open("000001/whole").size == (240, 160)


@pytest.fixture
def corpus(tmp_path: Path, root: Path) -> Path:
    """Return a corpus with a train and a validation half of one garment each, and a test half without annotations."""
    whole = tmp_path / "corpus"
    annotate(root, {"source": "shop", "pair_id": 7, "item1": item([60, 40, 120, 100])})
    for split in ("train", "validation"):
        shutil.copytree(root / "image", whole / split / "image")
        shutil.copytree(root / "annos", whole / split / "annos")
    (whole / "test" / "image").mkdir(parents=True)
    return whole


def test_a_whole_corpus_is_one_catalogue_whose_splits_do_not_pair_with_each_other(corpus: Path) -> None:
    catalog = open_catalog(f"deepfashion2:{corpus}", corpus)
    found = {each.id: each.attributes for each in catalog}
    assert list(found) == ["train/000001/item1", "validation/000001/item1"]
    assert [each["split"] for each in found.values()] == ["train", "validation"]
    assert [each["garment"] for each in found.values()] == ["train 7-1", "validation 7-1"]
    assert catalog.open("train/000001/item1").size == (69, 69)
    with pytest.raises(BadPictureError, match="no garment of this corpus"):
        catalog.read("000001/item1")


def test_a_split_is_chosen_by_name_or_by_its_folder(corpus: Path) -> None:
    by_name = open_catalog(f"deepfashion2:{corpus}:validation", corpus)
    by_folder = open_catalog(f"deepfashion2:{corpus}/validation", corpus)
    assert by_name.name == by_folder.name == f"deepfashion2:{corpus}/validation"
    assert [each.id for each in by_name] == ["000001/item1"]
    with pytest.raises(AppError, match="has no split 'test'. It has: train, validation"):
        open_catalog(f"deepfashion2:{corpus}:test", corpus)


def test_a_corpus_that_is_gone_is_said_and_does_not_look_empty(root: Path) -> None:
    catalog = opened(root)
    shutil.rmtree(root / "image")
    with pytest.raises(AppError, match=r"image cannot be read \(No such file"):
        list(catalog)


def test_another_layout_is_refused_with_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"needs the folders image/ and annos/"):
        open_catalog(f"deepfashion2:{tmp_path}", tmp_path)
