"""Pictures kept on disk: found again, never damaged, never more than they may be."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retrieval.catalogs.s3.picture_cache import PictureCache


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_is_kept_is_found_again_also_by_another_process(tmp_path: Path) -> None:
    PictureCache(tmp_path, 10_000).put("bucket key etag", b"picture")
    assert PictureCache(tmp_path, 10_000).get("bucket key etag") == b"picture"
    assert PictureCache(tmp_path, 10_000).get("bucket key other") is None


def test_it_never_grows_beyond_its_budget_and_the_longest_unused_go_first(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path, 20_000)
    cache.put("first", bytes(1000))
    for n in range(100):
        cache.put(str(n), bytes(1000))
        assert cache.get("first") is not None
        for path in tmp_path.rglob("*"):  # make every file a second older: file systems count coarsely
            state = path.stat()
            os.utime(path, (state.st_atime - 1, state.st_mtime - 1))
        assert size(tmp_path) <= 20_000
    assert cache.get("99") is not None
    assert cache.get("50") is None


def test_several_that_write_to_one_folder_keep_it_small_together(tmp_path: Path) -> None:
    caches = [PictureCache(tmp_path, 40_000) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: caches[n % 4].put(str(n), bytes(1000)), range(400)))
    assert size(tmp_path) <= 40_000 + 4 * 40_000 // 16


def test_a_picture_larger_than_the_budget_or_a_budget_of_nothing_keeps_nothing(tmp_path: Path) -> None:
    PictureCache(tmp_path / "a", 1000).put("x", bytes(2000))
    PictureCache(tmp_path / "b", 0).put("x", b"1")
    assert size(tmp_path) == 0


@pytest.mark.parametrize("damage", [b"", b"x", bytes(100)])
def test_a_file_that_a_crash_cut_short_is_not_handed_out(tmp_path: Path, damage: bytes) -> None:
    cache = PictureCache(tmp_path, 10_000)
    cache.put("x", b"picture")
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(damage)
    assert cache.get("x") is None
    assert not path.exists()


def test_what_was_half_written_long_ago_is_cleared_away(tmp_path: Path) -> None:
    cache = PictureCache(tmp_path, 10_000)
    (tmp_path / "ab").mkdir(parents=True)
    (tmp_path / "ab" / ".stray").write_bytes(bytes(500))
    os.utime(tmp_path / "ab" / ".stray", (0, 0))
    cache.put("x", bytes(5000))
    assert not (tmp_path / "ab" / ".stray").exists()


def test_a_full_disk_means_only_that_less_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache = PictureCache(tmp_path, 10_000)
    cache.put("x", b"picture")
    assert cache.get("x") is None
    assert size(tmp_path) == 0
