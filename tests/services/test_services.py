"""Everything the app asks for: an index made in the background, pictures by known ids only, and clear failures."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.core import AppError, MissingIndexError, StaleIndexError
from retrieval.evaluation.protocol import EvaluationProtocol
from services import Services, Status
from services.indexes import indexes
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, blocks, jpeg, register, write_picture

ENGINE = "colours"
NEVER = [
    "../../etc/passwd",
    "/etc/passwd",
    "red/../red/00.jpg",
    "red\0/00.jpg",
    "",
    ".",
    "nobody.jpg",
    "x" * 5000,
    "\udcff.jpg",
]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> ColourEncoder:
    """Put one engine without weights into the table, loaded."""
    encoder = ColourEncoder()
    register(monkeypatch, COLOUR_SPEC, loaded=[encoder])
    return encoder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("image", "annos"):
        (tmp_path / "sample" / name).mkdir(parents=True)
    for n in range(3):
        write_picture(tmp_path / "sample" / "image" / f"00000{n}.jpg", n)
    return Settings(index_cache=tmp_path / "index_cache", sample=tmp_path / "sample", prepared=tmp_path / "prepared")


@pytest.fixture
def services(settings: Settings, folder: Path) -> Services:
    return Services(settings, [f"folder:{folder}", "sample"])


@pytest.fixture
def key(services: Services, folder: Path) -> str:
    return services.catalogs.key(f"folder:{folder}")


def finished(services: Services, key: str) -> Status:
    """Wait for the builds that run and return how the index stands."""
    assert services.tasks.wait(60)
    return services.indexes.status(key, COLOUR_SPEC)


def again(services: Services, key: str, monkeypatch: pytest.MonkeyPatch) -> Status:
    """Look at the catalogue again, however recently that was done."""
    monkeypatch.setattr(indexes, "RECHECK_SECONDS", -1.0)
    services.indexes.ensure(key, COLOUR_SPEC)
    return finished(services, key)


def found(services: Services, key: str) -> set[str]:
    return {hit.id for hit in services.indexes.searcher(key, COLOUR_SPEC).by_image(blocks(0), 100).hits}


def test_catalogues_are_listed_in_the_order_given_with_keys_safe_in_an_address(services: Services, key: str) -> None:
    assert [info.key for info in services.catalogs.infos()] == [key, "sample"]
    assert services.catalogs.infos()[0].title == "pictures"
    assert key.replace("-", "").isalnum()


def test_a_catalogue_given_twice_is_one(settings: Settings, folder: Path) -> None:
    assert len(Services(settings, [f"folder:{folder}", f"folder:{folder}/", "sample", "sample"]).catalogs.infos()) == 2


def test_an_index_is_missing_then_ready_with_what_was_skipped(services: Services, key: str, folder: Path) -> None:
    (folder / "notes.jpg").write_text("not a picture")
    assert services.indexes.status(key, COLOUR_SPEC) == Status("missing")
    with pytest.raises(MissingIndexError, match="not indexed yet"):
        services.indexes.searcher(key, COLOUR_SPEC)
    services.indexes.ensure(key, COLOUR_SPEC)
    status = finished(services, key)
    assert (status.state, status.pictures, status.error) == ("ready", 12, None)
    assert [name for name, _ in status.skipped] == ["notes.jpg"]
    assert status.checked_at is not None
    assert len(found(services, key)) == 12


def test_what_was_just_checked_is_not_checked_again(
    services: Services, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.indexes.ensure(key, COLOUR_SPEC)
    finished(services, key)
    monkeypatch.setattr(services.indexes, "build", lambda *a: pytest.fail("built again"))
    services.indexes.ensure(key, COLOUR_SPEC)
    assert finished(services, key).state == "ready"


def test_many_visitors_at_once_start_one_build(
    services: Services, key: str, monkeypatch: pytest.MonkeyPatch, engine: ColourEncoder
) -> None:
    build, builds, go = services.indexes.build, [], threading.Event()

    def counted(*arguments: object) -> object:
        builds.append(1)
        assert go.wait(60)
        return build(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(services.indexes, "build", counted)
    visitors = [threading.Thread(target=services.indexes.ensure, args=(key, COLOUR_SPEC)) for _ in range(8)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert services.indexes.status(key, COLOUR_SPEC).state == "waiting"
    go.set()
    assert finished(services, key).state == "ready"
    assert len(builds) == 1
    assert engine.encoded == 12


def replaced(folder: Path) -> set[str]:
    (folder / "red" / "00.jpg").write_bytes(b"no picture any more")
    return {"red/00.jpg"}


def copied(folder: Path) -> set[str]:
    shutil.copy(folder / "red" / "00.jpg", folder / "red" / "twin.jpg")
    return {"red/twin.jpg"}


def added(folder: Path) -> set[str]:
    write_picture(folder / "red" / "new.jpg", 70)
    return {"red/new.jpg"}


def deleted(folder: Path) -> set[str]:
    (folder / "red" / "00.jpg").unlink()
    return {"red/00.jpg"}


@pytest.mark.parametrize("change", [replaced, copied, added, deleted])
def test_what_changes_in_the_folder_changes_in_the_running_app(
    services: Services, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], set[str]]
) -> None:
    services.indexes.ensure(key, COLOUR_SPEC)
    finished(services, key)
    before = found(services, key)
    changed = change(folder)
    assert again(services, key, monkeypatch).state == "ready"
    assert found(services, key) ^ before == changed


def test_new_labels_reach_the_running_app(
    services: Services, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.indexes.ensure(key, COLOUR_SPEC)
    finished(services, key)
    (folder / "metadata.csv").write_text("file_name,label\n00.jpg,Hat\n")
    again(services, key, monkeypatch)
    hits = services.indexes.searcher(key, COLOUR_SPEC).by_image(blocks(0), 100, {"label": ["Hat"]}).hits
    assert [hit.id for hit in hits] == ["red/00.jpg"]


def test_what_another_process_indexed_reaches_the_running_app(
    services: Services, settings: Settings, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.indexes.ensure(key, COLOUR_SPEC)
    finished(services, key)
    added(folder)
    Services(settings, [f"folder:{folder}"]).indexes.build(key, COLOUR_SPEC)
    again(services, key, monkeypatch)
    assert "red/new.jpg" in found(services, key)


def test_an_unchanged_index_is_not_opened_again(services: Services, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    services.indexes.ensure(key, COLOUR_SPEC)
    finished(services, key)
    searcher = services.indexes.searcher(key, COLOUR_SPEC)
    again(services, key, monkeypatch)
    assert services.indexes.searcher(key, COLOUR_SPEC) is searcher


def test_a_second_start_opens_the_index_and_encodes_nothing(
    services: Services, settings: Settings, key: str, folder: Path, engine: ColourEncoder
) -> None:
    services.indexes.build(key, COLOUR_SPEC)
    second = Services(settings, [f"folder:{folder}"])
    second.indexes.ensure(key, COLOUR_SPEC)
    assert finished(second, key).pictures == 12
    assert engine.encoded == 12


def test_a_folder_that_vanishes_between_indexing_and_searching_is_still_searched(
    services: Services, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.indexes.ensure(key, COLOUR_SPEC)
    finished(services, key)
    folder.rename(folder.with_name("gone"))
    assert len(found(services, key)) == 12
    with pytest.raises(AppError, match="cannot be read"):
        services.views.thumbnail(key, "red/00.jpg")
    status = again(services, key, monkeypatch)
    assert status.state == "failed"
    assert "is gone" in str(status.error)
    assert len(found(services, key)) == 12
    folder.with_name("gone").rename(folder)
    assert again(services, key, monkeypatch).state == "ready"
    assert services.views.thumbnail(key, "red/00.jpg")


def test_an_empty_folder_fails_with_a_sentence(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    services = Services(settings, [f"folder:{tmp_path / 'empty'}"])
    (info,) = services.catalogs.infos()
    services.indexes.ensure(info.key, COLOUR_SPEC)
    status = finished(services, info.key)
    assert status.state == "failed"
    assert "no pictures" in str(status.error)


def test_a_failure_of_ours_is_told_without_its_insides(
    services: Services, key: str, engine: ColourEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(images: Sequence[Image.Image]) -> np.ndarray:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(engine, "encode_images", broken)
    services.indexes.ensure(key, COLOUR_SPEC)
    status = finished(services, key)
    assert status.state == "failed"
    assert status.error
    assert "secret" not in status.error


def test_an_index_by_other_weights_is_stale_until_it_is_made_again(
    services: Services, settings: Settings, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.indexes.build(key, COLOUR_SPEC)
    other = replace(COLOUR_SPEC, digest="d2")
    register(monkeypatch, other)
    later = Services(settings, [f"folder:{folder}"])
    with pytest.raises(StaleIndexError, match="python cli.py index --engine colours"):
        later.indexes.searcher(key, other)
    later.indexes.ensure(key, other)
    assert finished(later, key).state == "ready"
    assert len(found(later, key)) == 12


def test_a_damaged_index_mends_itself(services: Services, settings: Settings, key: str, folder: Path) -> None:
    services.indexes.build(key, COLOUR_SPEC)
    (table,) = services.indexes.folder(key).glob("*.sqlite")
    table.write_bytes(b"damaged" * 1000)
    later = Services(settings, [f"folder:{folder}"])
    later.indexes.ensure(key, COLOUR_SPEC)
    assert finished(later, key).state == "ready"
    assert len(found(later, key)) == 12


def test_closing_stops_a_build_after_its_batch(services: Services, key: str) -> None:
    services.close()
    services.indexes.ensure(key, COLOUR_SPEC)
    assert finished(services, key).state == "missing"


def test_an_unknown_catalogue_or_engine_lists_the_known(services: Services) -> None:
    with pytest.raises(AppError, match="no catalogue 'x'.*sample"):
        services.catalogs.catalog("x")
    with pytest.raises(AppError, match="no engine 'x'.*colours"):
        services.engines.spec("x")
    with pytest.raises(AppError, match="no catalogue"):
        services.indexes.status("../x", COLOUR_SPEC)


@pytest.mark.parametrize("item_id", NEVER)
def test_only_pictures_that_an_index_holds_are_shown(services: Services, key: str, folder: Path, item_id: str) -> None:
    (folder / "late.jpg").write_text("x")
    for show in (services.views.thumbnail, services.views.picture):
        with pytest.raises(AppError):
            show(key, item_id)
    services.indexes.build(key, COLOUR_SPEC)
    services.indexes.searcher(key, COLOUR_SPEC)
    for show in (services.views.thumbnail, services.views.picture):
        assert show(key, "red/00.jpg")
        with pytest.raises(AppError):
            show(key, item_id)
        with pytest.raises(AppError):
            show("sample", "red/00.jpg")


def test_a_picture_that_became_a_link_to_outside_is_not_shown(
    services: Services, key: str, folder: Path, tmp_path: Path
) -> None:
    services.indexes.build(key, COLOUR_SPEC)
    services.indexes.searcher(key, COLOUR_SPEC)
    write_picture(tmp_path / "secret.jpg", 80)
    (folder / "red" / "00.jpg").unlink()
    (folder / "red" / "00.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(AppError, match="outside"):
        services.views.thumbnail(key, "red/00.jpg")


def test_facets_count_the_values_that_are_worth_filtering_by(services: Services, key: str, folder: Path) -> None:
    assert services.views.facets(key) == {"label": {"red": 4, "green": 4, "blue": 4}}
    services.views.check_filter(key, {"label": ["red", "blue"]})
    with pytest.raises(AppError, match="has the label 'mauve'. Choose from: blue, green, red"):
        services.views.check_filter(key, {"label": ["red", "mauve"]})
    rows = "".join(f"{n:02}.jpg,{'hat' if n < 9 else 'shoe'},same,{n}\n" for n in range(12))
    (folder / "metadata.csv").write_text("file_name,kind,always,number\n" + rows)
    facets = services.views.facets(key)
    assert facets["kind"] == {"hat": 9, "shoe": 3}
    assert list(facets["kind"]) == ["hat", "shoe"]
    assert "always" not in facets


def test_seventy_folders_are_filters_and_seventy_names_and_links_are_not(services: Services, tmp_path: Path) -> None:
    rows = ["file_name,kind,name,link,number"]
    for number in range(140):
        write_picture(tmp_path / "many" / f"{number}.jpg", 1)
        rows.append(f"{number}.jpg,kind {number // 2},Name {number // 2},http://a.example/{number // 2},{number}")
    key = services.catalogs.open(f"folder:{tmp_path / 'many'}")
    (tmp_path / "many" / "metadata.csv").write_text("\n".join(rows))
    facets = services.views.facets(key)
    assert list(facets) == ["kind"]
    assert len(facets["kind"]) == 70


def test_examples_are_spread_over_the_labels_and_can_be_shown(services: Services, key: str, folder: Path) -> None:
    (folder / "aa.jpg").write_text("not a picture")
    services.indexes.build(key, COLOUR_SPEC)
    services.indexes.searcher(key, COLOUR_SPEC)
    examples = services.views.examples(key)
    assert {example.partition("/")[0] for example in examples} == {"red", "green", "blue"}
    assert all(services.views.thumbnail(key, example) for example in examples)


def test_the_sample_s_examples_are_the_chosen_ones(services: Services, settings: Settings) -> None:
    (settings.sample / "examples.txt").write_text("000002/whole\n000000/whole\n")
    assert services.views.examples("sample") == ["000002/whole", "000000/whole"]


def test_the_index_that_ships_with_the_sample_is_taken_and_nothing_encoded(
    settings: Settings, engine: ColourEncoder, tmp_path: Path
) -> None:
    maker = Services(replace(settings, index_cache=tmp_path / "scratch"))
    maker.indexes.build("sample", COLOUR_SPEC)
    shutil.copytree(tmp_path / "scratch" / "sample", settings.prepared / "sample")
    engine.encoded = 0
    for path in (settings.sample / "image").iterdir():
        path.write_bytes(path.read_bytes())  # a fresh checkout has times of its own
    services = Services(settings)
    services.indexes.ensure("sample", COLOUR_SPEC)
    assert finished(services, "sample").state == "ready"
    assert engine.encoded == 0
    assert len(found(services, "sample")) == 3
    assert [path.name for path in settings.index_cache.iterdir()] == ["sample"]


def test_a_full_disk_while_taking_the_prepared_index_fails_with_a_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.prepared / "sample").mkdir(parents=True)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(AppError, match="No space left on device"):
        Services(settings).indexes.build("sample", COLOUR_SPEC)
    assert list(settings.index_cache.iterdir()) == []


def test_evaluation_measures_quality_and_speed(services: Services, key: str) -> None:
    services.indexes.build(key, COLOUR_SPEC)
    measured = services.evaluation.evaluate(COLOUR_SPEC, EvaluationProtocol(exclude=["blue"]), key)
    assert (measured["engine"], measured["weights"], measured["queries"], measured["gallery"]) == (ENGINE, "none", 8, 8)
    assert all(measured[name] >= 0 for name in ("encode_ms", "search_ms_p50", "search_ms_p95", "map"))


def test_settings_come_from_the_environment_and_a_bad_port_is_told(tmp_path: Path) -> None:
    plain = Settings.from_environment({})
    assert (plain.host, plain.port) == ("127.0.0.1", None)
    given = {"VISUAL_SEARCH_CACHE": str(tmp_path), "GRADIO_SERVER_PORT": "7999", "SPACE_ID": "me/app"}
    chosen = Settings.from_environment(given)
    assert (chosen.index_cache, chosen.host, chosen.port) == (tmp_path, "0.0.0.0", 7999)
    with pytest.raises(AppError, match="GRADIO_SERVER_PORT is 'http'"):
        Settings.from_environment({"GRADIO_SERVER_PORT": "http"})


def test_a_thumbnail_is_kept_and_has_the_side_asked_for(
    services: Services, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.indexes.build(key, COLOUR_SPEC)
    services.indexes.searcher(key, COLOUR_SPEC)
    (folder / "red" / "00.jpg").write_bytes(jpeg(0, (600, 800)))
    first = services.views.thumbnail(key, "red/00.jpg", 160)
    monkeypatch.setattr(services.catalogs.catalog(key), "open", lambda *a: pytest.fail("decoded again"))
    assert services.views.thumbnail(key, "red/00.jpg", 160) == first
