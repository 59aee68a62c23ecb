"""The visitor's one question: what of it stays when catalogue, tab or network change, and how it begins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.core import AppError
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, register, write_picture
from ui.search import filters, flow, question
from ui.search.question import Encoded, QueryCache, Question

PLAIN = replace(COLOUR_SPEC, purposes=("look-alike",))
UPLOAD = {"path": "/up/a.jpg", "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Return services over twelve equal pictures with a number each, indexed."""
    rows = ["file_name,number"]
    for n in range(12):
        write_picture(tmp_path / "shop" / f"{n:02}.jpg", 3)
        rows.append(f"{n:02}.jpg,number {n}")
    (tmp_path / "shop" / "metadata.csv").write_text("\n".join(rows))
    register(monkeypatch, PLAIN, loaded=[ColourEncoder(PLAIN)])
    services = Services(Settings(index_cache=tmp_path / "cache", clip=()), [f"folder:{tmp_path / 'shop'}"])
    services.indexes.build(services.catalogs.infos()[0].key, PLAIN)
    services.indexes.searcher(services.catalogs.infos()[0].key, PLAIN)
    return services


@pytest.fixture
def key(services: Services) -> str:
    return services.catalogs.infos()[0].key


def test_every_equal_picture_has_its_own_alternative_text(services: Services, key: str) -> None:
    ids = [f"{n:02}.jpg" for n in range(12)]
    assert question.alternatives(services, key, [*ids, "gone.jpg"]) == {
        item: f"number: number {n}" for n, item in enumerate(ids)
    }


def test_a_photo_its_part_and_words_go_along_to_another_catalogue_an_item_and_marks_do_not() -> None:
    asked = {"catalog": "one", "box": [0, 0, 1, 1], "text": "red", "liked": ["a"], "examples": [], "limit": 5}
    photo = question.carried({**asked, "picture": UPLOAD}, "two")
    assert photo == {"catalog": "two", "picture": UPLOAD, "box": [0, 0, 1, 1], "text": "red", "limit": 5}
    assert question.carried({**asked, "item": "a.jpg"}, "two") == {"catalog": "two", "text": "red", "limit": 5}
    assert question.carried({**asked, "item": "a.jpg"}, "one")["item"] == "a.jpg"


@pytest.mark.parametrize(
    ("before", "wanted", "item", "text"),
    [
        ({}, {}, "00.jpg", None),
        ({}, {"item": "07.jpg"}, "07.jpg", None),
        ({}, {"item": "gone.jpg"}, "00.jpg", None),
        ({}, {"words": "red dress"}, None, "red dress"),
        ({}, {"item": "07.jpg", "words": "red"}, "07.jpg", "red"),
        ({"text": "blue"}, {"item": "07.jpg"}, None, "blue"),
    ],
)
def test_a_catalogue_begins_with_what_is_asked_else_with_the_address_else_with_an_example(
    services: Services, key: str, before: dict[str, str], wanted: dict[str, str], item: str | None, text: str | None
) -> None:
    begun = question.opening(services, key, before, wanted)
    assert (begun.get("item"), begun.get("text")) == (item, text)
    assert begun["catalog"] == key
    assert begun["examples"]
    assert all(each["alt"].startswith("number: ") for each in begun["examples"])
    if item:
        assert begun["alt"] == f"number: number {int(item[:2])}"


def test_filters_stay_in_their_catalogue(services: Services, key: str) -> None:
    chosen = {"catalog": key, "chosen": {"number": ["number 3"]}}
    assert filters.opening(services, key, chosen)["chosen"] == {"number": ["number 3"]}
    assert filters.opening(services, key, chosen | {"catalog": "other"})["chosen"] == {}


def test_a_part_of_an_item_lies_on_the_map_where_the_network_sees_it_and_not_where_the_item_does(
    services: Services, key: str
) -> None:
    whole = Question(catalog=key, item="03.jpg")
    part = Question(catalog=key, item="03.jpg", box=(0.0, 0.0, 0.5, 0.5))
    assert flow.place(flow.answer(services, whole, PLAIN), whole) == "03.jpg"
    where = flow.place(flow.answer(services, part, PLAIN), part)
    stored = services.indexes.searcher(key, PLAIN).index.vectors(["03.jpg"])[0]
    assert isinstance(where, np.ndarray)
    assert not np.allclose(where, stored)


def test_marks_and_filters_on_a_photo_encode_it_once(
    services: Services, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = services.indexes.searcher(key, PLAIN).encoder
    assert isinstance(encoder, ColourEncoder)
    encoder.encoded = 0
    cache = QueryCache()
    asked = Question(catalog=key, item="03.jpg", box=(0.0, 0.0, 0.5, 0.5), cache=cache)
    for change in ({}, {"liked": ["01.jpg"]}, {"filter": {"number": ["number 1"]}}, {"count": 6}):
        assert flow.answer(services, asked.model_copy(update=change), PLAIN).result
    assert encoder.encoded == 1


def test_the_cache_forgets_what_was_asked_longest_ago() -> None:
    cache = QueryCache()
    for number in range(QueryCache.MOST + 3):
        cache.keep((number,), Encoded(np.zeros(2, np.float32), ""))
    assert list(cache) == [(number,) for number in range(3, QueryCache.MOST + 3)]


def test_marks_alone_need_something_wanted(services: Services, key: str) -> None:
    found = flow.answer(services, Question(catalog=key, liked=["03.jpg"], disliked=["04.jpg"]), PLAIN)
    assert found.result
    assert "04.jpg" not in [hit.id for hit in found.result.hits]
    with pytest.raises(AppError, match="Mark at least one picture"):
        flow.answer(services, Question(catalog=key, disliked=["04.jpg"]), PLAIN)
