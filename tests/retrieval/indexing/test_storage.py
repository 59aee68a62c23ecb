"""What lies on disk: written whole or not at all, told apart by what made it, and damage that is noticed."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.core import AppError, StaleIndexError
from retrieval.indexing import storage
from retrieval.indexing.storage import DamagedTableError, Manifest, StoredRow, VectorTable
from tests.conftest import COLOUR_SPEC

MANIFEST = Manifest(
    "colours", "none", "d1", "p1.1.64", 48, "folder:/x", "print", 12, 1, "2026-11-23T00:00:00+00:00", "t.sqlite"
)


def row(n: int, **more: str) -> StoredRow:
    return StoredRow(f"{n:04}.jpg", "s", '{"a": "b"}', f"digest {n}", np.full(48, n, np.float32), **more)


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_manifest_comes_back_as_written_and_its_absence_is_no_error(tmp_path: Path) -> None:
    assert storage.read_manifest(tmp_path, COLOUR_SPEC) is None
    storage.write_manifest(tmp_path, COLOUR_SPEC, MANIFEST)
    assert storage.read_manifest(tmp_path, COLOUR_SPEC) == MANIFEST
    assert storage.read_manifest(tmp_path, replace(COLOUR_SPEC, weights="other")) is None
    storage.drop_manifest(tmp_path, COLOUR_SPEC)
    storage.drop_manifest(tmp_path, COLOUR_SPEC)
    assert storage.read_manifest(tmp_path, COLOUR_SPEC) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe\0", b'{"engine": 1}',
     json.dumps({name: None for name in Manifest.__slots__}).encode()],
)  # fmt: skip
def test_a_damaged_manifest_is_stale_and_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    storage.write_manifest(tmp_path, COLOUR_SPEC, MANIFEST)
    (written,) = tmp_path.iterdir()
    written.write_bytes(content)
    with pytest.raises(StaleIndexError, match="index the catalogue again"):
        storage.read_manifest(tmp_path, COLOUR_SPEC)


@pytest.mark.parametrize("call", ["fsync", "replace", "fdopen"])
def test_a_full_disk_leaves_the_old_manifest_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    storage.write_manifest(tmp_path, COLOUR_SPEC, MANIFEST)
    monkeypatch.setattr(os, call, no_space)
    with pytest.raises(AppError, match=r"No space left on device.*Free some space"):
        storage.write_manifest(tmp_path, COLOUR_SPEC, replace(MANIFEST, pictures=99))
    assert storage.read_manifest(tmp_path, COLOUR_SPEC) == MANIFEST
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AppError, match="could not be written"):
        storage.write_manifest(tmp_path / "file" / "cache", COLOUR_SPEC, MANIFEST)
    with pytest.raises(AppError, match="VISUAL_SEARCH_CACHE"):
        VectorTable(tmp_path / "file" / "t.sqlite", 48)


@pytest.mark.parametrize(
    "other",
    [replace(MANIFEST, digest="d2"), replace(MANIFEST, preprocessing="p2.1.64"), replace(MANIFEST, dim=512)],
    ids=["weights", "preprocessing", "size"],
)
def test_an_index_made_otherwise_is_stale_and_names_the_command(other: Manifest) -> None:
    MANIFEST.check(COLOUR_SPEC, "d1", "p1.1.64")
    with pytest.raises(
        StaleIndexError, match="python cli.py index --engine colours --weights none --catalog 'folder:/x'"
    ):
        other.check(COLOUR_SPEC, "d1", "p1.1.64")


def test_whatever_changes_the_vectors_changes_the_table_s_file() -> None:
    long = "squeezenet1_1-b8a52dc0"
    names = [
        storage.table_name(COLOUR_SPEC, "d1", "p1"),
        storage.table_name(COLOUR_SPEC, "d2", "p1"),
        storage.table_name(COLOUR_SPEC, "d1", "p2"),
        storage.table_name(replace(COLOUR_SPEC, dim=49), "d1", "p1"),
        storage.table_name(COLOUR_SPEC, long, "p1"),
        storage.table_name(COLOUR_SPEC, long[:-1] + "1", "p1"),
        storage.table_name(replace(COLOUR_SPEC, weights="w"), "d1", "p1"),
        storage.table_name(replace(COLOUR_SPEC, engine="e"), "d1", "p1"),
    ]
    assert len(set(names)) == len(names)
    assert names[0] == storage.table_name(COLOUR_SPEC, "d1", "p1")


def test_rows_come_back_in_blocks_in_order_of_id_without_the_skipped(tmp_path: Path) -> None:
    with VectorTable(tmp_path / "t.sqlite", 48) as table:
        table.put([row(n) for n in (5, 3, 1, 4, 2)])
        table.put([StoredRow("0000.jpg", "s", "{}", problem="This is not a picture.")])
        found = list(table.blocks(size=2))
        assert [ids for ids, _, _ in found] == [["0001.jpg", "0002.jpg"], ["0003.jpg", "0004.jpg"], ["0005.jpg"]]
        assert np.array_equal(np.concatenate([vectors for _, vectors, _ in found])[:, 0], [1, 2, 3, 4, 5])
        assert found[0][2] == [{"a": "b"}] * 2
        assert table.counts() == (5, 1)
        assert table.problems() == [("0000.jpg", "This is not a picture.")]
        assert table.by_digest("digest 3") is not None
        assert table.by_digest("digest 9") is None


def test_what_was_not_seen_is_dropped(tmp_path: Path) -> None:
    with VectorTable(tmp_path / "t.sqlite", 48) as table:
        table.put([row(n) for n in range(4)])
        table.mark_seen(["0001.jpg", "0003.jpg", "0003.jpg"])
        assert table.drop_unseen()[0] == 2
        assert set(table.states([f"{n:04}.jpg" for n in range(4)])) == {"0001.jpg", "0003.jpg"}
    with VectorTable(tmp_path / "t.sqlite", 48) as again:
        assert again.counts() == (2, 0)


def test_a_batch_that_does_not_fit_on_the_disk_leaves_every_batch_before_it(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    with VectorTable(path, 48) as table:
        table.put([row(n) for n in range(10)])
        pages = table._connection.execute("PRAGMA page_count").fetchone()[0]
        table._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(AppError, match=r"database or disk is full.*free some space"):
            table.put([row(n) for n in range(10, 500)])
        assert table.counts() == (10, 0)
    with VectorTable(path, 48) as again:
        assert again.counts() == (10, 0)
        again.put([row(11)])
        assert again.counts() == (11, 0)


@pytest.mark.parametrize("content", [b"this is no database at all, but long enough to look at" * 99, bytes(8192)])
def test_a_file_that_is_no_database_is_damaged_and_can_be_set_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.sqlite"
    path.write_bytes(b"S" + content[1:])
    with pytest.raises(DamagedTableError, match="Index the catalogue again"):
        VectorTable(path, 48)
    storage.set_aside(path)
    assert path.with_suffix(".damaged").read_bytes()[1:] == content[1:]
    with VectorTable(path, 48) as table:
        assert table.counts() == (0, 0)


def test_damage_in_the_middle_is_told_as_damage_and_not_as_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    with VectorTable(path, 48) as table:
        table.put([row(n) for n in range(400)])
    data = bytearray(path.read_bytes())
    data[32768:] = b"\xff" * (len(data) - 32768)
    path.write_bytes(data)
    with VectorTable(path, 48) as table, pytest.raises(DamagedTableError):
        list(table.blocks())
    with VectorTable(path, 48) as table, pytest.raises(DamagedTableError):
        table.counts()


def test_the_log_of_a_damaged_table_does_not_come_back_to_life(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    killed = VectorTable(path, 48)
    killed.put([row(n) for n in range(40)])
    log = path.with_name("t.sqlite-wal").read_bytes()
    killed.close()
    path.write_bytes(b"x" * 4096)
    path.with_name("t.sqlite-wal").write_bytes(log)
    storage.set_aside(path)
    with VectorTable(path, 48) as table:
        assert table.counts() == (0, 0)


def test_a_database_that_another_program_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **{**k, "timeout": 0}))
    path = tmp_path / "t.sqlite"
    with VectorTable(path, 48) as table, VectorTable(path, 48) as other:
        table._connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(AppError, match="database is locked"):
            other.put([row(1)])
        table._connection.execute("ROLLBACK")
        other.put([row(1)])
        assert table.counts() == (1, 0)
