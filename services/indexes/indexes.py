"""The indexes of the open catalogues: how each stands, the builds that run in the background, the open searchers."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import engines
from retrieval import catalogs
from retrieval.core import AppError, AwayError, Catalog, EncoderSpec, MissingIndexError, StaleIndexError, Stopped
from retrieval.disk import DiskError, disk_error
from retrieval.evaluation import comparison
from retrieval.indexing import build as indexing
from retrieval.indexing import content_check, storage
from retrieval.indexing.build import IndexFacts, Progress, Report
from retrieval.indexing.region_rows import RegionEncoder, with_regions
from retrieval.indexing.storage import Manifest
from retrieval.search.searcher import Searcher
from services.catalogs.open_catalogs import OpenCatalogs
from services.indexes import moved, vector_indexes
from services.indexes.workers import EncodingJob, elsewhere
from services.sessions import MACHINE, owns
from services.tasks import Task, Tasks
from settings import Settings

log = logging.getLogger(__name__)

MOST_PARTIAL = 200_000
"""A first build of more pictures is searched when it is done: until then too much would be read again and again."""

RECHECK_SECONDS = 5.0
RECHECK_FOR_SECONDS = 1.0
"""So long the content of indexed files is read again after each update; the next time goes on from there."""
_LOG_SECONDS = 2.0
_FOLLOW_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Status:
    """How an index stands. `state`: missing, waiting, building, ready or failed; `checked_at` is by time.monotonic.

    `skipped`, `unavailable` and `notes` are (file, sentence): pictures without a vector, pictures with one that cannot
    be read now, and what of the tables could not be used. With an `error` that is ready, the index answers and cannot
    be brought up to date. `away` says that the place of the pictures was not there.
    `owner` is whoever began the build that waits or runs.
    """

    state: str
    done: int = 0
    total: int = 0
    per_second: float = 0.0
    seconds_left: float | None = None
    pictures: int = 0
    checked_at: float | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    unavailable: tuple[tuple[str, str], ...] = ()
    error: str | None = None
    away: bool = False
    doing: str = ""
    notes: tuple[tuple[str, str], ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Partial:
    """The searcher of what a first build had stored when `done` pictures were through."""

    searcher: Searcher
    done: int


@dataclass(slots=True)
class _Entry:
    """One catalogue under one engine: its open searcher, the task that brings it up to date, what came of the last."""

    searcher: Searcher | None = None
    partial: Partial | None = None
    made: str = ""
    task: Task[Report | None] | None = None
    opening: Task[None] | None = None
    report: Report | None = None
    problem: str = ""
    away: bool = False
    rechecked: str = ""
    checked_at: float | None = None
    logged: float = 0.0

    @property
    def busy(self) -> list[Task[Any]]:
        """The tasks of it that have not ended."""
        return [task for task in (self.opening, self.task) if task and not task.ended]

    def cancel(self) -> None:
        """Ask for an early end of all that is done for it."""
        for task in self.busy:
            task.cancel()


class Indexes:
    """One entry for each catalogue and engine that anyone asked for; one build at a time."""

    def __init__(self, settings: Settings, catalogs: OpenCatalogs, tasks: Tasks) -> None:
        """Begin without an entry."""
        self._settings, self._catalogs, self._tasks = settings, catalogs, tasks
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._lock = threading.Lock()

    def folder(self, catalog: str) -> Path:
        """Return where the indexes of a catalogue lie: the prepared ones, where they cannot be copied."""
        folder, prepared = self._catalogs.folder(catalog), self._settings.prepared / catalog
        if folder.exists() or not prepared.is_dir():
            return folder
        there = next(place for place in folder.parents if place.exists())
        return folder if os.access(there, os.W_OK) else prepared

    def status(self, catalog: str, spec: EncoderSpec) -> Status:
        """Return how the index of `catalog` under an engine stands."""
        entry = self._entry(catalog, spec)
        return replace(_status(entry), owner=next((task.owner for task in entry.busy), ""))

    def ensure(self, catalog: str, spec: EncoderSpec, owner: str = MACHINE) -> None:
        """Bring the index up to date in the background, unless that runs or ended within the last seconds."""
        entry = self._entry(catalog, spec)
        with self._lock:
            recent = entry.checked_at and time.monotonic() - entry.checked_at < RECHECK_SECONDS
            if entry.busy or recent:
                return
            if entry.searcher is None:
                # What is on disk already opens at once: it must not wait behind the builds of others.
                entry.opening = self._tasks.submit(
                    "opening", f"opening {catalog}", lambda task: self._open(catalog, spec, entry, owner), owner
                )
            else:
                self._queue(catalog, spec, entry, owner)

    def look_for(self, catalog: str, spec: EncoderSpec) -> None:
        """Bring the index up to date where that failed because the pictures were not there, once they are."""
        if self.status(catalog, spec).away and catalogs.there(self._catalogs.catalog(catalog)):
            self.ensure(catalog, spec)

    def build(
        self,
        catalog: str,
        spec: EncoderSpec,
        on_progress: Callable[[Progress], None] | None = None,
        workers: str | None = None,
        regions: bool | None = None,
    ) -> Report:
        """Bring the index up to date now and return what was done; `workers` may be "ray", else it is this process.

        With `regions` it holds several regions of each picture; None leaves an index as it is, and makes a new one as
        the settings say, or else the engine for that number of pictures.
        """
        spec = engines.REGISTRY.fetched(spec)
        folder = self._catalogs.folder(catalog)
        self._take_prepared(catalog, folder)
        source, digest = self._catalogs.catalog(catalog), engines.digest(spec)
        left = None if list(folder.glob("*.sqlite")) else moved.left_index(source, folder, spec)
        if regions is None:
            held = indexing.has_regions(left[0] if left else folder, spec)
            regions = self._regions(source, spec) if held is None else held
        stored = with_regions(spec) if regions else spec
        encode = None
        if workers:
            label_pattern = self._catalogs.label_pattern
            recipe = EncodingJob(self._settings.public, source.name, label_pattern, spec.name, digest, regions)
            encode = elsewhere(workers, recipe, spec)
        told = on_progress or (lambda progress: None)
        with storage.building(folder, spec, lambda: told(Progress(0, 0, doing=indexing.WAITING))):
            name = storage.table_name(stored, digest, indexing.preprocessing(stored))
            if left and left[1].table == name:
                moved.take_over(left, folder / name)
            report = indexing.build_index(
                source,
                stored,
                digest,
                lambda: RegionEncoder(engines.load(spec)) if regions else engines.load(spec),
                folder,
                told,
                encode,
            )
            facts = vector_indexes.update_index(self._settings_for(catalog), folder, spec, told)
            return replace(report, index=facts, notes=tuple(catalogs.notes(source)))

    def _regions(self, source: Catalog, spec: EncoderSpec) -> bool:
        """Return whether a new index of a catalogue holds several regions of each picture."""
        if "latent" in spec.purposes:
            return False
        if self._settings.regions is not None:
            return self._settings.regions
        return spec.regions_up_to > 0 and sum(1 for _ in islice(source, spec.regions_up_to + 1)) <= spec.regions_up_to

    def prepare(self, catalog: str, spec: EncoderSpec, on_progress: Callable[[Progress], None] | None = None) -> str:
        """Bring the index up to date now; where the disk does not take that, return why what is there has to do.

        Raises DiskError where there is no finished index either.
        """
        try:
            self.build(catalog, spec, on_progress)
        except DiskError as error:
            if not self._openable(catalog, engines.spec(spec.name)):
                raise
            return f"{error} What was indexed before is searched."
        return ""

    def read_again(self, catalog: str, spec: EncoderSpec) -> None:
        """Have the next build read every picture again, whatever size and time its file has."""
        folder, digest = self._catalogs.folder(catalog), engines.digest(spec)
        with storage.building(folder, spec, _refuse):
            stored = with_regions(spec) if indexing.has_regions(folder, spec) else spec
            indexing.read_again(folder, stored, digest)

    def searcher(self, catalog: str, spec: EncoderSpec) -> Searcher:
        """Return the searcher of a finished index, or of what the first build has done so far while it runs.

        Raises MissingIndexError or StaleIndexError.
        """
        entry = self._entry(catalog, spec)
        if entry.searcher:
            return entry.searcher
        try:
            return self._load(catalog, spec, entry)
        except MissingIndexError:
            partial = self._so_far(catalog, spec, entry)
            if partial is None:
                raise
            return partial.searcher

    def _so_far(self, catalog: str, spec: EncoderSpec, entry: _Entry) -> Partial | None:
        """Return what a running first build has stored, read anew when it has grown by a quarter since."""
        task, held = entry.task, entry.partial
        if task is None or task.ended or not 0 < task.progress.total <= MOST_PARTIAL:
            return None
        done = task.progress.done
        if held and done < 1.25 * held.done:
            return held
        index = vector_indexes.so_far(self.folder(catalog), spec, engines.digest(spec)) if done else None
        if index is None:
            return held
        entry.partial = Partial(Searcher(index, lambda: engines.load(spec)), done)
        return entry.partial

    def brought_up(self, catalog: str, spec: EncoderSpec, on_progress: comparison.OnProgress) -> Searcher:
        """Bring the index up to date now, in the queue of builds, and return its searcher.

        `on_progress` hears how far that is, and may raise to give it up. Raises Stopped where somebody stops the build.
        """
        entry = self._entry(catalog, spec)
        with self._lock:
            before = entry.busy
            task = self._queue(catalog, spec, entry) if not before else None
        for other in before:  # it began before this was asked for, so it may lack what is new
            _follow(other, spec.title, on_progress)
        if task is None:
            with self._lock:
                task = self._queue(catalog, spec, entry)
        try:
            _follow(task, spec.title, on_progress)
        except BaseException:
            task.cancel()
            raise
        task.outcome()
        return self._current(catalog, engines.spec(spec.name), entry)

    def facts(self, catalog: str, spec: EncoderSpec, manifest: Manifest) -> IndexFacts | None:
        """Return how a finished index is searched, or None where the vectors are there and their index is not."""
        return vector_indexes.facts(self._settings_for(catalog), self.folder(catalog), spec, manifest)

    def searchers(self, catalog: str) -> list[Searcher]:
        """Return the open searchers of a catalogue, of whatever engine."""
        with self._lock:
            mine = [entry for key, entry in self._entries.items() if key[0] == catalog]
        held = [entry.searcher or (entry.partial.searcher if entry.partial else None) for entry in mine]
        return [searcher for searcher in held if searcher]

    def made(self, catalog: str) -> str:
        """Return when the newest open index of a catalogue was made, or nothing."""
        with self._lock:
            return max((entry.made for key, entry in self._entries.items() if key[0] == catalog), default="")

    def holds(self, catalog: str, item_id: str) -> bool:
        """Return whether an open index of the catalogue has the item."""
        return held(self.searchers(catalog), item_id)

    def halt(self, catalog: str, spec: EncoderSpec, asking: str = MACHINE) -> None:
        """Ask a build to stop after its batch, or before it begins; what it stored is kept.

        Raises AppError where somebody else than who is `asking` began it.
        """
        entry = self._entry(catalog, spec)
        with self._lock:
            if not all(owns(asking, task.owner) for task in entry.busy):
                raise AppError("Somebody else began this, so it is not stopped from here.")
            entry.cancel()

    def delete_all(self, spec: EncoderSpec) -> None:
        """Delete the indexes of one engine, of every open catalogue; see `delete`."""
        with self._lock:
            keys = [catalog for catalog, name in self._entries if name == spec.name]
        for catalog in keys:
            self.delete(catalog, spec)

    def delete(self, catalog: str, spec: EncoderSpec) -> None:
        """Delete an index from memory and disk, after stopping its build; the pictures stay."""
        folder, entry = self._catalogs.folder(catalog), self._entry(catalog, spec)
        vector_indexes.forget(self._settings, storage.files(folder, spec))
        with self._lock:  # so that nothing is queued after what is cancelled here
            self._entries.pop((catalog, spec.name), None)
            entry.cancel()
        for task in entry.busy:
            task.wait()

        with storage.building(folder, spec, _refuse):
            storage.delete(folder, spec)

    def forget(self, catalog: str, then: Callable[[], None]) -> None:
        """Drop every entry of a catalogue that is closed, and call `then` once none of its builds writes any more.

        That is at once, or in the background after the batch of a running build: nobody waits for it.
        """
        with self._lock:
            mine = [self._entries.pop(key) for key in list(self._entries) if key[0] == catalog]
            for entry in mine:
                entry.cancel()
        busy = [entry.task for entry in mine if entry.task and not entry.task.ended]

        def end() -> None:
            for task in busy:
                task.wait()
            then()

        if busy:
            threading.Thread(target=end, name=f"forget {catalog}", daemon=True).start()
        else:
            then()

    def _entry(self, catalog: str, spec: EncoderSpec) -> _Entry:
        self._catalogs.catalog(catalog)
        with self._lock:
            return self._entries.setdefault((catalog, spec.name), _Entry())

    def _queue(self, catalog: str, spec: EncoderSpec, entry: _Entry, owner: str = MACHINE) -> Task[Report | None]:
        """Put a build in the queue."""
        title = f"indexing {catalog}"
        entry.task = self._tasks.submit("index", title, lambda task: self._update(catalog, spec, entry, task), owner)
        return entry.task

    def _settings_for(self, catalog: str) -> Settings:
        """Return the settings, but that what a visitor uploaded stays on this machine."""
        return replace(self._settings, index="auto") if self._catalogs.info(catalog).private else self._settings

    def _take_prepared(self, catalog: str, folder: Path) -> None:
        """Begin from the index that ships with the drawn sample, so that a first start encodes nothing."""
        prepared = self._settings.prepared / catalog
        if not prepared.is_dir() or folder.exists():
            return
        partial = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
            shutil.copytree(prepared, partial, dirs_exist_ok=True)
            partial.chmod(0o755)
            partial.replace(folder)
        except OSError as error:
            if partial:
                shutil.rmtree(partial, ignore_errors=True)
            if not folder.exists():  # else another process was quicker
                raise disk_error(folder, error) from None

    def _load(self, catalog: str, spec: EncoderSpec, entry: _Entry) -> Searcher:
        """Load the finished index into `entry` and return its searcher; raises MissingIndexError or StaleIndexError."""
        folder = self.folder(catalog)
        manifest = indexing.open_manifest(folder, spec)
        indexing.check(manifest, spec, engines.digest(spec))
        index = vector_indexes.opened(self._settings_for(catalog), folder, spec)
        searcher = Searcher(index, lambda: engines.load(spec))
        entry.searcher, entry.partial, entry.made = searcher, None, manifest.made
        return searcher

    def _openable(self, catalog: str, spec: EncoderSpec) -> bool:
        try:
            self.searcher(catalog, spec)
        except (MissingIndexError, StaleIndexError):
            return False
        return True

    def _open(self, catalog: str, spec: EncoderSpec, entry: _Entry, owner: str) -> None:
        """Open the index that is there, if one is, and queue the build that brings it up to date."""
        try:
            self._take_prepared(catalog, self._catalogs.folder(catalog))
        except DiskError:
            pass
        try:
            self._load(catalog, spec, entry)
        except (MissingIndexError, StaleIndexError):
            pass
        finally:  # whatever is wrong with it, the build mends it or says what is wrong
            with self._lock:
                if entry.opening and not entry.opening.cancelled:
                    self._queue(catalog, spec, entry, owner)

    def _update(self, catalog: str, spec: EncoderSpec, entry: _Entry, task: Task[Any]) -> Report | None:
        """Bring an index up to date as a task."""

        def on_progress(progress: Progress) -> None:
            task.advance(progress.done, progress.total, progress.per_second, progress.seconds_left, progress.doing)
            self._log(catalog, entry, progress)

        entry.checked_at, entry.problem, entry.away = None, "", False
        task.advance(0, 0)
        try:
            try:
                entry.report = self.build(catalog, spec, on_progress)
            except DiskError as error:
                if not entry.searcher:
                    raise
                entry.report, entry.problem = None, f"{error} What was indexed before is searched."
            self._current(catalog, engines.spec(spec.name), entry)
        except Stopped:
            raise
        except Exception as error:
            entry.checked_at, entry.away = time.monotonic(), isinstance(error, AwayError)
            raise
        entry.checked_at = time.monotonic()
        # The first question needs the network; it will say what is missing, if anything is.
        self._tasks.submit("opening", f"loading {spec.title}", lambda task: engines.load(spec))
        if entry.report and self._catalogs.catalog(catalog).name.startswith("folder:"):
            self._tasks.submit("content", f"checking {catalog}", lambda task: self._recheck(catalog, spec, entry))
        return entry.report

    def _recheck(self, catalog: str, spec: EncoderSpec, entry: _Entry) -> None:
        """Read some of the indexed files again, others each time, and bring the index up to date where one changed."""
        folder, source = self._catalogs.folder(catalog), self._catalogs.catalog(catalog)
        manifest = indexing.open_manifest(folder, spec)
        table = folder / manifest.table
        changed, entry.rechecked = content_check.recheck(source, table, manifest, entry.rechecked, RECHECK_FOR_SECONDS)
        if changed:
            with storage.building(folder, spec, _refuse):
                stored = with_regions(spec) if indexing.has_regions(folder, spec) else spec
                indexing.read_again(folder, stored, engines.digest(spec), changed)
            with self._lock:
                self._queue(catalog, spec, entry)

    def _current(self, catalog: str, spec: EncoderSpec, entry: _Entry) -> Searcher:
        """Return the searcher of the index as it now is on disk."""
        if entry.searcher is None or entry.made != indexing.open_manifest(self.folder(catalog), spec).made:
            return self._load(catalog, spec, entry)
        return entry.searcher

    def _log(self, catalog: str, entry: _Entry, progress: Progress) -> None:
        if progress.encoded and time.monotonic() - entry.logged > _LOG_SECONDS:
            entry.logged = time.monotonic()
            log.info(
                "%s: %d of %d pictures, %.0f a second, %.0f s left",
                self._catalogs.catalog(catalog).title, progress.done, progress.total, progress.per_second,
                progress.seconds_left or 0.0,
            )  # fmt: skip


def _refuse() -> None:
    raise AppError("Another process builds this index now. Stop it, or wait for it, and try again then.")


def _status(entry: _Entry) -> Status:
    task, pictures = entry.task, len(entry.searcher.index) if entry.searcher else 0
    if entry.busy:
        if task and task.state == "running" and task.progress.doing:
            far = task.progress
            return Status(
                "building", far.done, far.total, far.per_second, far.seconds_left, pictures, doing=far.doing
            )  # fmt: skip
        return Status("ready", pictures=pictures) if entry.searcher else Status("waiting")
    if task and task.state == "failed":
        return Status("failed", pictures=pictures, checked_at=entry.checked_at, error=task.error, away=entry.away)
    if task and task.state == "done" and entry.report:
        return _ready(entry, entry.report)
    if task and entry.searcher:
        return Status("ready", pictures=pictures, error=entry.problem or None)
    return Status("missing")


def _ready(entry: _Entry, report: Report) -> Status:
    skipped, away = tuple(report.skipped), tuple(report.unavailable)
    return Status(
        "ready", report.pictures, report.pictures, pictures=report.pictures, checked_at=entry.checked_at,
        skipped=skipped, unavailable=away, notes=report.notes,
    )  # fmt: skip


def _follow(task: Task[Any], title: str, on_progress: comparison.OnProgress) -> None:
    """Tell `on_progress` how far a task is until it has ended."""
    while True:
        far = task.progress
        on_progress(comparison.Step(title, "looking at the pictures", far.done, far.total, far.seconds_left))
        if task.wait(_FOLLOW_SECONDS):
            return


def held(searchers: Sequence[Searcher], item_id: str) -> bool:
    """Return whether one of `searchers` has the item."""
    return any(item_id in searcher.index for searcher in searchers)
