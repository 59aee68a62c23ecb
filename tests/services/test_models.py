"""Models that users trained: kept whole or not at all, listed as engines, the earlier one safe from a full disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

import engines
from retrieval.core import AppError, EncoderSpec
from services.models.store import WEIGHTS, ModelStore, check_name

FACTS = EncoderSpec(
    "product", "shop", "Trained on shop", 8, 32, "yours", "trained here", "engines.product.encoder:Product"
)


def test_a_saved_model_is_a_row_whose_file_holds_its_weights(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert store.rows() == ()
    store.save("product", "shop", {WEIGHTS: b"one"}, FACTS, {"classes": ["Hat"]})
    (row,) = ModelStore(tmp_path).rows()
    assert (row.engine, row.weights, row.title) == ("product", "shop", "Trained on shop")
    assert Path(str(row.file)).read_bytes() == b"one"
    assert row.digest
    assert store.about("product", "shop") == {"classes": ["Hat"]}


def test_a_second_training_replaces_the_first_and_its_digest(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.save("product", "shop", {WEIGHTS: b"one"}, FACTS)
    before = store.rows()[0].digest
    store.save("product", "shop", {WEIGHTS: b"two"}, FACTS)
    (row,) = store.rows()
    assert Path(str(row.file)).read_bytes() == b"two"
    assert row.digest != before
    assert len(list((tmp_path / "product").iterdir())) == 1


def test_a_full_disk_leaves_the_earlier_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(tmp_path)
    store.save("product", "shop", {WEIGHTS: b"one"}, FACTS)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AppError, match="No space left.*Earlier models are as they were"):
        store.save("product", "shop", {WEIGHTS: b"two"}, FACTS)
    (row,) = store.rows()
    assert Path(str(row.file)).read_bytes() == b"one"
    assert len(list((tmp_path / "product").iterdir())) == 1


def test_a_damaged_model_hides_itself_and_no_other(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.save("product", "shop", {WEIGHTS: b"one"}, FACTS)
    store.save("vae", "other", {WEIGHTS: b"two"}, FACTS)
    next((tmp_path / "vae").glob("other.*/facts.json")).write_text("{")
    assert [row.weights for row in store.rows()] == ["shop"]
    store.remove("product", "shop")
    assert store.rows() == ()
    with pytest.raises(AppError, match="no model 'shop'"):
        store.about("product", "shop")


@pytest.mark.parametrize("name", ["", "..", "a/b", "x" * 41, "-a", "a.b"])
def test_a_name_that_would_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(AppError, match="cannot be called"):
        check_name(name)


def test_a_name_is_tidied_and_the_apps_own_is_refused() -> None:
    assert check_name(" My Shop ") == "my-shop"
    with pytest.raises(AppError, match="came with the app"):
        check_name("Fashion", frozenset({"fashion"}))


def test_an_offered_model_is_found_by_its_name_and_missed_when_its_file_is_gone(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.save("product", "shop", {WEIGHTS: b"one"}, FACTS)
    engines.offer_models(store.rows())
    try:
        row = engines.spec("product", "shop")
        assert engines.missing(row) is None
        Path(str(row.file)).unlink()
        assert "gone" in str(engines.missing(row))
    finally:
        engines.offer_models(())
