"""The tab Look-alike: words, words with a picture, engines side by side, and what is said when one of them can't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from retrieval.core import AppError
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, register, write_picture
from ui.search import words_box
from ui.tabs.look_alike import side_by_side, tab

PLAIN = replace(COLOUR_SPEC, engine="squeezenet", weights="plain", title="Plain", purposes=("look-alike",))
OTHER = replace(PLAIN, weights="other", title="Other", digest="d2")
READER = replace(PLAIN, engine="clip", weights="tiny", title="Reader", digest="d3", accepts_text=True)
GONE = replace(READER, weights="gone", title="Gone", file="gone.safetensors", digest="")
CHANNELS = {"red": 0, "green": 1, "blue": 2}


class Reader(ColourEncoder):
    """Reads the names of the three colours: each is its own channel of the grid."""

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return float32 (n, 48)."""
        vectors = np.full((len(texts), 16, 3), -0.5, np.float32)
        for row, text in enumerate(texts):
            vectors[row, :, CHANNELS[text.split()[0]]] = 1
        flat = vectors.reshape(len(texts), 48)
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Say that a text of more than 20 characters is cut."""
        return [len(text) > 20 for text in texts]


class Turned(ColourEncoder):
    """Sees every picture upside down: other neighbours than upright."""

    def encode_images(self, images: Sequence[Any]) -> np.ndarray:
        """Return float32 (n, 48)."""
        return super().encode_images([image.rotate(180) for image in images]) * np.linspace(1, 0, 48, dtype=np.float32)


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Return services over 18 pictures with the plain engines and the reader; the reader that is gone cannot load."""
    for n in range(18):
        write_picture(tmp_path / "shop" / f"{n:02}.jpg", n)
    loaded = [ColourEncoder(PLAIN), Turned(OTHER), Reader(READER)]
    register(monkeypatch, PLAIN, OTHER, GONE, READER, loaded=loaded)
    services = Services(Settings(index_cache=tmp_path / "cache", clip=()), [f"folder:{tmp_path / 'shop'}"])
    for spec in (PLAIN, OTHER, READER):
        services.indexes.build(services.catalogs.infos()[0].key, spec)
    yield services
    services.close()


@pytest.fixture
def key(services: Services) -> str:
    return services.catalogs.infos()[0].key


def asked(services: Services, key: str, item: str | None, text: str, balance: float = 0.0, **more: Any) -> Any:  # noqa: ANN401 - a page's value
    """Return what the page shows for a question to the reader."""
    said = {"text": text, "balance": balance}
    engine = more.get("name", "clip:tiny")
    question = {"catalog": key, "item": item}
    return tab.search(services, key, question, said, None, 12, engine, more.get("beside"), None)


def ids(shown: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in shown["hits"]]


def test_words_find_what_the_reader_says_and_weights_count_as_told(services: Services, key: str) -> None:
    searcher = services.indexes.searcher(key, READER)
    names = [f"{n:02}.jpg" for n in range(18)]
    vectors = searcher.index.vectors(names)
    red, blue = Reader(READER).encode_texts(["red", "blue"])
    for text, query in (("red", red), ("red, no blue:0.5", red - 0.5 * blue)):
        expected = [names[n] for n in np.argsort(-(vectors @ query))[:12]]
        assert ids(asked(services, key, None, text)[0]) == expected


def test_the_slider_goes_from_the_words_to_the_picture(services: Services, key: str) -> None:
    alone = ids(asked(services, key, None, "red")[0])
    assert ids(asked(services, key, "03.jpg", "red", 0)[0]) == alone
    like = [hit.id for hit in services.indexes.searcher(key, READER).by_id("03.jpg", 12).hits]
    assert ids(asked(services, key, "03.jpg", "red", 1)[0]) == like
    half = ids(asked(services, key, "03.jpg", "red", 0.5)[0])
    assert half not in (alone, like)
    assert "03.jpg" not in half


def test_marks_move_a_question_in_words(services: Services, key: str) -> None:
    shown, _, seen, _, _ = asked(services, key, None, "red")
    last = ids(shown)[-1]
    said, question = {"text": "red", "balance": 0}, {"catalog": key, "liked": [last], "disliked": [ids(shown)[0]]}
    moved = tab.search(services, key, question, said, None, 12, "clip:tiny", None, seen)[0]
    assert ids(moved).index(last) < 11
    assert ids(shown)[0] not in ids(moved)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no blue, - red", "only minus phrases"),
        ("a" * 10_000, "10,000 characters; at most 2,000"),
        (", ,", "Type what you are looking for"),
    ],
)
def test_words_that_say_nothing_are_told_in_place(services: Services, key: str, text: str, told: str) -> None:
    shown = asked(services, key, "03.jpg", text)[0]
    assert shown["state"] == "problem"
    assert told in shown["text"]


