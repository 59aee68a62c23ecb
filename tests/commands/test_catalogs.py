"""cli.py catalogs: what is added stays, is listed, shown and removed; a damaged registry or full disk loses nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from retrieval.core import AppError
from retrieval.indexing import storage
from services import Services
from services.catalogs.saved_names import SavedNames
from settings import Settings
from tests.conftest import COLOUR_SPEC

pytestmark = pytest.mark.usefixtures("place")


def ran(*words: str) -> str:
    """Run `cli.py catalogs …` and return what it printed; raises what it raised."""
    result = CliRunner().invoke(app, ["catalogs", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_folder_is_added_listed_shown_and_removed_without_touching_its_pictures(folder: Path, place: Path) -> None:
    added = json.loads(ran("add", f"folder:{folder}/", "--json"))
    assert (added["name"], added["pictures"]) == (f"folder:{folder}", 12)
    assert [each["name"] for each in json.loads(ran("list", "--json"))] == ["sample", "paintings", f"folder:{folder}"]
    services = Services(Settings.from_environment(), [])
    services.saved_catalogs.open_all()
    services.indexes.build(added["key"], COLOUR_SPEC)
    shown = json.loads(ran("show", f"folder:{folder}", "--json"))
    assert shown["pictures"] == 12
    assert shown["attributes"] == {"label": {"values": {"blue": 4, "green": 4, "red": 4}, "different": 3}}
    (row,) = [row for row in shown["engines"] if row["engine"] == "colours"]
    assert (row["state"], row["pictures"]) == ("indexed", 12)
    assert row["size"] > 1000
    (folder / "red" / "00.jpg").unlink()
    shown = json.loads(ran("show", f"folder:{folder}", "--json"))
    (row,) = [row for row in shown["engines"] if row["engine"] == "colours"]
    assert (row["state"], row["why"]) == ("stale", "The pictures have changed since.")
    assert "colours:none" in ran("show", f"folder:{folder}")
    ran("remove", f"folder:{folder}/")
    assert [each["name"] for each in json.loads(ran("list", "--json"))] == ["sample", "paintings"]
    assert not (place / "cache" / added["key"]).exists()
    assert len(list(folder.rglob("*.jpg"))) == 11


def test_a_folder_that_is_gone_is_listed_with_the_reason_and_can_be_removed(folder: Path) -> None:
    ran("add", f"folder:{folder}")
    folder.rename(folder.with_name("elsewhere"))
    (*_, row) = json.loads(ran("list", "--json"))
    assert (row["key"], "no folder" in row["problem"]) == (None, True)
    ran("remove", f"folder:{folder}")
    assert len(json.loads(ran("list", "--json"))) == 2


def test_removing_what_is_not_there_names_what_is(folder: Path) -> None:
    ran("add", f"folder:{folder}")
    with pytest.raises(AppError, match=f"no catalogue 'folder:/x' to remove. There are: folder:{folder}"):
        ran("remove", "folder:/x")


def test_a_data_set_that_is_nowhere_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(AppError, match="cannot be reached.*python cli.py catalogs add 'hf:no/where#5'"):
        ran("add", "hf:no/where#5")


def test_a_full_disk_leaves_the_registry_as_it_was(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = SavedNames(place / "cache" / "catalogs.json")
    registry.add("folder:/a")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "replace", full)
    with pytest.raises(AppError, match="No space left"):
        registry.add("folder:/b")
    assert registry.names() == ["folder:/a"]


@pytest.mark.parametrize("content", ["", "{", '{"catalogs": 3}', '{"catalogs": [1]}', "[]"])
def test_a_damaged_registry_is_named_and_the_app_starts_without_it(place: Path, content: str) -> None:
    path = place / "cache" / "catalogs.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(AppError, match="catalogs.json cannot be read"):
        SavedNames(path).names()
    Services(Settings.from_environment()).saved_catalogs.open_all()


def test_a_space_with_storage_keeps_its_caches_there_and_another_in_the_working_folder(place: Path) -> None:
    space = {"SPACE_ID": "me/app"}
    kept = Settings.from_environment(space, persistent=place)
    assert kept.index_cache == place / "visual-search" / "index_cache"
    chosen: dict[str, str] = {"TORCH_HOME": "/mine"}
    kept.place_downloads(chosen)
    assert chosen["HF_HOME"] == str(place / "visual-search" / "downloads" / "huggingface")
    assert chosen["TORCH_HOME"] == "/mine"
    bare = Settings.from_environment(space, persistent=place / "nothing")
    assert bare.index_cache == Settings().index_cache
    assert Settings.from_environment({}, persistent=place).index_cache == Settings().index_cache


def test_who_may_come_and_who_may_delete_are_settings_and_no_password_is_printed() -> None:
    guarded = Settings.from_environment({"VISUAL_SEARCH_AUTH": "ann:s3cret, bob:x:y"})
    assert guarded.auth == (("ann", "s3cret"), ("bob", "x:y"))
    assert "s3cret" not in repr(guarded)
    with pytest.raises(AppError, match="name:password") as told:
        Settings.from_environment({"VISUAL_SEARCH_AUTH": "s3cret"})
    assert "s3cret" not in str(told.value)
    assert Settings.from_environment({}).manage
    assert not Settings.from_environment({"GRADIO_SERVER_NAME": "0.0.0.0"}).manage
    assert Settings.from_environment({"GRADIO_SERVER_NAME": "0.0.0.0", "VISUAL_SEARCH_MANAGE": "1"}).manage
