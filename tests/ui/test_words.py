"""What the page says: results, status, figures and errors, in words and with strangers' text escaped."""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ElementTree

import gradio as gr
import numpy as np
import pytest

from retrieval.core import AppError, Hit
from retrieval.search.searcher import Result
from services import Services, Status
from tests.conftest import COLOUR_SPEC
from ui.search import how_it_works, results
from ui.search.flow import Answer
from ui.search.question import Question
from ui.shell import error_boundary, header


def result(count: int, strong: int, **seconds: float) -> Result:
    """Return a result of `count` hits."""
    hits = [Hit(f"{n}.jpg", 1 - n / 100, {"label": "Dress"}) for n in range(count)]
    return Result(hits, strong, np.linspace(1, 0.5, max(count, 1), dtype=np.float32), np.ones(4, np.float32), seconds)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (result(24, 9, decode=0.005, encode=0.03, search=0.003), "24 results · 9 close matches · found in 38 ms"),
        (result(2, 1, search=0.0004), "2 results · 1 close match · found in 0.4 ms"),
        (result(1, 1, search=1.25), "1 result · found in 1.2 s"),
    ],
)
def test_the_summary_is_in_a_shoppers_words(given: Result, said: str) -> None:
    assert results.summary(given) == said


def test_the_steps_and_the_filter_are_named() -> None:
    steps = results.detail(result(3, 3, decode=0.005, encode=0.03, search=0.0021), {"label": ["Dress", "Skirt"]})
    assert steps == "reading the picture 5.0 ms · looking at it 30 ms · comparing 2.1 ms · only label: Dress or Skirt"


def test_no_hits_say_whether_the_filters_are_why() -> None:
    nothing = Answer(COLOUR_SPEC, result(0, 0))
    assert results.found(Question(filter={"label": ["Hat"]}), nothing)["state"] == "filtered"
    assert results.found(Question(), nothing)["state"] == "none"


def test_a_build_says_done_speed_and_time_left() -> None:
    html = header.status_html(Status("building", 1200, 4171, 41.6, 71.0))
    assert "1,200 of 4,171 pictures · 42 a second · 71 s left" in html
    assert '<progress max="4171" value="1200"' in html


def test_skipped_files_are_counted_and_named_as_text() -> None:
    status = Status("ready", pictures=3, checked_at=0.0, skipped=(("<img src=x>.jpg", "cut <b>short"), ("b", "empty")))
    html = header.status_html(status)
    assert "3 pictures · ready" in html
    assert "2 files were skipped" in html
    assert "&lt;img src=x&gt;.jpg" in html
    assert "<img" not in html


def test_a_failure_is_escaped_too() -> None:
    assert "&lt;script&gt;" in header.status_html(Status("failed", error="no <script>"))


def test_the_figures_are_well_formed_and_mark_the_cut_off() -> None:
    vector = np.array([0.5, -0.5, 0.0, 0.7], np.float32)
    curve = np.array([0.9, 0.89, 0.88, 0.4, 0.39, 0.38], np.float32)
    drawn = ElementTree.fromstring(how_it_works.figure('picture/a?x="<', vector, curve, 6, 224))
    assert [node.text for node in drawn.iter("figcaption")][0] == "1. The network sees 224 x 224 pixels"
    assert "cut-off after 3" in "".join(drawn.itertext())
    kinds = [path.get("class") for path in drawn.iter("path")]
    assert kinds.count("plus") == 2
    assert kinds.count("minus") == 1


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_short_curve_is_drawn_or_excused(count: int) -> None:
    assert how_it_works.figure("x", np.zeros(4, np.float32), np.full(count, 0.5, np.float32), count, 224)


def test_what_a_person_can_mend_is_said_and_the_rest_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fails(services: Services, error: Exception) -> None:
        raise error

    event = error_boundary.bound(fails, object())  # type: ignore[arg-type]
    with pytest.raises(gr.Error, match="Put pictures there"):
        event(AppError("Put pictures there."))
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as told:
        event(RuntimeError("/secret/path"))
    assert told.value.message == error_boundary.OURS
    assert "/secret/path" in caplog.text
