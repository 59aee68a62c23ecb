"""Latent spaces that users train."""

from __future__ import annotations

from collections.abc import Callable

from services.catalogs.open_catalogs import OpenCatalogs
from services.models import latent_training
from services.models.latent_training import ENGINE
from services.models.runs import Report, Runs, Trained
from services.models.store import ModelStore
from services.tasks import Task, Tasks


class LatentRuns(Runs):
    """The trainings of latent spaces."""

    def __init__(self, catalogs: OpenCatalogs, tasks: Tasks, models: ModelStore) -> None:
        """Begin without a run; see `Runs`."""
        super().__init__(ENGINE, tasks, models)
        self._catalogs = catalogs

    def start(self, catalog: str, latent: int, epochs: int, beta: float, name: str) -> str:
        """Put a training in the queue and return the name of its model; raises AppError for what cannot be trained."""
        by = latent_training.recipe(latent, epochs, beta)
        pictures, tidy = self._catalogs.catalog(catalog), self.checked(name)

        def work(task: Task[None]) -> None:
            self.keep(latent_training.train(pictures, by, tidy, task.report, lambda: task.cancelled))

        return self.submit(tidy, work)

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
        tidy = self.checked(name)
        return self.keep(latent_training.train(self._catalogs.catalog(catalog), by, tidy, report, stopped))
