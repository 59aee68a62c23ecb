"""Near-duplicates, against groups made by hand and against a search through all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.search import duplicates
from retrieval.search.duplicates import forest


def line(*angles: float) -> np.ndarray:
    """Return unit vectors at angles in degrees."""
    turned = np.radians(angles)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def by_all_pairs(vectors: np.ndarray, threshold: float) -> set[tuple[str, ...]]:
    """Return the groups found by walking from picture to picture."""
    near = vectors @ vectors.T >= threshold
    left, found = set(range(len(vectors))), set()
    while left:
        reached, waiting = set(), [left.pop()]
        while waiting:
            here = waiting.pop()
            reached.add(here)
            waiting += [n for n in np.flatnonzero(near[here]).tolist() if n in left]
            left -= set(waiting)
        if len(reached) > 1:
            found.add(tuple(str(n) for n in sorted(reached)))
    return found


def test_a_chain_of_near_pictures_is_one_group_held_by_its_weakest_link() -> None:
    # 0, 5 and 15 degrees hang together; 90 and 91 are another pair; 200 is alone.
    found = forest(list("abcdef"), line(0, 5, 15, 90, 91, 200))
    groups = found.groups(0.95)
    assert [group.ids for group in groups] == [("a", "b", "c"), ("d", "e")]
    links = np.cos(np.radians([10, 1]))
    assert [group.weakest for group in groups] == pytest.approx(links, abs=1e-5)
    assert [group.ids for group in found.groups(0.99)] == [("d", "e"), ("a", "b")]
    assert (found.counts(0.95), found.counts(0.99), found.counts(1.0)) == ((2, 5), (2, 4), (0, 0))


def test_the_same_picture_twice_is_a_group_at_one() -> None:
    vectors = np.random.default_rng(0).normal(size=(4, 48)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = forest(list("abcd"), vectors[[0, 1, 2, 1]])
    (group,) = found.groups(1.0)
    assert group.ids == ("b", "d")
    assert group.weakest == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pictures_have_no_groups(count: int) -> None:
    found = forest([str(n) for n in range(count)], line(*range(count)).reshape(count, 2))
    assert found.groups(0.8) == []
    assert found.counts(0.8) == (0, 0)


@pytest.mark.parametrize("cells", [1, 4000, 1 << 21])
def test_groups_at_every_threshold_are_those_of_all_pairs(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_CELLS", cells)
    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(60, 24))[chance.integers(0, 60, 180)] + 0.3 * chance.normal(size=(180, 24))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    found = forest([str(n) for n in range(180)], vectors)
    assert len(found.groups(0.9)) > 3
    for threshold in duplicates.THRESHOLDS:
        groups = found.groups(threshold)
        assert {tuple(sorted(group.ids, key=int)) for group in groups} == by_all_pairs(vectors, threshold - 1e-5)
        assert found.counts(threshold) == (len(groups), sum(len(group.ids) for group in groups))


def test_the_search_can_be_stopped_between_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_CELLS", 10)
    heard = []

    def on_progress(done: int, total: int) -> None:
        heard.append((done, total))
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        forest([str(n) for n in range(20)], line(*range(20)), on_progress)
    assert heard == [(0, 20), (1, 20)]
