"""Bringing an index up to date: only what is new is encoded, and nothing that happens meanwhile loses it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.catalogs.local.deepfashion2 import DeepFashion2Catalog
from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import AppError, Box, MissingIndexError, StaleIndexError, Stopped
from retrieval.indexing import build as indexing
from retrieval.indexing import encoding, storage
from retrieval.indexing.build import Progress
from retrieval.pictures import decoding
from tests.conftest import (
    CLOTHING,
    COLOUR_SPEC,
    ROOT,
    ColourEncoder,
    blocks,
    built,
    encoded,
    jpeg,
    stored,
    write_picture,
)


def many(root: Path, count: int) -> Path:
    """Fill `root` with `count` small pictures."""
    root.mkdir(parents=True, exist_ok=True)
    for n in range(len(list(root.iterdir())), count):
        (root / f"{n:04}.jpg").write_bytes(jpeg(n, (8, 8)))
    return root


def counts(report: indexing.Report) -> tuple[int, int, int, int, int]:
    return report.pictures, report.encoded, report.reused, report.removed, len(report.skipped)


def check(cache: Path, root: Path) -> None:
    """Assert that the finished index holds exactly the readable pictures of `root`, each with its own vector."""
    catalog = FolderCatalog(root)
    items = {item.id: item for item in catalog}
    found = stored(cache)
    assert set(found) == set(items)
    for item_id, (vector, attributes) in found.items():
        expected = ColourEncoder().encode_images([catalog.open(item_id, COLOUR_SPEC.image_size)])[0]
        assert vector == pytest.approx(expected, abs=1e-6)
        assert attributes == items[item_id].attributes


def test_a_first_build_encodes_everything_and_a_second_nothing(
    folder: Path, cache: Path, encoder: ColourEncoder
) -> None:
    assert counts(built(folder, cache, encoder)) == (12, 12, 0, 0, 0)
    check(cache, folder)
    assert counts(built(folder, cache, encoder)) == (12, 0, 12, 0, 0)
    assert encoder.encoded == 12


def test_a_build_with_nothing_to_do_loads_no_engine_and_reads_no_picture(
    folder: Path, cache: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(folder, cache, encoder)
    read: list[object] = []
    monkeypatch.setattr(FolderCatalog, "read", lambda *a: read.append(a))
    indexing.build_index(FolderCatalog(folder), COLOUR_SPEC, "d1", lambda: pytest.fail("loaded"), cache)
    assert not read


def test_only_what_was_added_or_changed_is_encoded_and_what_is_gone_is_removed(
    folder: Path, cache: Path, encoder: ColourEncoder
) -> None:
    built(folder, cache, encoder)
    write_picture(folder / "red" / "new.jpg", 50)
    (folder / "red" / "00.jpg").write_bytes(jpeg(51))
    (folder / "green" / "01.jpg").unlink()
    assert counts(built(folder, cache, encoder)) == (12, 2, 10, 1, 0)
    check(cache, folder)


def test_a_picture_that_was_moved_or_copied_is_not_encoded_again(
    folder: Path, cache: Path, encoder: ColourEncoder
) -> None:
    built(folder, cache, encoder)
    (folder / "red" / "00.jpg").rename(folder / "green" / "moved.jpg")
    shutil.copy(folder / "blue" / "02.jpg", folder / "red" / "copied.jpg")
    shutil.move(folder / "blue", folder / "navy")
    assert counts(built(folder, cache, encoder)) == (13, 0, 13, 5, 0)
    check(cache, folder)


def test_a_picture_that_was_only_touched_is_not_encoded_again(
    folder: Path, cache: Path, encoder: ColourEncoder
) -> None:
    built(folder, cache, encoder)
    for path in folder.rglob("*.jpg"):
        os.utime(path, ns=(1, 1))
    assert counts(built(folder, cache, encoder)) == (12, 0, 12, 0, 0)
    check(cache, folder)


def test_a_changed_picture_of_the_same_size_is_noticed(tmp_path: Path, cache: Path, encoder: ColourEncoder) -> None:
    root = tmp_path / "p"
    root.mkdir()
    for colour in ("red", "blue"):
        (root / "a.bmp").write_bytes(encoded(Image.new("RGB", (8, 8), colour), "BMP"))
        assert built(root, cache, encoder).encoded == 1
    check(cache, root)


def test_new_labels_change_attributes_and_encode_nothing(folder: Path, cache: Path, encoder: ColourEncoder) -> None:
    built(folder, cache, encoder)
    made = indexing.open_manifest(cache, COLOUR_SPEC).made
    (folder / "metadata.csv").write_text("file_name,label\n00.jpg,Hat\n")
    assert counts(built(folder, cache, encoder)) == (12, 0, 12, 0, 0)
    check(cache, folder)
    assert stored(cache)["red/00.jpg"][1] == {"label": "Hat"}
    assert indexing.open_manifest(cache, COLOUR_SPEC).made != made


def test_a_garment_whose_box_changed_is_encoded_again(tmp_path: Path, cache: Path, encoder: ColourEncoder) -> None:
    for name in ("image", "annos"):
        (tmp_path / "df2" / name).mkdir(parents=True)
    (tmp_path / "df2" / "image" / "000001.jpg").write_bytes(jpeg(1, (80, 60)))
    corpus = DeepFashion2Catalog(tmp_path / "df2", "deepfashion2", "corpus")
    for box in ([0, 0, 20, 20], [40, 30, 80, 60]):
        note = {"item1": {"bounding_box": box, "category_name": "skirt"}}
        (tmp_path / "df2" / "annos" / "000001.json").write_text(json.dumps(note))
        assert built(corpus, cache, encoder).encoded == 1
        expected = ColourEncoder().encode_images([corpus.open("000001/item1", 64)])[0]
        assert stored(cache)["000001/item1"][0] == pytest.approx(expected, abs=1e-6)


BAD = {
    "text.jpg": b"this is a text file named .jpg",
    "empty.png": b"",
    "cut.jpg": jpeg(1)[:300],
    "line\nbreak.jpg": b"nothing",
    "é 'quoted' \"name\".gif": b"GIF89a",
}


def test_bad_pictures_are_skipped_counted_named_and_not_tried_again_until_they_change(
    folder: Path, cache: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, data in BAD.items():
        (folder / name).write_bytes(data)
    (folder / "1x1.png").write_bytes(encoded(Image.new("RGB", (1, 1), "red"), "PNG"))
    report = built(folder, cache, encoder)
    assert counts(report) == (13, 13, 0, 0, len(BAD))
    assert {name for name, _ in report.skipped} == set(BAD)
    assert all(problem.endswith(".") for _, problem in report.skipped)
    write_picture(folder / "another.jpg", 77)
    decoded: list[int] = []
    decode = decoding.decode

    def counted(data: bytes, shorter_side: int | None = None, box: Box | None = None) -> Image.Image:
        decoded.append(1)
        return decode(data, shorter_side, box)

    monkeypatch.setattr(decoding, "decode", counted)
    assert counts(built(folder, cache, encoder)) == (14, 1, 13, 0, len(BAD))
    assert len(decoded) == 1
    (folder / "cut.jpg").write_bytes(jpeg(78))
    assert counts(built(folder, cache, encoder)) == (15, 1, 14, 0, len(BAD) - 1)


def test_links_pipes_and_names_that_are_no_unicode_are_skipped_and_named(
    folder: Path, cache: Path, encoder: ColourEncoder, tmp_path: Path
) -> None:
    write_picture(tmp_path / "private" / "secret.jpg", 90)
    (folder / "link.jpg").symlink_to(tmp_path / "private" / "secret.jpg")
    (folder / "album").symlink_to(tmp_path / "private")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(folder / "pipe.jpg")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg")).write_bytes(jpeg(91))
    for _ in range(2):
        report = built(folder, cache, encoder)
        problems = dict(report.skipped)
        assert set(problems) == {"link.jpg", "album/", "loop.jpg", "gone.jpg", "pipe.jpg", "caf\\udce9.jpg"}
        assert "outside" in problems["link.jpg"]
        assert "outside" in problems["album/"]
        assert "Unicode" in problems["caf\\udce9.jpg"]
        assert (report.pictures, encoder.encoded) == (12, 12)
    json.dumps(report.skipped).encode()


@pytest.fixture
def deny(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return a set of file names that cannot be read while they are in it."""
    denied: set[str] = set()
    read = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.name in denied:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    return denied


