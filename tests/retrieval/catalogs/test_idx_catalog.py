"""MNIST-style files as a catalogue: what is read, what it is called, and files that are damaged."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.catalogs import key, open_catalog
from retrieval.catalogs.local.idx import IdxCatalog
from retrieval.core import AppError, BadPictureError
from tests.conftest import SHARED

FASHION_MNIST = SHARED / "data" / "fashion-mnist"
PIXELS = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def idx(array: np.ndarray) -> bytes:
    """Return `array` as an IDX file, written from the format's description."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def write(folder: Path, name: str, array: np.ndarray, packed: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    return path


def both(folder: Path, split: str = "train", packed: bool = False, pixels: np.ndarray = PIXELS) -> Path:
    write(folder, f"{split}-images-idx3-ubyte", pixels, packed)
    write(folder, f"{split}-labels-idx1-ubyte", np.arange(len(pixels)) % 10, packed)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_pictures_and_labels_are_those_of_the_files(tmp_path: Path, packed: bool) -> None:
    catalog = IdxCatalog(str(both(tmp_path, packed=packed)))
    items = list(catalog)
    assert [item.id for item in items] == ["train/00000", "train/00001", "train/00002"]
    assert [item.attributes for item in items] == [{"label": "0"}, {"label": "1"}, {"label": "2"}]
    for number, item in enumerate(items):
        shown = Image.open(io.BytesIO(catalog.read(item.id)))
        assert shown.format == "PNG"
        assert np.array_equal(np.asarray(shown), PIXELS[number])
        assert np.array_equal(np.asarray(catalog.open(item.id))[..., 1], PIXELS[number])


def test_a_split_is_chosen_by_name_and_both_are_there_without(tmp_path: Path) -> None:
    both(both(tmp_path), "t10k", pixels=PIXELS[:2])
    assert [item.id for item in IdxCatalog(f"{tmp_path}:test")] == ["test/00000", "test/00001"]
    assert [item.id for item in IdxCatalog(f"{tmp_path}:train")][-1] == "train/00002"
    everything = {item.id: item.attributes for item in IdxCatalog(str(tmp_path))}
    assert len(everything) == 5
    assert everything["test/00001"] == {"label": "1", "split": "test"}


def test_one_images_file_can_be_named_too(tmp_path: Path) -> None:
    both(both(tmp_path), "t10k")
    assert {item.id for item in IdxCatalog(str(tmp_path / "t10k-images-idx3-ubyte"))} == {
        f"test/{n:05}" for n in range(3)
    }


def test_pictures_without_labels_are_fine(tmp_path: Path) -> None:
    write(tmp_path, "t10k-images-idx3-ubyte", PIXELS)
    assert [item.attributes for item in IdxCatalog(str(tmp_path))] == [{}, {}, {}]


def test_the_names_in_settings_and_addresses_are_stable(tmp_path: Path) -> None:
    folder = both(tmp_path / "Fashion MNIST")
    train, whole = (open_catalog(f"idx:{folder}{end}", tmp_path) for end in (":train", ""))
    assert whole.name == f"idx:{folder}"
    assert key(train) != key(whole)
    assert key(whole).startswith("idx-fashion-mnist-")


def test_fashion_classes_have_names_and_digits_have_none(tmp_path: Path) -> None:
    named = IdxCatalog(str(both(tmp_path / "fashion")))
    assert [item.attributes["label"] for item in named] == ["T-shirt/top", "Trouser", "Pullover"]
    filled = np.full((30, 28, 28), 200, np.uint8)  # garments reach from edge to edge, whatever the folder's name
    assert next(iter(IdxCatalog(str(both(tmp_path / "held out", pixels=filled))))).attributes == {
        "label": "T-shirt/top"
    }
    digits = np.pad(filled[:, 4:24, 4:24], ((0, 0), (4, 4), (4, 4)))
    assert next(iter(IdxCatalog(str(both(tmp_path / "digits", pixels=digits))))).attributes == {"label": "0"}


