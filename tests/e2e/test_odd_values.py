"""Whatever a client sends to endpoints and events, it gets an answer or a sentence, never a fault of ours."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from settings import Settings
from tests.conftest import write_picture
from tests.e2e.test_door import Served, event, serving
from ui.shell.error_boundary import OURS

ODD = [None, "x", "", -1, 1e308, True, [], {}, [None], {"a": None}, [["x"]], "\0" * 9]
ENDPOINTS = [
    "look_alike", "style", "product_type", "latent_neighbours", "anomalies", "edit", "compare", "duplicates",
    "catalogs",
]  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("page")
    for number in range(6):
        write_picture(place / "shop" / ("Hat", "Shoe")[number % 2] / f"{number}.jpg", number)
    settings = Settings(index_cache=place / "cache", clip=(), manage=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRADIO_TEMP_DIR", str(place / "sent"))
        with serving(settings, place / "shop") as page:
            yield page


def told(message: dict[str, Any], caplog: pytest.LogCaptureFixture) -> str:
    """Return what a client is told of a failure, nothing of a success; fails where it is a fault of ours."""
    assert "page event failed" not in caplog.text
    if message.get("success"):
        return ""
    said = (message.get("output") or {}).get("error")
    assert said, message
    assert said != OURS
    assert "Traceback" not in said
    return str(said)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_answers_odd_values_with_a_sentence(
    served: Served, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    ((number, function),) = ((n, each) for n, each in served.demo.fns.items() if each.api_name == name)
    for value in ODD:
        told(event(served, int(number), [value] * len(function.inputs)), caplog)


def test_a_null_is_as_good_as_nothing_and_a_wrong_type_names_its_parameter(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    names = {each.api_name: int(n) for n, each in served.demo.fns.items()}
    assert event(served, names["duplicates"], [served.key, None, "squeezenet"])["success"]
    assert told(event(served, names["duplicates"], [served.key, 0.9, ["x"]]), caplog).startswith("engine is ['x']")
    assert told(event(served, names["look_alike"], [None] * 9), caplog) == "Send a picture, words or both."
    assert told(event(served, names["style"], [None] * 7), caplog)
    assert "engines is null" in told(event(served, names["compare"], [None] * 5), caplog)


@pytest.mark.parametrize("detail", [None, [], "x", 5, {"act": []}, {"choice": {}}, {"act": "use", "catalog": None}])
def test_odd_details_of_an_event_are_told_in_a_sentence(
    served: Served, detail: object, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("catalogs.tab.act", "blind_test.vote"):
        number = served.number(name)
        given = [None] * len(served.demo.fns[number].inputs)
        told(event(served, number, given, detail), caplog)


@pytest.mark.parametrize("body", [b"[]", b"null", b"{", b'{"data": 5}', b'{"fn_name": "counts"}'])
def test_a_server_function_takes_no_harm_of_odd_bodies(served: Served, body: bytes) -> None:
    answer = httpx.post(
        f"{served.url}gradio_api/component_server",
        content=body,
        headers={"content-type": "application/json"},
        timeout=60,
    )
    assert 400 <= answer.status_code < 600
    assert "Traceback" not in answer.text


def test_a_server_function_answers_odd_data_with_a_sentence(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    for number, block in served.demo.blocks.items():
        for name in [each for each in dir(block) if getattr(getattr(block, each, None), "_is_server_fn", False)]:
            for value in ODD:
                asked = {"session_hash": uuid.uuid4().hex, "component_id": number, "fn_name": name, "data": value}
                answer = httpx.post(f"{served.url}gradio_api/component_server", json=asked, timeout=60)
                assert answer.status_code == 200
                assert OURS not in json.dumps(answer.json())
    assert "page event failed" not in caplog.text