def test_an_unreadable_file_is_skipped_named_and_taken_once_it_can_be_read(
    folder: Path, cache: Path, encoder: ColourEncoder, deny: set[str]
) -> None:
    deny.add("04.jpg")
    for _ in range(2):
        report = built(folder, cache, encoder)
        assert (report.pictures, len(report.skipped)) == (11, 1)
        assert "Permission denied" in dict(report.skipped)["green/04.jpg"]
    deny.clear()
    assert counts(built(folder, cache, encoder)) == (12, 1, 11, 0, 0)
    check(cache, folder)


def test_an_unreadable_file_does_not_make_an_unchanged_index_look_new(
    folder: Path, cache: Path, encoder: ColourEncoder, deny: set[str]
) -> None:
    deny.add("04.jpg")
    built(folder, cache, encoder)
    made = indexing.open_manifest(cache, COLOUR_SPEC).made
    built(folder, cache, encoder)
    assert indexing.open_manifest(cache, COLOUR_SPEC).made == made


class Dying(ColourEncoder):
    """An encoder in whose hands the process is killed at its third batch."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        self.batches += 1
        if self.batches == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_images(images)


def run(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    """Start `code` in a process of its own, with the tests' names imported."""
    tests = "from tests.conftest import *\nfrom tests.retrieval.indexing.test_indexing import *\n"
    lines = f"import sys\nfrom pathlib import Path\n{tests}"
    return subprocess.Popen(
        [sys.executable, "-c", lines + code, *map(str, arguments)], cwd=ROOT, stderr=subprocess.PIPE
    )


