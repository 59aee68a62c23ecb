"""The approximate index: near the exact one, no result lost to a filter, small updates, kills that break nothing."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from retrieval.core import AppError, Hit, StaleIndexError, Stopped
from retrieval.indexes.approximate import building, manifest
from retrieval.indexes.approximate import index as approximate
from retrieval.indexes.approximate.index import ApproximateIndex, update_index
from retrieval.indexes.approximate.shard import Shard
from retrieval.indexes.exact import ExactIndex
from retrieval.indexes.faiss_index import InvertedLists
from retrieval.indexing.storage import StoredRow, VectorTable
from tests.conftest import ROOT

DIM, COUNT, MOST = 32, 6000, 16_000


def clustered(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 (count, DIM) unit vectors around forty centres, and which centre each is of."""
    centres = np.random.default_rng(99).normal(size=(40, DIM))
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 40, MOST)[:count]
    vectors = (centres[kinds] + 0.6 * rng.normal(size=(MOST, DIM))[:count]).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), kinds


def rows(start: int, stop: int, seed: int = 0) -> list[StoredRow]:
    vectors, kinds = clustered(stop, seed)
    return [
        StoredRow(
            f"{n:05}.jpg", "", f'{{"kind": "{kinds[n]}", "parity": "{n % 2}"}}', f"{seed:08x}{n:024x}", vectors[n]
        )
        for n in range(start, stop)
    ]


def put(table: Path, new: list[StoredRow], gone: list[str] | None = None) -> None:
    with VectorTable(table, DIM) as held:
        held.put(new)
        held.remove(gone or [])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    put(folder / "table.sqlite", rows(0, COUNT))
    update_index(folder / "table.sqlite", DIM)
    return folder


@pytest.fixture
def table(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "copy") / "table.sqlite"


def oracle(held: list[StoredRow]) -> ExactIndex:
    index = ExactIndex(DIM)
    index.add([r.id for r in held], np.stack([r.vector for r in held if r.vector is not None]),
              [json.loads(r.attributes) for r in held])  # fmt: skip
    return index


def found(hits: list[list[Hit]]) -> list[list[str]]:
    return [[hit.id for hit in each] for each in hits]


