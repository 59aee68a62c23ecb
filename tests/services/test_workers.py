"""What a worker on another machine is given, and what it makes of it there."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from retrieval.core import AppError
from services.indexes.workers import EncodingJob, elsewhere
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, register


def recipe(settings: Settings, catalog: str = "sample", digest: str = "d1") -> EncodingJob:
    return EncodingJob(settings.public, catalog, None, "colours:none", digest)


def test_no_secret_goes_to_another_machine(tmp_path: Path) -> None:
    secret = [field.name for field in fields(Settings) if not field.repr]
    assert {"openai_key", "auth"} <= set(secret)
    filled: dict[str, Any] = dict.fromkeys(secret, "s3cret")
    sent = recipe(replace(Settings(index_cache=tmp_path), **filled)).settings
    assert not any(getattr(sent, name) for name in secret)
    assert sent.index_cache == tmp_path


def test_a_catalogue_opens_where_the_folders_of_the_asking_machine_are_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings(index_cache=tmp_path / "file" / "cache", sample=tmp_path / "nowhere")
    catalog = recipe(settings).open()
    assert catalog.name == "sample"
    assert catalog.read("000001/item1")


def test_a_worker_with_other_weights_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, COLOUR_SPEC, loaded=[ColourEncoder()])
    settings = Settings(index_cache=tmp_path)
    assert isinstance(recipe(settings).load(), ColourEncoder)
    with pytest.raises(AppError, match=r"has other weights of colours none \(d1 is not d2\)"):
        recipe(settings, digest="d2").load()


def test_only_ray_is_known(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no workers 'dask'. Choose: --workers ray"):
        elsewhere("dask", recipe(Settings(index_cache=tmp_path)), COLOUR_SPEC)
