"""Folders as people have them: moved, missing for a while, with strange names, on disks that take nothing."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from engines.clip import checkpoints
from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.core import AppError
from retrieval.disk import DiskError
from retrieval.indexing import build, content_check
from services import Services
from services.indexes import indexes
from settings import Settings
from tests.conftest import COLOUR_SPEC, ROOT, ColourEncoder, blocks, jpeg, register, write_picture
from ui.shell import header
from ui.tabs.catalogs import cards


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> ColourEncoder:
    encoder = ColourEncoder()
    register(monkeypatch, COLOUR_SPEC, loaded=[encoder])
    return encoder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(index_cache=tmp_path / "index_cache", prepared=tmp_path / "prepared", clip=())


def opened(settings: Settings, folder: Path) -> tuple[Services, str]:
    services = Services(settings, [f"folder:{folder}"])
    return services, services.catalogs.key(f"folder:{folder}")


def test_a_folder_that_was_renamed_or_moved_keeps_its_vectors(
    settings: Settings, folder: Path, engine: ColourEncoder, tmp_path: Path
) -> None:
    services, key = opened(settings, folder)
    services.indexes.build(key, COLOUR_SPEC)
    moved = folder.rename(tmp_path / "another name")
    services, key = opened(settings, moved)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FolderCatalog, "read", _refused)
        report = services.indexes.build(key, COLOUR_SPEC)
    assert (report.pictures, report.encoded, engine.encoded) == (12, 0, 12)
    copied = shutil.copytree(moved, tmp_path / "another disk", copy_function=shutil.copyfile)
    shutil.rmtree(moved)
    services, key = opened(settings, copied)
    assert (services.indexes.build(key, COLOUR_SPEC).pictures, engine.encoded) == (12, 12)


def _refused(*_: object) -> bytes:
    raise AssertionError("nothing needs to be read")


def test_a_folder_that_is_still_there_or_holds_other_pictures_gives_no_vectors(
    settings: Settings, folder: Path, engine: ColourEncoder, tmp_path: Path
) -> None:
    services, key = opened(settings, folder)
    services.indexes.build(key, COLOUR_SPEC)
    shutil.copytree(folder, tmp_path / "copy")
    services, key = opened(settings, tmp_path / "copy")
    assert services.indexes.build(key, COLOUR_SPEC).encoded == 12
    write_picture(tmp_path / "other" / "red" / "00.jpg", 50)
    write_picture(tmp_path / "other" / "new.jpg", 51)
    shutil.rmtree(folder)
    services, key = opened(settings, tmp_path / "other")
    assert services.indexes.build(key, COLOUR_SPEC).encoded == 2


def test_a_folder_that_is_gone_is_removed_with_its_index_whether_it_was_added_or_not(
    settings: Settings, folder: Path
) -> None:
    for add in (True, False):
        services, key = opened(settings, folder)
        if add:
            services.saved_catalogs.add(f"folder:{folder}")
        services.indexes.build(key, COLOUR_SPEC)
        gone = folder.rename(folder.with_name("gone"))
        services = Services(settings, [])
        services.saved_catalogs.open_all()
        assert services.saved_catalogs.remove(services.saved_catalogs.called(f"folder:{folder}/"))
        assert not [path for path in settings.index_cache.iterdir() if key in path.name]
        assert not services.saved_catalogs.remove(services.saved_catalogs.called(f"folder:{folder}/"))
        gone.rename(folder)


@pytest.mark.parametrize("name", ["sample", "../outside", "../x:y", "folder", "", "/:x"])
def test_nothing_else_can_be_removed_by_a_name(settings: Settings, name: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (settings.index_cache / "sample").mkdir(parents=True)
    services = Services(settings)
    assert not services.saved_catalogs.remove(services.saved_catalogs.called(name))
    assert (tmp_path / "outside").is_dir()
    assert (settings.index_cache / "sample").is_dir()


def test_what_is_missing_at_the_start_is_named_keeps_nothing_back_and_opens_when_it_is_there(
    settings: Settings, folder: Path
) -> None:
    later = folder.with_name("later")
    services = Services(settings, [])
    services.saved_catalogs.open_given([f"folder:{later}", f"folder:{folder}"])
    assert [info.title for info in services.catalogs.infos()] == ["pictures"]
    shown = cards.view(services, services.catalogs.key(f"folder:{folder}"), None)
    assert [(each["name"], "no folder" in each["problem"]) for each in shown["closed"]] == [(f"folder:{later}", True)]
    write_picture(later / "a.jpg", 1)
    assert [title for title, _ in header.offered(services, None, COLOUR_SPEC.name)] == ["pictures", "later"]
    assert cards.view(services, "", None)["closed"] == []
    with pytest.raises(AppError, match="names no catalogue"):
        services.saved_catalogs.open_given(["cats"])
    with pytest.raises(AppError, match="There is no folder"):
        Services(settings, []).saved_catalogs.open_given([f"folder:{folder}/nowhere", "sample"])


def test_a_folder_that_comes_back_while_the_page_runs_is_noticed(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "RECHECK_SECONDS", 0.0)
    services, key = opened(settings, folder)
    gone = folder.rename(folder.with_name("gone"))
    services.indexes.ensure(key, COLOUR_SPEC)
    assert services.tasks.wait(30)
    status, timer, _ = header.follow(services, key, COLOUR_SPEC.name)
    assert "is gone" in status
    assert timer.active  # the page goes on looking
    assert "is gone" in services.overview.facts(key).problem
    gone.rename(folder)
    header.follow(services, key, COLOUR_SPEC.name)
    assert services.tasks.wait(30)
    status, timer, _ = header.follow(services, key, COLOUR_SPEC.name)
    assert "12 pictures" in status
    assert not timer.active
    assert services.overview.facts(key).problem == ""


def test_a_table_that_breaks_while_the_page_runs_keeps_the_card_and_the_others(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, key = opened(settings, folder)
    services.catalogs.open("sample")
    before = cards.view(services, key, None)["catalogs"]
    catalog = services.catalogs.catalog(key)
    monkeypatch.setattr(type(catalog), "__iter__", _broken)
    monkeypatch.setattr("services.catalogs.overview._KEEP_SECONDS", -1.0)
    services.overview._counted[key] = (services.indexes.made(key), 0.0, services.overview.facts(key))
    after = cards.view(services, key, None)["catalogs"]
    assert [card["key"] for card in after] == [key, "sample"]
    assert (after[0]["pictures"], after[0]["sheet"]) == (12, before[0]["sheet"])


def _broken(*_: object) -> None:
    raise AppError("The table is broken.")


def test_names_that_are_no_unicode_stop_nothing_and_are_told(settings: Settings, folder: Path) -> None:
    strange = Path(os.fsdecode(os.fsencode(folder.parent) + b"/Ro\xe9be"))
    write_picture(strange / "good.jpg", 1)
    Path(os.fsdecode(os.fsencode(strange) + b"/caf\xe9.jpg")).write_bytes(jpeg(2))
    sub = Path(os.fsdecode(os.fsencode(folder) + b"/Ro\xe9be"))
    write_picture(sub / "1.jpg", 3)
    services = Services(settings, [])
    gone = os.fsdecode(os.fsencode(folder.parent) + b"/g\xe9ne")
    services.saved_catalogs.open_given([f"folder:{strange}", f"folder:{folder}", f"folder:{gone}"])
    keys = [info.key for info in services.catalogs.infos()]
    for key in keys:
        report = services.indexes.build(key, COLOUR_SPEC)
        assert len(report.skipped) == 1
        assert "Unicode" in report.skipped[0][1]
        services.words.pictures(key)
        services.views.examples(key)
        orjson.dumps([services.views.facets(key), header.status_html(services.indexes.status(key, COLOUR_SPEC))])
    shown = cards.view(services, keys[0], None)
    orjson.dumps([shown, header.offered(services, None, COLOUR_SPEC.name)])  # as the page sends it
    assert [card["pictures"] for card in shown["catalogs"]] == [1, 12]
    services.saved_catalogs.remove(cards.closed_name(services, shown["closed"][0]["name"]))
    assert cards.view(services, keys[0], None)["closed"] == []


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EROFS, "can only be read"),
        (errno.EACCES, "no right to write"),
        (errno.EIO, "disk itself fails"),
    ],
)
def test_what_a_disk_does_not_take_is_said_by_its_cause_and_what_was_indexed_is_searched(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    services, key = opened(settings, folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "mkdir", _failing(number))
        with pytest.raises(DiskError, match=remedy):
            services.indexes.prepare(key, COLOUR_SPEC)
    services.indexes.build(key, COLOUR_SPEC)
    services, key = opened(settings, folder)
    monkeypatch.setattr("retrieval.indexing.storage.FileLock.acquire", _failing(number))
    note = services.indexes.prepare(key, COLOUR_SPEC)
    assert remedy in note
    assert str(settings.index_cache) not in note
    assert len(services.indexes.searcher(key, COLOUR_SPEC).by_image(blocks(0), 100).hits) == 12
    services.indexes.ensure(key, COLOUR_SPEC)
    assert services.tasks.wait(30)
    status = services.indexes.status(key, COLOUR_SPEC)
    assert (status.state, remedy in (status.error or "")) == ("ready", True)
    assert remedy in header.status_html(status)


def _failing(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


_SEARCH = """
import sys
import engines
from pathlib import Path
from retrieval.words.answer import Scope
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, blocks

