"""Pictures that strangers send: unpacked within bounds, inside one folder, seen by who sent them, gone afterwards."""

from __future__ import annotations

import os
import stat
import struct
import subprocess
import sys
import threading
import time
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retrieval.catalogs.local import unpack
from retrieval.catalogs.local.unpack import Bounds
from retrieval.core import AppError
from services import Services, sessions
from settings import Settings
from tests.conftest import COLOUR_SPEC, ROOT, ColourEncoder, jpeg, register

BOUNDS = Bounds(files=50, bytes=2_000_000)
HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}.jpg"


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def unpacked(tmp_path: Path, *paths: Path, bounds: Bounds = BOUNDS) -> tuple[unpack.Kept, list[str]]:
    """Unpack and return what came of it with the paths of the files that are there now."""
    folder = tmp_path / "out"
    kept = unpack.unpack([(path.name, path) for path in paths], folder, bounds)
    return kept, sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_and_a_zip_with_folders_and_a_table_become_one_folder(tmp_path: Path) -> None:
    (tmp_path / "one.JPG").write_bytes(jpeg(1))
    archive = zipped(
        tmp_path / "shop.zip",
        {"red/a.jpg": jpeg(2), "red/sub/b.png": jpeg(3), "metadata.csv": b"file_name,kind\n", "notes.txt": b"x",
         "__MACOSX/red/._a.jpg": b"x", "red/.hidden.jpg": b"x"},
    )  # fmt: skip
    kept, files = unpacked(tmp_path, tmp_path / "one.JPG", archive)
    assert files == ["metadata.csv", "one.JPG", "red/a.jpg", "red/sub/b.png"]
    assert kept.pictures == 3
    assert kept.left_out == [("notes.txt", "It is not named like a picture.")]


@pytest.mark.parametrize(
    "name",
    [
        "../evil.jpg",
        "a/../../evil.jpg",
        "/etc/evil.jpg",
        "..\\evil.jpg",
        "C:\\evil.jpg",
        "C:evil.jpg",
        "\\\\h\\evil.jpg",
    ],
)
def test_a_name_that_leads_outside_is_left_out(tmp_path: Path, name: str) -> None:
    archive = zipped(tmp_path / "x.zip", {name: jpeg(1), "good.jpg": jpeg(2)})
    kept, files = unpacked(tmp_path, archive)
    assert files == ["good.jpg"]
    assert "outside" in kept.left_out[0][1]
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("name", ["Röcke/1.jpg", "Łódź/日本.jpg", "plain/1.jpg"])
def test_names_in_a_zip_of_macos_which_does_not_say_that_they_are_utf_8(tmp_path: Path, name: str) -> None:
    archive = zipped(tmp_path / "mac.zip", {name: jpeg(1)})
    data = bytearray(archive.read_bytes())
    data[7] &= ~0x08  # the flag for UTF-8, in the entry itself and in the directory
    data[data.index(b"PK\1\2") + 9] &= ~0x08
    archive.write_bytes(data)
    assert unpacked(tmp_path, archive)[1] == [name]


def test_a_name_in_a_zip_that_is_neither_marked_nor_utf_8_is_read_as_dos_wrote_it(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "dos.zip", {"R_cke.jpg": jpeg(1)})
    archive.write_bytes(archive.read_bytes().replace(b"R_cke", b"R\x94cke"))
    assert unpacked(tmp_path, archive)[1] == ["Röcke.jpg"]


