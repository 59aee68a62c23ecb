"""What is indexed already is searched while the first index is made, and said."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.core import MissingIndexError
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, register, write_picture
from ui.search import flow
from ui.search.question import Question

SPEC = replace(COLOUR_SPEC, purposes=("look-alike",))
PICTURES, WAIT = 120, 120.0


class Halting(ColourEncoder):
    """Stops before it has seen everything, until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(SPEC)
        self.go_on = threading.Event()

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, 48)."""
        if self.encoded >= PICTURES // 3 and len(images) > 1:
            assert self.go_on.wait(WAIT)
        return super().encode_images(images)


def test_what_is_indexed_is_searched_and_the_rest_joins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(PICTURES):
        write_picture(tmp_path / "shop" / f"{number:03}.jpg", number)
    encoder = Halting()
    register(monkeypatch, SPEC, loaded=[encoder])
    services = Services(Settings(index_cache=tmp_path / "cache", clip=()), [f"folder:{tmp_path / 'shop'}"])
    key = services.catalogs.infos()[0].key
    question = Question(catalog=key, item="000.jpg")
    with pytest.raises(MissingIndexError):
        services.indexes.searcher(key, SPEC)
    assert flow.answer(services, question, SPEC).result is None
    found = _patiently(lambda: flow.answer(services, question, SPEC), lambda answer: answer.result is not None)
    part = len(services.indexes.searcher(key, SPEC).index)
    assert 0 < part < PICTURES
    assert found.pending
    assert found.result
    assert f"of {PICTURES} indexed" in found.result.notes[0]
    assert services.indexes.holds(key, found.result.hits[0].id)
    encoder.go_on.set()
    found = _patiently(lambda: flow.answer(services, question, SPEC), lambda answer: not answer.pending)
    assert len(services.indexes.searcher(key, SPEC).index) == PICTURES
    assert found.result
    assert not found.result.notes
    services.close()


def _patiently(ask, enough):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    deadline = time.monotonic() + WAIT
    while not enough(found := ask()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found
