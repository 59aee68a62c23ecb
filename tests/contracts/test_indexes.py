"""What every index promises, each against the definition: sort all cosine similarities, keep what passes."""

from __future__ import annotations

import itertools
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.core import AppError, Hit, VectorIndex
from retrieval.indexes.approximate import building, shard
from retrieval.indexes.approximate.index import ApproximateIndex
from retrieval.indexes.exact import ExactIndex
from retrieval.indexes.faiss_index import FaissIndex
from retrieval.indexes.pinecone.index import Account, PineconeIndex
from retrieval.indexes.region_index import RegionIndex, region_scores
from tests.fakes import pinecone_service

DIM = 8
Make = Callable[[int], VectorIndex]
_MADE = tempfile.TemporaryDirectory()
_COUNT = itertools.count()


def approximate(dim: int) -> VectorIndex:
    """Return an empty approximate index in a folder of its own."""
    return ApproximateIndex(Path(_MADE.name) / str(next(_COUNT)) / "table.sqlite", dim)


def regions(dim: int) -> VectorIndex:
    """Return an empty index of three regions an item, all of them the whole where a test adds single vectors."""
    return RegionIndex(ExactIndex(dim), 3)


MAKERS: list[Make] = [ExactIndex, FaissIndex, approximate, regions]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """Return an account at the service of tests/, or, where PINECONE_API_KEY is set, at the real one."""
    pytest.importorskip("pinecone", reason="the package pinecone is not here: pip install -r requirements-scale.txt")
    key = os.environ.get("PINECONE_API_KEY")
    if not key:
        with pinecone_service.running() as service:
            yield Account(pinecone_service.KEY, "contract", host=service.url)
        return
    from pinecone import Pinecone

    account = Account(key, f"contract-{uuid.uuid4().hex[:8]}")
    try:
        yield account
    finally:
        Pinecone(api_key=key).indexes.delete(account.index)


