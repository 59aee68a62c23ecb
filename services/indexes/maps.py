"""The maps of the indexes: each made once, in the background, one at a time, and kept beside its index."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.core import AppError, Attributes, EncoderSpec
from retrieval.disk import DiskError
from retrieval.evaluation import projection
from retrieval.evaluation.measures import Collection
from retrieval.evaluation.projection import OnProgress, Projection
from retrieval.indexing import build
from services.catalogs.open_catalogs import OpenCatalogs
from services.indexes.indexes import Indexes
from services.tasks import Task, Tasks

log = logging.getLogger(__name__)

_KEPT = 8


@dataclass(frozen=True, slots=True)
class Map:
    """A layout with what is known of each of its pictures, in the same order."""

    layout: Projection
    attributes: Sequence[Attributes]


class Maps:
    """One task for each catalogue, engine and method that anyone asked for; safe to share between threads."""

    def __init__(self, catalogs: OpenCatalogs, indexes: Indexes, tasks: Tasks) -> None:
        """Begin without a map."""
        self._indexes, self._tasks = indexes, tasks
        self._known: OrderedDict[tuple[str, str, str], tuple[str, Task[Map]]] = OrderedDict()
        self._lock = threading.Lock()
        catalogs.when_closed(self._drop)

    def make(self, catalog: str, spec: EncoderSpec, method: str, on_progress: OnProgress) -> Map:
        """Return the map of a finished index, from its file or made now; raises AppError, or as `on_progress` does."""
        folder = self._indexes.folder(catalog)
        manifest = build.open_manifest(folder, spec)
        held = Collection.of(folder, spec)
        path = _path(folder, spec, method)
        layout = projection.load(path, method, manifest.made)
        if layout is None:
            rows = projection.chosen(len(held.ids))
            points = projection.project(held.vectors[rows], method, on_progress)
            layout = Projection([held.ids[row] for row in rows], points, method, manifest.made, len(held.ids))
            try:
                projection.save(path, layout)
            except DiskError as error:  # it is shown all the same, and made again next time
                log.warning("%s", error)
        known = dict(zip(held.ids, held.attributes, strict=True))
        return Map(layout, [known.get(item, {}) for item in layout.ids])

    def ask(self, catalog: str, spec: EncoderSpec, method: str) -> Task[Map]:
        """Return the task of a map, begun where the map is not there or no longer true; its result is the map.

        A failure is told once; whoever asks after that has it tried again. Raises MissingIndexError without a finished
        index, and AppError for another method.
        """
        if method not in projection.METHODS:
            raise AppError(f"There is no map '{method}'. Choose one of: {', '.join(projection.METHODS)}.")
        made = build.open_manifest(self._indexes.folder(catalog), spec).made
        key = (catalog, spec.name, method)
        with self._lock:
            known, task = self._known.get(key, ("", None))
            if task is None or known != made:
                task = self._tasks.submit(
                    "map", f"map {catalog}", lambda task: self.make(catalog, spec, method, task.advance)
                )
                self._known[key] = (made, task)
            self._known.move_to_end(key)
            if task.state in ("failed", "stopped"):
                del self._known[key]
            self._forget()
            return task

    def _forget(self) -> None:
        """Drop the maps that nobody asked for in the longest time; their files stay."""
        done = [key for key, (_, task) in self._known.items() if task.state == "done"]
        for key in done[: max(0, len(self._known) - _KEPT)]:
            del self._known[key]

    def _drop(self, catalog: str) -> None:
        """Stop and drop the maps of a catalogue that was closed."""
        with self._lock:
            tasks = [self._known.pop(key)[1] for key in list(self._known) if key[0] == catalog]
        for task in tasks:
            task.cancel()


def _path(folder: Path, spec: EncoderSpec, method: str) -> Path:
    return folder / f"{spec.engine}-{spec.weights}.{method}.npz"
