"""Copies told by their pixels."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps

from retrieval.pictures import signature
from tests.conftest import blocks

WAYS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda image: image,
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "a quarter": lambda image: image.rotate(90, expand=True),
    "half": lambda image: image.rotate(180),
    "three quarters, mirrored": lambda image: ImageOps.mirror(image).rotate(270, expand=True),
}


def picture(seed: int) -> Image.Image:
    return blocks(seed, (320, 240)).resize((480, 360), Image.Resampling.BICUBIC)


def saved(image: Image.Image) -> Image.Image:
    """Return a picture as it comes back from a small JPEG."""
    data = io.BytesIO()
    image.resize((int(image.width * 0.7), int(image.height * 0.7))).save(data, "JPEG", quality=50)
    return Image.open(data).convert("RGB")


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_found_however_it_is_turned_scaled_and_saved(way: str) -> None:
    copy = signature.signature(saved(WAYS[way](picture(1))))
    others = np.stack([signature.signature(picture(seed)) for seed in range(2, 12)])
    assert signature.same(copy, signature.signature(picture(1))[None]).all()
    assert not signature.same(copy, others).any()
    pairs = signature.copies(np.concatenate([others, copy[None], signature.signature(picture(1))[None]]))
    assert [each.tolist() for each in pairs] == [[10], [11]]


def test_another_colour_is_no_copy() -> None:
    one = picture(1)
    red, green, blue = one.split()
    other = Image.merge("RGB", (green, blue, red))
    assert not signature.same(signature.signature(one), signature.signature(other)[None]).any()


def test_blank_pictures_of_other_colours_are_no_copies() -> None:
    plain = np.stack(
        [signature.signature(Image.new("RGB", (200, 200), colour)) for colour in ("white", "black", "red")]
    )
    assert len(signature.copies(plain)[0]) == 0


def test_nothing_has_no_copies() -> None:
    assert len(signature.copies(np.zeros((0, signature.SIDE, signature.SIDE, 3), np.uint8))[0]) == 0
