"""Pinecone as it is: our imitation held against the published OpenAPI, and what the index owes to the real service."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml

pytest.importorskip("pinecone", reason="the package pinecone is not here: pip install -r requirements-scale.txt")

from retrieval.core import AppError
from retrieval.indexes.pinecone import index as pinecone_index
from retrieval.indexes.pinecone.index import Account, PineconeIndex
from tests.conftest import ROOT
from tests.fakes import pinecone_service
from tests.fakes.pinecone_service import KEY, Service

SPECS = ROOT.parent / "shared" / "specs"
DATA, CONTROL = SPECS / "db_data_2026-04.oas.yaml", SPECS / "db_control_2026-01.alpha.oas.yaml"
DIM = 8


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(pinecone_index, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(pinecone_index, "TRIES", 2)
    with pinecone_service.running() as service:
        yield service


@pytest.fixture
def index(service: Service) -> PineconeIndex:
    return PineconeIndex(Account(KEY, "pictures", host=service.url), DIM, "n", create=True)


def unit(count: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@cache
def spec(control: bool) -> dict[str, Any]:
    path = CONTROL if control else DATA
    if not path.is_file():
        pytest.skip("Pinecone's OpenAPI files are not beside the checkout: ../shared/specs")
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def check(value: Any, schema: dict[str, Any], control: bool) -> None:  # noqa: ANN401 - any JSON
    """Raise where `value` is not as the published schema says, or holds a field that the schema does not know."""
    document = {"components": spec(control)["components"], **schema}
    jsonschema.Draft202012Validator(document).validate(value)
    known = schema
    while "$ref" in known:
        known = spec(control)["components"]["schemas"][known["$ref"].rpartition("/")[2]]
    if known.get("properties") and isinstance(value, dict):
        assert set(value) <= set(known["properties"]), f"{set(value) - set(known['properties'])} is not published"


def test_pinecone_contract_every_request_and_answer_is_as_published(service: Service, index: PineconeIndex) -> None:
    index.add([f"{n}.jpg" for n in range(150)], unit(150), [{"label": f"kind {n % 3}"} for n in range(150)])
    index.query(unit(2, 1), 5, {"label": ["kind 1"]})
    index.remove(["3.jpg"])
    list(index.keys())
    index.attributes(["4.jpg"])
    index.drop("n")
    service.faults.extend([("quota", "upsert")] * 8)
    with pytest.raises(AppError, match="max storage"):
        index.add(["x"], unit(1))
    for control, bad in ((False, "vectors/upsert"), (True, "indexes")):
        assert any(("error" in found) == control and bad in place for _, place, status, _, found in service.answered
                   if status >= 400), bad  # fmt: skip
    for method, place, status, body, found in service.answered:
        control = place.startswith("/indexes")
        operation = spec(control)["paths"][place][method]
        if body:
            check(body, operation["requestBody"]["content"]["application/json"]["schema"], control)
        answers = operation["responses"]
        answer = answers.get(str(status)) or answers.get(f"{status // 100}XX")
        assert answer, f"{method} {place} does not answer {status}"
        if answer.get("content"):
            check(found, answer["content"]["application/json"]["schema"], control)


@pytest.mark.parametrize("logs", [True, False], ids=["by the log", "by a query"])
def test_pinecone_contract_a_changed_vector_counts_as_written_when_searches_see_it(
    service: Service, index: PineconeIndex, logs: bool
) -> None:
    service.logs = logs
    index.add(["a.jpg", "b.jpg"], unit(2))
    service.query_lag = 3
    changed = unit(1, 7)
    service.asked.clear()
    index.add(["b.jpg"], changed, [{"label": "new"}])
    assert service.asked["query"] >= 3
    hit = index.query(changed, 1)[0][0]
    assert (hit.id, round(hit.score, 4), hit.attributes) == ("b.jpg", 1.0, {"label": "new"})


def test_pinecone_contract_an_answer_never_passes_four_megabytes(service: Service, index: PineconeIndex) -> None:
    count, note = 3000, "x" * 1500
    index.add([f"{n:05}.jpg" for n in range(count)], unit(count), [{"note": note}] * count)
    wanted = np.argsort(-(unit(count) @ unit(1, 3)[0]), kind="stable")
    service.asked.clear()
    for _ in range(2):  # the first answer teaches how long attributes are here
        hits = index.query(unit(1, 3), count, {"note": [note]})[0]
        assert [hit.id for hit in hits] == [f"{n:05}.jpg" for n in wanted]
        assert {hit.attributes["note"] for hit in hits} == {note}
    assert service.asked["query"] <= 3
    assert max(len(str(found)) for *_, found in service.answered) < 4 << 20


def test_pinecone_contract_metadata_is_fetched_side_by_side(
    service: Service, index: PineconeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add([f"{n}.jpg" for n in range(800)], unit(800))
    monkeypatch.setattr(pinecone_index, "ANSWER_BYTES", 40_000)
    under_way: list[int] = []
    most = [0]
    fetch = index._index.fetch

    def counted(**given: Any) -> Any:  # noqa: ANN401 - the client's own types
        under_way.append(1)
        most[0] = max(most[0], len(under_way))
        try:
            return fetch(**given)
        finally:
            under_way.pop()

    monkeypatch.setattr(index._index, "fetch", counted)
    assert len(index.query(unit(1, 3), 800)[0]) == 800
    assert most[0] > 1


def test_pinecone_contract_an_index_is_said_before_it_is_made(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    PineconeIndex(Account(KEY, "visual-search-8", host=service.url), DIM, "n", create=True)
    assert "one index for each size" in caplog.text
    assert "visual-search-8" in caplog.text