def test_a_changed_file_is_seen_by_the_next_look(tmp_path: Path) -> None:
    catalog = IdxCatalog(str(both(tmp_path)))
    before = catalog.fingerprint()
    both(tmp_path, pixels=np.concatenate([PIXELS, PIXELS]))
    assert len(list(catalog)) == 6
    assert catalog.fingerprint() != before


@pytest.mark.parametrize("name", ["train/99999", "train/-1", "test/00000", "../train/00000", "train/"])
def test_an_id_that_is_not_there_is_a_bad_picture(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadPictureError, match="no picture"):
        IdxCatalog(str(both(tmp_path))).read(name)


def damaged(folder: Path, how: str) -> None:
    images = folder / "train-images-idx3-ubyte"
    data = idx(PIXELS)
    contents = {
        "cut": data[:-7],
        "longer": data + b"\0",
        "header": data[:9],
        "empty": b"",
        "magic": b"\0\0\x0d\x03" + data[4:],
        "a picture": b"\x89PNG\r\n\x1a\n" + data,
        "huge": struct.pack(">BBBBIII", 0, 0, 8, 3, 4_000_000_000, 28, 28),
        "none": struct.pack(">BBBBIII", 0, 0, 8, 3, 0, 28, 28),
    }
    images.write_bytes(contents[how])


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("cut", "cut short: 3 x 4 x 5 need 60 bytes, and there are 53"),
        ("longer", "longer than it should be"),
        ("header", "ends within its header"),
        ("empty", "begins with nothing"),
        ("magic", "begins with 00000d03, not 00000803"),
        ("a picture", "is no IDX file"),
        ("huge", "at most 1024 MB"),
        ("none", "holds no pictures"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path, how: str, told: str) -> None:
    damaged(both(tmp_path), how)
    with pytest.raises(AppError, match=f"train-images-idx3-ubyte .*{told}"):
        open_catalog(f"idx:{tmp_path}", tmp_path)


def test_a_gzip_file_that_breaks_off_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "train-images-idx3-ubyte", PIXELS, packed=True)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(AppError, match=r"train-images-idx3-ubyte\.gz is cut short or damaged"):
        IdxCatalog(str(tmp_path))


def test_labels_that_do_not_match_are_refused_with_both_numbers(tmp_path: Path) -> None:
    write(both(tmp_path), "train-labels-idx1-ubyte", np.arange(7))
    with pytest.raises(AppError, match="has 3 pictures but train-labels-idx1-ubyte has 7 labels"):
        IdxCatalog(str(tmp_path))


def test_a_folder_without_such_files_or_split_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no MNIST-style files"):
        IdxCatalog(str(tmp_path))
    both(tmp_path)
    with pytest.raises(AppError, match="no split 'test'. It has: train"):
        IdxCatalog(f"{tmp_path}:test")
    with pytest.raises(AppError, match="There is no folder"):
        IdxCatalog(str(tmp_path / "nowhere"))


@pytest.mark.skipif(not FASHION_MNIST.is_dir(), reason="Fashion-MNIST is not on this machine")
def test_fashion_mnist_itself_has_its_first_picture_and_its_classes() -> None:
    catalog = IdxCatalog(str(FASHION_MNIST))
    first = next(iter(catalog))
    assert (first.id, first.attributes) == ("train/00000", {"label": "Ankle boot"})
    assert catalog.open(first.id).size == (28, 28)


def test_it_says_where_it_comes_from_and_the_licence_only_of_what_it_knows(tmp_path: Path) -> None:
    plain = IdxCatalog(str(both(tmp_path / "plain"))).origin
    assert (plain.source, plain.licence) == ("in files of MNIST's format on this machine", "")
    clothes = IdxCatalog(str(both(tmp_path / "fashion", pixels=np.zeros((3, 28, 28), np.uint8)))).origin
    assert (clothes.source, clothes.licence) == ("Fashion-MNIST, in files of MNIST's format on this machine", "MIT")
