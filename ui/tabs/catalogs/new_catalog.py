"""Opening another catalogue on the page: a visitor's own pictures, or a data set of the Hub; never a folder's path."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency
from gradio.utils import get_upload_folder

from retrieval.catalogs.hub.download import Fetching
from retrieval.catalogs.hub.names import HubName
from retrieval.catalogs.hub.source import SUGGESTED
from retrieval.core import AppError, Stopped
from services import Services
from ui.shell.error_boundary import PRIVATE, words
from ui.shell.header import Engine, Header
from ui.tabs.catalogs import cards

COUNT = 2000
_TICK = 0.4
_NAMED = 8


@dataclass
class Halt:
    """A visitor's wish to stop; the work looks at it as it goes."""

    wanted: bool = False


@dataclass
class _Work:
    """One piece of work in its thread: how far it is, and what came of it."""

    told: str = ""
    part: tuple[int, int] = (0, 0)
    key: str = ""
    note: str = ""
    trouble: str = ""
    stopped: bool = False
    ended: threading.Event = field(default_factory=threading.Event)


def uploads(services: Services, top: Header, shown: gr.HTML) -> None:
    """Lay out the choice of files and what becomes of them."""
    settings = services.settings
    most = f"{settings.max_archive_files:,} pictures, {settings.max_archive_bytes >> 20} MB"
    gr.Markdown(f"Many files, or one zip with folders in it (their names become labels). At most {most}.")
    files = gr.File(file_count="multiple", file_types=["image", ".zip"], label="Pictures or a zip", height=160)
    title = gr.Textbox(label="Call it", placeholder="My pictures", max_lines=1, max_length=60)
    ended = _wire(services, top, shown, "Make a catalogue", keep, [files, title])
    ended.then(lambda: None, None, [files], **PRIVATE)  # they are no longer where they were sent to


def hub(services: Services, top: Header, shown: gr.HTML) -> None:
    """Lay out the choice of a data set and of the part that is wanted."""
    choices = [(f"{name} · {what}", name) for name, (_, what) in SUGGESTED.items()]
    most = services.settings.max_hub_rows
    repo = gr.Dropdown(
        choices, value=choices[0][1], label="Data set: one of these, or any OWNER/NAME", allow_custom_value=True
    )
    count = gr.Slider(50, most, value=min(COUNT, most), step=50, label="How many pictures at most")
    with gr.Row():
        split = gr.Textbox(label="Split", placeholder="train, or the first", max_lines=1)
        image = gr.Textbox(label="Picture column", placeholder="the first", max_lines=1)
        attribute = gr.Textbox(label="Only where this attribute", placeholder="any", max_lines=1)
        value = gr.Textbox(label="is", max_lines=1)
    _wire(services, top, shown, "Open", fetch, [repo, count, split, image, attribute, value])


