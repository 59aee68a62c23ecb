"""Models of the product engine that users train on kinds of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.catalogs.open_catalogs import OpenCatalogs
from services.models.product_training import ENGINE, counted, train
from services.models.runs import Report, Runs, Trained
from services.models.store import ModelStore
from services.tasks import Task, Tasks


class ProductRuns(Runs):
    """The trainings of the product engine."""

    def __init__(self, catalogs: OpenCatalogs, tasks: Tasks, models: ModelStore) -> None:
        """Begin without a run; see `Runs`."""
        super().__init__(ENGINE, tasks, models)
        self._catalogs = catalogs

    def counts(self, catalog: str) -> dict[str, Any]:
        """Return what there is to learn from: {"attribute", "counts": {kind: pictures}}; raises AppError."""
        name, counts = counted(self._catalogs.catalog(catalog))
        return {"attribute": name, "counts": counts}

    def start(self, catalog: str, name: str, epochs: int) -> str:
        """Put a training in the queue and return the name of its model; raises AppError for what cannot be trained."""
        tidy, pictures = self.checked(name), self._catalogs.catalog(catalog)
        counted(pictures)

        def work(task: Task[None]) -> None:
            self.keep(train(pictures, tidy, epochs, task.report, lambda: task.cancelled))

        return self.submit(tidy, work)

    def train(
        self, catalog: str, name: str, epochs: int, report: Report, stopped: Callable[[], bool] = lambda: False
    ) -> Trained | None:
        """Train now and keep the model; None when it was stopped before anything was learnt."""
        return self.keep(train(self._catalogs.catalog(catalog), self.checked(name), epochs, report, stopped))
