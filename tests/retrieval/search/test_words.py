"""Words: what a person types becomes weighted phrases, and phrases and a picture become results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from retrieval.core import AppError
from retrieval.indexes.exact import ExactIndex
from retrieval.search.searcher import Searcher
from retrieval.search.words import LONGEST, PHRASES, Phrase, parse
from tests.conftest import COLOUR_SPEC

AXES = {"red": (1, 0, 0, 0), "dress": (0, 1, 0, 0), "stripes": (0, 0, 1, 0), "long": (0, 1, 0, 0)}


class WordEncoder:
    """Knows the words of AXES, each its own direction."""

    spec = replace(COLOUR_SPEC, dim=4, accepts_text=True)

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Never asked here."""
        raise NotImplementedError

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return float32 (n, 4)."""
        return np.array([AXES[text] for text in texts], np.float32)

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Say that "long" is cut."""
        return [text == "long" for text in texts]


@pytest.fixture
def gallery() -> np.ndarray:
    # As in CLIP: every picture shares one direction, which no word has, so words score little and pictures much.
    vectors = np.random.default_rng(0).normal(0, 0.1, (300, 4)).astype(np.float32)
    vectors[:, 3] = 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def searcher(gallery: np.ndarray) -> Searcher:
    index = ExactIndex(4)
    index.add([str(n) for n in range(len(gallery))], gallery)
    return Searcher(index, WordEncoder)


def ids(searcher: Searcher, phrases: list[Phrase], **options: object) -> list[str]:
    return [hit.id for hit in searcher.by_words(phrases, 300, **options).hits]  # type: ignore[arg-type]


def test_phrases_weights_and_minus_are_read() -> None:
    assert parse("a red summer dress, floral:0.5, - stripes") == [
        Phrase("a red summer dress", 1), Phrase("floral", 0.5), Phrase("stripes", -1),
    ]  # fmt: skip
    assert parse("dress, −stripes : .25") == [Phrase("dress", 1), Phrase("stripes", -0.25)]
    assert parse("t-shirt,, , v-neck") == [Phrase("t-shirt", 1), Phrase("v-neck", 1)]
    assert parse("赤いドレス、платье:2、👗") == [Phrase("赤いドレス", 1), Phrase("платье", 2), Phrase("👗", 1)]
    assert parse("dress, hat:0") == [Phrase("dress", 1)]
    assert parse("dress:99")[0].weight == 10


def test_no_and_without_are_minus_only_as_words_of_their_own() -> None:
    assert parse("red dress, no stripes, Without dots:0.5, not long") == [
        Phrase("red dress", 1), Phrase("stripes", -1), Phrase("dots", -0.5), Phrase("long", -1),
    ]  # fmt: skip
    assert parse("nordic jumper, no-show socks") == [Phrase("nordic jumper", 1), Phrase("no-show socks", 1)]


@pytest.mark.parametrize("query", ["", "   ", ",,", "...", "-", "dress:0", "-, :2"])
def test_nothing_to_look_for_is_said(query: str) -> None:
    with pytest.raises(AppError, match="Type what you are looking for"):
        parse(query)


def test_only_minus_phrases_are_refused() -> None:
    with pytest.raises(AppError, match="only minus phrases"):
        parse("- stripes, -dots:0.5")


def test_length_and_number_are_bounded() -> None:
    with pytest.raises(AppError, match="10,000 characters; at most 2,000"):
        parse("a" * 10_000)
    assert parse("a" * LONGEST)[0].text == "a" * LONGEST
    with pytest.raises(AppError, match=f"{PHRASES + 1} phrases"):
        parse(",".join("a" * (PHRASES + 1)))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_words(query: str) -> None:
    try:
        phrases = parse(query)
    except AppError:
        return
    assert any(phrase.weight > 0 for phrase in phrases)
    assert all(phrase.text == phrase.text.strip() != "" and abs(phrase.weight) <= 10 for phrase in phrases)


def test_words_rank_by_the_weighted_sum_of_their_cosines(searcher: Searcher, gallery: np.ndarray) -> None:
    phrases = parse("red, dress:0.5, - stripes")
    expected = np.argsort(-(gallery @ np.array([1, 0.5, -1, 0])))
    assert ids(searcher, phrases) == [str(n) for n in expected]
    result = searcher.by_words(phrases, 5)
    np.testing.assert_allclose(np.linalg.norm(result.query), 1, atol=1e-6)
    np.testing.assert_allclose(result.hits[0].score, gallery[expected[0]] @ result.query, atol=1e-6)
    assert set(result.seconds) == {"encode", "search"}


def test_a_weight_of_half_lets_words_and_picture_count_alike(searcher: Searcher, gallery: np.ndarray) -> None:
    like = int(np.abs(gallery[:, 0]).argmin())  # a picture that is neither red nor the opposite
    words, picture = [Phrase("red")], gallery[like]
    alone = ids(searcher, words)
    alike = ids(searcher, words, picture=picture, picture_weight=1.0)
    assert ids(searcher, words, picture=picture, picture_weight=0.0) == alone
    assert alike[0] == str(like)

    def shared(wanted: list[str], weight: float) -> int:
        return len(set(wanted[:60]) & set(ids(searcher, words, picture=picture, picture_weight=weight)[:60]))

    by_words, by_picture = shared(alone, 0.5), shared(alike, 0.5)
    assert min(by_words, by_picture) > 20
    assert abs(by_words - by_picture) < 15
    assert shared(alone, 0.1) > by_words > shared(alone, 0.9)
    assert shared(alike, 0.9) > by_picture > shared(alike, 0.1)


def test_the_picture_alone_is_the_search_by_picture(searcher: Searcher, gallery: np.ndarray) -> None:
    expected = [str(n) for n in np.argsort(-(gallery @ gallery[3]))]
    assert ids(searcher, [Phrase("red")], picture=gallery[3], picture_weight=1.0) == expected


def test_what_is_left_out_is_not_found_and_the_rest_keeps_its_order(searcher: Searcher, gallery: np.ndarray) -> None:
    words = [Phrase("red")]
    mixed = ids(searcher, words, picture=gallery[3])
    assert ids(searcher, words, picture=gallery[3], exclude_ids=["3"]) == [item for item in mixed if item != "3"]


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_its_range_is_refused(searcher: Searcher, gallery: np.ndarray, weight: float) -> None:
    with pytest.raises(AppError, match="from 0"):
        searcher.by_words([Phrase("red")], 5, picture=gallery[0], picture_weight=weight)


def test_phrases_that_cancel_are_refused(searcher: Searcher) -> None:
    with pytest.raises(AppError, match="cancel each other out"):
        searcher.by_words(parse("red, -red"), 5)


def test_truncation_is_noted(searcher: Searcher) -> None:
    assert searcher.by_words([Phrase("red")], 5).notes == ()
    assert "Only the beginning of 'long…'" in searcher.by_words([Phrase("long")], 5).notes[0]


def test_an_engine_without_words_says_which_one_reads_them(searcher: Searcher) -> None:
    class Blind(WordEncoder):
        spec = replace(COLOUR_SPEC, dim=4)

    with pytest.raises(AppError, match="cannot read words. Choose the engine clip"):
        Searcher(searcher.index, Blind).by_words([Phrase("red")], 5)


def test_an_empty_index_gives_no_hits() -> None:
    empty = Searcher(ExactIndex(4), WordEncoder)
    assert empty.by_words([Phrase("red")], 5, picture=np.array([0, 0, 0, 1], np.float32)).hits == []
