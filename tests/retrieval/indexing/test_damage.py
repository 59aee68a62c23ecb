"""Tables of vectors whose bytes have changed on the disk, and builds of two processes at once."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import Item, StaleIndexError, Stopped
from retrieval.indexing import build, storage
from retrieval.indexing.build import Progress
from retrieval.indexing.storage import VectorTable
from retrieval.indexing.stored_rows import StoredRows
from tests.conftest import COLOUR_SPEC, ROOT, ColourEncoder, built, encoded, stored, write_picture

SEEDS = 200
PICTURES = 5


class Plain:
    """A catalogue of one-coloured pictures that needs no disk."""

    name, title = "plain", "plain"

    def __init__(self, count: int = PICTURES) -> None:
        self.items = [Item(f"{n}.png", {"label": f"colour {n}"}, f"stamp {n}") for n in range(count)]

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def fingerprint(self) -> str:
        return str(len(self.items))

    def read(self, item_id: str) -> bytes:
        shade = 1 + 7 * int(item_id.split(".")[0])
        return encoded(Image.new("RGB", (32, 32), (shade, 255 - shade, 90)), "PNG")

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        raise NotImplementedError


def same(
    found: dict[str, tuple[np.ndarray, dict[str, str]]], true: dict[str, tuple[np.ndarray, dict[str, str]]]
) -> bool:
    return found.keys() == true.keys() and all(
        np.array_equal(found[i][0], true[i][0]) and found[i][1] == true[i][1] for i in true
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished index of `Plain`."""
    cache = tmp_path_factory.mktemp("good")
    built(Plain(), cache, ColourEncoder())
    return cache


