"""The board of a comparison: what is shown before, while and after engines are measured."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from retrieval.core import EncoderSpec
from retrieval.evaluation.comparison import Comparison, as_dict
from retrieval.evaluation.protocol import EvaluationProtocol, parse_where
from services import Services, Task
from ui.shell import modules
from ui.shell.error_boundary import user_message
from ui.widgets.running_task import Running, buttons, waits

EVEN = 1.1
FAILED = "These engines could not be compared"


@dataclass(frozen=True)
class Wanted:
    """What a visitor wants compared: engines by name, and the evaluation as it was written; see `protocol`."""

    names: Sequence[str]
    match: str
    exclude: Sequence[str] = ()
    query_where: str = ""
    gallery_where: str = ""

    def protocol(self) -> EvaluationProtocol | None:
        """Return the evaluation, or None where only the speed is wanted; raises AppError for what makes no sense."""
        if not self.match:
            return None
        asked, searched = (
            parse_where([part for part in text.split(";") if part.strip()])
            for text in (self.query_where, self.gallery_where)
        )
        return EvaluationProtocol(self.match, self.exclude, asked, searched)


def create() -> gr.HTML:
    """Return the board."""
    return gr.HTML(**modules.component("tabs/compare/board"))


def absent(known: Sequence[tuple[EncoderSpec, str | None]]) -> str:
    """Return which engines cannot be chosen on this machine, and why, as HTML."""
    rows = [f"<li><b>{escape(spec.title)}</b> {escape(reason)}</li>" for spec, reason in known if reason]
    summary = f"{len(rows)} {'engine is' if len(rows) == 1 else 'engines are'} not on this machine"
    return f'<details class="cmp-absent"><summary>{summary}</summary><ul>{"".join(rows)}</ul></details>'


def opening(labelled: bool) -> dict[str, Any]:
    """Return the board of a catalogue just opened."""
    if labelled:
        return _notice(
            "Which engine finds better here, and which is faster?",
            "Every picture is searched with once, and the results are counted right or wrong. Choose two engines and "
            "press Compare.",
        )
    return _notice(
        "These pictures carry no labels",
        "Only speed can be measured. Which engine finds better you can judge yourself in the blind taste test below.",
    )


def run(
    services: Services, catalog: str, wanted: Wanted, running: Running, session: str | None = None
) -> Generator[tuple[Any, ...]]:
    """Compare as a task and say how far it is. Outputs: board, the buttons Compare and Stop."""
    if not wanted.names:
        yield _notice("No engine is chosen", "Tick at least one engine, two to see which is better."), *buttons(False)
        return
    try:
        specs = [services.engines.spec(name) for name in wanted.names]
        task = services.evaluation.comparing(catalog, specs, wanted.protocol(), services.sessions.owner(session))
    except Exception as error:
        yield _notice(FAILED, user_message(error), "problem"), *buttons(False)
        return
    for each in running.follow(task):
        yield _working(each), *buttons(True)
    yield _outcome(services, catalog, task), *buttons(False)


def result(services: Services, catalog: str, found: Comparison) -> dict[str, Any]:
    """Return the board's value of a finished comparison."""
    return {
        **as_dict(found),
        "state": "result",
        "at": time.time(),
        "catalog": catalog,
        "summary": _summary(found),
        "verdict": [*_better(found), *_faster(found)],
        "failed": [[services.engines.spec(name).title, reason] for name, reason in found.failed.items()],
    }


def _outcome(services: Services, catalog: str, task: Task[Comparison]) -> dict[str, Any]:
    found = task.result
    if task.state == "stopped" or found is None:
        if task.state == "failed":
            return _notice(FAILED, task.error, "problem")
        return _notice("Stopped", "What was indexed is kept, so the next comparison goes on from there.")
    if not found.engines:
        return _notice(FAILED, " ".join(dict.fromkeys(found.failed.values())), "problem")
    return result(services, catalog, found)


def _notice(title: str, text: str, state: str = "none") -> dict[str, Any]:
    return {"state": state, "at": time.time(), "title": title, "text": text}


def _working(task: Task[Comparison]) -> dict[str, Any]:
    far = task.progress
    count = f"{far.done:,} of {far.total:,}" if far.total else ""
    left = f"{far.seconds_left:.0f} s left" if far.seconds_left else ""
    text = " · ".join(filter(None, (count, left)))
    return {
        **_notice(waits(task) or far.doing or "Getting ready", text, "working"),
        "done": far.done,
        "total": far.total,
    }


def _summary(found: Comparison) -> str:
    if not found.match:
        return f"Speed on {found.gallery:,} pictures"
    have = "has" if found.unmatched == 1 else "have"
    lone = f" {found.unmatched:,} {have} no partner and count{'s' * (have == 'has')} as 0." if found.unmatched else ""
    return f"{found.queries:,} questions among {found.gallery:,} pictures; right is the same {found.match}.{lone}"


def _better(found: Comparison) -> list[tuple[str, str]]:
    """Return what is said of the best engine and each of the others, and the figures that say it."""
    titles = {each.name: each.title for each in found.engines}
    best = max(found.engines, key=lambda each: each.quality["map"].value).name if found.differences else ""
    said = []
    for each in found.differences:
        if each.better == best:
            how = "finds better than" if each.clear else "finds about as well as"
            detail = f"mAP {each.map.value:+.3f}; 95 % interval {each.map.low:+.3f} to {each.map.high:+.3f}"
            said.append((f"{titles[best]} {how} {titles[each.other]}.", detail))
    return said


def _faster(found: Comparison) -> list[tuple[str, str]]:
    if len(found.engines) < 2:
        return []
    ranked = sorted(found.engines, key=lambda each: each.speed.pictures_per_second)
    slow, fast = ranked[0], ranked[-1]
    times = fast.speed.pictures_per_second / slow.speed.pictures_per_second
    if times < EVEN:
        return [(f"{fast.title} and {slow.title} look at pictures about equally fast.", "")]
    detail = f"{fast.speed.pictures_per_second:.0f} against {slow.speed.pictures_per_second:.0f} pictures a second"
    return [(f"{fast.title} looks at pictures {times:.1f} times as fast as {slow.title}.", detail)]
