"""Whose things are whose: what a session holds ends with it, and who may stop or replace what."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import engines
from retrieval.core import AppError
from services import Services, sessions
from services.models.owned import MOST_OF_SESSIONS, PER_SESSION, Trained, is_private
from services.sessions import MACHINE, owns
from settings import Settings
from tests.conftest import write_picture

ENGINE = "product"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_picture(tmp_path / "shop" / "a.jpg", 1)
    return tmp_path / "shop"


@pytest.fixture
def shared(tmp_path: Path, folder: Path) -> Iterator[Services]:
    """Return services of a page that strangers reach."""
    made = Services(Settings(index_cache=tmp_path / "cache", clip=(), manage=False), [f"folder:{folder}"])
    yield made
    made.close()


def taught(name: str, weights: bytes = b"one") -> Trained:
    spec = replace(engines.REGISTRY.base(ENGINE), weights=name, title=f"taught '{name}'")
    return Trained(spec, weights, {"classes": ["Secret"]})


def test_who_may_stop_or_replace_what() -> None:
    assert owns(MACHINE, "ann")
    assert owns("ann", "ann")
    assert not owns("bob", "ann")
    assert not owns("bob", MACHINE)
    assert not owns("", "")


def test_on_a_machine_of_ones_own_everything_is_its_owners(tmp_path: Path, folder: Path) -> None:
    own = Services(Settings(index_cache=tmp_path / "own", clip=()), [f"folder:{folder}"])
    assert own.sessions.owner(own.sessions.arrive("page")) == own.sessions.owner_of_page("another") == MACHINE
    own.close()


def test_a_page_that_never_arrived_owns_nothing(shared: Services) -> None:
    assert shared.sessions.owner_of_page("nobody") == ""
    known = shared.sessions.arrive("page")
    assert shared.sessions.owner_of_page("page") == shared.sessions.owner(known) == known
    assert shared.sessions.owner_of_page("late", arriving=True) == shared.sessions.owner_of_page("late") != ""


def test_a_page_that_takes_up_a_session_leaves_the_one_it_had(shared: Services) -> None:
    before, first = shared.sessions.arrive("old page"), shared.sessions.arrive("new page")
    assert shared.sessions.arrive("new page", before) == before != first
    assert shared.sessions.owner_of_page("new page") == before


def test_a_session_s_model_is_in_no_list_and_is_found_by_its_whole_name(shared: Services) -> None:
    ann, bob = shared.sessions.arrive("ann"), shared.sessions.arrive("bob")
    shared.models.save(taught("mine"), ann)
    ((name, row),) = [each for each in shared.models.rows(ENGINE, ann) if each[0] == "mine"]
    assert is_private(row)
    assert shared.engines.spec(row.name).title == "taught 'mine'"
    assert "mine" not in [name for name, _ in shared.models.rows(ENGINE, bob)]
    assert row not in shared.engines.specs()
    for asked in ("mine", row.weights[:-1]):
        with pytest.raises(AppError) as told:
            shared.engines.spec(ENGINE, asked)
        assert row.weights not in str(told.value).replace(f"'{asked}'", "")
    assert shared.models.about(ENGINE, "mine", ann) == {"classes": ["Secret"]}
    for other in (bob, MACHINE, ""):
        with pytest.raises(AppError, match="no model 'mine'"):
            shared.models.about(ENGINE, "mine", other)


def test_a_name_in_use_is_refused_and_an_own_one_is_trained_anew(shared: Services) -> None:
    ann, bob = shared.sessions.arrive("ann"), shared.sessions.arrive("bob")
    shared.models.save(taught("mine"), ann)
    shared.models.save(taught("house"))
    for name, owner in (("mine", bob), ("House", ann), ("fashion", ann)):
        with pytest.raises(AppError, match=r"in use|came with the app"):
            shared.models.checked(ENGINE, name, owner)
    assert shared.models.checked(ENGINE, "Mine", ann) == "mine"
    key = dict(shared.models.rows(ENGINE, ann))["mine"].weights
    shared.models.save(taught("mine", b"two"), ann)
    row = dict(shared.models.rows(ENGINE, ann))["mine"]
    assert row.weights == key
    assert Path(str(row.file)).read_bytes() == b"two"


def test_models_of_sessions_are_bounded(shared: Services) -> None:
    ann = shared.sessions.arrive("ann")
    for number in range(PER_SESSION):
        shared.models.save(taught(f"model-{number}"), ann)
    with pytest.raises(AppError, match="as many as one session may keep"):
        shared.models.checked(ENGINE, "one-more", ann)
    for number in range(MOST_OF_SESSIONS - PER_SESSION):
        shared.models.save(taught(f"other-{number}"), shared.sessions.arrive(f"page {number}"))
    with pytest.raises(AppError, match="as many models of visitors"):
        shared.models.checked(ENGINE, "one-more", shared.sessions.arrive("late"))


def test_a_session_s_models_and_what_they_made_end_with_it(shared: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = shared.sessions.arrive("ann")
    shared.models.save(taught("mine"), ann)
    row = dict(shared.models.rows(ENGINE, ann))["mine"]
    catalog = shared.catalogs.infos()[0].key
    shared.indexes.status(catalog, row)  # somebody asked for it
    index = shared.indexes.folder(catalog) / f"{row.engine}-{row.weights}.json"
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_text("{}")
    monkeypatch.setattr(sessions, "GRACE_SECONDS", 0.0)
    shared.sessions.leave("ann")
    time.sleep(0.01)
    shared.sessions.end_left()
    assert not index.exists()
    assert not Path(str(row.file)).exists()
    with pytest.raises(AppError):
        shared.engines.spec(row.name)
    with pytest.raises(AppError, match="session has ended"):
        shared.models.save(taught("late"), ann)


def test_what_a_killed_run_s_models_made_is_deleted_at_the_next_start(tmp_path: Path, shared: Services) -> None:
    left = tmp_path / "cache" / "sample" / f"product-session-{'0' * 32}-abcdefabcdef.sqlite"
    kept = left.with_name("product-session-of-mine.json")
    for path in (left, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    Services(shared.settings, ["sample"]).close()
    assert (left.exists(), kept.exists()) == (False, True)


def test_a_model_that_the_owner_taught_from_sent_pictures_is_not_offered_to_strangers(
    tmp_path: Path, folder: Path
) -> None:
    own = Services(Settings(index_cache=tmp_path / "cache", clip=()), [f"folder:{folder}"])
    own.models.save(taught("holiday"), private=True)
    own.models.save(taught("shop"))
    assert {name for name, _ in own.models.rows(ENGINE)} == {"holiday", "shop"}
    own.close()
    shared = Services(replace(own.settings, manage=False), [f"folder:{folder}"])
    session = shared.sessions.arrive("page")
    assert [name for name, _ in shared.models.rows(ENGINE, session)] == ["shop"]
    assert "holiday" not in {row.weights for row in shared.engines.specs()}
    with pytest.raises(AppError, match="in use"):
        shared.models.checked(ENGINE, "holiday", session)
    shared.close()


def test_a_build_is_stopped_by_who_began_it_and_by_who_runs_the_machine(shared: Services) -> None:
    spec = shared.engines.first("look-alike")
    catalog = shared.catalogs.infos()[0].key
    shared.tasks.submit("index", "busy", lambda task: task.wait(0.5), "someone")
    shared.indexes.ensure(catalog, spec, "ann")
    assert shared.indexes.status(catalog, spec).owner == "ann"
    for other in ("bob", ""):
        with pytest.raises(AppError, match="Somebody else began this"):
            shared.indexes.halt(catalog, spec, other)
    shared.indexes.halt(catalog, spec, "ann")
    assert shared.tasks.wait(30)
    shared.indexes.halt(catalog, spec)


def test_a_deletion_that_fails_keeps_no_other_thing_of_a_session(
    shared: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted: list[str] = []

    def broken() -> None:
        raise OSError("the disk is away")

    ann = shared.sessions.arrive("ann")
    shared.sessions.hold(ann, "first", broken)
    shared.sessions.hold(ann, "second", lambda: deleted.append("second"))
    monkeypatch.setattr(sessions, "GRACE_SECONDS", 0.0)
    shared.sessions.leave("ann")
    time.sleep(0.01)
    shared.sessions.end_left()
    assert deleted == ["second"]
