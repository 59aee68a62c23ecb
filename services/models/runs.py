"""Trainings of one engine: queued, kept as models when they end, told to whoever asks how they stand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from retrieval.core import AppError
from services.catalogs.open_catalogs import OpenCatalogs
from services.models.owned import Models, Trained, in_use
from services.sessions import MACHINE, Sessions
from services.tasks import Task, Tasks

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Trainer:
    """What every kind of training works with."""

    catalogs: OpenCatalogs
    sessions: Sessions
    tasks: Tasks
    models: Models


class Runs:
    """The runs of one engine in this process, by owner and name, and those that are kept; threads may share it."""

    def __init__(self, engine: str, parts: Trainer) -> None:
        """Begin without a run."""
        self._engine, self._parts = engine, parts
        self._runs: dict[tuple[str, str], Task[Any]] = {}
        self._lock = threading.Lock()

    def submit(self, name: str, owner: str, work: Callable[[Task[Any]], Any]) -> str:
        """Put the training of a model in the queue and return its name; raises AppError while that one is trained."""
        with self._lock:
            for (who, known), task in self._runs.items():
                if known == name and not task.ended:
                    if who != owner:
                        raise in_use(name)
                    raise AppError(f"'{name}' is being trained now. Wait for it, stop it, or choose another name.")
            if owner != MACHINE:
                self._parts.sessions.hold(owner, f"run {self._engine}:{name}", partial(self._drop, owner, name))
            self._runs[owner, name] = self._parts.tasks.submit("training", f"{self._engine} '{name}'", work, owner)
        return name

    def all(self, owner: str = MACHINE) -> list[dict[str, str]]:
        """Return name and state of the runs that an owner may see, the own of this process first, the newest first."""
        with self._lock:
            states = {name: task.state for (who, name), task in reversed(self._runs.items()) if who == owner}
        kept = [name for name, _ in reversed(self._parts.models.rows(self._engine, owner))]
        states |= {name: "done" for name in kept if name not in states}
        return [{"name": name, "state": state} for name, state in states.items()]

    def run(self, name: str, known: int = 0, owner: str = MACHINE) -> dict[str, Any]:
        """Return how a run stands: {"state", "place", "error", "about", "epochs", "now"}.

        `epochs` are those from number `known` on, `about` what was kept with the model, `now` the last step that is no
        epoch. Raises AppError for a run that there never was, and for another's.
        """
        with self._lock:
            task = self._runs.get((owner, name))
        about: dict[str, Any] | None = None
        if task is None or task.state in ("done", "stopped"):
            try:
                about = self._parts.models.about(self._engine, name, owner)
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

    def stop(self, name: str, owner: str = MACHINE) -> None:
        """End a run within a step; what was learnt is kept. One that has ended is left alone.

        Raises AppError for a run that is not the owner's.
        """
        with self._lock:
            task = self._runs.get((owner, name))
        if task is None:
            raise AppError(f"You have no training called '{name[:60]}'.")
        task.cancel()

    def checked(self, name: str, owner: str = MACHINE) -> str:
        """Return a model's name as it is kept; raises AppError for none, and for one that is not the owner's to use."""
        return self._parts.models.checked(self._engine, name, owner)

    def keep(self, trained: Trained | None, owner: str = MACHINE, private: bool = False) -> Trained | None:
        """Save a model that was trained, if one was, and offer it; raises AppError when the disk does not take it.

        `private` says that it was taught from pictures that somebody sent.
        """
        if trained:
            self._parts.models.save(trained, owner, private)
        return trained

    def _drop(self, owner: str, name: str) -> None:
        """Stop and forget the run of a session that has ended."""
        with self._lock:
            task = self._runs.pop((owner, name), None)
        if task:
            task.cancel()
