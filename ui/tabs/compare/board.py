"""The board of a comparison: what is shown before, while and after engines are measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import gradio as gr

from retrieval.core import EncoderSpec, Stopped
from retrieval.evaluation.comparison import Comparison, Step, as_dict
from retrieval.evaluation.protocol import EvaluationProtocol, parse_where
from services import Services
from ui.shell import modules
from ui.shell.error_boundary import words

EVEN = 1.1
_TICK = 0.4


@dataclass
class Halt:
    """A visitor's wish to stop; the running comparison looks at it between steps."""

    wanted: bool = False


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


@dataclass
class _Work:
    """One comparison in its thread: how far it is, and what came of it."""

    step: Step | None = None
    found: Comparison | None = None
    trouble: str = ""
    stopped: bool = False
    titles: dict[str, str] = field(default_factory=dict)


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


def run(services: Services, catalog: str, wanted: Wanted, halt: Halt) -> Iterator[tuple[Any, ...]]:
    """Compare in a thread and say how far it is. Outputs: board, the buttons Compare and Stop."""
    if not wanted.names:
        yield _notice("No engine is chosen", "Tick at least one engine, two to see which is better."), *_buttons(False)
        return
    halt.wanted = False
    work = _Work()
    thread = threading.Thread(target=_compare, args=(services, catalog, wanted, halt, work), daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            yield _working(work.step), *_buttons(True)
            thread.join(_TICK)
    finally:
        halt.wanted = True  # also when the visitor is gone
    yield _outcome(services, catalog, work), *_buttons(False)


def stop(halt: Halt) -> gr.Button:
    """Ask the running comparison to stop."""
    halt.wanted = True
    return gr.Button("Stopping …", interactive=False)


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


def _compare(services: Services, catalog: str, wanted: Wanted, halt: Halt, work: _Work) -> None:
    def track(step: Step) -> None:
        work.step = step
        if halt.wanted:
            raise Stopped

    try:
        specs = [services.engines.spec(name) for name in wanted.names]
        work.found = services.evaluation.compare(catalog, specs, wanted.protocol(), track)
    except Stopped:
        work.stopped = True
    except Exception as error:
        work.trouble = words(error)


def _outcome(services: Services, catalog: str, work: _Work) -> dict[str, Any]:
    if work.stopped:
        return _notice("Stopped", "What was indexed is kept, so the next comparison goes on from there.")
    if work.found is None:
        return _notice("These engines could not be compared", work.trouble, "problem")
    if not work.found.engines:
        reasons = " ".join(dict.fromkeys(work.found.failed.values()))
        return _notice("These engines could not be compared", reasons, "problem")
    return result(services, catalog, work.found)


def _buttons(running: bool) -> tuple[gr.Button, gr.Button]:
    return gr.Button(interactive=not running), gr.Button("Stop", visible=running, interactive=True)


def _notice(title: str, text: str, state: str = "none") -> dict[str, Any]:
    return {"state": state, "at": time.time(), "title": title, "text": text}


def _working(step: Step | None) -> dict[str, Any]:
    if step is None:
        return {**_notice("Getting ready", "", "working"), "done": 0, "total": 0}
    count = f" · {step.done:,} of {step.total:,}" if step.total else ""
    left = f" · {step.seconds_left:.0f} s left" if step.seconds_left else ""
    text = f"{step.doing}{count}{left}"
    return {**_notice(step.title, text, "working"), "done": step.done, "total": step.total}


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
