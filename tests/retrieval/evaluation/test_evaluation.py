"""The figures of an evaluation, against values made by hand and against scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from retrieval.core import AppError
from retrieval.evaluation.measures import Collection, evaluate, matchable, per_query


def line(*places: tuple[str, float], folder: str = "") -> Collection:
    """Return labelled unit vectors, each at an angle in degrees: near angles are near pictures."""
    angles = np.radians([angle for _, angle in places])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    ids = [f"{folder}{n}.jpg" for n in range(len(places))]
    return Collection(ids, vectors, [{"label": label} if label else {} for label, _ in places])


def test_a_ranking_made_by_hand_has_the_figures_made_by_hand() -> None:
    gallery = line(("a", 1), ("b", 2), ("a", 3), ("b", 4), ("a", 5))
    quality = evaluate(gallery, line(("a", 0)), "label")
    # Relevant at the ranks 1, 3 and 5.
    assert (quality.queries, quality.gallery, quality.unmatched) == (1, 5, 0)
    assert quality.precision == {1: 1.0, 10: pytest.approx(3 / 10)}
    assert quality.recall == {1: pytest.approx(1 / 3), 10: 1.0}
    assert quality.mean_average_precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 5) / 3)


def test_figures_are_averaged_over_queries() -> None:
    gallery = line(("a", 1), ("b", 2), ("a", 3))
    quality = evaluate(gallery, line(("a", 0), ("b", 0)), "label")
    # a: ranks 1 and 3; b: rank 2.
    assert quality.precision[1] == pytest.approx((1 + 0) / 2)
    assert quality.recall[1] == pytest.approx((1 / 2 + 0) / 2)
    assert quality.mean_average_precision == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)


def test_without_queries_every_picture_asks_and_is_itself_left_out() -> None:
    quality = evaluate(line(("a", 0), ("a", 10), ("b", 21)), None, "label")
    # From the first: a, b. From the second: a, b. From the third nothing is relevant.
    assert (quality.queries, quality.gallery, quality.unmatched) == (3, 3, 1)
    assert quality.precision[1] == pytest.approx(2 / 3)
    assert quality.mean_average_precision == pytest.approx(2 / 3)
    assert quality.recall[10] == pytest.approx(2 / 3)


def test_leaving_one_out_leaves_out_the_picture_and_not_its_twin() -> None:
    assert evaluate(line(("a", 0), ("b", 90), ("a", 0)), None, "label").precision[1] == pytest.approx(2 / 3)


def test_labels_are_compared_without_case_or_blanks() -> None:
    quality = evaluate(line(("T-Shirt", 1), ("STRASSE", 2)), line(("t-shirt ", 0), ("straße", 3)), "label")
    assert quality.precision[1] == 1.0


def test_an_excluded_label_is_in_neither_queries_nor_gallery() -> None:
    places = (("a", 0.0), ("Skip", 1.0), ("a", 2.0), ("skip", 3.0), ("b", 9.0))
    quality = evaluate(line(*places), None, "label", ["SKIP"])
    assert (quality.queries, quality.gallery) == (3, 3)
    assert quality.precision[1] == pytest.approx(2 / 3)
    asked = evaluate(line(*places), line(*places), "label", ["skip", "B"])
    assert (asked.queries, asked.gallery, asked.precision[1]) == (2, 2, 1.0)


def test_an_excluded_label_is_left_out_when_names_are_matched_too() -> None:
    places = (("a", 0.0), ("skip", 1.0), ("a", 2.0))
    quality = evaluate(line(*places), line(*places, folder="copies/"), "name", ["skip"])
    assert (quality.queries, quality.gallery, quality.precision[1]) == (2, 2, 1.0)


def test_pictures_without_a_label_are_in_neither_queries_nor_gallery() -> None:
    quality = evaluate(line(("a", 0), ("", 1), ("a", 2)), None, "label")
    assert (quality.queries, quality.gallery, quality.precision[1]) == (2, 2, 1.0)


def test_matching_by_name_looks_at_the_file_s_name_in_any_folder() -> None:
    gallery = line(("", 0), ("", 30), ("", 60))
    quality = evaluate(gallery, line(("", 1), ("", 31), ("", 1), folder="copies/deep/"), "name")
    assert (quality.queries, quality.gallery) == (3, 3)
    assert quality.recall == {1: pytest.approx(2 / 3), 10: 1.0}
    assert quality.mean_average_precision == pytest.approx((1 + 1 + 1 / 3) / 3)


def test_a_gallery_smaller_than_k_divides_by_k() -> None:
    quality = evaluate(line(("a", 1), ("a", 2)), line(("a", 0)), "label")
    assert quality.precision[10] == pytest.approx(0.2)
    assert quality.recall[10] == 1.0


@pytest.mark.parametrize("match", ["label", "name"])
def test_nothing_to_ask_for_is_told_with_what_to_do(match: str) -> None:
    nothing = Collection([], np.empty((0, 2), np.float32), [])
    with pytest.raises(AppError, match=r"gallery.*--label-pattern"):
        evaluate(line(("", 0)) if match == "label" else nothing, None, match)
    with pytest.raises(AppError, match=r"queries.*--label-pattern"):
        evaluate(line(("a", 0)), nothing, match)


def test_any_attribute_can_be_what_matches_and_an_unknown_one_is_told_with_those_there_are() -> None:
    placed = line(("a", 0), ("b", 10), ("a", 21))
    colours = [{"label": "a", "colour": c} for c in ("Red", "red ", "blue")]
    by_colour = Collection(placed.ids, placed.vectors, colours)
    # Red finds red, red finds red, blue has nothing to find.
    assert evaluate(by_colour, None, "colour").precision[1] == pytest.approx(2 / 3)
    with pytest.raises(AppError, match=r"attribute 'size' to match by. Choose one of: colour, label, name"):
        evaluate(by_colour, None, "size")


def test_a_sample_of_the_queries_asks_the_whole_gallery_and_leaves_itself_out() -> None:
    known = collection(np.random.default_rng(3), 60, ["a", "b", "c"])
    every, some = per_query(known, None, "label"), per_query(known, None, "label", most=20)
    assert (len(every.rows), len(some.rows), some.gallery) == (60, 20, 60)
    np.testing.assert_allclose(some.values, every.values[some.rows])


def test_what_can_be_matched_by_is_shared_by_some_and_not_by_all() -> None:
    notes = [
        {"garment": g, "kind": "x", "id": str(n), "label": w}
        for n, (g, w) in enumerate([("1", "a"), ("1", "B"), ("2", "b")])
    ]
    assert matchable(notes) == {"label": 2, "garment": 2}
    assert list(matchable(notes)) == ["label", "garment"]


def collection(rng: np.random.Generator, count: int, labels: Sequence[str]) -> Collection:
    vectors = rng.normal(size=(count, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Collection(
        [f"{n}.jpg" for n in range(count)], vectors, [{"label": str(rng.choice(labels))} for _ in range(count)]
    )


@pytest.mark.parametrize("seed", range(4))
def test_figures_on_random_data_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gallery, queries = collection(rng, 400, ["a", "b", "c"]), collection(rng, 600, ["A", "B", "C"])
    quality = evaluate(gallery, queries, "label")
    expected, first_ten = [], []
    for vector, note in zip(queries.vectors, queries.attributes, strict=True):
        relevant = np.array([other["label"] == note["label"].lower() for other in gallery.attributes])
        scores = gallery.vectors @ vector
        expected.append(average_precision_score(relevant, scores))
        first_ten.append(relevant[np.argsort(-scores)[:10]].mean())
    assert quality.mean_average_precision == pytest.approx(np.mean(expected), abs=1e-6)
    assert quality.precision[10] == pytest.approx(np.mean(first_ten), abs=1e-6)


def test_leaving_one_out_on_random_data_is_asking_each_from_all_others() -> None:
    known = collection(np.random.default_rng(9), 300, ["a", "b", "c", "d"])
    expected = []
    for n in range(300):
        others = [m for m in range(300) if m != n]
        relevant = np.array([known.attributes[m] == known.attributes[n] for m in others])
        expected.append(average_precision_score(relevant, known.vectors[others] @ known.vectors[n]))
    assert evaluate(known, None, "label").mean_average_precision == pytest.approx(np.mean(expected), abs=1e-6)


def test_the_figures_have_the_names_that_the_command_line_promises() -> None:
    names = {"queries", "gallery", "p_at_1", "p_at_10", "r_at_1", "r_at_10", "map"}
    assert set(evaluate(line(("a", 0), ("a", 1)), None, "label").as_dict()) >= names