def test_a_killed_build_loses_at_most_one_batch(tmp_path: Path, cache: Path, encoder: ColourEncoder) -> None:
    root = many(tmp_path / "p", 100)
    dying = run("built(Path(sys.argv[1]), Path(sys.argv[2]), Dying())", root, cache)
    dying.communicate()
    assert dying.returncode == -signal.SIGKILL
    with pytest.raises(MissingIndexError, match="python cli.py index"):
        stored(cache)
    assert counts(built(root, cache, encoder)) == (100, 100 - 2 * encoding.BATCH, 2 * encoding.BATCH, 0, 0)
    check(cache, root)


def test_a_killed_update_leaves_the_old_index_readable_and_goes_on_from_there(
    tmp_path: Path, cache: Path, encoder: ColourEncoder
) -> None:
    root = many(tmp_path / "p", 20)
    built(root, cache, encoder)
    before = stored(cache)
    many(root, 110)
    run("built(Path(sys.argv[1]), Path(sys.argv[2]), Dying())", root, cache).communicate()
    after = stored(cache)
    assert all(np.array_equal(after[item_id][0], vector) for item_id, (vector, _) in before.items())
    encoder.encoded = 0
    built(root, cache, encoder)
    assert encoder.encoded == 90 - 2 * encoding.BATCH
    check(cache, root)


def test_an_update_cut_short_does_not_pass_for_finished_when_the_pictures_are_put_back(
    tmp_path: Path, cache: Path, encoder: ColourEncoder
) -> None:
    root = many(tmp_path / "p", 3)
    first, state = (root / "0000.jpg").read_bytes(), (root / "0000.jpg").stat()
    built(root, cache, encoder)
    (root / "0000.jpg").write_bytes(jpeg(99, (8, 8)))

    def stop(progress: Progress) -> None:
        if progress.encoded:
            raise Stopped

    with pytest.raises(Stopped):
        built(root, cache, encoder, on_progress=stop)
    (root / "0000.jpg").write_bytes(first)
    os.utime(root / "0000.jpg", ns=(state.st_atime_ns, state.st_mtime_ns))
    built(root, cache, encoder)
    check(cache, root)


def test_a_stopped_build_keeps_what_was_stored(tmp_path: Path, cache: Path, encoder: ColourEncoder) -> None:
    root = many(tmp_path / "p", 80)

    def stop(progress: Progress) -> None:
        if progress.encoded:
            raise Stopped

    with pytest.raises(Stopped):
        built(root, cache, encoder, on_progress=stop)
    assert built(root, cache, encoder).encoded == 80 - encoding.BATCH
    check(cache, root)


