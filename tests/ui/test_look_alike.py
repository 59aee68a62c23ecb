"""The tab Look-alike: words, words with a picture, engines side by side, and what is said when one of them can't."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.core import AppError
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, register, write_picture
from ui.search import flow, question, results
from ui.search.question import QueryCache, Question
from ui.search.searching_tab import Controls
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
    beside = more.pop("beside", None)
    spec = services.engines.spec(more.pop("name", "clip:tiny"))
    question = Question(catalog=key, item=item, text=text, balance=balance, count=12, **more)
    answer = tab.answer(services, question, Controls(spec, {"beside": beside}))
    return dict(answer.shown or results.found(question, answer)) | {"pending": answer.pending}


def read_by(services: Services, text: str, name: str) -> str:
    """Return the engine that answers words where the engine `name` is chosen."""
    return tab.reader(services, Question(text=text), name)


def ids(shown: dict[str, Any]) -> list[str]:
    return [hit["id"] for hit in shown["hits"]]


def test_words_find_what_the_reader_says_and_weights_count_as_told(services: Services, key: str) -> None:
    searcher = services.indexes.searcher(key, READER)
    names = [f"{n:02}.jpg" for n in range(18)]
    vectors = searcher.index.vectors(names)
    red, blue = Reader(READER).encode_texts(["red", "blue"])
    for text, query in (("red", red), ("red, no blue:0.5", red - 0.5 * blue)):
        expected = [names[n] for n in np.argsort(-(vectors @ query))[:12]]
        assert ids(asked(services, key, None, text)) == expected


def test_the_slider_goes_from_the_words_to_the_picture(services: Services, key: str) -> None:
    alone = ids(asked(services, key, None, "red"))
    assert ids(asked(services, key, "03.jpg", "red", 0)) == alone
    like = [hit.id for hit in services.indexes.searcher(key, READER).by_id("03.jpg", 12).hits]
    assert ids(asked(services, key, "03.jpg", "red", 1)) == like
    half = ids(asked(services, key, "03.jpg", "red", 0.5))
    assert half not in (alone, like)
    assert "03.jpg" not in half


def test_marks_move_a_question_in_words(services: Services, key: str) -> None:
    cache = QueryCache()
    shown = asked(services, key, None, "red", cache=cache)
    last = ids(shown)[-1]
    moved = asked(services, key, None, "red", liked=[last], disliked=[ids(shown)[0]], cache=cache)
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
    with pytest.raises(AppError, match=told):
        asked(services, key, "03.jpg", text)


def test_blank_words_leave_the_picture_alone_and_nothing_at_all_is_a_start(services: Services, key: str) -> None:
    assert ids(asked(services, key, "03.jpg", "  "))[0] != "03.jpg"
    assert Question(text=" ").blank


def test_a_text_that_is_cut_is_said_beside_the_results(services: Services, key: str) -> None:
    shown = asked(services, key, None, "red and a very long rest of it")
    assert "Only the beginning of 'red and" in shown["notes"][0]
    assert asked(services, key, None, "red")["notes"] == []


def test_words_choose_an_engine_that_reads_and_is_here(services: Services, key: str) -> None:
    assert read_by(services, "red", "squeezenet:plain") == "clip:tiny"
    assert read_by(services, "red", "clip:tiny") == "clip:tiny"
    assert read_by(services, " ", "squeezenet:other") == "squeezenet:other"
    assert read_by(services, "", "clip:gone") == "squeezenet:plain"


def test_an_engine_that_cannot_read_says_which_can(services: Services, key: str) -> None:
    with pytest.raises(AppError, match="Choose one that does: clip"):
        tab.look_alike(services, words="red", engine="squeezenet")
    with pytest.raises(AppError, match="Send a picture, words or both"):
        tab.look_alike(services, words="  ")


def test_the_api_answers_to_words_with_the_first_engine_that_reads(services: Services, key: str) -> None:
    found = tab.look_alike(services, words="red", engine="clip", weights="tiny", k=5)
    assert [row["id"] for row in found["results"]] == ids(asked(services, key, None, "red"))[:5]
    assert found["notes"] == []


def test_a_filter_that_nothing_can_pass_is_told_with_those_that_there_are(services: Services, key: str) -> None:
    with pytest.raises(AppError, match="an attribute 'cut'. Filter by one of: "):
        tab.look_alike(services, words="red", engine="clip", weights="tiny", filters={"cut": ["slim"]})


def test_side_by_side_shows_each_engines_own_results_and_marks_what_both_found(services: Services, key: str) -> None:
    shown = asked(services, key, "03.jpg", "", name="squeezenet:plain", beside=["squeezenet:other"])
    assert shown["state"] == "sides"
    assert [side["title"] for side in shown["sides"]] == ["Plain", "Other"]
    assert not shown["pending"]
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
    shown = asked(services, key, None, "red", beside=["squeezenet:plain"])
    assert "hits" in shown["sides"][0]
    assert "cannot read words" in shown["sides"][1]["problem"]


def test_an_index_that_is_not_there_is_made_while_the_page_asks_again(services: Services, key: str) -> None:
    question = Question(catalog=key, item="03.jpg", count=12)

    def ask() -> tuple[Any, bool]:
        answer = side_by_side.answer(services, question, flow.answer(services, question, PLAIN), [GONE])
        return answer.shown, answer.pending

    shown, making = ask()
    while making:
        shown, making = ask()
    assert "hits" in shown["sides"][0]
    assert "gone.safetensors" in shown["sides"][1]["problem"]


def test_words_are_part_of_the_question_and_blank_ones_are_none() -> None:
    assert question.parse({"item": "a", "text": " ", "balance": 1}).subject == (None, "a", None)
    assert question.parse({"text": " red "}, balance=0).subject == (None, None, None, "red", 0)


def test_side_by_side_asks_the_first_engine_once(
    services: Services, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[int] = []
    encode = ColourEncoder.encode_images

    def counted(self: ColourEncoder, images: Sequence[Any]) -> np.ndarray:
        seen.append(len(images))
        return encode(self, images)

    monkeypatch.setattr(ColourEncoder, "encode_images", counted)
    shown = asked(
        services, key, "03.jpg", "", name="squeezenet:plain", beside=["squeezenet:other"], box=(0.0, 0.0, 1.0, 1.0)
    )
    assert [side["title"] for side in shown["sides"]] == ["Plain", "Other"]
    assert seen == [1, 1]


@pytest.fixture
def wordless(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Return the services on a machine where no engine reads words."""
    register(monkeypatch, PLAIN, OTHER, loaded=[ColourEncoder(PLAIN), Turned(OTHER)])
    return services


def test_words_without_a_reader_are_answered_by_what_is_written_and_say_why(wordless: Services, key: str) -> None:
    services = wordless
    shown = asked(services, key, None, "03, no stripes", name="squeezenet:plain")
    assert ids(shown)[0] == "03.jpg"
    assert shown["hits"][0]["why"] == ["file name: 03"]
    nothing = asked(services, key, None, "qqqq", name="squeezenet:plain")
    assert nothing["title"] == "Nothing here fits these words"
    assert "'qqqq' was not understood" in nothing["text"]


def test_words_and_a_picture_are_fused_by_rank_as_much_as_each_counts(wordless: Services, key: str) -> None:
    services = wordless
    like = [hit.id for hit in services.indexes.searcher(key, PLAIN).by_id("03.jpg", 12).hits]
    picture = asked(services, key, "03.jpg", "11", 1.0, name="squeezenet:plain")
    assert ids(picture) == like
    half = asked(services, key, "03.jpg", "11", 0.4, name="squeezenet:plain")
    assert ids(half)[0] == "11.jpg"
    assert [item for item in ids(half) if item != "11.jpg"][:5] == [item for item in like if item != "11.jpg"][:5]
