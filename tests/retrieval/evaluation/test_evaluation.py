"""The figures of an evaluation, against values made by hand and against scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from retrieval.core import AppError
from retrieval.evaluation.measures import Collection, evaluate, knn_accuracy, matchable, per_query
from retrieval.evaluation.protocol import EvaluationProtocol, parse_where

BY_LABEL = EvaluationProtocol("label")


def line(*places: tuple[str, float], folder: str = "") -> Collection:
    """Return labelled unit vectors, each at an angle in degrees: near angles are near pictures."""
    angles = np.radians([angle for _, angle in places])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    ids = [f"{folder}{n}.jpg" for n in range(len(places))]
    return Collection(ids, vectors, [{"label": label} if label else {} for label, _ in places])


def test_a_ranking_made_by_hand_has_the_figures_made_by_hand() -> None:
    gallery = line(("a", 1), ("b", 2), ("a", 3), ("b", 4), ("a", 5))
    quality = evaluate(gallery, line(("a", 0)), BY_LABEL)
    # Relevant at the ranks 1, 3 and 5.
    assert (quality.queries, quality.gallery, quality.unmatched) == (1, 5, 0)
    assert quality.precision == {1: 1.0, 10: pytest.approx(3 / 10)}
    assert quality.recall == {1: pytest.approx(1 / 3), 10: 1.0}
    assert quality.mean_average_precision == pytest.approx((1 / 1 + 2 / 3 + 3 / 5) / 3)


def test_figures_are_averaged_over_queries() -> None:
    gallery = line(("a", 1), ("b", 2), ("a", 3))
    quality = evaluate(gallery, line(("a", 0), ("b", 0)), BY_LABEL)
    # a: ranks 1 and 3; b: rank 2.
    assert quality.precision[1] == pytest.approx((1 + 0) / 2)
    assert quality.recall[1] == pytest.approx((1 / 2 + 0) / 2)
    assert quality.mean_average_precision == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)


def test_without_queries_every_picture_asks_and_is_itself_left_out() -> None:
    quality = evaluate(line(("a", 0), ("a", 10), ("b", 21)), None, BY_LABEL)
    # From the first: a, b. From the second: a, b. From the third nothing is relevant.
    assert (quality.queries, quality.gallery, quality.unmatched) == (3, 3, 1)
    assert quality.precision[1] == pytest.approx(2 / 3)
    assert quality.mean_average_precision == pytest.approx(2 / 3)
    assert quality.recall[10] == pytest.approx(2 / 3)


def test_leaving_one_out_leaves_out_the_picture_and_not_its_twin() -> None:
    assert evaluate(line(("a", 0), ("b", 90), ("a", 0)), None, BY_LABEL).precision[1] == pytest.approx(2 / 3)


def test_labels_are_compared_without_case_or_blanks() -> None:
    quality = evaluate(line(("T-Shirt", 1), ("STRASSE", 2)), line(("t-shirt ", 0), ("straße", 3)), BY_LABEL)
    assert quality.precision[1] == 1.0


def test_an_excluded_label_is_in_neither_queries_nor_gallery() -> None:
    places = (("a", 0.0), ("Skip", 1.0), ("a", 2.0), ("skip", 3.0), ("b", 9.0))
    quality = evaluate(line(*places), None, EvaluationProtocol(exclude=["SKIP"]))
    assert (quality.queries, quality.gallery) == (3, 3)
    assert quality.precision[1] == pytest.approx(2 / 3)
    asked = evaluate(line(*places), line(*places), EvaluationProtocol(exclude=["skip", "B"]))
    assert (asked.queries, asked.gallery, asked.precision[1]) == (2, 2, 1.0)


def test_an_excluded_label_is_left_out_when_names_are_matched_too() -> None:
    places = (("a", 0.0), ("skip", 1.0), ("a", 2.0))
    quality = evaluate(line(*places), line(*places, folder="copies/"), EvaluationProtocol("name", ["skip"]))
    assert (quality.queries, quality.gallery, quality.precision[1]) == (2, 2, 1.0)


def test_pictures_without_a_label_are_in_neither_queries_nor_gallery() -> None:
    quality = evaluate(line(("a", 0), ("", 1), ("a", 2)), None, BY_LABEL)
    assert (quality.queries, quality.gallery, quality.precision[1]) == (2, 2, 1.0)


def test_matching_by_name_looks_at_the_file_s_name_in_any_folder() -> None:
    gallery = line(("", 0), ("", 30), ("", 60))
    quality = evaluate(gallery, line(("", 1), ("", 31), ("", 1), folder="copies/deep/"), EvaluationProtocol("name"))
    assert (quality.queries, quality.gallery) == (3, 3)
    assert quality.recall == {1: pytest.approx(2 / 3), 10: 1.0}
    assert quality.mean_average_precision == pytest.approx((1 + 1 + 1 / 3) / 3)


def test_a_gallery_smaller_than_k_divides_by_k() -> None:
    quality = evaluate(line(("a", 1), ("a", 2)), line(("a", 0)), BY_LABEL)
    assert quality.precision[10] == pytest.approx(0.2)
    assert quality.recall[10] == 1.0


@pytest.mark.parametrize("match", ["label", "name"])
def test_nothing_to_ask_for_is_told_with_what_to_do(match: str) -> None:
    nothing = Collection([], np.empty((0, 2), np.float32), [])
    with pytest.raises(AppError, match=r"gallery.*--label-pattern"):
        evaluate(line(("", 0)) if match == "label" else nothing, None, EvaluationProtocol(match))
    with pytest.raises(AppError, match=r"queries.*--label-pattern"):
        evaluate(line(("a", 0)), nothing, EvaluationProtocol(match))


def test_any_attribute_can_be_what_matches_and_an_unknown_one_is_told_with_those_there_are() -> None:
    placed = line(("a", 0), ("b", 10), ("a", 21))
    colours = [{"label": "a", "colour": c} for c in ("Red", "red ", "blue")]
    by_colour = Collection(placed.ids, placed.vectors, colours)
    # Red finds red, red finds red, blue has nothing to find.
    assert evaluate(by_colour, None, EvaluationProtocol("colour")).precision[1] == pytest.approx(2 / 3)
    with pytest.raises(AppError, match=r"attribute 'size' to match by. Choose one of: colour, label, name"):
        evaluate(by_colour, None, EvaluationProtocol("size"))


def shelf() -> Collection:
    """Return front and back views of three products in two colours, each at an angle."""
    rows = [
        ("m1", "Main", "red", 0), ("m1", "back", "red", 3), ("m1", "main", "blue", 40),
        ("m2", "main", "red", 2), ("m2", "alt1", "red", 41), ("m3", "main", "blue", 43),
    ]  # fmt: skip
    placed = line(*(("", angle) for *_, angle in rows))
    notes = [dict(zip(("product", "view", "colour"), row[:3], strict=True)) for row in rows]
    return Collection(placed.ids, placed.vectors, notes)


def test_only_the_views_that_are_named_ask_and_are_searched() -> None:
    protocol = EvaluationProtocol("product", (), parse_where(["view=BACK, alt1"]), parse_where(["view=main"]))
    quality = evaluate(shelf(), None, protocol)
    assert (quality.queries, quality.gallery, quality.unmatched) == (2, 4, 0)
    # m1's back at 3 degrees sees m2 (2), m1 (0), m1 (40), m3 (43); m2's at 41 sees m1 (40), m3 (43), m2 (2), m1 (0).
    assert quality.precision == {1: 0.0, 10: pytest.approx((2 + 1) / 20)}
    assert quality.hit == {5: 1.0, 10: 1.0, 20: 1.0}
    assert quality.mean_average_precision == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1 / 3) / 2)
    ranks = per_query(shelf(), None, protocol).first_right
    assert ranks.tolist() == [2, 3]


def test_several_attributes_joined_must_all_be_the_same() -> None:
    protocol = EvaluationProtocol("product + colour", (), parse_where(["view=back"]), parse_where(["view=main"]))
    quality = evaluate(shelf(), None, protocol)
    # Only the red m1 at 0 degrees is right, second after m2.
    assert (quality.mean_average_precision, quality.recall[10]) == (pytest.approx(1 / 2), 1.0)


def test_a_query_that_is_in_the_gallery_never_counts_itself() -> None:
    protocol = EvaluationProtocol("product", (), parse_where(["view=back,main"]), parse_where(["view=main"]))
    measured = per_query(shelf(), None, protocol)
    assert (measured.rows.tolist(), measured.gallery_rows.tolist()) == ([0, 1, 2, 3, 5], [0, 2, 3, 5])
    # The first m1 finds the blue one after m2; the fronts of m2 and m3 have no other front.
    assert measured.first_right.tolist() == [2, 2, 3, 0, 0]


def test_a_gallery_that_is_named_keeps_what_has_nothing_to_match_as_wrong_answers() -> None:
    placed = line(("", 0), ("", 1), ("", 2))
    notes = [{"product": "m1", "view": "back"}, {"view": "main"}, {"product": "m1", "view": "main"}]
    views = Collection(placed.ids, placed.vectors, notes)
    quality = evaluate(views, None, EvaluationProtocol("product", (), {"view": ["back"]}, {"view": ["main"]}))
    assert (quality.queries, quality.gallery, quality.precision[1], quality.hit[10]) == (1, 2, 0.0, 1.0)


def test_ids_match_between_catalogues() -> None:
    gallery, queries = line(("", 0), ("", 30), ("", 60)), line(("", 1), ("", 2))
    quality = evaluate(gallery, queries, EvaluationProtocol("id"))
    # 0.jpg finds itself first, 1.jpg second after 0.jpg.
    assert quality.mean_average_precision == pytest.approx((1 + 1 / 2) / 2)


@pytest.mark.parametrize(
    ("protocol", "told"),
    [
        (EvaluationProtocol("product", (), {"view": ["back,side"]}), "view 'side'. There are: alt1, back, main."),
        (EvaluationProtocol("product", (), {}, {"angle": ["main"]}), "attribute 'angle'. Choose one of: colour, lab"),
        (EvaluationProtocol("product+size"), "attribute 'size'. Choose some of: colour, label, name, product, view"),
    ],
)
def test_a_value_or_an_attribute_that_is_not_there_is_told_with_those_that_are(
    protocol: EvaluationProtocol, told: str
) -> None:
    with pytest.raises(AppError, match=told):
        evaluate(shelf(), None, protocol)


def test_a_value_with_a_comma_in_it_is_one_value() -> None:
    placed = line(("", 0), ("", 1), ("", 2))
    notes = [{"kind": kind, "pair": "1"} for kind in ("Tops, knitted", "tops", "knitted")]
    kinds = Collection(placed.ids, placed.vectors, notes)
    measured = per_query(kinds, None, EvaluationProtocol("pair", (), parse_where(["kind=tops, knitted"])))
    assert measured.rows.tolist() == [0]


@pytest.mark.parametrize("text", ["view", "=back", "view=", ""])
def test_a_condition_without_attribute_or_value_is_refused(text: str) -> None:
    with pytest.raises(AppError, match="is no condition. Write ATTRIBUTE=VALUE"):
        parse_where([text])


def test_conditions_on_one_attribute_add_up() -> None:
    assert parse_where(["view=back", "view = alt1", "colour=red"]) == {"view": ["back", "alt1"], "colour": ["red"]}


def test_the_vote_of_the_nearest_leaves_out_the_query_and_looks_only_at_the_gallery() -> None:
    protocol = EvaluationProtocol("product", (), {"view": ["back", "alt1"]}, {"view": ["main"]})
    # Of the nearest one alone m1's back sees m2, m2's sees m1; of three m1's back has two votes of m1.
    assert knn_accuracy(shelf(), None, protocol, 1) == 0.0
    assert knn_accuracy(shelf(), None, protocol, 3) == pytest.approx(1 / 2)


def test_a_sample_of_the_queries_asks_the_whole_gallery_and_leaves_itself_out() -> None:
    known = collection(np.random.default_rng(3), 60, ["a", "b", "c"])
    every, some = per_query(known, None, BY_LABEL), per_query(known, None, BY_LABEL, most=20)
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
    quality = evaluate(gallery, queries, BY_LABEL)
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
    assert evaluate(known, None, BY_LABEL).mean_average_precision == pytest.approx(np.mean(expected), abs=1e-6)


def test_the_figures_have_the_names_that_the_command_line_promises() -> None:
    names = {"queries", "gallery", "p_at_1", "p_at_10", "r_at_1", "r_at_10", "hit_at_10", "map"}
    assert set(evaluate(line(("a", 0), ("a", 1)), None, BY_LABEL).as_dict()) >= names