def test_progress_rises_to_the_whole_and_tells_speed_and_time_left(
    tmp_path: Path, cache: Path, encoder: ColourEncoder
) -> None:
    root = many(tmp_path / "p", 70)
    (root / "bad.jpg").write_bytes(b"no picture")
    heard: list[Progress] = []
    built(root, cache, encoder, on_progress=heard.append)
    assert [p.done for p in heard] == sorted(p.done for p in heard)
    assert {p.total for p in heard} == {71}
    assert (heard[-1].done, heard[-1].encoded, heard[-1].seconds_left) == (71, 70, 0.0)
    assert heard[-1].per_second > 0
    assert Progress(0, 10).seconds_left is None
    assert Progress(4, 10, 4, 2.0).seconds_left == 3.0


def test_other_weights_make_another_index_and_the_old_one_is_readable_until_then(
    tmp_path: Path, cache: Path, encoder: ColourEncoder
) -> None:
    root = many(tmp_path / "p", 80)
    built(root, cache, encoder)
    old = set(cache.iterdir())

    def stop(progress: Progress) -> None:
        assert len(stored(cache)) == 80
        if progress.encoded >= 64:
            raise Stopped

    with pytest.raises(Stopped):
        built(root, cache, encoder, digest="d2", on_progress=stop)
    assert indexing.open_manifest(cache, COLOUR_SPEC).digest == "d1"
    assert len(stored(cache)) == 80
    assert built(root, cache, encoder, digest="d2").encoded == 16
    assert indexing.open_manifest(cache, COLOUR_SPEC).digest == "d2"
    assert len(set(cache.iterdir())) == len(old)
    check(cache, root)


def test_weights_that_differ_in_the_last_letter_of_their_digest_are_other_weights(
    folder: Path, cache: Path, encoder: ColourEncoder
) -> None:
    built(folder, cache, encoder, digest="squeezenet1_1-b8a52dc0")
    assert built(folder, cache, encoder, digest="squeezenet1_1-b8a52dc1").encoded == 12


def test_another_size_of_vectors_under_the_same_weights_is_made_anew(
    folder: Path, cache: Path, encoder: ColourEncoder
) -> None:
    built(folder, cache, encoder)
    encoder.spec = replace(COLOUR_SPEC, dim=47)
    encoder.encode_images = lambda images: ColourEncoder.encode_images(encoder, images)[:, :47]  # type: ignore[method-assign]
    manifest = indexing.open_manifest(cache, encoder.spec)
    with pytest.raises(StaleIndexError):
        manifest.check(encoder.spec, "d1", manifest.preprocessing)
    assert built(folder, cache, encoder).encoded == 12
    indexing.open_manifest(cache, encoder.spec).check(encoder.spec, "d1", manifest.preprocessing)


def limited(monkeypatch: pytest.MonkeyPatch, pages: int) -> None:
    """Let every table grow by `pages` pages of 16 KiB and no more, as on a full disk."""
    connect = storage.connect

    def connected(path: Path, schema: str) -> sqlite3.Connection:
        connection = connect(path, schema)
        now = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {now + pages}")
        return connection

    monkeypatch.setattr(storage, "connect", connected)


def test_a_full_disk_while_adding_leaves_the_index_and_the_next_build_goes_on(
    tmp_path: Path, cache: Path, encoder: ColourEncoder
) -> None:
    root = many(tmp_path / "p", 40)
    built(root, cache, encoder)
    many(root, 300)
    with pytest.MonkeyPatch.context() as patched:
        limited(patched, 3)
        with pytest.raises(AppError, match=r"disk is full.*Nothing written before is lost"):
            built(root, cache, encoder)
        assert len(stored(cache)) >= 40
    known = encoder.encoded
    built(root, cache, encoder)
    assert encoder.encoded < known + 300 - 40
    check(cache, root)


