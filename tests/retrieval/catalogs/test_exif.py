"""What a camera wrote into a photo, as attributes of a folder's pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from retrieval.catalogs.local.folder import FolderCatalog
from tests.conftest import blocks


def photo(path: Path, **tags: str) -> None:
    """Write a JPEG with these tags: make, model, date, original."""
    exif = Image.Exif()
    numbers = {"make": 0x010F, "model": 0x0110, "date": 0x0132}
    for name, value in tags.items():
        if name == "original":
            exif.get_ifd(0x8769)[0x9003] = value
        else:
            exif[numbers[name]] = value
    blocks(1).save(path, exif=exif)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"make": "Apple", "model": "iPhone 15", "original": "2026:05:01 10:11:12"},
         {"camera": "Apple iPhone 15", "taken": "2026-05-01"}),
        ({"make": "Canon Inc.", "model": "Canon EOS R5", "date": "2025:12:31 23:59:59"},
         {"camera": "Canon EOS R5", "taken": "2025-12-31"}),
        ({"model": "X100\0\0", "original": "0000:00:00 00:00:00"}, {"camera": "X100"}),
        ({"original": "yesterday"}, {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_day_and_camera_of_a_photo_are_attributes(
    tmp_path: Path, tags: dict[str, str], expected: dict[str, str]
) -> None:
    photo(tmp_path / "IMG_1.JPG", **tags)
    assert [item.attributes for item in FolderCatalog(tmp_path)] == [expected]


def test_a_damaged_record_says_nothing_and_a_table_says_it_better(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg", make="Apple", original="2026:05:01 10:11:12")
    data = (tmp_path / "a.jpg").read_bytes()
    place = data.index(b"Exif\0\0") + 14
    (tmp_path / "b.jpg").write_bytes(data[:place] + b"\xff" * 60 + data[place + 60 :])
    (tmp_path / "metadata.csv").write_text("file,camera,label\na.jpg,my phone,Hat\nb.jpg,,Cap\n")
    found = {item.id: item.attributes for item in FolderCatalog(tmp_path)}
    assert found == {
        "a.jpg": {"taken": "2026-05-01", "camera": "my phone", "label": "Hat"}, "b.jpg": {"label": "Cap"},
    }  # fmt: skip


def test_neither_a_pipe_nor_a_link_to_outside_is_opened(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "private.jpg"
    folder.mkdir()
    photo(outside, model="Secret")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "link.jpg").symlink_to(outside)
    assert {item.id: dict(item.attributes) for item in FolderCatalog(folder)} == {"link.jpg": {}, "pipe.jpg": {}}
