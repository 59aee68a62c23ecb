"""Opening another catalogue on the page: a visitor's own pictures, or a data set of the Hub; never a folder's path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency
from gradio.utils import get_upload_folder

from retrieval.catalogs.hub.download import Fetching
from retrieval.catalogs.hub.names import HubName
from retrieval.catalogs.hub.source import SUGGESTED
from retrieval.core import AppError
from services import Services, Task
from ui.shell.error_boundary import PRIVATE
from ui.shell.header import Engine, Header
from ui.tabs.catalogs import cards
from ui.widgets import running_task
from ui.widgets.running_task import Running, buttons, waits

COUNT = 2000
STOPPED = "Stopped. What has arrived is kept."
_NAMED = 8


Work = Callable[..., tuple[str, str]]
"""Makes a catalogue as a task, and returns its key and what to say of it."""


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
    services: Services, top: Header, shown: gr.HTML, do: str, work: Work, given: Sequence[gr.Component]
) -> Dependency:
    """Add the buttons that begin and stop `work`, and the place where it says how far it is; return what follows it."""
    with gr.Row():
        go = gr.Button(do, variant="primary", min_width=160, scale=0)
        stop = gr.Button("Stop", visible=False, min_width=100, scale=0)
    told = gr.HTML(apply_default_css=False)
    running = gr.State(Running())

    def run(*inputs: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - Gradio has to see a generator function
        yield from follow(services, work, *inputs)

    ended = go.click(
        run, [running, top.session, top.engine, *given], [told, go, stop, shown, top.catalog, *top.seen],
        concurrency_id="open", concurrency_limit=16, **PRIVATE,
    )  # fmt: skip
    stop.click(running_task.stop, [running], [stop], queue=False, **PRIVATE)
    return ended


def follow(
    services: Services, work: Work, running: Running, session: str | None, engine: Engine, *given: object
) -> Iterator[tuple[Any, ...]]:
    """Run `work` as a task and say how far it is; then put the new catalogue into use.

    Outputs: notice, the buttons to begin and to stop, the list, then the header's catalogue, status, timer and opened.
    """
    still = [gr.skip()] * 5
    try:
        task = services.tasks.submit(
            "catalogue", "making a catalogue", lambda task: work(services, task, session, *given),
            services.sessions.owner(session),
        )  # fmt: skip
    except AppError as error:
        yield _notice("failed", str(error)), *buttons(False), *still
        return
    for each in running.follow(task):
        yield _progress(each), *buttons(True), *still
    if task.result is None:
        said = _notice("failed", task.error) if task.state == "failed" else _notice("", STOPPED)
        yield said, *buttons(False), *still
        return
    key, note = task.result
    shelf = cards.view(services, key, session)
    yield _notice("ready", note), *buttons(False), shelf, *cards.switched(services, key, session, engine)


def keep(
    services: Services, task: Task[Any], session: str | None, files: Sequence[str] | None, title: str
) -> tuple[str, str]:
    """Make a private catalogue of the chosen files, and delete them where they were sent to."""
    sent = [(path.name, path) for path in map(_sent, files or ())]
    if not sent:
        raise AppError("Choose pictures or a zip first.")
    try:
        key, kept = services.uploads.add(
            session or "", sent, title or "", lambda done: task.advance(done, 0, doing=f"{done:,} pictures unpacked")
        )
    finally:
        for _, path in sent:
            path.unlink(missing_ok=True)
    left = [f"{name}: {reason}" for name, reason in kept.left_out[:_NAMED]]
    more = len(kept.left_out) - len(left)
    note = [f"{kept.pictures:,} pictures are in your catalogue; only you see it.", *left]
    return key, "\n".join([*note, *([f"and {more} more"] * (more > 0))])


def _sent(path: str) -> Path:
    """Return where a file lies that was sent to this app; raises AppError for any other file of this machine."""
    real = Path(path).resolve()
    if not (real.is_relative_to(Path(get_upload_folder()).resolve()) and real.is_file()):
        raise AppError("These files are no longer on the server. Choose them again.")
    return real


def fetch(
    services: Services, task: Task[Any], session: str | None, repo: str, count: float, split: str, image: str,
    attribute: str, value: str,
) -> tuple[str, str]:  # fmt: skip
    """Open the chosen part of a data set of the Hub."""
    where = (attribute.strip(), value.strip()) if attribute.strip() and value.strip() else None
    wanted = HubName(
        (repo or "").strip().removeprefix("hf:"),
        None,
        split.strip() or None,
        int(count or 0),
        image.strip() or None,
        where,
    )
    task.advance(0, 0, doing=f"Asking for {wanted.repo}")

    def on_progress(fetching: Fetching) -> None:
        parts = [f"{fetching.kept:,} pictures"]
        if fetching.seen > fetching.kept:
            parts.append(f"{fetching.seen:,} rows looked at")
        if fetching.seconds_left is not None:
            parts.append(f"{fetching.seconds_left:.0f} s left")
        task.advance(fetching.kept, fetching.total or 0, seconds_left=fetching.seconds_left, doing=" · ".join(parts))

    key = services.saved_catalogs.add_from_hub(str(wanted), on_progress)
    return key, f"{services.catalogs.catalog(key).title} is open."


def _progress(task: Task[Any]) -> str:
    far = task.progress
    known = f'max="{far.total}" value="{far.done}"' if far.total else ""
    bar = f'<progress {known} aria-label="Opening"></progress>'
    told = waits(task) or far.doing
    return f'<div class="told" role="status"><p>{escape(told)} …</p>{bar}</div>'


def _notice(kind: str, text: str) -> str:
    first, *rest = text.splitlines() or [""]
    more = f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in rest)}</ul>" if rest else ""
    role = "alert" if kind == "failed" else "status"
    return f'<div class="told {kind}" role="{role}"><p>{escape(first)}</p>{more}</div>'
