"""The composition root: settings become catalogues, encoders, indexes and searchers, for app, cli and benchmarks."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

import engines
from retrieval import catalogs, evaluation, indexing, pictures, storage
from retrieval.core import AppError, Catalog, EncoderSpec, MissingIndexError
from retrieval.indexing import Progress, Report, Stopped
from retrieval.searcher import Searcher
from settings import Settings

log = logging.getLogger(__name__)

_RECHECK_SECONDS = 5.0
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
    running: bool = False


class Services:
    """Everything that app, command line and benchmarks ask for; safe to share between threads."""

    def __init__(
        self, settings: Settings, names: Sequence[str] = ("sample",), label_pattern: str | None = None
    ) -> None:
        """Open the catalogues called `names`; raises AppError for a bad one. `label_pattern` is for folders."""
        self.settings = settings
        opened = {name: catalogs.open_catalog(name, settings.sample, label_pattern) for name in names}
        self._keys = {name: catalogs.key(catalog) for name, catalog in opened.items()}
        self._catalogs: dict[str, Catalog] = {catalogs.key(catalog): catalog for catalog in opened.values()}
        self._jobs: dict[tuple[str, str, str], _Job] = {}
        self._lock = threading.Lock()
        self._builds = threading.Lock()
        self._thumbnails: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
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
        spec = self.spec(engine, weights)
        folder = self._folder(catalog)
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
        if job.searcher is None:
            job.searcher = self._open(catalog, spec)
        return job.searcher

    def evaluate(
        self, gallery: str, queries: str | None, engine: str, weights: str | None, match: str, exclude: Sequence[str]
    ) -> dict[str, Any]:
        """Measure one engine on labelled catalogues whose indexes are built: quality, and warm milliseconds per query.

        Pictures are encoded, and searched for, one at a time; see retrieval.evaluation for the quality measures.
        """
        spec = self.spec(engine, weights)
        asked = evaluation.Collection.of(self._folder(queries or gallery), spec)
        quality = evaluation.evaluate(
            evaluation.Collection.of(self._folder(gallery), spec), asked if queries else None, match, exclude
        )
        timings = evaluation.time_queries(self.searcher(gallery, engine, weights), self.catalog(queries or gallery), asked)
        return {"engine": spec.engine, "weights": spec.weights} | quality.as_dict() | timings

    def facets(self, catalog: str) -> dict[str, dict[str, int]]:
        """Return attribute -> value -> count for the attributes that are useful as filters, common values first."""
        counts: dict[str, Counter[str]] = {}
        for item in self.catalog(catalog):
            for name, value in item.attributes.items():
                counts.setdefault(name, Counter())[value] += 1
        return {name: dict(c.most_common()) for name, c in counts.items() if 1 < len(c) <= _FACET_VALUES}

    def examples(self, catalog: str) -> list[str]:
        """Return a few ids that make good first queries: chosen ones of the sample, others spread over the labels."""
        chosen = self.settings.sample / "examples.txt"
        if catalog == "sample" and chosen.is_file():
            return chosen.read_text(encoding="utf-8").split()
        by_label: dict[str, str] = {}
        for item in self.catalog(catalog):
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

    def _folder(self, catalog: str) -> Path:
        return self.settings.index_cache / catalog

    def _take_prepared(self, catalog: str, folder: Path) -> None:
        """Begin from the index that ships with the drawn sample, so that a first start encodes nothing."""
        prepared = self.settings.prepared / catalog
        if prepared.is_dir() and not folder.exists():
            partial = folder.with_name(f".{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(prepared, partial)
            partial.replace(folder)

    def _open(self, catalog: str, spec: EncoderSpec) -> Searcher:
        from retrieval.indexes.faiss_index import FaissIndex

        index = FaissIndex(spec.dim)
        folder = self._folder(catalog)
        indexing.open_manifest(folder, spec).check(spec, engines.digest(spec), indexing.preprocessing(spec))
        for ids, vectors, attributes in indexing.stored_blocks(folder, spec):
            index.add(ids, vectors, attributes)
        return Searcher(index, lambda: engines.load(spec.engine, spec.weights))

    def _run(self, catalog: str, spec: EncoderSpec, job: _Job) -> None:
        try:
            if job.searcher is None:
                self._open_finished(catalog, spec, job)
            with self._builds:
                report = self.build(catalog, spec.engine, spec.weights, lambda p: self._track(job, p))
            if job.searcher is None or report.encoded or report.removed or report.reused != report.pictures:
                job.searcher = self._open(catalog, spec)
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

    def _open_finished(self, catalog: str, spec: EncoderSpec, job: _Job) -> None:
        try:
            self._take_prepared(catalog, self._folder(catalog))
            job.searcher = self._open(catalog, spec)
            job.status = replace(job.status, pictures=len(job.searcher.index))
        except (MissingIndexError, storage.StaleIndexError):
            return

    def _track(self, job: _Job, progress: Progress) -> None:
        if self._stopping.is_set():
            raise Stopped
        job.status = replace(
            job.status, state="building", done=progress.done, total=progress.total,
            per_second=progress.per_second, seconds_left=progress.seconds_left,
        )  # fmt: skip

    def _check_known(self, catalog: str, item_id: str) -> None:
        with self._lock:
            searchers = [job.searcher for key, job in self._jobs.items() if key[0] == catalog and job.searcher]
        for searcher in searchers:
            try:
                searcher.index.vectors([item_id])
                return
            except AppError:
                continue
        raise AppError(f"'{item_id}' is not in the catalogue '{catalog}'.")
