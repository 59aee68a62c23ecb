"""Consumer-to-shop retrieval, against ranks counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.core import AppError
from retrieval.evaluation.consumer_to_shop import consumer_to_shop
from retrieval.evaluation.measures import Collection, evaluate
from retrieval.evaluation.protocol import EvaluationProtocol


def collection(rows: list[tuple[str, str, float]]) -> Collection:
    """Return items of (source, garment, degrees): the nearer two angles, the more alike."""
    angles = np.radians([degrees for _, _, degrees in rows])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    notes = [{"source": source, **({"garment": garment} if garment else {})} for source, garment, _ in rows]
    return Collection([str(n) for n in range(len(rows))], vectors, notes)


def test_a_query_counts_from_the_rank_at_which_a_shop_has_its_garment() -> None:
    shop = [("shop", "1-1", 10.0), ("shop", "2-1", 2.0), ("shop", "3-1", 4.0), ("shop", "", 1.0)]
    asked = [("user", "1-1", 0.0), ("user", "2-1", 2.5), ("user", "9-1", 50.0), ("user", "", 10.0)]
    found = consumer_to_shop(collection(shop + asked))
    assert (found["queries"], found["gallery"], found["unmatched"]) == (3, 4, 1)
    assert found["top_1"] == pytest.approx(1 / 3)
    assert found["top_5"] == found["top_20"] == pytest.approx(2 / 3)


def test_another_style_of_the_same_pair_is_another_garment() -> None:
    found = consumer_to_shop(collection([("shop", "1-2", 0.0), ("shop", "1-1", 90.0), ("user", "1-1", 0.0)]))
    assert (found["top_1"], found["top_5"]) == (0.0, 1.0)


def test_pictures_without_shops_and_users_cannot_be_paired() -> None:
    with pytest.raises(AppError, match="needs garments of shops and of users"):
        consumer_to_shop(collection([("shop", "1-1", 0.0)]))


def test_pair_is_short_for_one_call_of_the_general_evaluation() -> None:
    angles = np.random.default_rng(5).uniform(0, 180, 60)
    rows = [(("shop", "user")[n % 3 == 0], f"{n % 11}-1" if n % 7 else "", a) for n, a in enumerate(angles)]
    short = consumer_to_shop(collection(rows))
    protocol = EvaluationProtocol("garment", (), {"source": ["user"]}, {"source": ["shop"]})
    quality = evaluate(collection(rows), None, protocol).as_dict()
    assert short["queries"] > 10
    assert short.items() >= quality.items()
    assert (short["top_1"], short["top_10"]) == (quality["p_at_1"], quality["hit_at_10"])


def test_pairs_can_be_narrowed_by_conditions() -> None:
    rows = [("shop", "1-1", 0.0), ("shop", "1-2", 1.0), ("user", "1-1", 2.0), ("user", "1-2", 2.0)]
    found = consumer_to_shop(collection(rows), EvaluationProtocol("pair", (), {"garment": ["1-1"]}))
    assert (found["queries"], found["gallery"], found["top_1"], found["top_5"]) == (1, 2, 0.0, 1.0)
