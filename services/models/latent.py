"""The latent spaces beyond search: the networks themselves, and how strange a catalogue's pictures are to them."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import cast

import engines
from retrieval.core import AppError, EncoderSpec, LatentEncoder
from retrieval.evaluation import anomaly
from retrieval.evaluation.anomaly import Strangeness, Track
from retrieval.evaluation.measures import Collection
from retrieval.indexing import build
from retrieval.indexing.build import Stopped
from services.catalogs.open_catalogs import OpenCatalogs
from services.indexes.indexes import Indexes

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Survey:
    """How measuring a catalogue's strangeness stands, of the index made at `made`; `found` is there when it is done."""

    done: int = 0
    total: int = 0
    running: bool = False
    error: str = ""
    found: Strangeness | None = None
    made: str = ""


class Latent:
    """One survey for each catalogue and latent space that anyone asked for; safe to share between threads."""

    def __init__(self, catalogs: OpenCatalogs, indexes: Indexes) -> None:
        """Measure nothing yet."""
        self._catalogs, self._indexes = catalogs, indexes
        self._surveys: dict[tuple[str, str], Survey] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def encoder(self, spec: EncoderSpec) -> LatentEncoder:
        """Return a loaded latent space; raises AppError."""
        return cast(LatentEncoder, engines.load(spec))

    def survey(self, catalog: str, spec: EncoderSpec) -> Survey:
        """Return how strange the pictures of a catalogue are, or how far measuring that is; it begins when first asked.

        Raises MissingIndexError or StaleIndexError while the catalogue has no index of this latent space.
        """
        made = build.open_manifest(self._indexes.folder(catalog), spec).made
        with self._lock:
            survey = self._surveys.get((catalog, spec.name))
            if survey and survey.made == made:
                return survey
            survey = self._surveys[catalog, spec.name] = Survey(running=True, made=made)
        name = f"strangeness {catalog}"
        threading.Thread(target=self._run, args=(catalog, spec, survey), name=name, daemon=True).start()
        return survey

    def judge(
        self, catalog: str, spec: EncoderSpec, track: Track = lambda done, total: None
    ) -> tuple[list[tuple[str, float]], list[tuple[str, str]]]:
        """Return (id, strangeness) of every picture of a catalogue in its order, and (id, problem) of those skipped."""
        ids = [item.id for item in self._catalogs.catalog(catalog)]
        if not ids:
            raise AppError(f"There are no pictures in {self._catalogs.catalog(catalog).title} to judge.")
        return anomaly.judge(self._catalogs.catalog(catalog), self.encoder(spec), ids, track)

    def measure(self, catalog: str, spec: EncoderSpec, track: Track = lambda done, total: None) -> Strangeness:
        """Measure the strangeness of every indexed picture now, keep it beside the index and return it."""
        folder = self._indexes.folder(catalog)
        held = Collection.of(folder, spec)
        mark = anomaly.mark(held.ids, held.vectors, engines.digest(spec))
        known = anomaly.load(folder, spec, mark)
        if known:
            return known
        judged, _ = anomaly.judge(self._catalogs.catalog(catalog), self.encoder(spec), held.ids, track)
        found = anomaly.ranked(mark, judged)
        anomaly.save(folder, spec, found)
        return found

    def close(self) -> None:
        """Ask running surveys to stop."""
        self._stopping.set()

    def _run(self, catalog: str, spec: EncoderSpec, survey: Survey) -> None:
        def track(done: int, total: int) -> None:
            if self._stopping.is_set():
                raise Stopped
            survey.done, survey.total = done, total

        try:
            survey.found = self.measure(catalog, spec, track)
        except Stopped:
            pass
        except AppError as error:
            survey.error = str(error)
        except Exception:
            log.exception("measuring the strangeness of %s failed", catalog)
            survey.error = "Measuring failed on our side; the log says why."
        finally:
            survey.running = False
