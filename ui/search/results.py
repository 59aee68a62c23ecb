"""The one result component: what it shows, as plain values that its script turns into cards or a notice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from retrieval.core import Filter, Hit
from ui.search import filters
from ui.shell import modules

if TYPE_CHECKING:
    from retrieval.search.searcher import Result
    from ui.search.flow import Answer
    from ui.search.question import Question

STEPS = {"decode": "reading the picture", "encode": "looking at it", "search": "comparing"}


def create() -> gr.HTML:
    """Return the results; a click on a card puts a question, and in a searching tab `submit` asks for the answer."""
    return gr.HTML(**modules.component("search/results"))


def found(question: Question, answer: Answer) -> dict[str, Any]:
    """Return the component's value for a search that took place; without hits it says why."""
    result = answer.result
    if result is None or not result.hits:
        return nothing(question.filter, result.notes if result else ())
    return {
        "state": "results",
        "at": time.time(),
        "catalog": question.catalog,
        "hits": [card(hit, answer.why.get(hit.id, ())) for hit in result.hits],
        "strong": result.strong,
        "ranked": not result.query.size,
        "liked": question.liked,
        "disliked": question.disliked,
        "summary": summary(result),
        "detail": detail(result, question.filter),
        "notes": list(result.notes),
    }


def card(hit: Hit, why: Sequence[str] = ()) -> dict[str, Any]:
    """Return a hit as JSON, with what of it fits the words that were asked."""
    plain = {"id": hit.id, "score": round(float(hit.score), 6), "attributes": dict(hit.attributes)}
    return plain | {"why": list(why)} if why else plain


def summary(result: Result) -> str:
    """Return how many were found, how many of them are close, where some are not, and how long it took."""
    count = len(result.hits)
    close = [] if result.strong == count else [_count(result.strong, "close match", "close matches")]
    took = f"found in {_seconds(sum(result.seconds.values()))}"
    return " · ".join([_count(count, "result", "results"), *close, took])


def detail(result: Result, chosen: Filter | None) -> str:
    """Return the seconds of each step, and the filter that the results passed."""
    steps = [f"{words} {_seconds(result.seconds[s])}" for s, words in STEPS.items() if s in result.seconds]
    shown = steps if len(steps) > 1 else []
    return " · ".join([*shown, *([f"only {filters.described(chosen)}"] if chosen else [])])


def nothing(chosen: Filter | None, notes: Sequence[str] = ()) -> dict[str, Any]:
    """Return the notice of a search that found nothing; `notes` say what was not understood."""
    if chosen:
        asked = f"You asked for {filters.described(chosen)}."
        return notice("filtered", "No picture passes these filters", " ".join((asked, *notes)))
    if notes:
        return notice("none", "Nothing here fits these words", " ".join(notes))
    return notice("none", "Nothing to compare with", "This catalogue has no other picture.")


def waiting() -> dict[str, Any]:
    """Return the notice of an index that is not there yet; the header's progress is shown in it."""
    return notice("waiting", "Getting to know these pictures", "Results appear here as soon as that is done.")


def empty() -> dict[str, Any]:
    """Return the notice of a catalogue without pictures."""
    text = "This catalogue has no pictures. Open a folder of yours:"
    return {
        **notice("none", "No pictures yet", text),
        "command": "python app.py --catalog folder:/path/to/your/pictures",
    }


def start() -> dict[str, Any]:
    """Return the notice of a page on which nothing was asked yet."""
    return notice("none", "Nothing asked yet", "Upload a picture, or drop one on the page.")


def problem(text: str) -> dict[str, Any]:
    """Return the notice of a search that failed; the query input repeats `text` under the picture."""
    return notice("problem", "This could not be searched", text)


def notice(state: str, title: str, text: str) -> dict[str, Any]:
    """Return the component's value that shows words in the place of cards."""
    return {"state": state, "at": time.time(), "title": title, "text": text}


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _seconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    if milliseconds >= 1000:
        return f"{seconds:.1f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
