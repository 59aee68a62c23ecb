"""A folder of a person's own pictures: which files are items, what is known of each, and what is never opened."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from retrieval import catalogs
from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import AppError, BadPictureError, UnreadableError
from retrieval.pictures import decoding
from tests.conftest import CLOTHING, blocks, encoded, jpeg, write_picture


def ids(root: Path) -> list[str]:
    return [item.id for item in FolderCatalog(root)]


def attributes(root: Path, pattern: str | None = None) -> dict[str, dict[str, str]]:
    return {item.id: dict(item.attributes) for item in FolderCatalog(root, pattern)}


def table(path: Path, *rows: Sequence[str]) -> None:
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")


def refusal(root: Path, item_id: str) -> BadPictureError:
    with pytest.raises(BadPictureError) as raised:
        FolderCatalog(root).read(item_id)
    return raised.value


def test_pictures_of_every_suffix_in_any_depth_are_items_and_other_files_are_not(tmp_path: Path) -> None:
    for name in ("a.JPG", "b.jpeg", "c.png", "d.webp", "e.gif", "f.bmp", "g.tif", "h.TIFF", "i.avif", "deep/er/j.jpg"):
        write_picture(tmp_path / name, 1)
    for name in ("notes.txt", "k.jpg.part", ".hidden.jpg", ".trash/l.jpg"):
        write_picture(tmp_path / name, 1)
    for name in ("jpg", "metadata", "BMs"):
        (tmp_path / name).write_bytes(b"BM and words, no picture at all")
    expected = ["a.JPG", "b.jpeg", "c.png", "d.webp", "e.gif", "f.bmp", "g.tif", "h.TIFF", "i.avif", "deep/er/j.jpg"]
    assert ids(tmp_path) == expected


def test_a_picture_without_an_ending_or_with_a_strange_one_is_found_by_its_content(tmp_path: Path) -> None:
    for name in ("IMG_0001", "photo.jpg!large", "picture.image"):
        write_picture(tmp_path / name, 1)
    assert ids(tmp_path) == ["IMG_0001", "photo.jpg!large", "picture.image"]
    assert FolderCatalog(tmp_path).open("IMG_0001").size == (48, 64)


def test_pictures_that_cannot_be_read_are_items_and_say_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1")
    (tmp_path / "layers.psd").write_bytes(b"8BPS\0\1" + bytes(40))
    (tmp_path / "logo.svg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    for name in ("b.jfif", "c.jpe", "d.mpo"):
        write_picture(tmp_path / name, 1)
    assert ids(tmp_path) == ["IMG_1.HEIC", "b.jfif", "c.jpe", "d.mpo", "layers.psd", "logo.svg"]
    for name, what in (("IMG_1.HEIC", "HEIC"), ("layers.psd", "Photoshop"), ("logo.svg", "SVG")):
        with pytest.raises(BadPictureError, match=what):
            FolderCatalog(tmp_path).open(name)


def test_folders_that_systems_keep_for_themselves_hold_no_pictures_of_a_person(tmp_path: Path) -> None:
    for name in ("@eaDir/a.jpg", "#recycle", "$RECYCLE.BIN/S-1", "lost+found", ".thumbnails", "__MACOSX", "mine"):
        write_picture(tmp_path / name / "T.jpg", 1)
    assert ids(tmp_path) == ["mine/T.jpg"]


def test_folders_may_lie_deeper_than_a_program_s_call_stack(tmp_path: Path) -> None:
    here = os.getcwd()
    (tmp_path / "notes.txt").touch()
    os.chdir(tmp_path)
    try:
        for _ in range(1200):
            os.mkdir("d")
            os.chdir("d")
        Path("x.jpg").write_bytes(jpeg(1))
    finally:
        os.chdir(here)
    (found,) = ids(tmp_path)
    assert found == "d/" * 1200 + "x.jpg"
    assert FolderCatalog(tmp_path).open(found).size == (48, 64)
    (tmp_path / found).unlink()
    os.removedirs((tmp_path / found).parent)  # pytest cleans up by recursion


@pytest.mark.parametrize(
    "name",
    ["two words.jpg", "it's \"quoted\".jpg", "é à ü ñ.jpg", "e\u0301.jpg", "🧥👗.jpg", "line\nbreak.jpg", " .jpg",
     "n" * 196 + ".jpg", "%41&?#.jpg", "back\\slash.jpg", "日本.jpg", "semi;colon,comma.jpg"],
)  # fmt: skip
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    write_picture(tmp_path / "some folder's" / name, 3)
    assert ids(tmp_path) == [f"some folder's/{name}"]
    assert FolderCatalog(tmp_path).open(f"some folder's/{name}").size == (48, 64)
    assert attributes(tmp_path) == {f"some folder's/{name}": {"label": "some folder's"}}


def test_a_name_that_is_no_unicode_is_an_item_too(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")).write_bytes(jpeg(1))
    (found,) = ids(tmp_path)
    assert FolderCatalog(tmp_path).read(found) == jpeg(1)
    assert FolderCatalog(tmp_path).fingerprint()


def test_a_link_to_outside_is_not_opened_whether_to_a_file_or_a_folder(tmp_path: Path) -> None:
    write_picture(tmp_path / "secret" / "private.jpg", 1)
    inside = tmp_path / "pictures"
    write_picture(inside / "mine.jpg", 2)
    (inside / "file.jpg").symlink_to(tmp_path / "secret" / "private.jpg")
    (inside / "holiday").symlink_to(tmp_path / "secret")
    (inside / "album.jpg").symlink_to(tmp_path / "secret")
    (inside / "relative.jpg").symlink_to("../secret/private.jpg")
    assert sorted(ids(inside)) == ["album.jpg", "file.jpg", "holiday/", "mine.jpg", "relative.jpg"]
    for item_id in ("file.jpg", "holiday/", "album.jpg", "relative.jpg", "holiday/private.jpg"):
        assert "outside the folder" in str(refusal(inside, item_id))


def test_a_link_within_the_folder_is_followed_to_a_file_and_named_for_a_folder(tmp_path: Path) -> None:
    write_picture(tmp_path / "a" / "one.jpg", 1)
    (tmp_path / "two.jpg").symlink_to(tmp_path / "a" / "one.jpg")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert ids(tmp_path) == ["b/", "two.jpg", "a/one.jpg"]
    assert FolderCatalog(tmp_path).read("two.jpg") == jpeg(1)
    assert "link to a folder" in str(refusal(tmp_path, "b/"))


def test_a_folder_that_is_itself_a_link_is_a_catalogue(tmp_path: Path) -> None:
    write_picture(tmp_path / "real" / "one.jpg", 1)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert FolderCatalog(tmp_path / "link").read("one.jpg") == jpeg(1)


def test_loops_of_links_end_and_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "a.jpg")
    (tmp_path / "self").symlink_to(tmp_path)
    assert ids(tmp_path) == ["a.jpg", "b.jpg", "self/"]
    assert "cannot be read" in str(refusal(tmp_path, "a.jpg"))
    assert str(refusal(tmp_path, "self/"))


def test_a_dangling_link_is_refused_until_its_target_is_there(tmp_path: Path) -> None:
    (tmp_path / "late.jpg").symlink_to(tmp_path / "target.bin")
    before = FolderCatalog(tmp_path).fingerprint()
    assert isinstance(refusal(tmp_path, "late.jpg"), UnreadableError)
    (tmp_path / "target.bin").write_bytes(jpeg(4))
    assert FolderCatalog(tmp_path).read("late.jpg") == jpeg(4)
    assert FolderCatalog(tmp_path).fingerprint() != before


def test_a_pipe_or_a_folder_named_like_a_picture_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    write_picture(tmp_path / "folder.jpg" / "in.jpg", 1)
    assert ids(tmp_path) == ["pipe.jpg", "folder.jpg/in.jpg"]
    assert "regular file" in str(refusal(tmp_path, "pipe.jpg"))


@pytest.mark.parametrize(
    "item_id",
    ["../other.jpg", "/etc/passwd", "a/../../other.jpg", "./../other.jpg", "\0.jpg", "", ".", "no.jpg", "x" * 5000],
)
def test_nothing_outside_the_folder_can_be_named(tmp_path: Path, item_id: str) -> None:
    write_picture(tmp_path / "other.jpg", 1)
    write_picture(tmp_path / "pictures" / "a" / "one.jpg", 1)
    assert refusal(tmp_path / "pictures", item_id)


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(decoding.MAX_BYTES + 1)
    assert "larger than 64 MB" in str(refusal(tmp_path, "huge.jpg"))


def test_an_unreadable_file_is_told_from_a_bad_picture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    error = refusal(folder, "red/00.jpg")
    assert isinstance(error, UnreadableError)
    assert "Permission denied" in str(error)


def test_a_subfolder_that_cannot_be_listed_is_named_and_the_rest_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "green":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = ids(folder)
    assert len([i for i in found if i.endswith(".jpg")]) == 8
    assert "green/" in found
    assert "cannot be listed" in str(refusal(folder, "green/"))


def test_the_parent_folder_is_the_label(folder: Path) -> None:
    write_picture(folder / "loose.jpg", 1)
    write_picture(folder / "red" / "dark" / "x.jpg", 1)
    found = attributes(folder)
    assert found["red/00.jpg"] == {"label": "red"}
    assert found["red/dark/x.jpg"] == {"label": "dark"}
    assert found["loose.jpg"] == {}


def test_metadata_csv_gives_attributes_at_the_root_and_beside_the_pictures(tmp_path: Path) -> None:
    for name in ("one.jpg", "in/two.jpg", "in/deep/three.jpg", "other/four.jpg"):
        write_picture(tmp_path / name, 1)
    table(
        tmp_path / "metadata.csv",
        ("file_name", "label", "price"),
        ("one.jpg", "Hat", "9"),
        ("other/four.jpg", "Shoe", ""),
    )
    table(tmp_path / "in" / "metadata.csv", ("colour", "file_name"), ("red", "two.jpg"), ("blue", "deep/three.jpg"))
    assert attributes(tmp_path) == {
        "one.jpg": {"label": "Hat", "price": "9"},
        "in/two.jpg": {"colour": "red"},
        "in/deep/three.jpg": {"colour": "blue"},
        "other/four.jpg": {"label": "Shoe"},
    }


def test_images_csv_of_the_clothing_dataset_names_ids_without_a_suffix(tmp_path: Path) -> None:
    write_picture(tmp_path / "images" / "00003aeb-ace5.jpg", 1)
    write_picture(tmp_path / "images" / "unlisted.jpg", 1)
    table(
        tmp_path / "images.csv", ("image", "sender_id", "label", "kids"), ("00003aeb-ace5", "322", "T-Shirt", "False")
    )
    expected = {"sender_id": "322", "label": "T-Shirt", "kids": "False"}
    assert attributes(tmp_path) == {"images/00003aeb-ace5.jpg": expected, "images/unlisted.jpg": {}}


def test_a_table_may_be_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    write_picture(tmp_path / "é, x.jpg", 1)
    text = '\ufefffile_name,label\r\n"é, x.jpg","a ""b""\nc"\r\nshort\r\nlong.jpg,a,b,c\r\n'
    (tmp_path / "metadata.csv").write_text(text, encoding="utf-8", newline="")
    assert attributes(tmp_path) == {"é, x.jpg": {"label": 'a "b"\nc'}}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^s_([a-z]+)-\d+", {"label": "cubism"}),
        (r"_(?P<style>[a-z]+)-(?P<number>\d+)", {"style": "cubism", "number": "04"}),
        (r"cubism|impressionism", {"label": "cubism"}),
        (r"(never)?cubism", {}),
        (r"(?P<label>never)?cubism", {}),
        (r"nothing like it", {}),
    ],
)
def test_a_label_pattern_reads_the_name(tmp_path: Path, pattern: str, expected: dict[str, str]) -> None:
    write_picture(tmp_path / "folder" / "s_cubism-04.jpg", 1)
    assert attributes(tmp_path, pattern) == {"folder/s_cubism-04.jpg": expected}


def test_a_bad_label_pattern_is_shown_with_its_fault(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"'\(\[' is no regular expression: unterminated"):
        FolderCatalog(tmp_path, "([")


def test_the_fingerprint_changes_exactly_when_something_changes(folder: Path) -> None:
    seen = {FolderCatalog(folder).fingerprint()}

    def changes() -> bool:
        known = len(seen)
        seen.add(FolderCatalog(folder).fingerprint())
        return len(seen) > known

    assert not changes()
    write_picture(folder / "red" / "new.jpg", 1)
    assert changes()
    (folder / "red" / "new.jpg").write_bytes(jpeg(2))
    assert changes()
    os.utime(folder / "red" / "new.jpg", ns=(1, 1))
    assert changes()
    (folder / "red" / "new.jpg").rename(folder / "green" / "new.jpg")
    assert changes()
    (folder / "green" / "new.jpg").unlink()
    seen.clear()
    assert changes()
    table(folder / "metadata.csv", ("file_name", "label"), ("00.jpg", "x"))
    assert changes()
    table(folder / "metadata.csv", ("file_name", "label"), ("00.jpg", "y"))
    assert changes()
    (folder / "notes.txt").write_text("not a picture")
    os.utime(folder / "red")
    assert not changes()


def test_an_empty_folder_has_no_items(tmp_path: Path) -> None:
    assert ids(tmp_path) == []


def test_a_folder_that_vanished_is_said_to_be_gone(folder: Path) -> None:
    catalog = FolderCatalog(folder)
    shutil.rmtree(folder)
    with pytest.raises(AppError, match="is gone"):
        list(catalog)
    with pytest.raises(UnreadableError):
        catalog.read("red/00.jpg")


@pytest.mark.parametrize(
    "name",
    ["", "cats", "folder:", "hf:x", "folder:/no/such/place", "deepfashion2:/etc", "folder:~nobody-here/x", "folder:\0",
     "folder:" + "x" * 5000],
)  # fmt: skip
def test_a_catalogue_that_does_not_exist_is_said_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(AppError):
        catalogs.open_catalog(name, tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", 1)
    with pytest.raises(AppError, match="There is no folder"):
        FolderCatalog(tmp_path / "a.jpg")


def test_a_catalogue_has_one_key_however_its_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "My Shop é").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "My Shop é")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    names = [str(tmp_path / "My Shop é"), "My Shop é", "./My Shop é/", "link", "~/My Shop é"]
    keys = {catalogs.key(catalogs.open_catalog(f"folder:{name}", tmp_path)) for name in names}
    assert len(keys) == 1
    (key,) = keys
    assert key.startswith("folder-my-shop-")
    assert key.isascii()


def test_folders_of_one_name_have_two_keys(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "shop").mkdir(parents=True)
    keys = {catalogs.key(FolderCatalog(tmp_path / parent / "shop")) for parent in ("a", "b")}
    assert len(keys) == 2


def test_a_picture_opens_upright_and_possibly_reduced(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(blocks(1, (600, 400)), "JPEG"))
    catalog = FolderCatalog(tmp_path)
    assert catalog.open("a.jpg").size == (600, 400)
    assert catalog.open("a.jpg", 100).size == (150, 100)


@pytest.mark.skipif(not CLOTHING.is_dir(), reason="the Clothing Dataset is not in ../shared")
def test_every_photo_of_the_clothing_dataset_has_its_label() -> None:
    found = attributes(CLOTHING)
    assert len(found) == 4171
    assert all(a["label"] and a["sender_id"] and a["kids"] in ("True", "False") for a in found.values())
    assert found["images/000d31f6-44b5-4758-8d86-c4fcfb234392.jpg"]["label"] == "Hoodie"
