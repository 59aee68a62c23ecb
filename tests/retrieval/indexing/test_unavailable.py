"""Pictures that cannot be read for a while keep what was made of them, and are told from those that are gone."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import UnreadableError
from retrieval.indexing import build as indexing
from retrieval.indexing import storage
from retrieval.indexing.storage import UNREAD, StoredRow, VectorTable
from tests.conftest import COLOUR_SPEC, ColourEncoder, built, jpeg, stored, write_picture

GREEN = [f"green/{n:02}.jpg" for n in (1, 4, 7, 10)]


class Withheld:
    """What cannot be read or listed while its name is in `names`, as without rights or on a failing disk."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.error = errno.EACCES

    def check(self, path: object) -> None:
        if Path(str(path)).name in self.names:
            raise OSError(self.error, os.strerror(self.error))


@pytest.fixture
def withheld(monkeypatch: pytest.MonkeyPatch) -> Withheld:
    held = Withheld()
    scandir, read = os.scandir, Path.read_bytes

    def listed(path: object) -> object:
        held.check(path)
        return scandir(path)  # type: ignore[call-overload]

    def content(path: Path) -> bytes:
        held.check(path)
        return read(path)

    monkeypatch.setattr(os, "scandir", listed)
    monkeypatch.setattr(Path, "read_bytes", content)
    return held


def withhold_file(folder: Path, held: Withheld) -> None:
    held.names |= {Path(name).name for name in GREEN}
    for name in GREEN:
        os.utime(folder / name)  # as other rights do, it changes the time of the file's entry


def withhold_folder(folder: Path, held: Withheld) -> None:
    held.names.add("green")


def fail_disk(folder: Path, held: Withheld) -> None:
    held.error = errno.EIO
    withhold_file(folder, held)


def unmount(folder: Path, held: Withheld) -> None:
    (folder / "green").rename(folder.parent / "disk")
    (folder / "green").mkdir()


def unlink_target(folder: Path, held: Withheld) -> None:
    (folder / "green").rename(folder.parent / "disk")
    (folder / "green").mkdir()
    for name in GREEN:
        (folder / name).symlink_to(folder.parent / "disk-that-is-away" / name)


def bring_back(folder: Path, held: Withheld) -> None:
    held.names.clear()
    if (folder.parent / "disk").exists():
        shutil.rmtree(folder / "green")
        (folder.parent / "disk").rename(folder / "green")


@pytest.mark.parametrize("hide", [withhold_file, withhold_folder, fail_disk, unmount, unlink_target])
def test_what_is_away_is_kept_and_named_and_comes_back_without_being_encoded_again(
    folder: Path, cache: Path, encoder: ColourEncoder, withheld: Withheld, hide: Callable[[Path, Withheld], None]
) -> None:
    built(folder, cache, encoder)
    before = stored(cache)
    hide(folder, withheld)
    for _ in range(2):
        report = built(folder, cache, encoder)
        assert (report.pictures, report.encoded, report.removed) == (12, 0, 0)
        assert [name for name, _ in report.unavailable] == GREEN
        assert all(problem.endswith(".") for _, problem in report.unavailable)
        assert stored(cache).keys() == before.keys()
        manifest = indexing.open_manifest(cache, COLOUR_SPEC)
        assert manifest.fingerprint == FolderCatalog(folder).fingerprint()  # at rest: nothing has changed since
        assert manifest.unread >= 4
    bring_back(folder, withheld)
    report = built(folder, cache, encoder)
    assert (report.pictures, report.encoded, report.removed, report.unavailable) == (12, 0, 0, [])
    assert indexing.open_manifest(cache, COLOUR_SPEC).unread == 0
    assert all(np.array_equal(vector, before[name][0]) for name, (vector, _) in stored(cache).items())


def test_what_is_gone_for_good_leaves_the_index(folder: Path, cache: Path, encoder: ColourEncoder) -> None:
    write_picture(folder / "green" / "deep" / "er" / "x.jpg", 40)
    built(folder, cache, encoder)
    (folder / "red" / "00.jpg").unlink()
    shutil.rmtree(folder / "green")
    report = built(folder, cache, encoder)
    assert (report.pictures, report.removed, report.unavailable) == (7, 6, [])


def test_a_folder_that_was_emptied_leaves_the_index_when_it_is_deleted(
    folder: Path, cache: Path, encoder: ColourEncoder
) -> None:
    built(folder, cache, encoder)
    for name in GREEN:
        (folder / name).unlink()
    (problem,) = {problem for _, problem in built(folder, cache, encoder).unavailable}
    assert "green/ is empty" in problem
    assert "delete the folder" in problem
    (folder / "green").rmdir()
    assert built(folder, cache, encoder).removed == 4


def test_a_picture_that_changed_while_it_was_away_is_encoded_again(
    folder: Path, cache: Path, encoder: ColourEncoder, withheld: Withheld
) -> None:
    built(folder, cache, encoder)
    withhold_file(folder, withheld)
    built(folder, cache, encoder)
    (folder / GREEN[0]).write_bytes(jpeg(99))
    bring_back(folder, withheld)
    report = built(folder, cache, encoder)
    assert (report.encoded, report.unavailable) == (1, [])


