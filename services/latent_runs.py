"""Latent spaces that users train: in the one queue of trainings, kept as models, their runs told to who asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import engines
from retrieval.core import AppError, EncoderSpec
from services import latent_training
from services.jobs import Job, Queue
from services.latent_training import ENGINE, WEIGHTS, Report, Trained
from services.models import ModelStore, check_name
from services.opened import Opened

Save = Callable[[EncoderSpec, Mapping[str, bytes], Any], None]


class LatentRuns:
    """The runs of this process by name, and those that are kept; safe to share between threads."""

    def __init__(self, opened: Opened, queue: Queue, models: ModelStore, save: Save) -> None:
        """Begin without a run; `save` keeps a model and offers it."""
        self._opened, self._queue, self._models, self._save = opened, queue, models, save
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, catalog: str, latent: int, epochs: int, beta: float, name: str) -> str:
        """Put a training in the queue and return the name of its model; raises AppError for what cannot be trained."""
        by = latent_training.recipe(latent, epochs, beta)
        pictures = self._opened.catalog(catalog)
        tidy = _checked(name)

        def work(job: Job) -> None:
            self._keep(latent_training.train(pictures, by, tidy, job.report, lambda: job.stopped))

        with self._lock:
            before = self._jobs.get(tidy)
            if before and not before.ended:
                raise AppError(f"'{tidy}' is being trained now. Wait for it, stop it, or choose another name.")
            self._jobs[tidy] = self._queue.submit(f"latent space '{tidy}'", work)
        return tidy

    def train(
        self,
        catalog: str,
        latent: int,
        epochs: int,
        name: str,
        report: Report,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Trained | None:
        """Train now and keep the model; None when it was stopped before anything was learnt."""
        by = latent_training.recipe(latent, epochs)
        tidy = _checked(name)
        return self._keep(latent_training.train(self._opened.catalog(catalog), by, tidy, report, stopped))

    def all(self) -> list[dict[str, str]]:
        """Return name and state of every run, those of this process first, the newest of them first."""
        with self._lock:
            jobs = dict(reversed(self._jobs.items()))
        kept = [row.weights for row in reversed(self._models.rows()) if row.engine == ENGINE]
        states = {name: job.state for name, job in jobs.items()} | {name: "done" for name in kept if name not in jobs}
        return [{"name": name, "state": state} for name, state in states.items()]

    def run(self, name: str, known: int = 0) -> dict[str, Any]:
        """Return how a run stands: state, place, step, part, error, what it is about, and epochs from `known` on."""
        with self._lock:
            job = self._jobs.get(name)
        about: dict[str, Any] = {}
        if job is None or job.state in ("done", "stopped"):
            try:
                about = dict(self._models.about(ENGINE, name))
            except AppError:  # stopped before anything was learnt
                if job is None:
                    raise
        epochs = about.pop("epochs", [])
        if job is None:
            return {"state": "done", "place": 0, "part": 1.0, "error": "", "about": about, "epochs": epochs[known:]}
        events = list(job.events)
        steps = [event for event in events if event["step"] != "epoch"]
        last = steps[-1] if steps else {"step": "reading", "part": 0.0}
        epochs = [event for event in events if event["step"] == "epoch"]
        return {
            "state": job.state, "place": job.place, "error": job.error, "about": about, "epochs": epochs[known:],
            "step": last["step"], "part": last["part"],
        }  # fmt: skip

    def stop(self, name: str) -> None:
        """End a run within a step; what was learnt is kept. A run that has ended is left alone."""
        with self._lock:
            job = self._jobs.get(name)
        if job:
            job.stop()

    def _keep(self, trained: Trained | None) -> Trained | None:
        if trained:
            self._save(trained.spec, {WEIGHTS: trained.data}, trained.about)
        return trained


def _checked(name: str) -> str:
    return check_name(name, frozenset(row.weights for row in engines.SPECS if row.engine == ENGINE))
