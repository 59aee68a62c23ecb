"""What a browser or a client may send as a question, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.core import AppError
from ui.search import filters, question

MARKED = {"_type": "gradio.FileData"}


def test_a_file_that_gradio_has_not_checked_is_refused() -> None:
    with pytest.raises(AppError, match="cannot be read"):
        question.parse({"picture": {"path": "/etc/passwd"}})


def test_a_checked_file_a_box_and_marks_are_read() -> None:
    asked = question.parse(
        {"picture": {"path": "/up/a.jpg", "meta": MARKED}, "box": [0, 0.25, 0.5, 1], "liked": ["a"], "examples": ["x"]}
    )
    assert asked.subject == ("/up/a.jpg", None, (0.0, 0.25, 0.5, 1.0))
    assert asked.liked == ["a"]


@pytest.mark.parametrize(
    "sent",
    [
        {"box": [0.5, 0, 0.5, 1]},
        {"box": [-0.1, 0, 0.5, 1]},
        {"box": [0, 0, 1.5, 1]},
        {"box": [0, 0, 1]},
        {"box": [0, 0, 0.001, 1]},
        {"box": [0, 0, float("nan"), 1]},
        {"item": "x" * 5000},
        {"liked": ["x"] * 101},
        {"disliked": "abc"},
        {"picture": "/etc/passwd"},
    ],
)
def test_what_is_no_question_is_refused_in_words(sent: dict[str, object]) -> None:
    with pytest.raises(AppError, match="The query cannot be read"):
        question.parse(sent)


@pytest.mark.parametrize(
    ("box", "size", "expected"),
    [
        ((0.0, 0.0, 1.0, 1.0), (300, 200), (0, 0, 300, 200)),
        ((0.5, 0.25, 1.0, 0.75), (300, 200), (150, 50, 300, 150)),
        ((0.99, 0.99, 1.0, 1.0), (1, 1), (0, 0, 1, 1)),
    ],
)
def test_a_relative_box_in_pixels_is_inside_and_never_empty(
    box: question.RelativeBox, size: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    assert question.pixels(box, size) == expected


def test_an_upload_that_is_gone_or_too_large_is_said_without_its_path(tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(b"0" * 2048)
    for path, words in ((large, "at most"), (tmp_path / "gone.jpg", "no longer on the server")):
        picture = question.parse({"picture": {"path": str(path), "meta": MARKED}}).picture
        assert picture
        with pytest.raises(AppError, match=words) as told:
            question.read(picture, limit=1024)
        assert str(tmp_path) not in str(told.value)


def test_filters_are_lists_by_attribute_and_empty_ones_do_not_count() -> None:
    assert filters.parse({"label": ["Dress", "Skirt"], "kids": []}) == {"label": ["Dress", "Skirt"]}
    assert filters.parse({"kids": []}) is None
    assert filters.parse(None) is None


@pytest.mark.parametrize("sent", ["label", ["Dress"], {"label": "Dress"}, {"label": [1]}, {"x" * 2000: ["a"]}])
def test_what_is_no_filter_is_refused_in_words(sent: object) -> None:
    with pytest.raises(AppError, match="object of lists"):
        filters.parse(sent)
