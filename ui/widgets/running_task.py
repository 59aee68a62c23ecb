"""A task that a visitor has begun in a tab: followed for as long as the visitor is there, stopped by a button."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from services import Task

_TICK = 0.4


@dataclass
class Running:
    """The value of a gr.State: the task of one session in one tab, if it has begun one."""

    task: Task[Any] | None = None

    def follow(self, task: Task[Any]) -> Iterator[Task[Any]]:
        """Yield the task now and again until it has ended; when the visitor goes, it is cancelled."""
        self.task = task
        try:
            yield task
            while not task.wait(_TICK):
                yield task
        finally:
            task.cancel()

    def cancel(self) -> None:
        """Ask for an early end."""
        if self.task:
            self.task.cancel()


def stop(running: Running) -> gr.Button:
    """Stop the task, and show that on the button."""
    running.cancel()
    return gr.Button("Stopping …", interactive=False)


def buttons(busy: bool) -> tuple[gr.Button, gr.Button]:
    """Return how the buttons to begin and to stop look."""
    return gr.Button(interactive=not busy), gr.Button("Stop", visible=busy, interactive=True)


def waits(task: Task[Any]) -> str:
    """Return how many go before a task that waits, nothing for one that does not."""
    if task.state != "waiting":
        return ""
    return f"Waiting: {task.place} {'goes' if task.place == 1 else 'go'} before this one"
