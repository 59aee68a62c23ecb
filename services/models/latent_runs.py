"""Latent spaces that users train."""

from __future__ import annotations

from collections.abc import Callable

from engines.vae.options import LatentTraining
from services.models import latent_training
from services.models.latent_training import ENGINE
from services.models.owned import Trained
from services.models.runs import Report, Runs, Trainer
from services.sessions import MACHINE
from services.tasks import Task


class LatentRuns(Runs):
    """The trainings of latent spaces."""

    def __init__(self, parts: Trainer) -> None:
        """Begin without a run; see `Runs`."""
        super().__init__(ENGINE, parts)

    def start(self, catalog: str, by: LatentTraining, name: str, owner: str = MACHINE) -> str:
        """Put a training in the queue and return the name of its model; raises AppError for what cannot be trained."""
        by.check()
        pictures, tidy = self._parts.catalogs.catalog(catalog), self.checked(name, owner)
        private = self._parts.catalogs.info(catalog).private

        def work(task: Task[None]) -> None:
            self.keep(latent_training.train(pictures, by, tidy, task.report, lambda: task.cancelled), owner, private)

        return self.submit(tidy, owner, work)

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
        return self.keep(latent_training.train(self._parts.catalogs.catalog(catalog), by, tidy, report, stopped))