def garble(table: Path, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(table.read_bytes())
    for _ in range(chance.choice((1, 1, 3, 20))):
        place = chance.randrange(len(data))
        if seed % 2:  # where something is written, not in the empty middle of a page
            place = chance.choice([n for n, byte in enumerate(data) if byte])
        data[place] ^= chance.randrange(1, 256)
    table.write_bytes(data)


@pytest.mark.parametrize("first", range(0, SEEDS, 20))
def test_damage_is_noticed_when_read_and_mended_by_the_next_build(tmp_path: Path, good: Path, first: int) -> None:
    true = stored(good)
    for seed in range(first, first + 20):
        cache = tmp_path / str(seed)
        shutil.copytree(good, cache)
        (table,) = cache.glob("*.sqlite")
        garble(table, seed)
        try:
            assert same(stored(cache), true), seed
        except StaleIndexError:
            pass
        built(Plain(), cache, ColourEncoder())
        assert same(stored(cache), true), seed
        shutil.rmtree(cache)


def change(table: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(table)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [("vector", b"short"), ("vector", b"\0" * 192), ("vector", "text"), ("vector", np.full(48, np.nan, "f4").tobytes()),
     ("attributes", "{"), ("attributes", "[]"), ("attributes", b"\xff\xfe"), ("attributes", 7), ("stamp", b"\xff"),
     ("digest", "another"), ("checksum", 1), ("checksum", "text")],
)  # fmt: skip
@pytest.mark.parametrize("old", [False, True])
def test_only_the_damaged_row_is_encoded_again(
    tmp_path: Path, good: Path, column: str, value: object, old: bool
) -> None:
    if old and (column in ("stamp", "digest", "checksum") or value == b"\0" * 192):
        pytest.skip("without a checksum nobody can tell")
    cache, encoder = tmp_path / "cache", ColourEncoder()
    shutil.copytree(good, cache)
    (table,) = cache.glob("*.sqlite")
    if old:
        change(table, "UPDATE items SET checksum = NULL")
    text = isinstance(value, bytes) and column != "vector"
    change(table, f"UPDATE items SET {column} = {'CAST(? AS TEXT)' if text else '?'} WHERE id = '3.png'", value)
    with pytest.raises(StaleIndexError, match="ndex the catalogue again"):
        stored(cache)
    assert built(Plain(), cache, encoder).encoded == 1
    assert encoder.encoded == 1
    assert same(stored(cache), stored(good))


def test_an_index_made_before_there_were_checksums_opens_and_gets_them_with_the_next_build(
    tmp_path: Path, good: Path
) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(good, cache)
    (table,) = cache.glob("*.sqlite")
    change(table, "ALTER TABLE items DROP COLUMN checksum")
    old = StoredRows(table, 48)
    assert len(old.vectors(["1.png"])) == 1
    old.close()
    assert same(stored(cache), stored(good))
    assert built(Plain(), cache, ColourEncoder()).encoded == 0
    connection = sqlite3.connect(table)
    assert connection.execute("SELECT COUNT(checksum) FROM items").fetchone() == (PICTURES,)
    connection.close()


@pytest.mark.parametrize("read", [lambda rows: rows.take([4]), lambda rows: rows.vectors(["3.png"]),
                                  lambda rows: rows.numbered([4]), lambda rows: list(rows.blocks())])  # fmt: skip
def test_reading_by_row_number_notices_a_damaged_vector(
    tmp_path: Path, good: Path, read: Callable[[StoredRows], object]
) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(good, cache)
    (table,) = cache.glob("*.sqlite")
    change(table, "UPDATE items SET vector = ? WHERE rowid = 4", bytes(192))
    rows = StoredRows(table, 48)
    with pytest.raises(StaleIndexError, match="damaged"):
        read(rows)
    rows.close()


OTHER = """
    import sys, time
    from pathlib import Path
    from retrieval.indexing import storage
    from tests.conftest import COLOUR_SPEC
    with storage.building(Path(sys.argv[1]), COLOUR_SPEC, lambda: None):
        print("held", flush=True)
        sys.stdin.read()
"""


def test_a_second_process_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    cache, told = tmp_path / "cache", []
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OTHER), str(cache)], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "held\n"

        def on_progress(progress: Progress) -> None:
            told.append(progress.doing)
            if len(told) == 2:
                assert other.stdin
                other.stdin.close()

        built(Plain(), cache, ColourEncoder(), on_progress=on_progress)
    assert told[:2] == [build.WAITING] * 2
    assert len(stored(cache)) == PICTURES


def test_who_waits_for_another_process_can_be_stopped(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        raise Stopped

    held, ended = threading.Event(), threading.Event()

    def hold() -> None:
        with storage.building(tmp_path, COLOUR_SPEC, lambda: None):
            held.set()
            ended.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(60)
    with pytest.raises(Stopped):
        built(Plain(), tmp_path, ColourEncoder(), on_progress=stop)
    ended.set()
    other.join()


def test_a_picture_that_comes_while_a_build_runs_is_never_lost(tmp_path: Path, encoder: ColourEncoder) -> None:
    folder, cache = tmp_path / "pictures", tmp_path / "cache"
    for number in range(3):
        write_picture(folder / f"{number}.jpg", number)

    class Growing(FolderCatalog):
        passes = 0

        def __iter__(self) -> Iterator[Item]:
            self.passes += 1
            if self.passes == 2:
                (folder / "1.jpg").unlink()
            yield from super().__iter__()

    built(Growing(folder), cache, encoder)
    write_picture(folder / "1.jpg", 1)
    time.sleep(0.01)
    built(folder, cache, encoder)
    assert sorted(stored(cache)) == ["0.jpg", "1.jpg", "2.jpg"]


def test_two_threads_that_build_at_once_leave_one_whole_index(tmp_path: Path) -> None:
    catalog = Plain(20)
    threads = [threading.Thread(target=built, args=(catalog, tmp_path, ColourEncoder())) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(stored(tmp_path)) == 20
    with VectorTable(next(tmp_path.glob("*.sqlite")), 48) as table:
        assert table.counts() == (20, 0)