def test_blank_words_leave_the_picture_alone_and_nothing_at_all_is_a_start(services: Services, key: str) -> None:
    assert ids(asked(services, key, "03.jpg", "  ")[0])[0] != "03.jpg"
    assert asked(services, key, None, "")[0]["title"] == "Nothing asked yet"


def test_a_text_that_is_cut_is_said_beside_the_results(services: Services, key: str) -> None:
    shown = asked(services, key, None, "red and a very long rest of it")[0]
    assert "Only the beginning of 'red and" in shown["notes"][0]
    assert asked(services, key, None, "red")[0]["notes"] == []


def test_words_choose_an_engine_that_reads_and_is_here(services: Services, key: str) -> None:
    assert tab.reader(services, {"text": "red"}, "squeezenet:plain") == ("clip:tiny", "clip:tiny")
    assert tab.reader(services, {"text": "red"}, "clip:tiny") == (gr.skip(), gr.skip())
    assert tab.reader(services, {"text": " "}, "squeezenet:other") == (gr.skip(), gr.skip())
    assert tab.reader(services, {"text": ""}, "clip:gone")[0] == "squeezenet:plain"


def test_an_engine_that_cannot_read_says_which_can(services: Services, key: str) -> None:
    assert "cannot read words" in asked(services, key, None, "red", name="squeezenet:plain")[0]["text"]
    with pytest.raises(AppError, match="Choose one that does: clip"):
        tab.look_alike(services, words="red", engine="squeezenet")
    with pytest.raises(AppError, match="Send a picture, words or both"):
        tab.look_alike(services, words="  ")


def test_the_api_answers_to_words_with_the_first_engine_that_reads(services: Services, key: str) -> None:
    found = tab.look_alike(services, words="red", engine="clip", weights="tiny", k=5)
    assert [row["id"] for row in found["results"]] == ids(asked(services, key, None, "red")[0])[:5]
    assert found["notes"] == []


def test_side_by_side_shows_each_engines_own_results_and_marks_what_both_found(services: Services, key: str) -> None:
    shown, _, _, _, timer = asked(services, key, "03.jpg", "", name="squeezenet:plain", beside=["squeezenet:other"])
    assert shown["state"] == "sides"
    assert [side["title"] for side in shown["sides"]] == ["Plain", "Other"]
    assert not timer.active
    lists = []
    for side, spec in zip(shown["sides"], (PLAIN, OTHER), strict=True):
        lists.append([hit.id for hit in services.indexes.searcher(key, spec).by_id("03.jpg", 12).hits])
        assert [hit["id"] for hit in side["hits"]] == lists[-1]
        assert "found in" in side["summary"]
    both = set(lists[0]) & set(lists[1])
    assert 0 < len(both) < 12
    for side in shown["sides"]:
        assert {hit["id"] for hit in side["hits"] if hit.get("shared") == "found by both"} == both
    assert shown["summary"] == f"{len(both)} of 12 pictures were found by both engines"


def test_a_side_that_cannot_answer_says_why_and_the_others_do(services: Services, key: str) -> None:
    shown = asked(services, key, None, "red", beside=["squeezenet:plain"])[0]
    assert "hits" in shown["sides"][0]
    assert "cannot read words" in shown["sides"][1]["problem"]


def test_an_index_that_is_not_there_is_made_while_the_page_asks_again(services: Services, key: str) -> None:
    def ask() -> tuple[dict[str, Any], bool]:
        return side_by_side.search(services, key, {"item": "03.jpg"}, None, 12, [PLAIN, GONE])

    shown, making = ask()
    while making:
        shown, making = ask()
    assert "hits" in shown["sides"][0]
    assert "gone.safetensors" in shown["sides"][1]["problem"]


def test_what_the_words_box_sends_becomes_part_of_the_question() -> None:
    assert words_box.question({"item": "a"}, {"text": " ", "balance": 1}) == {"item": "a"}
    assert words_box.question(None, {"text": "red"}) == {"text": "red", "balance": 0}
    assert words_box.question({"item": "a"}, None) == {"item": "a"}
