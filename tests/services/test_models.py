"""Models that users trained: kept whole or not at all, listed as engines, the earlier one safe from a full disk."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
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
    store.save(FACTS, {WEIGHTS: b"one"}, {"classes": ["Hat"]})
    (row,) = ModelStore(tmp_path).rows()
    assert (row.engine, row.weights, row.title) == ("product", "shop", "Trained on shop")
    assert Path(str(row.file)).read_bytes() == b"one"
    assert row.digest
    assert store.about("product", "shop") == {"classes": ["Hat"]}


def test_a_second_training_replaces_the_first_and_its_digest(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.save(FACTS, {WEIGHTS: b"one"})
    before = store.rows()[0].digest
    store.save(FACTS, {WEIGHTS: b"two"})
    (row,) = store.rows()
    assert Path(str(row.file)).read_bytes() == b"two"
    assert row.digest != before
    assert len(list((tmp_path / "product").iterdir())) == 1


def test_a_full_disk_leaves_the_earlier_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(tmp_path)
    store.save(FACTS, {WEIGHTS: b"one"})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AppError, match="No space left.*Earlier models are as they were"):
        store.save(FACTS, {WEIGHTS: b"two"})
    (row,) = store.rows()
    assert Path(str(row.file)).read_bytes() == b"one"
    assert len(list((tmp_path / "product").iterdir())) == 1


def test_a_damaged_model_hides_itself_and_no_other(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.save(FACTS, {WEIGHTS: b"one"})
    store.save(replace(FACTS, engine="vae", weights="other"), {WEIGHTS: b"two"})
    next((tmp_path / "vae").glob("other.*/facts.json")).write_text("{")
    assert [row.weights for row in store.rows()] == ["shop"]
    store.remove("product", "shop")
    assert store.rows() == ()
    with pytest.raises(AppError, match="no model 'shop'"):
        store.about("product", "shop")


@pytest.mark.parametrize("load", ["engines.vae:VariationalAutoencoder", "os:system", "engines.product:Product"])
def test_a_model_is_loaded_by_the_code_of_its_engine_whatever_its_file_says(tmp_path: Path, load: str) -> None:
    ModelStore(tmp_path).save(FACTS, {WEIGHTS: b"one"})
    (path,) = tmp_path.glob("*/*/facts.json")
    held = json.loads(path.read_bytes())
    held["spec"] |= {"load": load, "files": "os:system", "checkpoint": "/etc"}
    for later in ("purposes", "files"):  # earlier versions of the app wrote none of these
        held["spec"].pop(later)
    path.write_text(json.dumps(held))
    (row,) = ModelStore(tmp_path).rows()
    assert row.load == engines.spec("product").load
    assert (row.files, row.checkpoint, row.purposes) == ("engines.files:SHIPPED", "", ("product",))
    assert row.digest


@pytest.mark.parametrize("engine", ["nothing", "clip", ""])
def test_a_model_of_an_engine_that_is_not_here_is_left_out(tmp_path: Path, engine: str) -> None:
    ModelStore(tmp_path).save(replace(FACTS, engine=engine or "product", dim=8), {WEIGHTS: b"one"})
    (path,) = tmp_path.glob("*/*/facts.json")
    held = json.loads(path.read_bytes())
    held["spec"]["engine"] = engine
    path.write_text(json.dumps(held))
    assert ModelStore(tmp_path).rows() == ()


@pytest.mark.parametrize("name", ["", "..", "a/b", "x" * 41, "-a", "a.b"])
def test_a_name_that_would_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(AppError, match="cannot be called"):
        check_name(name)


def test_a_name_is_tidied_and_the_apps_own_is_refused() -> None:
    assert check_name(" My Shop ") == "my-shop"
    with pytest.raises(AppError, match="came with the app"):
        check_name("Fashion", frozenset({"fashion"}))


def test_an_offered_model_is_found_by_its_name_and_missed_when_its_file_is_gone(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, engines.REGISTRY.offer_models)
    try:
        store.save(FACTS, {WEIGHTS: b"one"})
        row = engines.spec("product", "shop")
        assert engines.missing(row) is None
        Path(str(row.file)).unlink()
        assert "gone" in str(engines.missing(row))
    finally:
        engines.REGISTRY.offer_models(())


@pytest.mark.parametrize(
    "facts",
    ["[]", "null", "5", "", "{", "[" * 100_000, '{"spec": ' + "[" * 100_000 + "]" * 100_000 + "}", '{"spec": []}',
     '{"spec": {"engine": ["product"]}, "made": 1}', "\ud800".encode("utf-8", "surrogatepass")],
)  # fmt: skip
def test_a_file_of_facts_that_is_none_is_skipped_and_named(
    tmp_path: Path, facts: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store = ModelStore(tmp_path)
    store.save(FACTS, {WEIGHTS: b"one"})
    store.save(replace(FACTS, weights="bad"), {WEIGHTS: b"two"})
    (path,) = tmp_path.glob("*/bad.*/facts.json")
    path.write_bytes(facts if isinstance(facts, bytes) else facts.encode())
    assert [row.weights for row in store.rows()] == ["shop"]
    assert "bad." in caplog.text
    with pytest.raises(AppError, match="What is kept of the model 'bad'"):
        store.about("product", "bad")


def test_a_file_of_facts_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    store.save(FACTS, {WEIGHTS: b"one"})
    (path,) = tmp_path.glob("*/*/facts.json")
    with path.open("ab") as file:
        file.truncate(1 << 32)
    assert store.rows() == ()
