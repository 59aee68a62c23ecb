"""Turning a picture, an item or marks into results, and the place where results turn weak."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import AppError
from retrieval.indexes.exact import ExactIndex
from retrieval.pictures import decoding
from retrieval.search.cutoff import NEAREST, strong_results
from retrieval.search.searcher import ALPHA, BETA, GAMMA, Searcher
from tests.conftest import ColourEncoder, blocks


@pytest.fixture
def searcher(folder: Path, encoder: ColourEncoder) -> Searcher:
    index = ExactIndex(encoder.spec.dim)
    catalog = FolderCatalog(folder)
    for item in catalog:
        image = decoding.decode(catalog.read(item.id), encoder.spec.image_size)
        index.add([item.id], encoder.encode_images([image]), [item.attributes])
    return Searcher(index, lambda: encoder)


@pytest.fixture
def plane() -> Searcher:
    """Return a searcher over four directions of a plane, without an encoder."""
    index = ExactIndex(2)
    vectors = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], np.float32)
    index.add(["east", "north", "west", "between"], vectors, [{"n": str(n)} for n in range(4)])
    return Searcher(index, lambda: pytest.fail("the encoder was loaded"))


EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def test_a_picture_of_the_catalogue_finds_itself_first_at_one(searcher: Searcher, folder: Path) -> None:
    catalog = FolderCatalog(folder)
    for item in catalog:
        result = searcher.by_image(catalog.open(item.id, 64), 5)
        assert result.hits[0].id == item.id
        assert f"{result.hits[0].score:.3f}" == "1.000"
        assert len(result.hits) == 5
        assert 0 < result.strong <= 5
        assert set(result.seconds) == {"encode", "search"}


def test_an_item_leaves_itself_out_of_its_own_results(searcher: Searcher) -> None:
    result = searcher.by_id("red/00.jpg", 100)
    assert len(result.hits) == 11
    assert "red/00.jpg" not in [hit.id for hit in result.hits]
    assert len(searcher.by_id("red/00.jpg", 3).hits) == 3


def test_an_item_is_searched_for_without_loading_the_engine(plane: Searcher) -> None:
    assert [hit.id for hit in plane.by_id("east", 9).hits] == ["between", "north", "west"]


def test_filters_narrow_the_results(searcher: Searcher) -> None:
    hits = searcher.by_image(blocks(0), 100, {"label": ["red", "green"]}).hits
    assert len(hits) == 8
    assert {hit.attributes["label"] for hit in hits} == {"red", "green"}
    nothing = searcher.by_image(blocks(0), 100, {"label": ["mauve"]})
    assert (nothing.hits, nothing.strong, len(nothing.curve)) == ([], 0, 0)


def test_an_unknown_item_is_named(searcher: Searcher) -> None:
    with pytest.raises(AppError, match="'nobody.jpg'"):
        searcher.by_id("nobody.jpg", 5)
    with pytest.raises(AppError, match="'nobody.jpg'"):
        searcher.by_examples(None, ["red/00.jpg", "nobody.jpg"], [], 5)


def test_marks_move_the_query_by_rocchio_s_formula(plane: Searcher) -> None:
    result = plane.by_examples(EAST, ["north", "between"], ["west"], 9)
    # 1 (1, 0) + 0.75 mean((0, 1), (0.6, 0.8)) - 0.15 (-1, 0) = (1.375, 0.675)
    assert (ALPHA, BETA, GAMMA) == (1.0, 0.75, 0.15)
    expected = np.array([1.375, 0.675]) / np.hypot(1.375, 0.675)
    assert result.query == pytest.approx(expected, abs=1e-6)
    assert {hit.id: hit.score for hit in result.hits}["north"] == pytest.approx(expected[1], abs=1e-6)


def test_liked_items_come_nearer_and_disliked_ones_go_away(plane: Searcher) -> None:
    def score(liked: list[str], disliked: list[str], item: str) -> float:
        return next(hit.score for hit in plane.by_examples(EAST, liked, disliked, 9).hits if hit.id == item)

    plain = score([], [], "between")
    assert score(["north"], [], "between") > plain
    assert score([], ["north"], "between") < plain


def test_disliked_items_are_left_out_and_liked_ones_stay(plane: Searcher) -> None:
    found = [hit.id for hit in plane.by_examples(None, ["north"], ["east"], 9).hits]
    assert found[0] == "north"
    assert "east" not in found


def test_liked_items_alone_are_a_query(plane: Searcher) -> None:
    assert plane.by_examples(None, ["east", "north"], [], 9).query == pytest.approx([0.5**0.5, 0.5**0.5], abs=1e-6)


def test_marks_that_say_nothing_or_cancel_out_are_refused_with_what_to_do(plane: Searcher) -> None:
    with pytest.raises(AppError, match="Mark at least one"):
        plane.by_examples(None, [], ["east"], 5)
    with pytest.raises(AppError, match="cancel each other out"):
        plane.by_examples(None, ["east", "west"], [], 5)


def test_the_curve_is_the_query_s_own_whatever_number_is_asked_for(searcher: Searcher) -> None:
    few, all_of_them = searcher.by_id("red/00.jpg", 1), searcher.by_id("red/00.jpg", 100)
    assert np.array_equal(few.curve, all_of_them.curve)
    assert len(few.curve) == min(NEAREST, 11)
    assert few.strong == 1


@pytest.mark.parametrize("near", [1, 2, 5, 30])
@pytest.mark.parametrize("rest", [5, 40, 170])
def test_two_clear_groups_are_cut_between(near: int, rest: int) -> None:
    curve = np.concatenate([np.linspace(0.95, 0.93, near), np.linspace(0.61, 0.58, rest)]).astype(np.float32)
    assert strong_results(curve) == near


@pytest.mark.parametrize(
    ("curve", "expected"),
    [([], 0), ([0.9], 1), ([0.9, 0.1], 2), ([0.9, 0.1, 0.1], 1), ([0.9, 0.9, 0.1], 2), ([0.5] * 50, 50)],
)
def test_short_and_level_curves_have_a_cut_off_too(curve: list[float], expected: int) -> None:
    assert strong_results(np.array(curve, np.float32)) == expected


_CURVES = st.lists(st.integers(0, 1000), min_size=3, max_size=60)


@given(_CURVES, st.sampled_from([-0.5, 0.0, 0.25]), st.sampled_from([0.25, 0.5, 2.0]))
def test_the_cut_off_follows_the_shape_of_the_curve_and_not_its_height(
    steps: list[int], shift: float, scale: float
) -> None:
    curve = np.sort(np.array(steps, np.float64))[::-1] / 1024  # exact in binary, so that shifting loses nothing
    count = strong_results(curve)
    assert 0 < count <= len(curve)
    assert strong_results(curve * scale + shift) == count


@given(_CURVES)
def test_the_cut_off_is_the_cut_with_the_least_variance_inside_the_groups(steps: list[int]) -> None:
    curve = np.sort(np.array(steps, np.float64))[::-1] / 1000
    count = strong_results(curve)
    if count < len(curve):
        inside = [curve[:n].var() * n + curve[n:].var() * (len(curve) - n) for n in range(1, len(curve))]
        assert inside[count - 1] == pytest.approx(min(inside), abs=1e-9)
