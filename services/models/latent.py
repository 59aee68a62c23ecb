"""The latent spaces beyond search: the networks themselves, and how unusual a catalogue's pictures are to them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import cast

import numpy as np
from PIL import Image

import engines
from engines.vae.latent_space import CELLS, REACH, LatentEncoder, Reconstructions, coordinates, morph, plane, walk
from retrieval.core import AppError, EncoderSpec
from retrieval.disk import DiskError
from retrieval.evaluation import anomaly
from retrieval.evaluation.anomaly import AnomalyScores, OnProgress
from retrieval.evaluation.measures import Collection
from retrieval.indexing import build
from services.catalogs.open_catalogs import OpenCatalogs
from services.indexes.indexes import Indexes
from services.tasks import Task, Tasks

__all__ = ["CELLS", "REACH", "Latent", "LatentEncoder", "Reconstructions", "coordinates", "morph", "plane", "walk"]

log = logging.getLogger(__name__)


class Latent:
    """One survey for each catalogue and latent space that anyone asked for; safe to share between threads."""

    def __init__(self, catalogs: OpenCatalogs, indexes: Indexes, tasks: Tasks) -> None:
        """Measure nothing yet."""
        self._catalogs, self._indexes, self._tasks = catalogs, indexes, tasks
        self._surveys: dict[tuple[str, str], tuple[str, Task[AnomalyScores]]] = {}
        self._lock = threading.Lock()
        catalogs.when_closed(self._forget)

    def encoder(self, spec: EncoderSpec) -> LatentEncoder:
        """Return a loaded latent space; raises AppError."""
        return cast(LatentEncoder, engines.load(spec))

    def survey(self, catalog: str, spec: EncoderSpec) -> Task[AnomalyScores]:
        """Return the task that measures how unusual the pictures of a catalogue are; it begins when first asked.

        A failure is told once; whoever asks after that has it tried again. Raises MissingIndexError or StaleIndexError
        while the catalogue has no index of this latent space.
        """
        made = build.open_manifest(self._indexes.folder(catalog), spec).made
        key = (catalog, spec.name)
        with self._lock:
            known, task = self._surveys.get(key, ("", None))
            if task is None or known != made:
                title = f"the anomalies of {catalog}"
                task = self._tasks.submit("anomalies", title, lambda task: self.measure(catalog, spec, task.advance))
                self._surveys[key] = (made, task)
            if task.state in ("failed", "stopped"):
                del self._surveys[key]
            return task

    def score_pictures(
        self, catalog: str, spec: EncoderSpec, on_progress: OnProgress = lambda done, total: None
    ) -> tuple[list[tuple[str, float]], list[tuple[str, str]]]:
        """Return (id, anomaly score) of a catalogue's pictures in its order, and (id, problem) of those skipped."""
        ids = [item.id for item in self._catalogs.catalog(catalog)]
        if not ids:
            raise AppError(f"There are no pictures in {self._catalogs.catalog(catalog).title} to judge.")
        return self._scored(catalog, spec, ids, on_progress)

    def measure(
        self, catalog: str, spec: EncoderSpec, on_progress: OnProgress = lambda done, total: None
    ) -> AnomalyScores:
        """Score every indexed picture now, keep the scores beside the index and return them."""
        folder = self._indexes.folder(catalog)
        held = Collection.of(folder, spec)
        mark = anomaly.mark(held.ids, held.vectors, engines.digest(spec))
        known = anomaly.load(folder, spec, mark)
        if known:
            return known
        scored, _ = self._scored(catalog, spec, held.ids, on_progress)
        found = anomaly.ranked(mark, scored)
        try:
            anomaly.save(folder, spec, found)
        except DiskError as error:  # it is shown all the same, and measured again next time
            log.warning("%s", error)
        return found

    def _scored(
        self, catalog: str, spec: EncoderSpec, ids: Sequence[str], on_progress: OnProgress
    ) -> tuple[list[tuple[str, float]], list[tuple[str, str]]]:
        encoder = self.encoder(spec)

        def score(images: Sequence[Image.Image]) -> np.ndarray:
            return encoder.examine(encoder.garments(images)).anomaly_scores

        return anomaly.score_pictures(self._catalogs.catalog(catalog), ids, spec.image_size, score, on_progress)

    def _forget(self, catalog: str) -> None:
        """Stop measuring a catalogue that was closed, and drop what is known of it."""
        with self._lock:
            tasks = [self._surveys.pop(key)[1] for key in list(self._surveys) if key[0] == catalog]
        for task in tasks:
            task.cancel()
