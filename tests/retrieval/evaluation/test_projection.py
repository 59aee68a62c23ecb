"""Maps: neighbours stay neighbours, any number of points works, and a file that is not whole is not believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.core import AppError, Stopped
from retrieval.evaluation import projection
from retrieval.evaluation.projection import Projection


def clusters(count: int, groups: int = 4, dim: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors, float32 (count, dim), around `groups` centres, and the group of each."""
    random = np.random.default_rng(0)
    kinds = np.arange(count) % groups
    vectors = random.normal(size=(groups, dim))[kinds] + random.normal(0, 0.4, (count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), kinds


def nearest(points: np.ndarray) -> np.ndarray:
    """Return the nearest other point of each by brute force."""
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances.argmin(axis=1)


@pytest.mark.parametrize("method", projection.METHODS)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 6, 7, 40])
def test_any_number_of_points_is_laid_out_within_the_square(count: int, method: str) -> None:
    points = projection.project(clusters(count)[0], method)
    assert points.shape == (count, 2)
    assert points.dtype == np.float32
    assert np.isfinite(points).all()
    assert count < 2 or np.abs(points).max() == pytest.approx(1)
    assert len(np.unique(points, axis=0)) == count


@pytest.mark.parametrize("method", projection.METHODS)
def test_equal_pictures_and_two_dimensions_are_no_trouble(method: str) -> None:
    assert np.isfinite(projection.project(np.tile(clusters(1)[0], (20, 1)), method)).all()
    flat = clusters(30, dim=2)[0]
    assert projection.project(flat, method).shape == (30, 2)


def test_neighbours_in_the_index_are_neighbours_on_the_map() -> None:
    vectors, kinds = clusters(240, groups=12)
    by_tsne = projection.project(vectors, "tsne")
    by_pca = projection.project(vectors, "pca")
    kept = [(kinds[nearest(points)] == kinds).mean() for points in (by_tsne, by_pca)]
    assert kept[0] > 0.98
    assert kept[0] > kept[1]


def test_pca_keeps_the_direction_of_largest_variance() -> None:
    random = np.random.default_rng(1)
    vectors = np.ones((50, 8), np.float32)
    vectors[:, 3] += (spread := random.normal(0, 0.5, 50))
    vectors[:, 5] += random.normal(0, 0.05, 50)
    across = projection.project(vectors.astype(np.float32), "pca")[:, 0]
    assert abs(np.corrcoef(across, spread)[0, 1]) > 0.99


def test_the_same_vectors_give_the_same_map() -> None:
    vectors = clusters(80)[0]
    np.testing.assert_array_equal(projection.project(vectors), projection.project(vectors))


def test_progress_rises_to_the_end_and_a_stop_stops() -> None:
    told: list[tuple[int, int]] = []
    projection.project(clusters(60)[0], on_progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    assert len(told) > 20

    def stop(done: int, total: int) -> None:
        if done > 100:
            raise Stopped

    with pytest.raises(Stopped):
        projection.project(clusters(60)[0], on_progress=stop)


def test_another_method_is_refused() -> None:
    with pytest.raises(AppError, match="no map 'umap'. Choose one of: tsne, pca"):
        projection.project(clusters(9)[0], "umap")


def test_a_large_index_is_sampled_and_a_small_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert projection.chosen(5).tolist() == [0, 1, 2, 3, 4]
    monkeypatch.setattr(projection, "MOST", 100)
    rows = projection.chosen(1000)
    assert len(set(rows.tolist())) == 100
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, projection.chosen(1000))


@pytest.fixture
def saved() -> Projection:
    points = np.random.default_rng(0).uniform(-1, 1, (3, 2)).astype(np.float32)
    return Projection(["a.jpg", "платье/👗.jpg", "c"], points, "tsne", "now", 7)


def test_a_saved_map_comes_back(saved: Projection, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "map.npz"
    projection.save(path, saved)
    found = projection.load(path, "tsne", "now")
    assert found
    np.testing.assert_array_equal(found.points, saved.points)
    assert replace(found, points=saved.points) == saved
    assert [p.name for p in path.parent.iterdir()] == ["map.npz"]


def test_a_map_of_another_index_or_a_damaged_one_is_not_believed(saved: Projection, tmp_path: Path) -> None:
    path = tmp_path / "map.npz"
    assert projection.load(path, "tsne", "now") is None
    projection.save(path, saved)
    assert projection.load(path, "tsne", "later") is None
    assert projection.load(path, "pca", "now") is None
    whole = path.read_bytes()
    for kept in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:kept])
        assert projection.load(path, "tsne", "now") is None
    projection.save(path, replace(saved, ids=["a.jpg"]))
    assert projection.load(path, "tsne", "now") is None
