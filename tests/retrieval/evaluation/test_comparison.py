"""Engines side by side: intervals, the front, the differences and the disagreements, by hand on small collections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.core import Stopped
from retrieval.evaluation.comparison import Comparison, Contestant, Step, as_dict, compare, pareto
from retrieval.evaluation.intervals import bootstrap, wilson
from retrieval.evaluation.measures import Collection
from retrieval.evaluation.protocol import EvaluationProtocol
from retrieval.indexes.exact import ExactIndex
from retrieval.search.searcher import Searcher
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, blocks, register, write_picture


class Shelf:
    """A catalogue whose every picture is a small block pattern."""

    name = title = "shelf"

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        return blocks(int(item_id))


def contestant(name: str, angles: Sequence[float], labels: Sequence[str], ids: Sequence[str] = ()) -> Contestant:
    """Return an engine that sees each picture at an angle."""
    turned = np.radians(angles)
    vectors = np.zeros((len(angles), 48), np.float32)
    vectors[:, 0], vectors[:, 1] = np.cos(turned), np.sin(turned)
    ids = list(ids or (str(n) for n in range(len(angles))))
    notes = [{"label": label} for label in labels]
    index = ExactIndex(48)
    index.add(ids, vectors, notes)
    return Contestant(name, name.title(), Collection(ids, vectors, notes), Searcher(index, ColourEncoder))


def compared(*given: Contestant, match: str | None = "label") -> Comparison:
    return compare(given, Shelf(), EvaluationProtocol(match) if match else None, lambda step: None)  # type: ignore[arg-type]


LABELS = ["a", "a", "b", "b"]
GOOD = contestant("good", [0, 1, 90, 91], LABELS)
MIXED = contestant("mixed", [0, 90, 1, 91], LABELS)


def test_the_engine_that_finds_right_pictures_is_better_by_a_paired_interval() -> None:
    found = compared(MIXED, GOOD)
    assert (found.queries, found.gallery, found.unmatched, found.match) == (4, 4, 0, "label")
    values = {engine.name: {k: v.value for k, v in engine.quality.items()} for engine in found.engines}
    assert values["good"] == {
        "p_at_1": 1,
        "p_at_10": pytest.approx(0.1),
        "r_at_1": 1,
        "r_at_10": 1,
        "hit_at_10": 1,
        "map": 1,
    }
    # Mixed finds its only right picture at rank 2 or 3.
    assert values["mixed"]["p_at_1"] == 0
    (difference,) = found.differences
    assert (difference.better, difference.other, difference.clear) == ("good", "mixed", True)
    assert difference.map.value == pytest.approx(1 - values["mixed"]["map"])


def test_a_disagreement_shows_each_engine_s_results_and_which_are_right() -> None:
    found = compared(MIXED, GOOD)
    first = found.disagreements[0]
    mixed, good = first.answers
    assert first.wanted == LABELS[int(first.id)]
    assert (mixed.name, good.name, good.average_precision) == ("mixed", "good", 1.0)
    assert [hit.right for hit in good.hits] == [True, False, False]
    assert mixed.average_precision < 1
    assert not mixed.hits[0].right
    assert all(hit.id != first.id for answer in first.answers for hit in answer.hits)
    gaps = [abs(a.average_precision - b.average_precision) for a, b in (d.answers for d in found.disagreements)]
    assert gaps == sorted(gaps, reverse=True)


def test_engines_that_agree_have_no_disagreements_and_no_clear_difference() -> None:
    found = compared(GOOD, replace(GOOD, name="twin"))
    assert found.disagreements == ()
    assert [(d.map.value, d.clear) for d in found.differences] == [(0.0, False)]


def test_only_pictures_that_all_engines_hold_are_asked_for() -> None:
    lacking = contestant("lacking", [91, 0, 1], ["b", "a", "a"], ["3", "0", "1"])
    found = compared(GOOD, lacking)
    assert (found.queries, found.gallery, found.unmatched) == (3, 3, 1)


def test_without_a_way_to_match_only_speed_is_measured() -> None:
    found = compared(GOOD, match=None)
    assert found.match is None
    assert not found.engines[0].quality
    speed = found.engines[0].speed
    assert speed.pictures_per_second > 0
    assert speed.query_ms > 0
    assert speed.index_mb == pytest.approx(4 * 48 * 4 / 1e6)
    assert speed.weights_mb is None
    assert as_dict(found)["engines"][0]["engine"] == "good"


def test_a_comparison_stops_when_it_is_told_to() -> None:
    def on_progress(step: Step) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        compare([GOOD], Shelf(), EvaluationProtocol(), on_progress)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("quality", "rate", "front"),
    [
        ([0.9, 0.5, 0.4], [1, 10, 5], [0, 1]),
        ([0.5, 0.5], [3, 3], [0, 1]),
        ([0.5, 0.5], [3, 4], [1]),
        ([0.5], [1], [0]),
        ([], [], []),
        ([0.1, 0.2, 0.3], [3, 2, 1], [0, 1, 2]),
    ],
)
def test_the_front_is_what_no_other_beats(quality: list[float], rate: list[float], front: list[int]) -> None:
    assert pareto(quality, rate) == front


def test_the_interval_holds_the_true_mean_about_95_times_in_100() -> None:
    chance = np.random.default_rng(5)
    held = 0
    for seed in range(120):
        ((interval,),), _ = bootstrap(chance.beta(2, 3, (1, 80, 1)), seed)
        held += interval.low <= 0.4 <= interval.high
    assert 105 <= held <= 120


def test_pairing_sees_a_small_difference_that_the_single_intervals_hide() -> None:
    hard = np.random.default_rng(0).uniform(0, 0.9, (200, 1))
    (one, other), pairs = bootstrap(np.stack([hard + 0.02, hard]))
    assert one[0].low < other[0].high
    assert pairs[0][1][0].value == pytest.approx(0.02)
    assert (pairs[0][1][0].low, pairs[0][1][0].high) == (pytest.approx(0.02), pytest.approx(0.02))
    assert pairs[1][0][0].value == pytest.approx(-0.02)


def test_a_share_s_interval_is_wilson_s() -> None:
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert (wilson(81, 263).low, wilson(81, 263).high) == (
        pytest.approx(0.2553, abs=1e-4),
        pytest.approx(0.3662, abs=1e-4),
    )
    assert (wilson(0, 20).low, wilson(0, 20).high) == (0.0, pytest.approx(0.1611, abs=1e-4))
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Return services over twelve labelled pictures, with an engine that works and one whose weights are missing."""
    for n in range(12):
        write_picture(tmp_path / "shop" / "red green blue".split()[n % 3] / f"{n}.jpg", n)
    gone = replace(COLOUR_SPEC, weights="gone", title="Gone", digest="", file="no_such_file.npz")
    register(monkeypatch, COLOUR_SPEC, gone, loaded=[ColourEncoder()])
    return Services(Settings(index_cache=tmp_path / "cache"), [f"folder:{tmp_path / 'shop'}"])


def test_missing_indexes_are_built_and_an_engine_that_cannot_load_is_named_with_the_reason(shop: Services) -> None:
    key = shop.catalogs.infos()[0].key
    steps: list[Step] = []
    specs = [shop.engines.spec(name) for name in ("colours", "colours:gone")]
    found = shop.evaluation.compare(key, specs, EvaluationProtocol(), steps.append)
    assert [engine.name for engine in found.engines] == ["colours:none"]
    assert "no_such_file.npz" in found.failed["colours:gone"]
    assert found.queries == 12
    assert {step.doing for step in steps} >= {"loading", "looking at the pictures", "measuring the speed"}
    assert shop.evaluation.duplicates(key, COLOUR_SPEC).counts(0.8)[1] <= 12
    assert shop.evaluation.matchable(key) == {"label": 12}
