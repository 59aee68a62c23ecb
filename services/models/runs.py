"""Trainings of one engine: queued, kept as models when they end, told to whoever asks how they stand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import engines
from retrieval.core import AppError, EncoderSpec
from services.models.store import WEIGHTS, ModelStore, check_name
from services.tasks import Task, Tasks

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished model: its row, its weights file, and how training went (JSON)."""

    spec: EncoderSpec
    data: bytes
    about: dict[str, Any]


class Runs:
    """The runs of this process by name, and those that are kept; safe to share between threads."""

    def __init__(self, engine: str, tasks: Tasks, models: ModelStore) -> None:
        """Begin without a run; `models` keeps what was trained."""
        self._engine, self._tasks, self._models = engine, tasks, models
        self._runs: dict[str, Task[Any]] = {}
        self._lock = threading.Lock()

    def submit(self, name: str, work: Callable[[Task[Any]], Any]) -> str:
        """Put the training of a model in the queue and return its name; raises AppError while that one is trained."""
        with self._lock:
            before = self._runs.get(name)
            if before and not before.ended:
                raise AppError(f"'{name}' is being trained now. Wait for it, stop it, or choose another name.")
            self._runs[name] = self._tasks.submit("training", f"{self._engine} '{name}'", work)
        return name

    def all(self) -> list[dict[str, str]]:
        """Return name and state of every run, those of this process first, the newest of them first."""
        with self._lock:
            tasks = dict(reversed(self._runs.items()))
        kept = [row.weights for row in reversed(self._models.rows()) if row.engine == self._engine]
        states = {name: task.state for name, task in tasks.items()} | {
            name: "done" for name in kept if name not in tasks
        }
        return [{"name": name, "state": state} for name, state in states.items()]

    def run(self, name: str, known: int = 0) -> dict[str, Any]:
        """Return how a run stands: {"state", "place", "error", "about", "epochs", "now"}.

        `epochs` are those from number `known` on, `about` what was kept with the model, `now` the last step that is no
        epoch. Raises AppError for a run that there never was.
        """
        with self._lock:
            task = self._runs.get(name)
        about: dict[str, Any] | None = None
        if task is None or task.state in ("done", "stopped"):
            try:
                about = dict(self._models.about(self._engine, name))
            except AppError:  # stopped before anything was learnt
                if task is None:
                    raise
        epochs = about.pop("epochs", []) if about else []
        if task is None:
            return {"state": "done", "place": 0, "error": "", "about": about, "epochs": epochs[known:], "now": None}
        events = list(task.events)
        epochs = [event for event in events if event["step"] == "epoch"]
        steps = [event for event in events if event["step"] != "epoch"]
        return {
            "state": task.state, "place": task.place, "error": task.error, "about": about, "epochs": epochs[known:],
            "now": steps[-1] if steps else None,
        }  # fmt: skip

    def stop(self, name: str) -> None:
        """End a run within a step; what was learnt is kept. A run that has ended is left alone."""
        with self._lock:
            task = self._runs.get(name)
        if task:
            task.cancel()

    def checked(self, name: str) -> str:
        """Return a model's name as it is kept; raises AppError for none and for one that ships."""
        return check_name(name, frozenset(row.weights for row in engines.REGISTRY.rows if row.engine == self._engine))

    def keep(self, trained: Trained | None) -> Trained | None:
        """Save a model that was trained, if one was, and offer it; raises AppError when the disk does not take it."""
        if trained:
            self._models.save(trained.spec, {WEIGHTS: trained.data}, trained.about)
        return trained
