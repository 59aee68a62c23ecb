"""What ships: the indexes of the drawn catalogues are true wherever they are checked out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from retrieval.catalogs import open_catalog
from settings import Settings

SHIPPED = sorted(Settings().prepared.glob("*/*.json"))


@pytest.mark.parametrize("manifest", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_index_that_ships_is_that_of_its_pictures(manifest: Path) -> None:
    catalog = open_catalog(manifest.parent.name, Settings().sample)
    assert json.loads(manifest.read_bytes())["fingerprint"] == catalog.fingerprint(), (
        "run: python -m training.prepare_sample_index"
    )


@pytest.mark.parametrize("name", ["sample", "paintings"])
def test_a_checkout_at_another_place_and_time_changes_nothing_and_another_picture_does(
    name: str, tmp_path: Path
) -> None:
    sample = Settings().sample
    here = open_catalog(name, sample).fingerprint()
    shutil.copytree(sample.with_name(name), tmp_path / name, copy_function=shutil.copyfile)
    assert open_catalog(name, tmp_path / "sample").fingerprint() == here
    picture = next((tmp_path / name).rglob("*.jpg"))
    picture.write_bytes(picture.read_bytes()[:-2] + b"xx")
    assert open_catalog(name, tmp_path / "sample").fingerprint() != here