def test_a_full_disk_while_other_weights_are_tried_leaves_the_old_index(
    tmp_path: Path, cache: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = many(tmp_path / "p", 80)
    built(root, cache, encoder)
    limited(monkeypatch, 1)
    with pytest.raises(AppError, match="full"):
        built(root, cache, encoder, digest="d2")
    assert indexing.open_manifest(cache, COLOUR_SPEC).digest == "d1"
    check(cache, root)


def test_a_manifest_that_cannot_be_written_leaves_the_old_index(
    folder: Path, cache: Path, encoder: ColourEncoder
) -> None:
    built(folder, cache, encoder)
    write_picture(folder / "new.jpg", 60)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(AppError, match="No space left"):
            built(folder, cache, encoder)
        assert set(stored(cache)) >= {f"{('red', 'green', 'blue')[n % 3]}/{n:02}.jpg" for n in range(12)}
    built(folder, cache, encoder)
    check(cache, folder)


def damage(table: Path, place: int) -> None:
    data = bytearray(table.read_bytes())
    data[place:] = b"\xa5" * (len(data) - place)
    table.write_bytes(data)


@pytest.mark.parametrize("place", [0, 4096, 16384, 32768])
def test_a_damaged_table_is_set_aside_and_made_anew(
    tmp_path: Path, cache: Path, encoder: ColourEncoder, place: int
) -> None:
    root = many(tmp_path / "p", 100)
    built(root, cache, encoder)
    (table,) = cache.glob("*.sqlite")
    damage(table, place)
    with pytest.raises(StaleIndexError):
        stored(cache)
    assert built(root, cache, encoder).encoded == 100
    assert len(list(cache.glob("*.damaged"))) == 1
    check(cache, root)
    write_picture(root / "new.jpg", 200)
    assert built(root, cache, encoder).encoded == 1


def test_a_table_being_made_anew_is_never_read_half_way(tmp_path: Path, cache: Path, encoder: ColourEncoder) -> None:
    root = many(tmp_path / "p", 100)

    def stop(progress: Progress) -> None:
        if progress.encoded:
            raise Stopped

    for spoil in (lambda table: damage(table, 4096), Path.unlink):
        built(root, cache, encoder)
        (table,) = cache.glob("*.sqlite")
        spoil(table)
        with pytest.raises(Stopped):
            built(root, cache, encoder, on_progress=stop)
        with pytest.raises(MissingIndexError):
            stored(cache)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}"])
def test_a_damaged_manifest_costs_nothing_but_a_look(
    folder: Path, cache: Path, encoder: ColourEncoder, content: bytes
) -> None:
    built(folder, cache, encoder)
    (manifest,) = cache.glob("*.json")
    manifest.write_bytes(content)
    with pytest.raises(StaleIndexError):
        stored(cache)
    assert counts(built(folder, cache, encoder)) == (12, 0, 12, 0, 0)
    check(cache, folder)


def test_an_empty_folder_says_so_and_keeps_the_index_made_before(
    folder: Path, cache: Path, encoder: ColourEncoder
) -> None:
    built(folder, cache, encoder)
    kept = folder.rename(folder.with_name("kept"))
    folder.mkdir()
    with pytest.raises(AppError, match="no pictures in"):
        built(folder, cache, encoder)
    assert len(stored(cache)) == 12
    folder.rmdir()
    kept.rename(folder)
    assert built(folder, cache, encoder).encoded == 0


def test_a_folder_that_is_gone_keeps_its_index(folder: Path, cache: Path, encoder: ColourEncoder) -> None:
    built(folder, cache, encoder)
    catalog = FolderCatalog(folder)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(AppError, match="is gone"):
        built(catalog, cache, encoder)
    assert len(stored(cache)) == 12


def unplug(root: Path) -> None:
    root.rename(root.with_name("unplugged"))


def unmount(root: Path) -> None:
    unplug(root)
    root.mkdir()


@pytest.mark.parametrize("vanish", [unplug, unmount])
@pytest.mark.parametrize("known", [0, 40])
def test_a_folder_that_vanishes_during_a_build_loses_nothing_and_is_taken_up_when_it_is_back(
    tmp_path: Path, cache: Path, encoder: ColourEncoder, vanish: Callable[[Path], None], known: int
) -> None:
    root = tmp_path / "stick"
    if known:
        built(many(root, known), cache, encoder)
    many(root, 140)
    catalog = FolderCatalog(root)

    def pull(progress: Progress) -> None:
        if progress.encoded and root.is_dir() and not root.with_name("unplugged").exists():
            vanish(root)

    with pytest.raises(AppError, match=r"is gone|no pictures"):
        built(catalog, cache, encoder, on_progress=pull)
    if known:
        assert len(stored(cache)) >= known
    else:
        with pytest.raises(MissingIndexError):
            stored(cache)
    if root.exists():
        root.rmdir()
    root.with_name("unplugged").rename(root)
    report = built(catalog, cache, encoder)
    assert (report.pictures, len(report.skipped)) == (140, 0)
    check(cache, root)


