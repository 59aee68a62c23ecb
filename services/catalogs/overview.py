"""What the tab Catalogues and `cli.py catalogs` say of a catalogue: its facts, and how it stands with every engine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import engines
from retrieval import catalogs
from retrieval.core import AppError, EncoderSpec, StaleIndexError
from retrieval.indexing import build, storage
from retrieval.indexing.build import IndexFacts
from retrieval.indexing.storage import Manifest
from services.catalogs.open_catalogs import OpenCatalogs
from services.indexes.indexes import Indexes, Status
from services.indexes.views import KEPT_FOR, Views

SHEET = 8
_VALUES = 12
_KEEP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What a catalogue holds: its pictures, a few of them to show, and attribute -> (value -> count, how many values).

    `problem` says why it cannot be read now.
    """

    pictures: int
    sheet: tuple[str, ...]
    attributes: Mapping[str, tuple[Mapping[str, int], int]]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """One engine's index of a catalogue. `state`: indexed, stale, missing, or that of a job: waiting, building, failed.

    `why` says what is stale, or what failed, or what the engine itself lacks on this machine (then `absent`); `size`
    is in bytes on disk; `made` is in ISO form; `searched` says how, where that is not exact.
    """

    engine: str
    weights: str
    title: str
    state: str
    why: str = ""
    pictures: int = 0
    skipped: int = 0
    size: int = 0
    made: str = ""
    absent: bool = False
    job: Status | None = None
    searched: str = ""


class Overview:
    """Looks at catalogues and at what lies on disk of their indexes; loads no network."""

    def __init__(self, catalogs: OpenCatalogs, indexes: Indexes, views: Views) -> None:
        """Look through the given parts."""
        self._catalogs, self._indexes, self._views = catalogs, indexes, views
        self._counted: dict[str, tuple[str, float, Facts]] = {}
        catalogs.when_closed(self._forget)

    def facts(self, catalog: str) -> Facts:
        """Return what a catalogue holds, as counted since its index was made and not long ago."""
        made, started = self._indexes.made(catalog), time.monotonic()
        known = self._counted.get(catalog)
        if known and known[0] == made and started < known[1]:
            return known[2]
        facts = self._count(catalog)
        if facts.problem:  # said at once when it is over; until then what was counted before
            return replace(known[2], problem=facts.problem) if known else facts
        ended = time.monotonic()
        self._counted[catalog] = (made, ended + max(_KEEP_SECONDS, KEPT_FOR * (ended - started)), facts)
        return facts

    def _count(self, catalog: str) -> Facts:
        counts: dict[str, Counter[str]] = {}
        sheet: list[str] = []
        number = 0
        try:
            for item in catalogs.known(self._catalogs.catalog(catalog)):
                # A sheet that grows sparser as it fills is spread over the whole, however long that is.
                if number % max(1, (1 << number.bit_length()) >> 3) == 0:
                    sheet.append(item.id)
                number += 1
                for name, value in item.attributes.items():
                    counts.setdefault(name, Counter())[value] += 1
        except AppError as error:
            return Facts(0, (), {}, str(error))
        step = max(1, len(sheet) // SHEET)
        shown = tuple(sheet[::step][:SHEET])
        self._views.may_show(catalog, shown)
        named = {name: (dict(c.most_common(_VALUES)), len(c)) for name, c in counts.items()}
        return Facts(number, shown, named)

    def _forget(self, catalog: str) -> None:
        """Drop what was counted of a catalogue that was closed."""
        self._counted.pop(catalog, None)

    def rows(self, catalog: str, fresh: bool = False) -> list[IndexSummary]:
        """Return how a catalogue stands with every engine; `fresh` also compares its pictures with the indexes'."""
        mark = ""
        if fresh:
            try:
                mark = self._catalogs.catalog(catalog).fingerprint()
            except AppError:
                mark = ""
        return [self._row(catalog, spec, mark) for spec in engines.specs()]

    def _row(self, catalog: str, spec: EncoderSpec, mark: str) -> IndexSummary:
        folder = self._indexes.folder(catalog)
        absent = engines.missing(spec)
        size = sum(path.stat().st_size for path in storage.files(folder, spec) if path.exists())
        job = self._indexes.status(catalog, spec)
        busy = job if job.state in ("waiting", "building") else None
        state, why, pictures, skipped, made, searched = "missing", "", 0, 0, "", ""
        try:
            manifest = storage.read_manifest(folder, spec)
            if manifest and (folder / manifest.table).is_file():
                pictures, skipped, made = manifest.pictures, manifest.skipped, manifest.made
                found = self._indexes.facts(catalog, spec, manifest)
                searched = found.summary if found else ""
                if not absent:
                    build.check(manifest, spec, engines.digest(spec))
                state, why = _standing(manifest, found, "" if busy else mark)
        except StaleIndexError:
            state, why = "stale", "The engine has changed since."
        except AppError as error:
            why = str(error)
        if busy:
            state = job.state
        elif job.state == "failed":
            state, why = "failed", job.error or ""
        elif absent:
            why = absent
        return IndexSummary(
            spec.engine, spec.weights, spec.title, state, why, pictures, skipped, size, made, bool(absent), busy,
            searched,
        )  # fmt: skip


def _standing(manifest: Manifest, found: IndexFacts | None, mark: str) -> tuple[str, str]:
    """Return the state of a finished index and why; `mark` is the pictures' fingerprint now, if known."""
    if mark and manifest.fingerprint != mark:
        return "stale", "The pictures have changed since."
    if found is None:
        return "stale", "Its vectors are there, the index of them is not."
    if manifest.unread:
        many = "1 picture" if manifest.unread == 1 else f"{manifest.unread:,} pictures"
        return "indexed", f"{many} cannot be read now; each update tries again."
    return "indexed", ""
