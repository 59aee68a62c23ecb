"""Data sets of the Hub that are folders of pictures: by class or with metadata, loose or zipped, whole or broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.catalogs.hub import catalog as huggingface
from retrieval.catalogs.hub.names import parse
from retrieval.core import AppError
from tests.conftest import jpeg

datasets = pytest.importorskip("datasets")
from tests.fakes import hub  # noqa: E402 - it needs the library


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the library caches of this test alone, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def by_class(folder: Path) -> None:
    for kind, first in (("cat", 0), ("dog", 3)):
        (folder / kind).mkdir(parents=True)
        for n in range(first, first + 3):
            (folder / kind / f"{n}.jpg").write_bytes(jpeg(n))


def with_metadata(folder: Path) -> None:
    folder.mkdir(parents=True)
    for n in range(6):
        (folder / f"{n}.jpg").write_bytes(jpeg(n))
    rows = [f"{n}.jpg,{'cat' if n < 3 else 'dog'}" for n in range(6)]
    (folder / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))


def bare(folder: Path) -> None:
    folder.mkdir(parents=True)
    for n in range(6):
        (folder / f"{n}.jpg").write_bytes(jpeg(n))


def opened(tmp_path: Path, made: Path) -> huggingface.HubCatalog:
    hub.folder_into_hub_cache("shop/photos", made, tmp_path / "hub")
    return huggingface.open_hub(parse("hf:shop/photos"), tmp_path / "store")


@pytest.mark.parametrize("zipped", [False, True], ids=["loose", "zipped"])
@pytest.mark.parametrize("write", [by_class, with_metadata])
def test_an_imagefolder_gives_its_own_files_and_labels(
    tmp_path: Path, write: Callable[[Path], None], zipped: bool
) -> None:
    made = tmp_path / "made"
    write(made / "data" / "train")
    if zipped:
        shutil.make_archive(str(made / "data" / "train"), "zip", made / "data" / "train")
        shutil.rmtree(made / "data" / "train")
    catalog = opened(tmp_path, made)
    found = [(catalog.read(item.id), item.attributes["label"]) for item in catalog]
    assert found == [(jpeg(n), "cat" if n < 3 else "dog") for n in range(6)]


def test_an_imagefolder_without_classes_has_no_labels(tmp_path: Path) -> None:
    bare(tmp_path / "made" / "train")
    catalog = opened(tmp_path, tmp_path / "made")
    assert [catalog.read(item.id) for item in catalog] == [jpeg(n) for n in range(6)]


def test_a_broken_archive_of_an_imagefolder_is_no_broken_connection(tmp_path: Path) -> None:
    by_class(tmp_path / "made" / "data" / "train")
    archive = Path(shutil.make_archive(str(tmp_path / "made" / "data" / "train"), "zip", tmp_path / "made/data/train"))
    shutil.rmtree(tmp_path / "made" / "data" / "train")
    data = bytearray(archive.read_bytes())
    data[-22:] = b"\0" * 22
    archive.write_bytes(data)
    with pytest.raises(AppError, match="shop/photos") as told:
        opened(tmp_path, tmp_path / "made")
    assert "connection" not in str(told.value)


def test_a_reader_that_fails_is_told_as_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_metadata(tmp_path / "made" / "train")
    (tmp_path / "made" / "train" / "metadata.csv").write_text('file_name,label\n0.jpg,cat\n"1.jpg,dog\n')
    with pytest.raises(AppError, match="shop/photos") as told:
        opened(tmp_path, tmp_path / "made")
    assert "connection" not in str(told.value)


def test_metadata_of_an_imagefolder_that_names_a_missing_file_is_told_with_its_name(tmp_path: Path) -> None:
    with_metadata(tmp_path / "made" / "train")
    (tmp_path / "made" / "train" / "3.jpg").unlink()
    try:
        catalog = opened(tmp_path, tmp_path / "made")
    except AppError as error:
        assert "connection" not in str(error)  # noqa: PT017 - either way of the library's is right, this sentence isn't
    else:
        assert len(list(catalog)) >= 5
