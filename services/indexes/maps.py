"""The maps of the indexes: each made once, in the background, one at a time, and kept beside its index."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.core import AppError, Attributes, EncoderSpec
from retrieval.evaluation import projection
from retrieval.evaluation.measures import Collection
from retrieval.evaluation.projection import Projection, Track
from retrieval.indexing import build
from retrieval.indexing.build import Stopped
from services.indexes.indexes import Indexes

log = logging.getLogger(__name__)

_KEPT = 8


@dataclass(frozen=True, slots=True)
class Map:
    """A layout with what is known of each of its pictures, in the same order."""

    layout: Projection
    attributes: Sequence[Attributes]


@dataclass(frozen=True, slots=True)
class MapStatus:
    """How a map stands. `state`: waiting, working, ready or failed; `map` is there when it is ready."""

    state: str
    done: int = 0
    total: int = 0
    map: Map | None = None
    error: str = ""


@dataclass(slots=True)
class _Job:
    made: str
    status: MapStatus = field(default_factory=lambda: MapStatus("waiting"))


class Maps:
    """One job for each catalogue, engine, weights and method that anyone asked for; safe to share between threads."""

    def __init__(self, indexes: Indexes) -> None:
        """Begin without a map."""
        self._indexes = indexes
        self._jobs: OrderedDict[tuple[str, str, str, str], _Job] = OrderedDict()
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._stopping = threading.Event()

    def make(self, catalog: str, spec: EncoderSpec, method: str, track: Track) -> Map:
        """Return the map of a finished index, from its file or made now; raises AppError, and what `track` raises."""
        folder = self._indexes.folder(catalog)
        manifest = build.open_manifest(folder, spec)
        held = Collection.of(folder, spec)
        path = _path(folder, spec, method)
        layout = projection.load(path, method, manifest.made)
        if layout is None:
            rows = projection.chosen(len(held.ids))
            points = projection.project(held.vectors[rows], method, track)
            layout = Projection([held.ids[row] for row in rows], points, method, manifest.made, len(held.ids))
            projection.save(path, layout)
        known = dict(zip(held.ids, held.attributes, strict=True))
        return Map(layout, [known.get(item, {}) for item in layout.ids])

    def ask(self, catalog: str, spec: EncoderSpec, method: str) -> MapStatus:
        """Return how a map stands, and have it made in the background where it is not there or no longer true.

        Raises MissingIndexError without a finished index, and AppError for another method.
        """
        if method not in projection.METHODS:
            raise AppError(f"There is no map '{method}'. Choose one of: {', '.join(projection.METHODS)}.")
        made = build.open_manifest(self._indexes.folder(catalog), spec).made
        key = (catalog, spec.name, method)
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.made != made:
                job = self._jobs[key] = _Job(made)
                threading.Thread(
                    target=self._run, args=(catalog, spec, method, job), name=f"map {catalog}", daemon=True
                ).start()
            self._jobs.move_to_end(key)
            if job.status.state == "failed":
                del self._jobs[key]  # told once; whoever asks again has it tried again
            self._forget()
            return job.status

    def close(self) -> None:
        """Ask the maps that are being made to stop."""
        self._stopping.set()

    def _run(self, catalog: str, spec: EncoderSpec, method: str, job: _Job) -> None:
        def track(done: int, total: int) -> None:
            if self._stopping.is_set():
                raise Stopped
            job.status = MapStatus("working", done, total)

        try:
            with self._turn:
                found = self.make(catalog, spec, method, track)
            job.status = MapStatus("ready", map=found)
        except Stopped:
            job.status = MapStatus("failed", error="The app is closing.")
        except Exception as error:
            if not isinstance(error, AppError):
                log.exception("the map of %s failed", catalog)
            message = str(error) if isinstance(error, AppError) else "The map failed on our side; the log says why."
            job.status = MapStatus("failed", error=message)

    def _forget(self) -> None:
        """Drop the maps that nobody asked for in the longest time; their files stay."""
        ready = [key for key, job in self._jobs.items() if job.status.state == "ready"]
        for key in ready[: max(0, len(self._jobs) - _KEPT)]:
            del self._jobs[key]


def _path(folder: Path, spec: EncoderSpec, method: str) -> Path:
    return folder / f"{spec.engine}-{spec.weights}.{method}.npz"