def test_a_picture_for_which_there_was_no_memory_is_tried_again(
    folder: Path, cache: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("retrieval.pictures.pixels.to_rgb", _no_memory)
        report = built(folder, cache, encoder)
        assert (report.pictures, len(report.skipped)) == (0, 12)
        assert all("not enough memory" in problem for _, problem in report.skipped)
    assert (built(folder, cache, encoder).pictures, encoder.encoded) == (12, 12)
    monkeypatch.setattr(Path, "read_bytes", _no_memory)
    with pytest.raises(UnreadableError, match="memory"):
        FolderCatalog(folder).read(GREEN[0])


def _no_memory(*_: object) -> None:
    raise MemoryError


def test_a_row_that_is_kept_has_its_place_and_its_content(tmp_path: Path) -> None:
    with VectorTable(tmp_path / "t.sqlite", 2) as table:
        table.put(
            [
                StoredRow("a", "s", "{}", "d1", np.array([1, 0], np.float32)),
                StoredRow("b", "s", "{}", problem="No picture."),
            ]
        )
        place = _place(table, "a")
        table.note_unread([StoredRow(i, UNREAD, '{"label": "x"}', problem="No rights.") for i in ("a", "b", "c")])
        assert _place(table, "a") == place
        assert table.unavailable() == [("a", "No rights.")]
        assert table.problems() == [("b", "No rights."), ("c", "No rights.")]
        assert (table.counts(), table.unread(), table.drop_damaged()) == ((1, 2), 3, 0)
        ((ids, vectors, attributes),) = table.blocks()
        assert (ids, vectors.tolist(), attributes) == (["a"], [[1.0, 0.0]], [{"label": "x"}])


def _place(table: VectorTable, item_id: str) -> int:
    return table._connection.execute("SELECT rowid FROM items WHERE id = ?", (item_id,)).fetchone()[0]


@pytest.fixture
def older(tmp_path: Path) -> Path:
    with VectorTable(tmp_path / "older.sqlite", 2) as table:
        table.put([StoredRow(name, f"s{name}", "{}", f"d{name}", np.array([1, 0], np.float32)) for name in "abc"])
        table.put([StoredRow("bad", "s", "{}", problem="No picture.")])
        table._connection.execute("UPDATE items SET vector = zeroblob(8) WHERE id = 'c'")
    return tmp_path / "older.sqlite"


def test_rows_are_carried_over_whole_but_for_damaged_and_skipped_ones(tmp_path: Path, older: Path) -> None:
    with VectorTable(tmp_path / "new.sqlite", 2) as table:
        table.carry_over(older)
        found = table.states(["a", "b", "c", "bad"])
        assert {name: state.stamp for name, state in found.items()} == {"a": "sa", "b": "sb"}
        assert table.by_digest("da") is not None
        assert table.drop_damaged() == 0
    with VectorTable(tmp_path / "marked.sqlite", 2) as table:
        table.carry_over(older, "version 1", lambda digest: f"{digest} marked")
        assert {state.stamp for state in table.states(["a", "b"]).values()} == {"version 1"}
        assert (table.by_digest("da"), table.by_digest("da marked") is not None) == (None, True)
        assert table.drop_damaged() == 0


def test_an_index_of_pictures_decoded_by_version_1_is_kept_where_they_look_the_same(
    folder: Path, cache: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("retrieval.pictures.decoding.VERSION", 1)
        built(folder, cache, encoder)
    assert (built(folder, cache, encoder).pictures, encoder.encoded) == (12, 12)
    assert len(list(cache.glob("*.sqlite"))) == 1


def test_a_build_by_force_reads_everything_and_encodes_what_has_another_content(
    folder: Path, cache: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.catalogs.local.folder.stamp", lambda path: "one size, one time")
    built(folder, cache, encoder)
    (folder / GREEN[0]).write_bytes(jpeg(77))
    assert built(folder, cache, encoder).encoded == 0
    indexing.read_again(cache, COLOUR_SPEC, "d1")
    report = built(folder, cache, encoder)
    assert (report.pictures, report.encoded, report.reused) == (12, 1, 11)
    expected = ColourEncoder().encode_images([FolderCatalog(folder).open(GREEN[0], 64)])[0]
    assert stored(cache)[GREEN[0]][0] == pytest.approx(expected, abs=1e-6)
    indexing.read_again(cache / "none here", COLOUR_SPEC, "d1")
    assert storage.read_manifest(cache / "none here", COLOUR_SPEC) is None


def test_a_picture_changed_in_place_with_its_size_and_time_kept_is_noticed(
    folder: Path, cache: Path, encoder: ColourEncoder
) -> None:
    path = folder / GREEN[0]
    path.write_bytes(jpeg(1) + bytes(100))
    built(folder, cache, encoder)
    state, other = path.stat(), jpeg(2)
    path.write_bytes(other + bytes(state.st_size - len(other)))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert built(folder, cache, encoder).encoded == 1
