"""What the style engine promises of odd pictures, of two parts in one vector, and of why two pictures agree."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import engines
from engines.runtime.margins import without_margins
from engines.style.encoder import Style
from engines.style.preprocessing import view
from retrieval.core import VectorPart
from retrieval.search.parts import weigh
from tests.conftest import ROOT, blocks

PAINTINGS = sorted((ROOT / "assets" / "paintings").rglob("*.jpg"))


@pytest.fixture(scope="module")
def style() -> Style:
    loaded = engines.load(engines.spec("style:distilled"))
    assert isinstance(loaded, Style)
    return loaded


@pytest.fixture(scope="module")
def painting() -> Image.Image:
    return Image.open(PAINTINGS[0]).convert("RGB")


@pytest.mark.parametrize("colour", ["black", "white", "red", (7, 8, 9)])
def test_a_picture_of_one_colour_has_a_vector_and_finds_itself(style: Style, colour: str | tuple[int, ...]) -> None:
    vectors = style.encode_images([Image.new("RGB", size, colour) for size in ((300, 200), (64, 64))])
    assert np.isfinite(vectors).all()
    assert vectors[0] @ vectors[1] > 0.97  # not 1: the deeper maps see where a picture ends


def test_grey_pictures_are_pictures(style: Style, painting: Image.Image) -> None:
    grey = painting.convert("L")
    first, second, coloured = style.encode_images([grey, grey.convert("RGB"), painting])
    assert first == pytest.approx(second, abs=1e-6)
    assert first @ coloured < 0.999  # colour is a part of style


@pytest.mark.parametrize("size", [(4000, 400), (400, 4000)])
def test_a_panorama_is_cut_to_two_to_one_and_never_squashed(size: tuple[int, int]) -> None:
    wide = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8))
    seen = view(wide, 224)
    long, short = sorted(seen.pixels.shape[:2], reverse=True)
    assert long == 2 * short
    assert long * short == pytest.approx(224 * 224, rel=0.05)
    centre = (seen.part[0] + seen.part[2]) / 2, (seen.part[1] + seen.part[3]) / 2
    assert centre == pytest.approx((0.5, 0.5), abs=0.01)


def test_a_panorama_is_found_by_a_part_of_it(style: Style) -> None:
    strokes = blocks(3, (1600, 400))
    whole, part, other = style.encode_images([strokes, strokes.crop((400, 0, 1200, 400)), blocks(9, (800, 400))])
    assert whole @ part > whole @ other


def test_flat_margins_are_no_strokes(style: Style, painting: Image.Image) -> None:
    mounted = Image.new("RGB", (painting.width + 160, painting.height + 60), (250, 250, 250))
    mounted.paste(painting, (80, 30))
    left, top, right, bottom = without_margins(mounted)
    assert (left, top) == pytest.approx((80, 30), abs=3)
    assert (right, bottom) == pytest.approx((80 + painting.width, 30 + painting.height), abs=3)
    plain, cut = style.encode_images([painting, mounted])
    assert plain @ cut > 0.98


def test_a_question_of_style_alone_does_not_ask_for_the_subject(style: Style) -> None:
    parts = style.spec.parts
    vectors = style.encode_images([Image.open(path) for path in PAINTINGS[::12]])
    for number, own in enumerate(vectors):
        for shares in ({"style": 1.0, "content": 0.0}, {"style": 0.0, "content": 1.0}, {"style": 0.5, "content": 0.5}):
            asked = weigh(parts, {part.name: own for part in parts}, shares)
            scores = vectors @ asked
            assert scores[number] == pytest.approx(1, abs=1e-4)
            assert int(scores.argmax()) == number
    assert sum(_part(parts, vectors[0], "style") ** 2) == pytest.approx(parts[0].share, abs=1e-4)


def _part(parts: tuple[VectorPart, ...], vector: np.ndarray, name: str) -> np.ndarray:
    start = 0
    for part in parts:
        if part.name == name:
            return vector[start : start + part.dim]
        start += part.dim
    raise AssertionError(name)


def test_a_hand_is_nearer_to_itself_than_to_others(style: Style) -> None:
    hands = [PAINTINGS[n : n + 4] for n in range(0, len(PAINTINGS), 12)]
    vectors = style.encode_images([Image.open(path) for hand in hands for path in hand])
    alike = (vectors @ vectors.T).reshape(len(hands), 4, len(hands), 4).mean(axis=(1, 3))
    assert (alike.argmax(axis=1) == np.arange(len(hands))).all()


def test_why_two_pictures_agree_is_said_by_layer_with_places_inside_the_picture(
    style: Style, painting: Image.Image
) -> None:
    same = style.match_styles(painting, painting, 3)
    other = style.match_styles(painting, Image.open(PAINTINGS[-1]).convert("RGB"), 3)
    assert [value for _, value in same.layers] == pytest.approx([1] * len(same.layers), abs=1e-4)
    assert all(ours > theirs for (_, ours), (_, theirs) in zip(same.layers, other.layers, strict=True))
    assert 1 <= len(other.places) <= 3
    for left, top, right, bottom in other.places:
        assert 0 <= left < right <= 1.001
        assert 0 <= top < bottom <= 1.001


def test_what_makes_the_style_of_a_flat_picture_is_no_error(style: Style, painting: Image.Image) -> None:
    flat = Image.new("RGB", (120, 90), "navy")
    found = style.match_styles(painting, flat, 3)
    assert all(np.isfinite(value) for _, value in found.layers)