def test_a_folder_that_vanishes_between_the_two_looks_of_a_build_keeps_its_index(
    folder: Path, cache: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    built(folder, cache, encoder)
    write_picture(folder / "new.jpg", 61)
    look = FolderCatalog.__iter__
    looks: list[int] = []

    def looked(catalog: FolderCatalog) -> object:
        looks.append(1)
        if len(looks) > 1:
            shutil.rmtree(folder)
            folder.mkdir()
        return look(catalog)

    monkeypatch.setattr(FolderCatalog, "__iter__", looked)
    with pytest.raises(AppError, match="no pictures"):
        built(FolderCatalog(folder), cache, encoder)
    assert len(stored(cache)) == 12


def test_two_builds_at_once_in_threads_end_with_one_right_index(tmp_path: Path, cache: Path) -> None:
    root = many(tmp_path / "p", 150)
    inside: list[int] = []
    most: list[int] = []
    failures: list[BaseException] = []

    class Together(ColourEncoder):
        def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.05)
            found = super().encode_images(images)
            inside.pop()
            return found

    def build() -> None:
        try:
            built(root, cache, Together())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert max(most) == 1
    check(cache, root)


def test_two_builds_at_once_in_processes_end_with_one_right_index(
    tmp_path: Path, cache: Path, encoder: ColourEncoder
) -> None:
    root = many(tmp_path / "p", 120)
    runs = [run("built(Path(sys.argv[1]), Path(sys.argv[2]), ColourEncoder())", root, cache) for _ in range(2)]
    for each in runs:
        _, errors = each.communicate()
        assert each.returncode == 0, errors.decode()
    check(cache, root)
    assert built(root, cache, encoder).encoded == 0


def test_the_number_of_decoded_pictures_alive_does_not_grow_with_the_folder(
    tmp_path: Path, cache: Path, encoder: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = many(tmp_path / "p", 400)
    alive: set[int] = set()
    most = 0
    decode = decoding.decode

    def counted(*arguments: object) -> Image.Image:
        nonlocal most
        image = decode(*arguments)  # type: ignore[arg-type]
        alive.add(id(image))
        weakref.finalize(image, alive.discard, id(image))
        most = max(most, len(alive))
        return image

    monkeypatch.setattr(decoding, "decode", counted)
    built(root, cache, encoder)
    assert encoder.encoded == 400
    assert encoding.BATCH <= most <= encoding.AHEAD


def test_an_engine_that_fails_is_not_taken_for_a_bad_picture(folder: Path, cache: Path, encoder: ColourEncoder) -> None:
    def missing() -> ColourEncoder:
        raise AppError("The weights are missing.")

    with pytest.raises(AppError, match="weights are missing"):
        indexing.build_index(FolderCatalog(folder), COLOUR_SPEC, "d1", missing, cache)
    assert counts(built(folder, cache, encoder)) == (12, 12, 0, 0, 0)


def test_the_same_picture_in_png_and_jpeg_is_found_as_itself(
    tmp_path: Path, cache: Path, encoder: ColourEncoder
) -> None:
    root = tmp_path / "p"
    root.mkdir()
    (root / "a.png").write_bytes(encoded(blocks(1, (300, 400)), "PNG"))
    (root / "a.jpg").write_bytes(encoded(blocks(1, (300, 400)), "JPEG", quality=95))
    built(root, cache, encoder)
    one, other = (vector for vector, _ in stored(cache).values())
    assert float(one @ other) > 0.999


@pytest.mark.skipif(not CLOTHING.is_dir(), reason="the Clothing Dataset is not in ../shared")
def test_photos_of_the_clothing_dataset_are_indexed_with_their_labels(
    tmp_path: Path, cache: Path, encoder: ColourEncoder
) -> None:
    photos = sorted((CLOTHING / "images").iterdir())[:60]
    root = tmp_path / "clothing"
    (root / "images").mkdir(parents=True)
    for photo in photos:
        shutil.copy(photo, root / "images")
    shutil.copy(CLOTHING / "images.csv", root)
    assert counts(built(root, cache, encoder)) == (60, 60, 0, 0, 0)
    found = stored(cache)
    assert all(set(attributes) == {"label", "sender_id", "kids"} for _, attributes in found.values())
    check(cache, root)