cache, index, name = sys.argv[1:]
engines.REGISTRY.rows = (COLOUR_SPEC,)
engines.REGISTRY._loaded = {("colours", "none", "d1"): ColourEncoder()}
services = Services(Settings(index_cache=Path(cache), index=index, clip=()), [name])
key = services.catalogs.key(name)
print(services.indexes.prepare(key, COLOUR_SPEC))
print(len(services.indexes.searcher(key, COLOUR_SPEC).by_image(blocks(0), 100).hits))
print(len(services.words.search(key, "red", Scope(3)).found))
services.close()
"""


def _without_the_right_to_override() -> None:
    """Have root, too, keep to the rights of files (PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)."""
    ctypes.CDLL(None, use_errno=True).prctl(24, 1, 0, 0, 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs rights as Linux has them")
@pytest.mark.parametrize("index", ["flat", "approximate"])
def test_an_index_in_a_folder_that_can_only_be_read_is_searched(
    settings: Settings, folder: Path, index: str, tmp_path: Path
) -> None:
    services = Services(replace(settings, index=index), [f"folder:{folder}"])
    services.indexes.build(services.catalogs.key(f"folder:{folder}"), COLOUR_SPEC)
    made = [settings.index_cache, *settings.index_cache.rglob("*")]
    for path in made:
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = subprocess.run(
        [sys.executable, "-c", _SEARCH, str(settings.index_cache), index, f"folder:{folder}"],
        cwd=ROOT, capture_output=True, text=True, preexec_fn=_without_the_right_to_override,
    )  # fmt: skip
    for path in made:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert done.returncode == 0, done.stderr
    note, count, by_words = done.stdout.splitlines()
    assert "no right to write" in note
    assert (count, by_words) == ("12", "3")


def test_a_clock_that_goes_back_does_not_keep_a_folder_unchecked(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, key = opened(settings, folder)
    services.indexes.ensure(key, COLOUR_SPEC)
    assert services.tasks.wait(30)
    monkeypatch.setattr("time.time", lambda: 0.0)
    monkeypatch.setattr(indexes, "RECHECK_SECONDS", -1.0)
    write_picture(folder / "new.jpg", 60)
    services.indexes.ensure(key, COLOUR_SPEC)
    assert services.tasks.wait(30)
    status = services.indexes.status(key, COLOUR_SPEC)
    assert status.pictures == 13
    started = status.checked_at or 0.0
    monkeypatch.setattr("time.monotonic", lambda: started + 3601)
    assert "checked 60 min ago" in header.status_html(status)


def test_a_change_that_neither_size_nor_time_shows_is_found_in_the_background(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, engine: ColourEncoder
) -> None:
    monkeypatch.setattr("retrieval.catalogs.local.folder.stamp", lambda path: "one size, one time")
    monkeypatch.setattr(indexes, "RECHECK_SECONDS", -1.0)
    services, key = opened(settings, folder)
    services.indexes.build(key, COLOUR_SPEC)
    (folder / "red" / "00.jpg").write_bytes(jpeg(99))
    services.indexes.ensure(key, COLOUR_SPEC)
    assert services.tasks.wait(30)
    assert engine.encoded == 13
    (hit, *_) = services.indexes.searcher(key, COLOUR_SPEC).by_image(blocks(99), 1).hits
    assert (hit.id, round(hit.score, 2)) == ("red/00.jpg", 1.0)


def test_the_check_in_the_background_goes_on_where_it_stopped(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, key = opened(settings, folder)
    services.indexes.build(key, COLOUR_SPEC)
    catalog, place = services.catalogs.catalog(key), services.indexes.folder(key)
    manifest = build.open_manifest(place, COLOUR_SPEC)
    read: list[str] = []

    def other(self: FolderCatalog, item_id: str) -> bytes:
        read.append(item_id)
        return b"other"

    monkeypatch.setattr(FolderCatalog, "read", other)
    after = ""
    for _ in range(12):
        changed, after = content_check.recheck(catalog, place / manifest.table, manifest, after, -1.0)
        assert changed == [after]
    assert read == sorted(item.id for item in catalog)
    assert content_check.recheck(catalog, place / manifest.table, manifest, after, 1.0) == ([], "")


def test_a_cache_of_models_that_is_another_user_s_stops_nothing_but_its_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_file", _failing(errno.EACCES))
    with pytest.raises(AppError, match=r"Permission denied.*set HF_HOME to a folder of your own"):
        checkpoints.find("openai/clip-vit-base-patch32", "config.json")
    assert not checkpoints.is_here("openai/clip-vit-base-patch32")
    assert checkpoints.chosen(None) == (checkpoints.DEFAULT,)  # what every command asks first
