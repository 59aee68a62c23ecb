"""Pinecone, by its real client over HTTP: only what changed is sent, nothing half sent is called done, errors are told.

The service is that of tests/fakes/pinecone_service.py; tests/contracts/test_indexes.py asks the real one, given a key.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pinecone", reason="the package pinecone is not here: pip install -r requirements-scale.txt")

from retrieval.core import AppError, MissingIndexError, StaleIndexError, Stopped
from retrieval.indexes.pinecone import index as pinecone_index
from retrieval.indexes.pinecone import records, update
from retrieval.indexes.pinecone.index import Account, PineconeIndex
from retrieval.indexes.pinecone.records import key_of
from retrieval.indexes.pinecone.update import opened, update_index
from retrieval.indexing.storage import StoredRow, VectorTable
from tests.conftest import ROOT
from tests.fakes import pinecone_service
from tests.fakes.pinecone_service import KEY, Service

DIM = 8
SPACE = "shop.colours-none.0123456789ab"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(pinecone_index, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(pinecone_index, "TRIES", 4)
    with pinecone_service.running() as service:
        yield service


@pytest.fixture
def account(service: Service) -> Account:
    return Account(KEY, "pictures", host=service.url)


def unit(n: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rows(start: int, stop: int, seed: int = 0, **note: str) -> list[StoredRow]:
    vectors = unit(stop, seed)
    return [
        StoredRow(
            f"é {n:04}.jpg", "", json.dumps({"label": f"kind {n % 3}", **note}), f"{seed:08x}{n:024x}", vectors[n]
        )
        for n in range(start, stop)
    ]


def put(table: Path, new: list[StoredRow], gone: list[str] | None = None) -> None:
    with VectorTable(table, DIM) as held:
        held.put(new)
        held.remove(gone or [])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    put(tmp_path / "table.sqlite", rows(0, 250))
    return tmp_path / "table.sqlite"


def test_a_missing_index_is_made_and_waited_for(service: Service, account: Account, table: Path) -> None:
    service.ready_seconds = 0.3
    update_index(table, DIM, replace(account, cloud="gcp", region="europe-west4"), SPACE)
    facts = service.indexes["pictures"].facts
    assert facts["deployment"] == {"deployment_type": "managed", "cloud": "gcp", "region": "europe-west4"}
    ((_, field),) = facts["schema"]["fields"].items()
    assert (field["dimension"], field["metric"]) == (DIM, "cosine")


def test_everything_is_sent_once_and_then_only_what_changed(service: Service, account: Account, table: Path) -> None:
    first = update_index(table, DIM, account, SPACE)
    assert (first.pictures, first.written, first.removed) == (250, 250, 0)
    assert update_index(table, DIM, account, SPACE).written == 0
    put(table, [*rows(250, 260), *rows(0, 5, seed=1), *rows(5, 7, size="L")], [f"é {n:04}.jpg" for n in (8, 9)])
    again = update_index(table, DIM, account, SPACE)
    assert (again.pictures, again.written, again.removed) == (258, 17, 2)
    held = service.namespace(SPACE)
    assert len(held) == 258
    assert np.array_equal(held[key_of("é 0000.jpg")][0], unit(5, 1)[0])
    assert held[key_of("é 0006.jpg")][1] == {"id": "é 0006.jpg", "_label": "kind 0", "_size": "L"}
    found = opened(table, DIM, account).query(unit(1, 1), 3, {"label": ["kind 0"], "size": []})[0]
    assert (found[0].id, round(found[0].score, 3), found[0].attributes) == ("é 0000.jpg", 1.0, {"label": "kind 0"})


def test_the_same_state_of_the_table_is_not_looked_at_again(service: Service, account: Account, table: Path) -> None:
    first = update_index(table, DIM, account, SPACE, "monday")
    service.asked.clear()
    assert update_index(table, DIM, account, SPACE, "monday") == first
    assert not service.asked["vectors/upsert"]


def test_requests_stay_under_the_limits_of_the_service(service: Service, account: Account, tmp_path: Path) -> None:
    put(tmp_path / "t.sqlite", rows(0, 2500, note="x" * 3000))
    assert update_index(tmp_path / "t.sqlite", DIM, account, SPACE).written == 2500
    assert service.asked["vectors/upsert"] >= 4


@pytest.mark.parametrize("fault", ["throttled", "failing"])
def test_a_busy_or_failing_service_is_asked_again(service: Service, account: Account, table: Path, fault: str) -> None:
    service.faults.extend([(fault, "upsert")] * 2 + [(fault, "stats")])
    assert update_index(table, DIM, account, SPACE).pictures == 250
    assert not service.faults


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("throttled", "asked too often .*Index again later; what was sent is kept"),
        ("failing", "fails on its side"),
        ("quota", "max storage of project shop.*quotas"),
        ("echo", "Bad header …"),
    ],
)
def test_an_upload_that_fails_is_told_is_no_index_and_is_gone_on_with(
    service: Service, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, told: str
) -> None:
    monkeypatch.setattr(records, "REQUEST_ROWS", 50)
    monkeypatch.setattr(update, "AT_ONCE", 1)
    table = tmp_path / "table.sqlite"
    put(table, rows(0, 100))
    update_index(table, DIM, account, SPACE)
    put(table, rows(100, 400))

    def fail(done: int, total: int) -> None:
        service.faults.extend([(fault, "upsert")] * 8)

    with pytest.raises(AppError, match=told) as failed:
        update_index(table, DIM, account, SPACE, on_progress=fail)
    assert KEY not in str(failed.value)
    service.faults.clear()
    assert update.read(table) is None
    with pytest.raises(MissingIndexError, match="--index pinecone"):
        opened(table, DIM, account)
    after = update_index(table, DIM, account, SPACE)
    assert 0 < after.written < 300
    assert len(service.namespace(SPACE)) == 400


def test_a_killed_upload_goes_on_where_it_was(
    service: Service, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "table.sqlite"
    put(table, rows(0, 900))
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from retrieval.indexes.pinecone import index, records, update\n"
        "records.REQUEST_ROWS = 100; update.AT_ONCE = 1\n"
        "account = index.Account(sys.argv[2], 'pictures', host=sys.argv[3])\n"
        "stop = lambda done, total: done >= 300 and os.kill(os.getpid(), signal.SIGKILL)\n"
        f"update.update_index(Path(sys.argv[1]), {DIM}, account, '{SPACE}', on_progress=stop)"
    )
    words = [sys.executable, "-c", code, str(table), KEY, service.url]
    assert subprocess.run(words, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert update.read(table) is None
    done = update_index(table, DIM, account, SPACE)
    assert done.pictures == 900
    assert done.written <= 600
    assert len(service.namespace(SPACE)) == 900


def test_a_stopped_upload_keeps_what_was_sent(
    service: Service, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "REQUEST_ROWS", 50)
    monkeypatch.setattr(update, "AT_ONCE", 1)
    table = tmp_path / "table.sqlite"
    put(table, rows(0, 300))

    def stop(done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        update_index(table, DIM, account, SPACE, on_progress=stop)
    assert update_index(table, DIM, account, SPACE).pictures == 300


def test_a_namespace_that_others_changed_is_stale_and_made_right(
    service: Service, account: Account, table: Path
) -> None:
    update_index(table, DIM, account, SPACE, "monday")
    held = service.namespace(SPACE)
    held.pop(key_of("é 0001.jpg"))
    held["stranger"] = (unit(1)[0], {})
    held["another"] = (unit(1)[0], {})
    with pytest.raises(StaleIndexError, match="holds 251 vectors, 250 were sent.*python cli.py index"):
        opened(table, DIM, account)
    done = update_index(table, DIM, account, SPACE, "monday")
    assert (done.pictures, done.removed) == (250, 2)
    assert "stranger" not in service.namespace(SPACE)
    assert len(opened(table, DIM, account)) == 250


def test_a_namespace_that_is_gone_is_sent_anew(service: Service, account: Account, table: Path) -> None:
    update_index(table, DIM, account, SPACE)
    service.indexes.clear()
    with pytest.raises(AppError, match="no index 'pictures' at Pinecone"):
        opened(table, DIM, account)
    assert update_index(table, DIM, account, SPACE).written == 250


def test_namespaces_of_older_weights_are_deleted_and_no_other(service: Service, account: Account, table: Path) -> None:
    others = ("shop.colours-other.bbbbbbbbbbbb", "shop2.colours-none.cccccccccccc")
    for name in ("shop.colours-none.aaaaaaaaaaaa", *others):
        PineconeIndex(account, DIM, name, create=True).add(["a"], unit(1))
    update_index(table, DIM, account, SPACE)
    assert set(service.indexes["pictures"].namespaces) == {SPACE, *others}


def test_forgetting_deletes_the_namespace_and_the_record(service: Service, account: Account, table: Path) -> None:
    update_index(table, DIM, account, SPACE)
    update.forget(table, account)
    assert SPACE not in service.indexes["pictures"].namespaces
    assert update.read(table) is None
    update.forget(table, account)


def test_counts_that_come_late_are_waited_for(
    service: Service, account: Account, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.lag = 3
    assert update_index(table, DIM, account, SPACE).pictures == 250
    monkeypatch.setattr(pinecone_index, "SETTLE_SECONDS", 0.05)
    service.lag = 10_000
    put(table, rows(250, 251))
    with pytest.raises(AppError, match="counts 0 vectors in the namespace .* 251 were written"):
        update_index(table, DIM, account, SPACE)


def test_an_index_of_another_size_or_metric_says_both_and_what_to_do(service: Service, account: Account) -> None:
    PineconeIndex(account, DIM, "n", create=True)
    with pytest.raises(AppError, match="vectors of 8 numbers, compared by cosine; this engine makes 16.*_INDEX"):
        PineconeIndex(account, 16, "n", create=True)
    ((_, field),) = service.indexes["pictures"].facts["schema"]["fields"].items()
    field["metric"] = "euclidean"
    with pytest.raises(AppError, match="compared by euclidean"):
        PineconeIndex(account, DIM, "n")


def test_a_key_that_is_missing_wrong_or_no_key_is_told_and_never_shown(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(AppError, match="Set PINECONE_API_KEY"):
        PineconeIndex(replace(account, key=""), DIM, "n")
    with pytest.raises(AppError, match="does not accept the key") as wrong:
        PineconeIndex(replace(account, key="pcsk_wrong"), DIM, "n")
    with pytest.raises(AppError, match="cannot be used") as broken:
        PineconeIndex(replace(account, key="pcsk_wrong\n"), DIM, "n")
    assert "pcsk" not in f"{wrong.value}{broken.value}{account!r}{caplog.text}"


def test_a_service_that_is_away_is_told(service: Service, account: Account) -> None:
    service.down = True
    with pytest.raises(AppError, match="cannot be reached"):
        PineconeIndex(account, DIM, "n")


def test_attributes_that_are_too_long_name_the_picture(account: Account, tmp_path: Path) -> None:
    put(tmp_path / "t.sqlite", rows(0, 2, note="x" * 50_000))
    with pytest.raises(AppError, match="attributes of 'é 0000.jpg' are 50,"):
        update_index(tmp_path / "t.sqlite", DIM, account, SPACE)


def test_the_cost_is_said_in_vectors_and_units(account: Account, table: Path) -> None:
    cost = update_index(table, DIM, account, SPACE).cost
    assert cost.startswith("250 vectors of 8 numbers at Pinecone (pictures, namespace shop.colours-none.0123456789ab)")
    assert "0.25 read units; this time 250 vectors were written and 0 removed." in cost


def test_no_more_hits_are_asked_for_than_the_service_gives(account: Account, table: Path) -> None:
    update_index(table, DIM, account, SPACE)
    index = opened(table, DIM, account)
    index._count = 20_000
    assert len(index.query(unit(1), 20_000)[0]) == 250
