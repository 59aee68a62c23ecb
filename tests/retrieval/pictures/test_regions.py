"""The regions of a picture: what lies inside its flat margins, and parts of that."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from retrieval.pictures.regions import REGIONS, inside_margins, regions
from tests.conftest import blocks


def framed(box: tuple[int, int, int, int], size: tuple[int, int] = (200, 300)) -> Image.Image:
    """Return a white picture with a pattern at `box`, whose rows all differ from white."""
    image = Image.new("RGB", size, (255, 255, 255))
    inside = blocks(3, (box[2] - box[0], box[3] - box[1])).point(lambda value: value // 2)
    image.paste(inside, box[:2])
    return image


def test_margins_of_one_colour_are_left_out_to_the_pixel() -> None:
    assert inside_margins(framed((40, 60, 160, 260))) == (40, 60, 160, 260)


def test_a_picture_without_margins_keeps_all_of_itself() -> None:
    assert inside_margins(blocks(5, (120, 90))) == (0, 0, 120, 90)


def test_the_whole_comes_first_untouched_and_the_parts_are_of_the_inside() -> None:
    image = framed((40, 60, 160, 260))
    whole, upper, lower, middle = regions(image)
    assert len(REGIONS) == 4
    assert whole is image
    assert (upper.size, lower.size, middle.size) == ((120, 120), (120, 120), (72, 120))
    pixels = np.asarray(image)
    assert np.array_equal(np.asarray(upper), pixels[60:180, 40:160])
    assert np.array_equal(np.asarray(lower), pixels[140:260, 40:160])
    assert np.array_equal(np.asarray(middle), pixels[100:220, 64:136])


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 40), (7, 3), (300, 200)])
def test_any_size_and_one_flat_colour_still_give_four_pictures_with_pixels(size: tuple[int, int]) -> None:
    found = regions(Image.new("RGB", size, (90, 120, 200)))
    assert len(found) == 4
    assert all(region.width >= 1 and region.height >= 1 for region in found)
