"""The composition root: settings become catalogues, encoders, indexes and searchers, for app, cli and benchmarks."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

import engines
from retrieval import catalogs, comparison, duplicates, evaluation, indexing, pictures, storage
from retrieval.core import AppError, Catalog, EncoderSpec, MissingIndexError
from retrieval.indexing import Progress, Report, Stopped
from retrieval.searcher import Searcher
from settings import Settings

log = logging.getLogger(__name__)

_RECHECK_SECONDS = 5.0
_TELL_SECONDS = 2.0
_THUMBNAILS = 2048
_FACET_VALUES = 60
_EXAMPLES = 6


@dataclass(frozen=True, slots=True)
class CatalogInfo:
    """What a page shows of a catalogue; `key` is safe in a URL."""

    key: str
    title: str
    note: str


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


class Services:
    """Everything that app, command line and benchmarks ask for; safe to share between threads."""

    def __init__(
        self, settings: Settings, names: Sequence[str] = ("sample",), label_pattern: str | None = None
    ) -> None:
        """Open the catalogues called `names`; raises AppError for a bad one. `label_pattern` is for folders."""
        self.settings = settings
        engines.offer_clip(settings.clip, settings.trusted)
        opened = {name: catalogs.open_catalog(name, settings.sample, label_pattern) for name in names}
        self._keys = {name: catalogs.key(catalog) for name, catalog in opened.items()}
        self._catalogs: dict[str, Catalog] = {catalogs.key(catalog): catalog for catalog in opened.values()}
        self._jobs: dict[tuple[str, str, str], _Job] = {}
        self._lock = threading.Lock()
        self._builds = threading.Lock()
        self._thumbnails: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._facets: dict[str, tuple[str, dict[str, dict[str, int]]]] = {}
        self._stopping = threading.Event()

    def catalogs(self) -> list[CatalogInfo]:
        """Return the open catalogues, in the order in which they were given."""
        return [
            CatalogInfo(key, c.title, "drawn by our own script" if key == "sample" else "")
            for key, c in self._catalogs.items()
        ]

    def key(self, name: str) -> str:
        """Return the key of a catalogue that was opened as `name`."""
        return self._keys[name]

    def spec(self, engine: str, weights: str | None = None) -> EncoderSpec:
        """Return the facts of an engine; raises AppError with the valid names."""
        return engines.spec(engine, weights)

    def catalog(self, key: str) -> Catalog:
        """Return an open catalogue; raises AppError with the valid keys."""
        if key not in self._catalogs:
            raise AppError(f"There is no catalogue '{key}'. Choose one of: {', '.join(self._catalogs)}.")
        return self._catalogs[key]

    def status(self, catalog: str, engine: str, weights: str | None = None) -> Status:
        """Return how the index of `catalog` under `engine` stands."""
        return self._job(catalog, self.spec(engine, weights)).status

    def ensure(self, catalog: str, engine: str, weights: str | None = None) -> None:
        """Bring the index up to date in the background, unless that runs or ended within the last seconds."""
        spec = self.spec(engine, weights)
        job = self._job(catalog, spec)
        with self._lock:
            recent = job.status.checked_at and time.time() - job.status.checked_at < _RECHECK_SECONDS
            if job.running or recent:
                return
            job.running = True
            if job.searcher is None:
                job.status = Status("waiting")
        threading.Thread(target=self._run, args=(catalog, spec, job), name=f"index {catalog}", daemon=True).start()

    def build(
        self, catalog: str, engine: str, weights: str | None = None, track: Callable[[Progress], None] | None = None
    ) -> Report:
        """Bring the index up to date now and return what was done."""
        spec = engines.fetched(self.spec(engine, weights))
        folder = self.folder(catalog)
        self._take_prepared(catalog, folder)
        return indexing.build_index(
            self.catalog(catalog),
            spec,
            engines.digest(spec),
            lambda: engines.load(spec.engine, spec.weights),
            folder,
            track or (lambda progress: None),
        )

    def searcher(self, catalog: str, engine: str, weights: str | None = None) -> Searcher:
        """Return the searcher of a finished index; raises MissingIndexError or StaleIndexError."""
        spec = self.spec(engine, weights)
        job = self._job(catalog, spec)
        return job.searcher or self._open(catalog, spec, job)

    def evaluate(
        self, gallery: str, queries: str | None, engine: str, weights: str | None, match: str, exclude: Sequence[str]
    ) -> dict[str, Any]:
        """Measure one engine on labelled catalogues whose indexes are built: quality, and warm milliseconds per query.

        Pictures are encoded, and searched for, one at a time; see retrieval.evaluation for the quality measures.
        """
        spec = self.spec(engine, weights)
        asked = evaluation.Collection.of(self.folder(queries or gallery), spec)
        quality = evaluation.evaluate(
            evaluation.Collection.of(self.folder(gallery), spec), asked if queries else None, match, exclude
        )
        timings = evaluation.time_queries(
            self.searcher(gallery, engine, weights), self.catalog(queries or gallery), asked
        )
        return {"engine": spec.engine, "weights": spec.weights} | quality.as_dict() | timings

    def named(self, name: str) -> EncoderSpec:
        """Return the facts of an engine called `engine` or `engine:weights`; raises AppError with the valid names."""
        engine, _, weights = name.partition(":")
        return self.spec(engine, weights or None)

    def choices(self) -> list[tuple[EncoderSpec, str | None]]:
        """Return every engine, with what is known to be missing for it on this machine, or None."""
        return [(row, engines.missing(row)) for row in engines.specs()]

    def matchable(self, catalog: str) -> dict[str, int]:
        """Return attribute -> how many pictures share theirs with another, the best one to match results by first."""
        return evaluation.matchable(item.attributes for item in self.catalog(catalog))

    def compare(
        self,
        catalog: str,
        names: Sequence[str],
        match: str | None,
        exclude: Sequence[str] = (),
        track: comparison.Track = lambda step: None,
    ) -> comparison.Comparison:
        """Measure engines (`engine` or `engine:weights`) side by side, building the indexes that are missing.

        `match` is what a right result shares with the query (see retrieval.evaluation.classes); None measures speed
        only. An engine that cannot be loaded is named in the result with the reason. `track` may raise Stopped.
        """
        contestants, failed = [], {}
        for name in dict.fromkeys(f"{spec.engine}:{spec.weights}" for spec in map(self.named, names)):
            spec = self.named(name)
            try:
                track(comparison.Step(spec.title, "loading", 0, 0))
                engines.load(spec.engine, spec.weights)
                spec = self.named(name)  # a checkpoint that has just come tells its facts only now
                searcher = self._brought_up(catalog, spec, track)
            except AppError as error:
                failed[name] = str(error)
                continue
            collection = evaluation.Collection.of(self.folder(catalog), spec)
            contestants.append(comparison.Contestant(name, spec.title, collection, searcher))
        return replace(comparison.compare(contestants, self.catalog(catalog), match, exclude, track), failed=failed)

    def duplicates(
        self,
        catalog: str,
        engine: str,
        weights: str | None = None,
        track: Callable[[int, int], None] = lambda done, total: None,
    ) -> duplicates.Forest:
        """Return what groups of near-duplicates a catalogue has at every threshold; its index has to be built."""
        held = evaluation.Collection.of(self.folder(catalog), self.spec(engine, weights))
        return duplicates.forest(held.ids, held.vectors, track)

    def facets(self, catalog: str) -> dict[str, dict[str, int]]:
        """Return attribute -> value -> count for the attributes that are useful as filters, common values first."""
        with self._lock:
            made = max((job.made for key, job in self._jobs.items() if key[0] == catalog), default="")
            known = self._facets.get(catalog)
        if known and made and known[0] == made:
            return known[1]
        counts: dict[str, Counter[str]] = {}
        for item in self.catalog(catalog):
            for name, value in item.attributes.items():
                counts.setdefault(name, Counter())[value] += 1
        found = {name: dict(c.most_common()) for name, c in counts.items() if 1 < len(c) <= _FACET_VALUES}
        with self._lock:
            self._facets[catalog] = (made, found)
        return found

    def examples(self, catalog: str) -> list[str]:
        """Return a few ids that make good first queries: chosen ones of the sample, others spread over the labels."""
        chosen = self.settings.sample / "examples.txt"
        if catalog == "sample" and chosen.is_file():
            return chosen.read_text(encoding="utf-8").split()
        by_label: dict[str, str] = {}
        searchers = self._searchers(catalog)
        for item in self.catalog(catalog):
            if searchers and not _held(searchers, item.id):
                continue
            by_label.setdefault(item.attributes.get("label", item.id), item.id)
            if len(by_label) >= 4 * _EXAMPLES:
                break
        ids = list(by_label.values())
        return ids[:: max(1, len(ids) // _EXAMPLES)][:_EXAMPLES]

    def picture(self, catalog: str, item_id: str) -> Image.Image:
        """Return an item's picture, upright RGB; raises AppError for an id that no index of the catalogue holds."""
        self._check_known(catalog, item_id)
        return self.catalog(catalog).open(item_id)

    def thumbnail(self, catalog: str, item_id: str, side: int = 320) -> bytes:
        """Return an item as a JPEG of at most `side` pixels; raises AppError for an id that no index holds."""
        key = (catalog, item_id, side)
        with self._lock:
            if key in self._thumbnails:
                self._thumbnails.move_to_end(key)
                return self._thumbnails[key]
        self._check_known(catalog, item_id)
        data = pictures.thumbnail(self.catalog(catalog).open(item_id, side), side)
        with self._lock:
            self._thumbnails[key] = data
            if len(self._thumbnails) > _THUMBNAILS:
                self._thumbnails.popitem(last=False)
        return data

    def close(self) -> None:
        """Ask running builds to stop after their batch; what they stored is kept."""
        self._stopping.set()

    def _job(self, catalog: str, spec: EncoderSpec) -> _Job:
        self.catalog(catalog)
        with self._lock:
            return self._jobs.setdefault((catalog, spec.engine, spec.weights), _Job())

    def folder(self, catalog: str) -> Path:
        """Return where the indexes of a catalogue lie."""
        return self.settings.index_cache / catalog

    def _take_prepared(self, catalog: str, folder: Path) -> None:
        """Begin from the index that ships with the drawn sample, so that a first start encodes nothing."""
        prepared = self.settings.prepared / catalog
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

    def _open(self, catalog: str, spec: EncoderSpec, job: _Job) -> Searcher:
        """Load the finished index into `job` and return its searcher; raises MissingIndexError or StaleIndexError."""
        from retrieval.indexes.faiss_index import FaissIndex

        index = FaissIndex(spec.dim)
        folder = self.folder(catalog)
        manifest = indexing.open_manifest(folder, spec)
        manifest.check(spec, engines.digest(spec), indexing.preprocessing(spec))
        for ids, vectors, attributes in indexing.stored_blocks(folder, spec):
            index.add(ids, vectors, attributes)
        searcher = Searcher(index, lambda: engines.load(spec.engine, spec.weights))
        job.searcher, job.made = searcher, manifest.made
        return searcher

    def _run(self, catalog: str, spec: EncoderSpec, job: _Job) -> None:
        try:
            if job.searcher is None:
                self._open_finished(catalog, spec, job)
            with self._builds:
                report = self.build(catalog, spec.engine, spec.weights, lambda p: self._track(catalog, job, p))
            self._current(catalog, self.spec(spec.engine, spec.weights), job)
            job.status = Status(
                "ready", report.pictures, report.pictures, pictures=report.pictures, checked_at=time.time(),
                skipped=tuple(report.skipped),
            )  # fmt: skip
        except Stopped:
            job.status = replace(job.status, state="missing")
        except Exception as error:
            if not isinstance(error, AppError):
                log.exception("indexing %s failed", catalog)
            message = str(error) if isinstance(error, AppError) else "Indexing failed on our side; the log says why."
            job.status = replace(job.status, state="failed", error=message, checked_at=time.time())
        finally:
            job.running = False
        if job.status.state == "ready":
            with suppress(AppError):  # the first question will say what is missing
                engines.load(spec.engine, spec.weights)

    def _current(self, catalog: str, spec: EncoderSpec, job: _Job) -> Searcher:
        """Return the searcher of the index as it now is on disk."""
        if job.searcher is None or job.made != indexing.open_manifest(self.folder(catalog), spec).made:
            return self._open(catalog, spec, job)
        return job.searcher

    def _brought_up(self, catalog: str, spec: EncoderSpec, track: comparison.Track) -> Searcher:
        """Bring the index up to date now, after builds that run in the background, and return its searcher."""

        def told(progress: Progress) -> None:
            track(
                comparison.Step(
                    spec.title, "looking at the pictures", progress.done, progress.total, progress.seconds_left
                )
            )

        with self._builds:
            self.build(catalog, spec.engine, spec.weights, told)
        spec = self.spec(spec.engine, spec.weights)  # a checkpoint that was just fetched tells its own size
        return self._current(catalog, spec, self._job(catalog, spec))

    def _open_finished(self, catalog: str, spec: EncoderSpec, job: _Job) -> None:
        try:
            self._take_prepared(catalog, self.folder(catalog))
            searcher = self._open(catalog, spec, job)
            job.status = replace(job.status, pictures=len(searcher.index))
        except (MissingIndexError, storage.StaleIndexError):
            return

    def _track(self, catalog: str, job: _Job, progress: Progress) -> None:
        if self._stopping.is_set():
            raise Stopped
        job.status = replace(
            job.status, state="building", done=progress.done, total=progress.total,
            per_second=progress.per_second, seconds_left=progress.seconds_left,
        )  # fmt: skip
        if progress.encoded and time.monotonic() - job.told > _TELL_SECONDS:
            job.told = time.monotonic()
            log.info(
                "%s: %d of %d pictures, %.0f a second, %.0f s left",
                self._catalogs[catalog].title, progress.done, progress.total, progress.per_second,
                progress.seconds_left or 0.0,
            )  # fmt: skip

    def _searchers(self, catalog: str) -> list[Searcher]:
        with self._lock:
            return [job.searcher for key, job in self._jobs.items() if key[0] == catalog and job.searcher]

    def _check_known(self, catalog: str, item_id: str) -> None:
        if not _held(self._searchers(catalog), item_id):
            raise AppError(f"'{item_id}' is not in the catalogue '{catalog}'.")


def _held(searchers: Sequence[Searcher], item_id: str) -> bool:
    for searcher in searchers:
        try:
            searcher.index.vectors([item_id])
            return True
        except AppError:
            continue
    return False
