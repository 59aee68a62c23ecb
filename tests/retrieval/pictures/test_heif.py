"""Phones' HEIC, and AVIF: read in their colours, and however large as long as they are made of tiles."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.core import BadPictureError
from retrieval.pictures import decoding, heif_grid
from tests.conftest import encoded
from tests.fakes import heif
from tests.retrieval.pictures.test_pictures import far

GREEN, BLUE, RED = (30, 160, 60), (20, 60, 200), (200, 30, 40)


@pytest.fixture(params=["HEIC", "AVIF"])
def tile(request: pytest.FixtureRequest) -> bytes:
    return heif.HEIC if request.param == "HEIC" else encoded(decoding.decode(heif.HEIC), "AVIF", quality=80)


def test_a_phone_s_picture_is_read_in_its_colours() -> None:
    shown = decoding.decode(heif.HEIC)
    assert shown.size == (512, 512)
    for place, colour in (((250, 20), GREEN), ((100, 300), BLUE), ((400, 300), RED)):
        assert shown.getpixel(place) == pytest.approx(colour, abs=3)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_tiles_read_one_by_one_are_the_picture(tile: bytes, turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = heif.grid(tile, 4, 3, (2016, 1400), turns)
    whole = decoding.decode(data, 300)
    monkeypatch.setattr("retrieval.pictures.budget.AT_ONCE", 4 << 20)
    read = decoding.decode(data, 300)
    assert read.size == whole.size == ((504, 350) if turns % 2 == 0 else (350, 504))
    assert far(read, whole) < 1.5


def test_a_picture_of_48_megapixels_is_scaled_down(tile: bytes) -> None:
    data = heif.grid(tile, 16, 12, (8064, 6048))
    shown = np.asarray(decoding.decode(data, 224)).astype(int)
    assert shown.shape == (378, 504, 3)
    assert shown[20, 4] == pytest.approx(BLUE, abs=6)
    assert shown[20, 24] == pytest.approx(RED, abs=6)
    assert max(decoding.decode(data).size) <= decoding.DISPLAY_SIDE


def test_one_that_is_damaged_is_told_and_one_that_is_no_grid_is_none() -> None:
    data = heif.grid(heif.HEIC, 16, 12, (8064, 6048))
    assert heif_grid.grid(heif.HEIC) is None
    for end in range(100, len(data) - 300, 397):
        with pytest.raises(BadPictureError):
            decoding.decode(data[:end], 224)