@pytest.fixture(params=[*MAKERS, "pinecone"], ids=["exact", "faiss", "approximate", "regions", "pinecone"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param != "pinecone":
        return request.param
    account = request.getfixturevalue("account")
    return lambda dim: PineconeIndex(account, dim, f"test-{next(_COUNT)}", create=True)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let twenty vectors be enough for lists, and thirty for two parts."""
    monkeypatch.setattr(shard, "LISTED_FROM", 16)
    monkeypatch.setattr(shard, "_LOOKED_AT", 4)
    monkeypatch.setattr(building, "PART_SLOTS", 30)


def unit(n: int, seed: int = 0, dim: int = DIM) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def names(n: int, start: int = 0) -> list[str]:
    return [f"picture {i:03}" for i in range(start, start + n)]


def filled(make: Make, n: int) -> tuple[VectorIndex, np.ndarray]:
    index, vectors = make(DIM), unit(n)
    notes = [{"colour": ("red", "green", "blue")[i % 3], **({"kind": "hat"} if i % 2 else {})} for i in range(n)]
    index.add(names(n), vectors, notes)
    return index, vectors


def ids(hits: Sequence[Hit]) -> list[str]:
    return [hit.id for hit in hits]


def test_hits_are_sorted_from_the_best_and_score_the_cosine(make: Make) -> None:
    index, vectors = filled(make, 50)
    query = unit(1, seed=9)
    (hits,) = index.query(query, 50)
    expected = vectors @ query[0]
    assert [hit.score for hit in hits] == pytest.approx(sorted(expected, reverse=True), abs=1e-6)
    assert ids(hits) == [f"picture {i:03}" for i in np.argsort(-expected)]


def test_a_stored_vector_finds_itself_first_at_one_and_no_score_is_above_it(make: Make) -> None:
    index, vectors = filled(make, 40)
    for row, hits in enumerate(index.query(vectors, 3)):
        assert hits[0].id == f"picture {row:03}"
        assert f"{hits[0].score:.3f}" == "1.000"
        assert hits[0].score <= 1.0
    opposite = index.query(-vectors[:1], 40)[0][-1]
    assert (opposite.id, f"{opposite.score:.3f}") == ("picture 000", "-1.000")
    assert opposite.score >= -1.0


@pytest.mark.parametrize(("k", "expected"), [(0, 0), (-3, 0), (1, 1), (7, 7), (8, 7), (10_000, 7)])
def test_k_hits_come_and_never_more_than_there_are(make: Make, k: int, expected: int) -> None:
    index, _ = filled(make, 7)
    assert [len(hits) for hits in index.query(unit(2, 5), k)] == [expected, expected]


def test_an_empty_index_answers_every_query_with_nothing(make: Make) -> None:
    index = make(DIM)
    assert len(index) == 0
    assert index.query(unit(3), 5) == [[], [], []]
    assert index.query(unit(1), 5, {"colour": ["red"]}) == [[]]
    index.add([], np.empty((0, DIM), np.float32), [])
    index.remove(["nothing"])
    assert len(index) == 0


def test_no_query_has_no_answer(make: Make) -> None:
    index, _ = filled(make, 3)
    assert index.query(np.empty((0, DIM), np.float32), 5) == []


def test_attributes_are_each_pictures_own_however_many_have_the_same_vector(make: Make) -> None:
    index = make(DIM)
    index.add(names(30), np.repeat(unit(1), 30, axis=0), [{"number": str(n)} for n in range(30)])
    assert index.attributes(["picture 029", "picture 003", "picture 029"]) == [
        {"number": "29"}, {"number": "3"}, {"number": "29"}
    ]  # fmt: skip
    with pytest.raises(AppError, match="'gone' is not in this catalogue's index"):
        index.attributes(["picture 001", "gone"])


def test_adding_an_id_again_replaces_its_vector_and_attributes(make: Make) -> None:
    index, vectors = filled(make, 10)
    index.add(["picture 004", "new"], np.stack([-vectors[4], vectors[4]]), [{"colour": "black"}, {}])
    assert len(index) == 11
    (hits,) = index.query(vectors[4:5], 11)
    assert (hits[0].id, dict(hits[0].attributes)) == ("new", {})
    assert (hits[-1].id, dict(hits[-1].attributes)) == ("picture 004", {"colour": "black"})
    assert np.array_equal(index.vectors(["picture 004"]), -vectors[4:5])


def test_removed_ids_are_never_found_and_the_rest_keep_their_own(make: Make) -> None:
    index, vectors = filled(make, 20)
    gone = [f"picture {i:03}" for i in (0, 3, 7, 19)]
    index.remove([*gone, "was never there"])
    assert len(index) == 16
    for row in range(20):
        hits = index.query(vectors[row : row + 1], 20)[0]
        assert not set(gone) & set(ids(hits))
        if f"picture {row:03}" not in gone:
            assert hits[0].id == f"picture {row:03}"
            assert hits[0].attributes["colour"] == ("red", "green", "blue")[row % 3]
    index.remove(names(20))
    assert index.query(vectors[:1], 5) == [[]]
    index.add(names(2), vectors[:2])
    assert ids(index.query(vectors[1:2], 5)[0])[0] == "picture 001"


def test_vectors_come_back_as_stored_in_the_order_asked(make: Make) -> None:
    index, vectors = filled(make, 9)
    back = index.vectors(["picture 005", "picture 001", "picture 005"])
    assert back.dtype == np.float32
    assert np.array_equal(back, vectors[[5, 1, 5]])
    assert index.vectors([]).shape == (0, DIM)
    with pytest.raises(AppError, match="'nobody' is not in"):
        index.vectors(["picture 001", "nobody"])


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"colour": ["red"]}, {0, 3, 6, 9}),
        ({"colour": ["red", "blue"]}, {0, 2, 3, 5, 6, 8, 9, 11}),
        ({"colour": ["red", "blue"], "kind": ["hat"]}, {3, 5, 9, 11}),
        ({"colour": ["red", "mauve"]}, {0, 3, 6, 9}),
        ({"colour": ["mauve"]}, set()),
        ({"price": ["9"]}, set()),
        ({"colour": ["red"], "price": ["9"]}, set()),
        ({"kind": ["hat"], "colour": []}, {1, 3, 5, 7, 9, 11}),
        ({"colour": ["red", "red"]}, {0, 3, 6, 9}),
        ({}, set(range(12))),
    ],
)
def test_a_filter_lets_any_of_the_values_through_for_all_of_the_attributes(
    make: Make, filter: Mapping[str, Sequence[str]], expected: set[int]
) -> None:
    index, _ = filled(make, 12)
    (hits,) = index.query(unit(1, 3), 100, filter)
    assert {int(hit.id[-3:]) for hit in hits} == expected
    assert len(hits) == len(expected)
    assert len(index.query(unit(1, 3), 2, filter)[0]) == min(2, len(expected))


def test_a_filter_follows_what_is_added_and_removed(make: Make) -> None:
    index, vectors = filled(make, 6)
    assert len(index.query(vectors[:1], 9, {"colour": ["red"]})[0]) == 2
    index.add(["picture 000"], vectors[:1], [{"colour": "green"}])
    index.remove(["picture 001"])
    assert ids(index.query(vectors[:1], 9, {"colour": ["red"]})[0]) == ["picture 003"]
    assert set(ids(index.query(vectors[:1], 9, {"colour": ["green"]})[0])) == {"picture 000", "picture 004"}


def test_sizes_that_do_not_fit_are_told_with_both_numbers(make: Make) -> None:
    index, _ = filled(make, 4)
    with pytest.raises(ValueError, match=r"\(3, 5\), not \(n, 8\)"):
        index.add(names(3), unit(3, dim=5))
    with pytest.raises(ValueError, match="2 != 3"):
        index.add(names(2), unit(3))
    with pytest.raises(ValueError, match="3 != 1"):
        index.add(names(3, 50), unit(3), [{}])
    with pytest.raises(ValueError, match=r"\(2, 5\), not \(n, 8\)"):
        index.query(unit(2, dim=5), 3)
    with pytest.raises(ValueError, match=r"\(8,\), not \(n, 8\)"):
        index.query(unit(1)[0], 3)
    with pytest.raises(ValueError, match="twice"):
        index.add(["a", "a"], unit(2))
    assert len(index) == 4
    assert len(index.query(unit(1), 9)[0]) == 4


def test_vectors_of_another_type_or_layout_are_taken_as_they_are_meant(make: Make) -> None:
    index, vectors = make(DIM), unit(6)
    index.add(names(6), np.asfortranarray(vectors.astype(np.float64)))
    assert [hits[0].id for hits in index.query(vectors.astype(np.float64)[::-1], 1)] == names(6)[::-1]


def by_definition(query: np.ndarray, items: np.ndarray) -> list[float]:
    """Return what items, float32 (n, regions, dim), score: the cosine of the best region."""
    return [max(float(region @ query) for region in item) for item in items]


@pytest.mark.parametrize("k", [1, 4, 25, 60])
def test_an_index_of_regions_scores_the_best_and_names_an_item_once(make: Make, k: int) -> None:
    items = unit(160, seed=4).reshape(40, 4, DIM)
    index = RegionIndex(make(DIM), 4)
    index.add_regions(names(40), items, [{"colour": ("red", "green")[n % 2]} for n in range(40)])
    assert len(index) == 40
    assert "picture 003" in index
    for query in unit(5, seed=8):
        scores = np.array(by_definition(query, items))
        np.testing.assert_allclose(region_scores(query[None], items)[0], scores, atol=1e-6)
        (hits,) = index.query(query[None], k)
        best = np.argsort(-scores)[:k]
        assert ids(hits) == [f"picture {n:03}" for n in best]
        assert [hit.score for hit in hits] == pytest.approx(scores[best], abs=1e-6)
        (red,) = index.query(query[None], k, {"colour": ["red"]})
        assert ids(red) == [f"picture {n:03}" for n in np.argsort(-scores) if n % 2 == 0][:k]


def test_the_whole_of_an_item_with_regions_finds_itself_first_at_one(make: Make) -> None:
    items = unit(60, seed=5).reshape(20, 3, DIM)
    index = RegionIndex(make(DIM), 3)
    index.add_regions(names(20), items)
    for n, hits in enumerate(index.query(items[:, 0], 2)):
        assert (hits[0].id, f"{hits[0].score:.3f}") == (f"picture {n:03}", "1.000")
    assert np.array_equal(index.vectors(["picture 007"]), items[7:8, 0])
    index.remove(["picture 007"])
    assert len(index) == 19
    assert "picture 007" not in [hit.id for hit in index.query(items[7, :1], 20)[0]]


_VALUES = st.sampled_from(["a", "b", "c"])
_NOTES = st.dictionaries(st.sampled_from(["x", "y"]), _VALUES)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.tuples(st.integers(0, 15), _NOTES), unique_by=lambda row: row[0])),
        st.tuples(st.just("remove"), st.lists(st.integers(0, 15))),
    ),
    max_size=6,
)
_FILTERS = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.lists(_VALUES, max_size=3), max_size=3)


@given(_STEPS, _FILTERS, st.integers(0, 20), st.integers(0, 10_000))
def test_after_any_adding_and_removing_every_index_answers_as_the_definition(
    steps: list[tuple[str, list]], filter: dict[str, list[str]], k: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    known: dict[str, tuple[np.ndarray, dict[str, str]]] = {}
    indexes: list[VectorIndex] = [make(DIM) for make in MAKERS]
    for step, rows in steps:
        if step == "add":
            item_ids = [f"i{n}" for n, _ in rows]
            vectors, notes = unit(len(rows), int(rng.integers(1 << 30))), [note for _, note in rows]
            known |= dict(zip(item_ids, zip(vectors, notes, strict=True), strict=True))
            for index in indexes:
                index.add(item_ids, vectors, notes)
        else:
            for n in rows:
                known.pop(f"i{n}", None)
            for index in indexes:
                index.remove([f"i{n}" for n in rows])
    query = unit(1, seed)
    passing = {
        item_id: float(vector @ query[0])
        for item_id, (vector, note) in known.items()
        if all(note.get(name) in values for name, values in filter.items() if values)
    }
    best = sorted(passing, key=lambda item_id: -passing[item_id])[:k]
    for index in indexes:
        (hits,) = index.query(query, k, filter)
        assert len(index) == len(known)
        assert ids(hits) == best
        assert [hit.score for hit in hits] == pytest.approx([passing[i] for i in best], abs=1e-6)
        assert all(hit.attributes == known[hit.id][1] for hit in hits)