def _wire(
    services: Services, top: Header, shown: gr.HTML, do: str, work: Callable[..., None], given: Sequence[gr.Component]
) -> Dependency:
    """Add the buttons that begin and stop `work`, and the place where it says how far it is; return what follows it."""
    with gr.Row():
        go = gr.Button(do, variant="primary", min_width=160, scale=0)
        stop = gr.Button("Stop", visible=False, min_width=100, scale=0)
    told = gr.HTML(apply_default_css=False)
    halt = gr.State(Halt())

    def run(*inputs: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - Gradio has to see a generator function
        yield from follow(services, work, *inputs)

    ended = go.click(
        run, [halt, top.session, top.engine, *given], [told, go, stop, shown, top.catalog, *top.seen],
        concurrency_id="open", concurrency_limit=4, **PRIVATE,
    )  # fmt: skip
    stop.click(ask_to_stop, [halt], [stop], queue=False, **PRIVATE)
    return ended


def ask_to_stop(halt: Halt) -> gr.Button:
    """Ask the running work to stop."""
    halt.wanted = True
    return gr.Button("Stopping …", interactive=False)


def follow(
    services: Services, work: Callable[..., None], halt: Halt, session: str | None, engine: Engine, *given: object
) -> Iterator[tuple[Any, ...]]:
    """Run `work` in a thread and say how far it is; then put the new catalogue into use.

    Outputs: notice, the buttons to begin and to stop, the shelf, then the header's catalogue, status, timer and opened.
    """
    halt.wanted = False
    done = _Work()
    threading.Thread(target=_run, args=(services, work, done, halt, session, given), daemon=True).start()
    still = [gr.skip()] * 5
    try:
        while not done.ended.wait(_TICK):
            yield _progress(done), *_buttons(True), *still
    finally:
        halt.wanted = True  # also when the visitor is gone
    if done.key:
        shelf = cards.view(services, done.key, session)
        yield (
            _notice("ready", done.note),
            *_buttons(False),
            shelf,
            *cards.switched(services, done.key, session, engine),
        )
    else:
        said = _notice("", "Stopped. What has arrived is kept.") if done.stopped else _notice("failed", done.trouble)
        yield said, *_buttons(False), *still


def _run(
    services: Services, work: Callable[..., None], done: _Work, halt: Halt, session: str | None, given: Sequence[object]
) -> None:
    try:
        work(services, done, halt, session, *given)
    except Stopped:
        done.stopped = True
    except Exception as error:
        done.trouble = words(error)
    finally:
        done.ended.set()


def keep(
    services: Services, done: _Work, halt: Halt, session: str | None, files: Sequence[str] | None, title: str
) -> None:
    """Make a private catalogue of the chosen files, and delete them where they were sent to."""
    sent = [(path.name, path) for path in map(_sent, files or ())]
    if not sent:
        raise AppError("Choose pictures or a zip first.")

    def track(kept: int) -> None:
        done.told, done.part = f"{kept:,} pictures unpacked", (0, 0)
        if halt.wanted:
            raise Stopped

    try:
        done.key, kept = services.uploads.add(session or "", sent, title or "", track)
    finally:
        for _, path in sent:
            path.unlink(missing_ok=True)
    left = [f"{name}: {reason}" for name, reason in kept.left_out[:_NAMED]]
    more = len(kept.left_out) - len(left)
    done.note = "\n".join(
        [
            f"{kept.pictures:,} pictures are in your catalogue; only you see it.",
            *left,
            *([f"and {more} more"] * (more > 0)),
        ]
    )


def _sent(path: str) -> Path:
    """Return where a file lies that was sent to this app; raises AppError for any other file of this machine."""
    real = Path(path).resolve()
    if not (real.is_relative_to(Path(get_upload_folder()).resolve()) and real.is_file()):
        raise AppError("These files are no longer on the server. Choose them again.")
    return real


def fetch(
    services: Services, done: _Work, halt: Halt, session: str | None, repo: str, count: float, split: str, image: str,
    attribute: str, value: str,
) -> None:  # fmt: skip
    """Open the chosen part of a data set of the Hub."""
    where = (attribute.strip(), value.strip()) if attribute.strip() and value.strip() else None
    wanted = HubName(
        (repo or "").strip().removeprefix("hf:"), None, split.strip() or None, int(count), image.strip() or None, where
    )
    done.told = f"Asking for {wanted.repo}"

    def track(fetching: Fetching) -> None:
        parts = [f"{fetching.kept:,} pictures"]
        if fetching.seen > fetching.kept:
            parts.append(f"{fetching.seen:,} rows looked at")
        if fetching.seconds_left is not None:
            parts.append(f"{fetching.seconds_left:.0f} s left")
        done.told, done.part = " · ".join(parts), (fetching.kept, fetching.total)
        if halt.wanted:
            raise Stopped

    done.key = services.saved_catalogs.add_from_hub(str(wanted), track)
    done.note = f"{services.catalogs.catalog(done.key).title} is open."


def _progress(done: _Work) -> str:
    kept, total = done.part
    known = f'max="{total}" value="{kept}"' if total else ""
    bar = f'<progress {known} aria-label="Opening"></progress>'
    return f'<div class="told" role="status"><p>{escape(done.told)} …</p>{bar}</div>'


def _notice(kind: str, text: str) -> str:
    first, *rest = text.splitlines() or [""]
    more = f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in rest)}</ul>" if rest else ""
    role = "alert" if kind == "failed" else "status"
    return f'<div class="told {kind}" role="{role}"><p>{escape(first)}</p>{more}</div>'


def _buttons(running: bool) -> tuple[gr.Button, gr.Button]:
    return gr.Button(interactive=not running), gr.Button("Stop", visible=running, interactive=True)
