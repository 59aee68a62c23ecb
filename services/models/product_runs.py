"""Models of the product engine that users train on kinds of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.models.owned import Trained
from services.models.product_training import ENGINE, counted, train
from services.models.runs import Report, Runs, Trainer
from services.sessions import MACHINE
from services.tasks import Task


class ProductRuns(Runs):
    """The trainings of the product engine."""

    def __init__(self, parts: Trainer) -> None:
        """Begin without a run; see `Runs`."""
        super().__init__(ENGINE, parts)

    def counts(self, catalog: str) -> dict[str, Any]:
        """Return what there is to learn from: {"attribute", "counts": {kind: pictures}}; raises AppError."""
        name, counts = counted(self._parts.catalogs.catalog(catalog))
        return {"attribute": name, "counts": counts}

    def start(self, catalog: str, name: str, epochs: int, owner: str = MACHINE) -> str:
        """Put a training in the queue and return the name of its model; raises AppError for what cannot be trained."""
        tidy, pictures = self.checked(name, owner), self._parts.catalogs.catalog(catalog)
        private = self._parts.catalogs.info(catalog).private
        counted(pictures)

        def work(task: Task[None]) -> None:
            self.keep(train(pictures, tidy, epochs, task.report, lambda: task.cancelled), owner, private)

        return self.submit(tidy, owner, work)

    def train(
        self, catalog: str, name: str, epochs: int, report: Report, stopped: Callable[[], bool] = lambda: False
    ) -> Trained | None:
        """Train now and keep the model; None when it was stopped before anything was learnt."""
        return self.keep(train(self._parts.catalogs.catalog(catalog), self.checked(name), epochs, report, stopped))