def test_a_link_in_a_zip_is_not_made(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("good.jpg", jpeg(1))
    kept, files = unpacked(tmp_path, tmp_path / "x.zip")
    assert files == ["good.jpg"]
    assert kept.left_out == [("link.jpg", "It is a link or a device, not a file.")]


def test_a_bomb_stops_at_the_bound_and_nothing_of_it_stays(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "bomb.zip", {f"{n}.jpg": bytes(1_000_000) for n in range(40)}, zipfile.ZIP_DEFLATED)
    assert archive.stat().st_size < 60_000
    with pytest.raises(AppError, match="more than 1 MB when unpacked"):
        unpacked(tmp_path, archive)
    assert not (tmp_path / "out").exists()


def test_a_bomb_that_lies_about_its_size_stops_too(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "liar.zip", {"a.jpg": bytes(30_000_000)}, zipfile.ZIP_DEFLATED)
    data = bytearray(archive.read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", 100)
    archive.write_bytes(data)
    with pytest.raises(AppError):
        unpacked(tmp_path, archive)
    assert not (tmp_path / "out").exists()


def test_a_zip_of_zips_is_not_opened_twice(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"a.jpg": jpeg(1)})
    outer = zipped(tmp_path / "outer.zip", {"inner.zip": inner.read_bytes(), "b.jpg": jpeg(2)})
    kept, files = unpacked(tmp_path, outer)
    assert files == ["b.jpg"]
    assert kept.left_out == [("inner.zip", "A zip in a zip is not opened.")]
    only = zipped(tmp_path / "only.zip", {"inner.zip": inner.read_bytes()})
    with pytest.raises(AppError, match="no pictures in what you sent. inner.zip: A zip in a zip is not opened"):
        unpack.unpack([("only.zip", only)], tmp_path / "other", BOUNDS)


def test_too_many_files_and_broken_zips_are_said(tmp_path: Path) -> None:
    many = zipped(tmp_path / "many.zip", {f"{n}.jpg": b"x" for n in range(60)})
    with pytest.raises(AppError, match="more than 50 pictures"):
        unpacked(tmp_path, many)
    endless = zipped(tmp_path / "endless.zip", {f"{n}.txt": b"" for n in range(300)})
    with pytest.raises(AppError, match="lists 300 files"):
        unpacked(tmp_path, endless)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(many.read_bytes()[:700])
    with pytest.raises(AppError, match="no zip that can be read"):
        unpacked(tmp_path, cut)


def test_a_damaged_or_locked_member_is_left_out_by_name(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", {"bad.jpg": jpeg(1), "good.jpg": jpeg(2)})
    data = bytearray(archive.read_bytes())
    place = data.index(jpeg(1))
    data[place + 50] ^= 0xFF
    archive.write_bytes(data)
    kept, files = unpacked(tmp_path, archive)
    assert files == ["good.jpg"]
    assert kept.left_out[0][0] == "bad.jpg"


def test_strange_names_become_plain_ones_and_twins_get_a_number(tmp_path: Path) -> None:
    long = "x" * 400 + ".jpg"
    archive = zipped(
        tmp_path / "x.zip", {HOSTILE: jpeg(1), "a\x1b[31m\n.jpg": jpeg(2), long: jpeg(3), "t.jpg": jpeg(4)}
    )
    (tmp_path / "t.jpg").write_bytes(jpeg(5))
    _, files = unpacked(tmp_path, tmp_path / "t.jpg", archive)
    assert set(files) == {HOSTILE, "a_[31m_.jpg", "x" * 96 + ".jpg", "t.jpg", "t (2).jpg"}


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, COLOUR_SPEC, loaded=[ColourEncoder()])


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    for name in ("image", "annos"):
        (tmp_path / "sample" / name).mkdir(parents=True)
    (tmp_path / "sample" / "image" / "000001.jpg").write_bytes(jpeg(1))
    made = Services(Settings(index_cache=tmp_path / "cache", sample=tmp_path / "sample", clip=()))
    yield made
    made.close()


@pytest.fixture
def mine(services: Services, tmp_path: Path) -> tuple[str, str]:
    """Return a session and its catalogue of twelve pictures."""
    session = services.sessions.arrive("browser")
    archive = zipped(tmp_path / "mine.zip", {f"{n % 3}/{n}.jpg": jpeg(n) for n in range(12)})
    key, _ = services.uploads.add(session, [("mine.zip", archive)], "Holiday")
    return session, key


def test_an_upload_is_a_catalogue_that_is_searched_and_is_in_no_list(services: Services, mine: tuple[str, str]) -> None:
    session, key = mine
    assert [info.title for info in services.uploads.of(session)] == ["Holiday"]
    assert key not in {info.key for info in services.catalogs.infos()}
    services.indexes.build(key, COLOUR_SPEC)
    picture = services.catalogs.catalog(key).open("0/3.jpg")
    (first, *_) = services.indexes.searcher(key, COLOUR_SPEC).by_image(picture, 5).hits
    assert (first.id, first.attributes) == ("0/3.jpg", {"label": "0"})
    assert services.views.thumbnail(key, "0/3.jpg")


def test_another_visitor_learns_nothing_of_it(services: Services, mine: tuple[str, str]) -> None:
    session, key = mine
    other = services.sessions.arrive("another")
    assert services.uploads.of(other) == []
    assert len(key) == len("upload-") + 32
    with pytest.raises(AppError) as told:
        services.views.thumbnail("upload-" + "0" * 32, "0/3.jpg")
    assert key not in str(told.value)
    with pytest.raises(AppError, match="not yours"):
        services.uploads.remove(other, key)
    with pytest.raises(AppError, match="session has ended"):
        services.uploads.add("guess", [])


def test_it_is_gone_with_its_index_and_thumbnails_when_it_is_removed_or_the_visit_ends(
    services: Services, mine: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, key = mine
    services.indexes.build(key, COLOUR_SPEC)
    services.indexes.searcher(key, COLOUR_SPEC)
    assert services.views.thumbnail(key, "0/3.jpg")
    folder = services.indexes.folder(key).parent
    assert (folder / "pictures" / "0" / "3.jpg").is_file()
    monkeypatch.setattr(sessions, "GRACE_SECONDS", 0.05)
    services.sessions.leave("browser")
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not folder.exists()
    for ask in (lambda: services.views.thumbnail(key, "0/3.jpg"), lambda: services.indexes.searcher(key, COLOUR_SPEC)):
        with pytest.raises(AppError, match="no catalogue"):
            ask()
    assert services.uploads.of(session) == []


def test_removing_waits_for_no_build_and_leaves_nothing_behind(
    services: Services, mine: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, busy = mine
    archive = zipped(tmp_path / "more.zip", {"a.jpg": jpeg(50)})
    queued, _ = services.uploads.add(session, [("more.zip", archive)])
    homes = {key: services.indexes.folder(key).parent for key in (busy, queued)}
    begun, go_on = threading.Event(), threading.Event()
    encode = ColourEncoder.encode_images

    def held(self: ColourEncoder, images: Any) -> Any:  # noqa: ANN401
        begun.set()
        assert go_on.wait(60)
        return encode(self, images)

    monkeypatch.setattr(ColourEncoder, "encode_images", held)
    services.indexes.ensure(busy, COLOUR_SPEC)
    assert begun.wait(60)
    services.indexes.ensure(queued, COLOUR_SPEC)
    for key in (queued, busy):
        services.uploads.remove(session, key)
    assert services.uploads.of(session) == []
    assert not homes[queued].exists()
    go_on.set()
    deadline = time.monotonic() + 20
    while homes[busy].exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not homes[busy].exists()


def test_who_comes_back_in_time_finds_it_again(
    services: Services, mine: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, key = mine
    monkeypatch.setattr(sessions, "GRACE_SECONDS", 0.2)
    services.sessions.leave("browser")
    assert services.sessions.arrive("browser, read anew", session) == session
    time.sleep(0.5)
    assert [info.key for info in services.uploads.of(session)] == [key]
    assert services.sessions.arrive("guesser", "made-up") != "made-up"


def test_visitors_together_cannot_fill_the_machine(services: Services, tmp_path: Path) -> None:
    small = replace(services.settings, max_uploads_bytes=20_000)
    crowded = Services(small)
    archive = zipped(tmp_path / "a.zip", {f"{n}.jpg": jpeg(n) for n in range(9)})
    size = sum(len(jpeg(n)) for n in range(9))
    assert 20_000 > size > 7_000
    first, second = crowded.sessions.arrive("1"), crowded.sessions.arrive("2")
    for _ in range(20_000 // size):
        crowded.uploads.add(first, [("a.zip", archive)])
    with pytest.raises(AppError, match="Send fewer|Try again later"):
        crowded.uploads.add(second, [("a.zip", archive)])
    crowded.close()


def test_five_thousand_files_of_which_three_are_broken_are_indexed_but_for_those(
    services: Services, tmp_path: Path
) -> None:
    files = {f"{n:04}.jpg": jpeg(n % 20) for n in range(5000)}
    files |= {"0007.jpg": b"", "1234.jpg": b"\xff\xd8 cut", "4999.jpg": b"<html>"}
    session = services.sessions.arrive("browser")
    key, kept = services.uploads.add(session, [("shop.zip", zipped(tmp_path / "shop.zip", files))])
    assert kept.pictures == 5000
    report = services.indexes.build(key, COLOUR_SPEC)
    assert report.pictures == 4997
    assert [name for name, _ in report.skipped] == ["0007.jpg", "1234.jpg", "4999.jpg"]


def test_what_a_killed_run_left_is_deleted_at_the_next_start_and_a_running_one_s_is_not(tmp_path: Path) -> None:
    root = tmp_path / "cache" / "uploads"
    (root / "dead" / "upload-1").mkdir(parents=True)
    (root / "dead" / ".lock").touch()
    (root / "alive" / "upload-2").mkdir(parents=True)
    lock = str(root / "alive" / ".lock")
    hold = f"from filelock import FileLock; held = FileLock({lock!r}); held.acquire()"
    code = f"{hold}; print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        sessions.sweep(root)
        assert [path.name for path in root.iterdir()] == ["alive"]
        other.kill()
    sessions.sweep(root)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_what_a_zip_makes_the_machine_read_is_bounded_though_nothing_of_it_is_kept(tmp_path: Path, method: int) -> None:
    archive = zipped(tmp_path / "bombs.zip", {f"{n}.jpg": bytes(3_000_000) for n in range(60)}, method)
    started = time.process_time()
    with pytest.raises(AppError, match="when unpacked"):
        unpacked(tmp_path, archive)
    assert time.process_time() - started < 5
    assert not (tmp_path / "out").exists()


def test_a_file_that_says_it_is_too_large_is_left_out_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack.pictures, "MAX_BYTES", 1000)
    archive = zipped(tmp_path / "x.zip", {"large.jpg": bytes(1_900_000), "more.jpg": bytes(1_900_000), "s.jpg": b"x"})
    kept, files = unpacked(tmp_path, archive)
    assert files == ["s.jpg"]
    assert kept.read == 1
    assert [name for name, _ in kept.left_out] == ["large.jpg", "more.jpg"]


def test_unpacking_ends_in_a_sentence_when_it_takes_too_long(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", {"a.jpg": jpeg(1)})
    with pytest.raises(AppError, match="longer than 0 seconds"):
        unpacked(tmp_path, archive, bounds=Bounds(50, 2_000_000, 0.0))


def test_thousands_of_files_of_one_name_are_looked_for_once_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(900):
            archive.writestr("same.jpg", str(number))
    looked: list[Path] = []
    exists = Path.exists

    def noted(path: Path) -> bool:
        looked.append(path)
        return exists(path)

    monkeypatch.setattr(Path, "exists", noted)
    kept, files = unpacked(tmp_path, path, bounds=Bounds(1000, 2_000_000))
    assert len(files) == kept.pictures == 900
    assert len(looked) < 2000


def test_a_directory_of_very_many_files_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(tmp_path / "x.zip", {f"{n}.txt": b"" for n in range(400)})
    assert unpack.listed(path)[0] == 400

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the directory was read")

    monkeypatch.setattr(zipfile, "ZipFile", never)
    with pytest.raises(AppError, match="lists 400 files"):
        unpacked(tmp_path, path)
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\5\6")
    data[end + 8 : end + 12] = struct.pack("<2H", 1, 1)  # it lies about their number
    path.write_bytes(data)
    monkeypatch.setattr(unpack, "DIRECTORY_BYTES", 10)
    with pytest.raises(AppError, match="at most 50 pictures"):
        unpacked(tmp_path, path)


def test_a_zip_that_lies_about_how_many_files_it_lists_is_counted_all_the_same(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {f"{n}.txt": b"" for n in range(400)})
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\5\6")
    data[end + 8 : end + 12] = struct.pack("<2H", 1, 1)
    path.write_bytes(data)
    with pytest.raises(AppError, match="lists 400 files"):
        unpacked(tmp_path, path)


def test_the_end_of_a_large_zip_is_understood(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {f"{n}.txt": b"" for n in range(70_000)})
    assert unpack.listed(path)[0] == 70_000


def test_tables_together_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "TABLE_BYTES", 1000)
    tables = {f"{n}/metadata.csv": b"file_name,x\n" + b"a" * 500 for n in range(4)}
    kept, files = unpacked(tmp_path, zipped(tmp_path / "x.zip", {"a.jpg": jpeg(1), **tables}))
    assert len(files) == 2
    assert len(kept.left_out) == 3


def test_visits_that_are_left_hold_no_threads(services: Services) -> None:
    before = threading.active_count()
    for number in range(200):
        services.sessions.arrive(f"browser {number}")
        services.sessions.leave(f"browser {number}")
    assert threading.active_count() <= before + 1


def test_who_gives_no_sign_has_left_and_who_holds_a_line_has_not(
    services: Services, mine: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, key = mine
    monkeypatch.setattr(sessions, "GRACE_SECONDS", 0.0)
    with services.sessions.presence("browser"):
        services.sessions.end_left()
        assert services.uploads.of(session)
    time.sleep(0.01)
    services.sessions.end_left()
    services.sessions.end_left()
    assert services.uploads.of(session) == []
    with pytest.raises(AppError, match="no catalogue"):
        services.catalogs.catalog(key)


def test_a_page_has_one_session_however_often_it_arrives(services: Services) -> None:
    assert len({services.sessions.arrive("browser") for _ in range(10)}) == 1


def test_very_many_visits_push_out_empty_ones_and_never_one_with_pictures(
    services: Services, mine: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 3)
    for number in range(20):
        services.sessions.arrive(f"other {number}")
    assert services.uploads.of(mine[0])


def test_one_visit_has_a_share_of_the_room_for_all(services: Services, tmp_path: Path) -> None:
    small = Services(replace(services.settings, max_uploads_bytes=80_000, max_archive_bytes=20_000))
    session = small.sessions.arrive("greedy")
    archive = zipped(tmp_path / "a.zip", {f"{n}.jpg": jpeg(n) for n in range(9)})
    small.uploads.add(session, [("a.zip", archive)])
    with pytest.raises(AppError, match=r"Send fewer|one session may"):
        small.uploads.add(session, [("a.zip", archive), ("b.zip", archive)])
    small.uploads.add(small.sessions.arrive("modest"), [("a.zip", archive)])
    small.close()


def test_pictures_are_gone_when_the_system_ends_the_app(tmp_path: Path) -> None:
    code = f"""
import signal, sys, types
sys.path.insert(0, {str(ROOT)!r})
import app, services as rooms
from pathlib import Path
def serve(made, given):
    session = made.sessions.arrive("browser")
    key, _ = made.uploads.add(session, [("a.jpg", Path({str(tmp_path / "a.jpg")!r}))])
    print("here", flush=True)
    signal.pause()
app.serve = serve
app.main([])
"""
    (tmp_path / "a.jpg").write_bytes(jpeg(1))
    cache = tmp_path / "cache"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "VISUAL_SEARCH_CACHE": str(cache)},
    ) as running:  # fmt: skip
        assert running.stdout
        assert running.stdout.readline() == "here\n"
        assert list((cache / "uploads").rglob("*.jpg"))
        running.terminate()
        assert running.wait(60) == 0
    assert not list((cache / "uploads").rglob("*.jpg"))