def recall(index: ApproximateIndex, exact: ExactIndex, filter: dict[str, list[str]] | None = None) -> float:
    queries = clustered(200, seed=7)[0]
    pairs = zip(found(index.query(queries, 10, filter)), found(exact.query(queries, 10, filter)), strict=True)
    return float(np.mean([len(set(ours) & set(true)) / len(true) for ours, true in pairs]))


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the numbers of lists that searches looked through."""
    seen: list[int] = []
    search = InvertedLists.search

    def spied(lists: InvertedLists, query: np.ndarray, many: int, probes: int, *more: np.ndarray) -> np.ndarray:
        seen.append(probes)
        return search(lists, query, many, probes, *more)

    monkeypatch.setattr(InvertedLists, "search", spied)
    return seen


def test_it_finds_nearly_all_of_the_nearest_through_a_few_lists_with_exact_scores(
    table: Path, looked: list[int]
) -> None:
    index, exact = ApproximateIndex(table, DIM), oracle(rows(0, COUNT))
    made = manifest.read(table)
    assert made is not None
    assert made.recall >= approximate.TARGET
    assert recall(index, exact) >= 0.98
    assert looked
    assert max(looked) < index.lists
    queries = clustered(50, seed=8)[0]
    scores = {(n, h.id): h.score for n, hits in enumerate(exact.query(queries, COUNT)) for h in hits}
    for n, hits in enumerate(index.query(queries, 20)):
        assert [hit.score for hit in hits] == pytest.approx([scores[n, hit.id] for hit in hits], abs=1e-6)
        assert len(hits) == 20


@pytest.mark.parametrize("filter", [{"kind": ["3"]}, {"kind": [str(n) for n in range(20)]}, {"parity": ["0"]},
                                    {"kind": ["1", "2"], "parity": ["1"]}])  # fmt: skip
def test_a_filter_loses_nothing_though_what_passes_lies_far_from_the_query(
    table: Path, filter: dict[str, list[str]]
) -> None:
    assert recall(ApproximateIndex(table, DIM), oracle(rows(0, COUNT)), filter) >= 0.995


def test_every_row_comes_back_when_so_many_are_asked_for(table: Path) -> None:
    (hits,) = ApproximateIndex(table, DIM).query(clustered(1, 5)[0], COUNT + 1)
    assert len({hit.id for hit in hits}) == COUNT


def test_an_update_mends_the_part_and_fits_no_centroids(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path.name for path in table.parent.glob("*.codes"))
    put(table, [*rows(COUNT, COUNT + 300), *rows(100, 200, seed=3)], [f"{n:05}.jpg" for n in range(50)])
    monkeypatch.setattr(InvertedLists, "train", lambda *_: pytest.fail("fitted"))
    made = update_index(table, DIM)
    index = ApproximateIndex(table, DIM)
    held = [*rows(50, 100), *rows(100, 200, seed=3), *rows(200, COUNT), *rows(COUNT, COUNT + 300)]
    assert (made.pictures, len(index)) == (len(held), len(held))
    assert recall(index, oracle(held)) >= 0.98
    assert not {f"{n:05}.jpg" for n in range(50)} & {hit.id for hit in index.query(clustered(1)[0], len(held))[0]}
    assert len(index.query(clustered(1)[0], len(held))[0]) == len(held)
    after = sorted(path.name for path in table.parent.glob("*.codes"))
    assert len(after) == 1
    assert after != before
    put(table, [], ["00300.jpg"])
    update_index(table, DIM)
    assert len(ApproximateIndex(table, DIM)) == len(held) - 1
    assert sorted(path.name for path in table.parent.glob("*.codes")) == after


def test_many_small_updates_lose_nothing(table: Path) -> None:
    for n in range(6):
        put(table, rows(COUNT + 100 * n, COUNT + 100 * n + 100), [f"{i:05}.jpg" for i in range(100 * n, 100 * n + 100)])
        made = update_index(table, DIM)
    assert made.recall >= approximate.TARGET
    assert recall(ApproximateIndex(table, DIM), oracle(rows(600, COUNT + 600))) >= 0.98


def test_new_labels_are_followed_and_move_no_vector(table: Path) -> None:
    before = sorted(path.name for path in table.parent.glob("*.codes"))
    with VectorTable(table, DIM) as held:
        held.relabel([('{"kind": "hat"}', "00007.jpg")])
    update_index(table, DIM)
    index = ApproximateIndex(table, DIM)
    assert found(index.query(clustered(1)[0], 9, {"kind": ["hat"]})) == [["00007.jpg"]]
    assert "00007.jpg" not in found(index.query(clustered(1)[0], COUNT, {"parity": ["1"]}))[0]
    assert sorted(path.name for path in table.parent.glob("*.codes")) == before


def test_what_grew_by_more_than_half_is_made_anew(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[int] = []
    train = InvertedLists.train

    def counted(sample: np.ndarray, lists: int) -> InvertedLists:
        fitted.append(lists)
        return train(sample, lists)

    monkeypatch.setattr(InvertedLists, "train", counted)
    put(table, rows(COUNT, 2 * COUNT))
    made = update_index(table, DIM)
    assert len(fitted) == 1
    assert [files.trained for files in made.parts] == [2 * COUNT]
    assert recall(ApproximateIndex(table, DIM), oracle(rows(0, 2 * COUNT))) >= 0.98


def test_many_parts_answer_as_one(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "PART_SLOTS", 4500)
    manifest.drop(table)
    made = update_index(table, DIM)
    assert len(made.parts) == 2
    index, exact = ApproximateIndex(table, DIM), oracle(rows(0, COUNT))
    assert recall(index, exact) >= 0.98
    assert recall(index, exact, {"kind": ["3", "9"]}) >= 0.995


def test_the_same_state_of_the_table_is_not_built_again(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = update_index(table, DIM, "monday")
    monkeypatch.setattr(building, "make_parts", lambda *_: pytest.fail("built"))
    assert update_index(table, DIM, "monday") == first


def test_a_row_that_went_from_the_table_since_is_left_out_and_a_replaced_one_scored_as_it_is(table: Path) -> None:
    index, query = ApproximateIndex(table, DIM), clustered(1)[0]
    assert found(index.query(query, 1)) == [["00000.jpg"]]
    put(table, [], ["00000.jpg"])
    after = index.query(query, 5)[0]
    assert len(after) == 5
    assert "00000.jpg" not in {hit.id for hit in after}


def stop_at(calls: int) -> Callable[[int, int], None]:
    """Return a `on_progress` that ends the build when it is called for that time."""
    count = itertools.count(1)

    def on_progress(done: int, total: int) -> None:
        if next(count) == calls:
            raise Stopped

    return on_progress


@pytest.mark.parametrize("call", [1, 2])
def test_a_build_that_ends_early_leaves_the_old_index_and_the_next_one_clears_up(table: Path, call: int) -> None:
    put(table, rows(COUNT, COUNT + 9000))
    with pytest.raises(Stopped):
        update_index(table, DIM, on_progress=stop_at(call))
    index = ApproximateIndex(table, DIM)
    assert (len(index), len(index.query(clustered(1)[0], COUNT)[0])) == (COUNT, COUNT)
    made = update_index(table, DIM)
    kept = {*made.files, table.name, f"{table.name}.approximate.json", f"{table.name}.lock"}
    assert {path.name for path in table.parent.iterdir()} - {f"{table.name}-wal", f"{table.name}-shm"} <= kept


def test_a_full_disk_leaves_the_old_index_and_says_what_to_do(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    put(table, rows(COUNT, COUNT + 100))
    monkeypatch.setattr(Shard, "write", full)
    with pytest.raises(AppError, match="No space left.*The one before is kept: free some space"):
        update_index(table, DIM)
    monkeypatch.undo()
    assert len(ApproximateIndex(table, DIM)) == COUNT
    assert update_index(table, DIM).pictures == COUNT + 100


def test_a_killed_first_build_is_no_index(tmp_path: Path) -> None:
    table = tmp_path / "table.sqlite"
    put(table, rows(0, 9000))
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from retrieval.indexes.approximate.index import update_index\n"
        "update_index(Path(sys.argv[1]), 32, on_progress=lambda done, total: os.kill(os.getpid(), signal.SIGKILL))"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(table)], cwd=ROOT, env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(ApproximateIndex(table, DIM)) == 0
    assert update_index(table, DIM).pictures == 9000


@pytest.mark.parametrize(
    ("suffix", "harm"), [(".lists", "cut"), (".codes", "cut"), (".slots", "cut"), (".codes", "gone")]
)
def test_damage_is_noticed_and_mended_by_the_next_build(table: Path, suffix: str, harm: str) -> None:
    made = update_index(table, DIM, "monday")
    path = next(table.parent / name for name in made.files if name.endswith(suffix))
    if harm == "gone":
        path.unlink()
        assert len(ApproximateIndex(table, DIM)) == 0
    else:
        path.write_bytes(path.read_bytes()[:500])
        with pytest.raises(StaleIndexError, match="Index the catalogue again"):
            ApproximateIndex(table, DIM)
    update_index(table, DIM, "monday")
    assert recall(ApproximateIndex(table, DIM), oracle(rows(0, COUNT))) >= 0.98


@pytest.mark.parametrize("count", [0, 1, 2, 15])
def test_a_table_of_next_to_nothing_is_searched_too(tmp_path: Path, count: int) -> None:
    put(tmp_path / "t.sqlite", rows(0, count))
    assert update_index(tmp_path / "t.sqlite", DIM).pictures == count
    index = ApproximateIndex(tmp_path / "t.sqlite", DIM)
    assert len(index.query(clustered(1)[0], 5)[0]) == min(5, count)
