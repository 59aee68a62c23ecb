"""The foreground finds a garment by its colours and place, and always answers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from retrieval.pictures.foreground import centre_prior, foreground


def coat(size: tuple[int, int], box: tuple[int, int, int, int], colour: str = "navy") -> tuple[Image.Image, np.ndarray]:
    """Return a noisy picture of a rectangle on a pale ground, and where the rectangle is."""
    image, mask = Image.new("RGB", size, "beige"), Image.new("L", size)
    ImageDraw.Draw(image).rectangle(box, fill=colour)
    ImageDraw.Draw(mask).rectangle(box, fill=1)
    noise = np.random.default_rng(0).integers(-9, 10, (size[1], size[0], 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)), np.asarray(mask) > 0


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("box", [(60, 40, 240, 330), (20, 100, 200, 399), (110, 150, 190, 250)])
def test_a_garment_is_found_to_within_its_outline(box: tuple[int, int, int, int]) -> None:
    image, right = coat((300, 400), box)
    found, guessed = (overlap(estimate > 0.5, right) for estimate in (foreground(image), centre_prior(400, 300)))
    assert found > 0.85
    assert found > guessed + 0.15


@pytest.mark.parametrize("size", [(300, 400), (1, 1), (2, 900), (900, 3), (1600, 1200)])
@pytest.mark.parametrize("colour", ["white", "black"])
def test_a_flat_picture_gets_the_middle(size: tuple[int, int], colour: str) -> None:
    found = foreground(Image.new("RGB", size, colour))
    assert found.shape == size[::-1]
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert found[size[1] // 2, size[0] // 2] > 0.5


def test_the_same_picture_gives_the_same_answer_with_soft_edges() -> None:
    image, _ = coat((301, 397), (80, 90, 220, 300))
    found = foreground(image)
    assert np.array_equal(found, foreground(image))
    assert ((found > 0.05) & (found < 0.95)).any()
