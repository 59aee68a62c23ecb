"""The indexes of the open catalogues: how each stands, the builds that run in the background, the open searchers."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import engines
from retrieval.core import AppError, EncoderSpec, MissingIndexError
from retrieval.evaluation import comparison
from retrieval.indexing import build as indexing
from retrieval.indexing import storage
from retrieval.indexing.build import IndexFacts, Progress, Report, Stopped
from retrieval.indexing.storage import Manifest
from retrieval.search.searcher import Searcher
from services.catalogs.open_catalogs import OpenCatalogs
from services.indexes import vector_indexes
from services.indexes.workers import Recipe, elsewhere
from settings import Settings

log = logging.getLogger(__name__)

RECHECK_SECONDS = 5.0
_TELL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Status:
    """How an index stands. `state`: missing, waiting, building, ready or failed; `checked_at` is a Unix time."""

    state: str
    done: int = 0
    total: int = 0
    per_second: float = 0.0
    seconds_left: float | None = None
    pictures: int = 0
    checked_at: float | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    error: str | None = None


@dataclass(slots=True)
class _Job:
    """One catalogue under one engine: its status, its open searcher, and the build that runs for it, if one does."""

    status: Status = field(default_factory=lambda: Status("missing"))
    searcher: Searcher | None = None
    made: str = ""
    running: bool = False
    told: float = 0.0
    halted: bool = False
    idle: threading.Event = field(default_factory=threading.Event)
    """Set while no build of it writes."""

    def __post_init__(self) -> None:
        self.idle.set()


class Indexes:
    """One job for each catalogue, engine and weights that anyone asked for; one build at a time."""

    def __init__(self, settings: Settings, catalogs: OpenCatalogs) -> None:
        """Begin without a job."""
        self._settings, self._catalogs = settings, catalogs
        self._jobs: dict[tuple[str, str], _Job] = {}
        self._lock = threading.Lock()
        self._builds = threading.Lock()
        self._stopping = threading.Event()

    def folder(self, catalog: str) -> Path:
        """Return where the indexes of a catalogue lie."""
        return self._catalogs.folder(catalog)

    def status(self, catalog: str, spec: EncoderSpec) -> Status:
        """Return how the index of `catalog` under an engine stands."""
        return self._job(catalog, spec).status

    def ensure(self, catalog: str, spec: EncoderSpec) -> None:
        """Bring the index up to date in the background, unless that runs or ended within the last seconds."""
        job = self._job(catalog, spec)
        with self._lock:
            recent = job.status.checked_at and time.time() - job.status.checked_at < RECHECK_SECONDS
            if job.running or recent:
                return
            job.running, job.halted = True, False
            if job.searcher is None:
                job.status = Status("waiting")
        threading.Thread(target=self._run, args=(catalog, spec, job), name=f"index {catalog}", daemon=True).start()

    def build(
        self,
        catalog: str,
        spec: EncoderSpec,
        track: Callable[[Progress], None] | None = None,
        workers: str | None = None,
    ) -> Report:
        """Bring the index up to date now and return what was done; `workers` may be "ray", else it is this process."""
        spec = engines.REGISTRY.fetched(spec)
        folder = self.folder(catalog)
        self._take_prepared(catalog, folder)
        source, digest = self._catalogs.catalog(catalog), engines.digest(spec)
        encode = None
        if workers:
            recipe = Recipe(self._settings.public, source.name, self._catalogs.label_pattern, spec.name, digest)
            encode = elsewhere(workers, recipe, spec)
        track = track or (lambda progress: None)
        report = indexing.build_index(
            source,
            spec,
            digest,
            lambda: engines.load(spec),
            folder,
            track,
            encode,
        )
        return replace(report, index=vector_indexes.bring_up(self._settings_for(catalog), folder, spec, track))

    def searcher(self, catalog: str, spec: EncoderSpec) -> Searcher:
        """Return the searcher of a finished index; raises MissingIndexError or StaleIndexError."""
        job = self._job(catalog, spec)
        return job.searcher or self._load(catalog, spec, job)

    def brought_up(self, catalog: str, spec: EncoderSpec, track: comparison.Track) -> Searcher:
        """Bring the index up to date now, after builds that run in the background, and return its searcher."""

        def told(progress: Progress) -> None:
            if job.halted:
                raise Stopped
            track(
                comparison.Step(
                    spec.title, "looking at the pictures", progress.done, progress.total, progress.seconds_left
                )
            )

        job = self._job(catalog, spec)
        with self._lock:
            job.halted = job.halted and job.running
        with self._turn(job):
            self.build(catalog, spec, told)
        spec = engines.spec(spec.name)  # a checkpoint that was just fetched tells its own size
        return self._current(catalog, spec, job)

    def facts(self, catalog: str, spec: EncoderSpec, manifest: Manifest) -> IndexFacts | None:
        """Return how a finished index is searched, or None where the vectors are there and their index is not."""
        return vector_indexes.facts(self._settings_for(catalog), self.folder(catalog), spec, manifest)

    def searchers(self, catalog: str) -> list[Searcher]:
        """Return the open searchers of a catalogue, of whatever engine."""
        with self._lock:
            return [job.searcher for key, job in self._jobs.items() if key[0] == catalog and job.searcher]

    def made(self, catalog: str) -> str:
        """Return when the newest open index of a catalogue was made, or nothing."""
        with self._lock:
            return max((job.made for key, job in self._jobs.items() if key[0] == catalog), default="")

    def holds(self, catalog: str, item_id: str) -> bool:
        """Return whether an open index of the catalogue has the item."""
        return held(self.searchers(catalog), item_id)

    def halt(self, catalog: str, spec: EncoderSpec) -> None:
        """Ask a build to stop after its batch, or before it begins; what it stored is kept."""
        self._job(catalog, spec).halted = True

    def delete(self, catalog: str, spec: EncoderSpec) -> None:
        """Delete an index from memory and disk, after stopping its build; the pictures stay."""
        folder, job = self.folder(catalog), self._job(catalog, spec)
        vector_indexes.forget(self._settings, storage.files(folder, spec))
        with self._lock:
            self._jobs.pop((catalog, spec.name), None)
            job.halted = True
        job.idle.wait()
        storage.delete(folder, spec)

    def forget(self, catalog: str, then: Callable[[], None]) -> None:
        """Drop every job of a catalogue that is closed, and call `then` once none of its builds writes any more.

        That is at once, or in the background after the batch of a running build: nobody waits for it.
        """
        with self._lock:
            mine = [self._jobs.pop(key) for key in list(self._jobs) if key[0] == catalog]
            for job in mine:
                job.halted = True
            busy = [job for job in mine if not job.idle.is_set()]

        def end() -> None:
            for job in busy:
                job.idle.wait()
            then()

        if busy:
            threading.Thread(target=end, name=f"forget {catalog}", daemon=True).start()
        else:
            then()

    def close(self) -> None:
        """Ask running builds to stop after their batch; what they stored is kept."""
        self._stopping.set()

    @contextmanager
    def _turn(self, job: _Job) -> Iterator[None]:
        """Wait until no other build runs and hold that place; raises Stopped where nobody wants this one any more."""
        with self._builds:
            with self._lock:
                if job.halted:
                    raise Stopped
                job.idle.clear()
            try:
                yield
            finally:
                job.idle.set()

    def _job(self, catalog: str, spec: EncoderSpec) -> _Job:
        self._catalogs.catalog(catalog)
        with self._lock:
            return self._jobs.setdefault((catalog, spec.name), _Job())

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
                raise AppError(
                    f"{folder} could not be written ({error.strerror or error}). Free some space and try again."
                ) from None

    def _load(self, catalog: str, spec: EncoderSpec, job: _Job) -> Searcher:
        """Load the finished index into `job` and return its searcher; raises MissingIndexError or StaleIndexError."""
        folder = self.folder(catalog)
        manifest = indexing.open_manifest(folder, spec)
        manifest.check(spec, engines.digest(spec), indexing.preprocessing(spec))
        index = vector_indexes.opened(self._settings_for(catalog), folder, spec)
        searcher = Searcher(index, lambda: engines.load(spec))
        job.searcher, job.made = searcher, manifest.made
        return searcher

    def _run(self, catalog: str, spec: EncoderSpec, job: _Job) -> None:
        try:
            if job.searcher is None:
                self._open_finished(catalog, spec, job)
            with self._turn(job):
                report = self.build(catalog, spec, lambda p: self._track(catalog, job, p))
            self._current(catalog, engines.spec(spec.name), job)
            job.status = Status(
                "ready", report.pictures, report.pictures, pictures=report.pictures, checked_at=time.time(),
                skipped=tuple(report.skipped),
            )  # fmt: skip
        except Stopped:
            ready = job.searcher is not None
            job.status = replace(job.status, state="ready" if ready else "missing", checked_at=None)
        except Exception as error:
            if not isinstance(error, AppError):
                log.exception("indexing %s failed", catalog)
            message = str(error) if isinstance(error, AppError) else "Indexing failed on our side; the log says why."
            job.status = replace(job.status, state="failed", error=message, checked_at=time.time())
        finally:
            job.running = False
        if job.status.state == "ready":
            with suppress(AppError):  # the first question will say what is missing
                engines.load(spec)

    def _current(self, catalog: str, spec: EncoderSpec, job: _Job) -> Searcher:
        """Return the searcher of the index as it now is on disk."""
        if job.searcher is None or job.made != indexing.open_manifest(self.folder(catalog), spec).made:
            return self._load(catalog, spec, job)
        return job.searcher

    def _open_finished(self, catalog: str, spec: EncoderSpec, job: _Job) -> None:
        try:
            self._take_prepared(catalog, self.folder(catalog))
            searcher = self._load(catalog, spec, job)
            job.status = replace(job.status, pictures=len(searcher.index))
        except (MissingIndexError, storage.StaleIndexError):
            return

    def _track(self, catalog: str, job: _Job, progress: Progress) -> None:
        if self._stopping.is_set() or job.halted:
            raise Stopped
        job.status = replace(
            job.status, state="building", done=progress.done, total=progress.total,
            per_second=progress.per_second, seconds_left=progress.seconds_left,
        )  # fmt: skip
        if progress.encoded and time.monotonic() - job.told > _TELL_SECONDS:
            job.told = time.monotonic()
            log.info(
                "%s: %d of %d pictures, %.0f a second, %.0f s left",
                self._catalogs.catalog(catalog).title, progress.done, progress.total, progress.per_second,
                progress.seconds_left or 0.0,
            )  # fmt: skip


def held(searchers: Sequence[Searcher], item_id: str) -> bool:
    """Return whether one of `searchers` has the item."""
    return any(item_id in searcher.index for searcher in searchers)
