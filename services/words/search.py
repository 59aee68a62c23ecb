"""Questions in words over a whole catalogue, without an index and without a network where it has none."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from retrieval import catalogs
from retrieval.core import AppError, Filter
from retrieval.disk import DiskError
from retrieval.words import question
from retrieval.words.answer import Answer, Pictures, Scope
from retrieval.words.conditions import counted
from retrieval.words.conditions import read as read_conditions
from retrieval.words.table import FILE, WordTable
from services.catalogs.open_catalogs import OpenCatalogs
from services.indexes.indexes import Indexes
from services.tasks import Task, Tasks
from services.words import looking, models

log = logging.getLogger(__name__)

OnProgress = Callable[[int, int], None]
"""Hears how many of how many pictures were looked at."""


@dataclass(slots=True)
class _Held:
    """One catalogue's table, what of it is in memory, and the last task that looked at its pictures."""

    table: WordTable
    pictures: Pictures | None = None
    task: Task[None] | None = None


class WordSearch:
    """The tables of words of the open catalogues; safe to share between threads."""

    def __init__(self, open_catalogs: OpenCatalogs, indexes: Indexes, tasks: Tasks) -> None:
        """Begin without a table; `indexes` are asked where an image-text model is here."""
        self._catalogs, self._indexes, self._tasks = open_catalogs, indexes, tasks
        self._held: dict[str, _Held] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()
        open_catalogs.when_closed(self.forget)

    def prepare(self, catalog: str, on_progress: OnProgress = lambda done, total: None) -> None:
        """Bring what is known of a catalogue up to date now: the words at once, then a look at each new picture."""
        held = self._written(catalog)
        self._look(catalog, held, on_progress)

    def ensure(self, catalog: str) -> Task[None]:
        """Return the task that brings what is known up to date: questions are answered by what is known meanwhile."""
        held = self._written(catalog)
        with self._lock:
            if held.task is None or held.task.ended:
                title = f"looking at {catalog}"
                held.task = self._tasks.submit("words", title, lambda task: self._look(catalog, held, task.advance))
            return held.task

    def search(self, catalog: str, text: str, scope: Scope) -> Answer:
        """Answer `a blue jacket under 60, no stripes` over a catalogue; raises AppError where nothing is asked.

        The words are read from the catalogue on first use; `prepare` or `ensure` looks at the pictures. An image-text
        model takes part when it is on this machine and has an index of the catalogue.
        """
        asked, note = question.read(text), ""
        try:
            if not scope.similarities:
                scope = replace(scope, similarities=models.similarities(self._indexes, catalog, asked.phrases))
        except AppError as error:
            note = str(error)
        answer = self.pictures(catalog).answer(asked, scope)
        return replace(answer, notes=(*answer.notes, note)) if note else answer

    def filter(self, catalog: str, conditions: Sequence[str]) -> Filter | None:
        """Return the filter that `view=main`, `price=20..60` and the like mean; see retrieval.words.conditions."""
        if not conditions:
            return None
        table = self._written(catalog).table
        return read_conditions(conditions, counted(attributes for _, attributes in table.attributes()))

    def pictures(self, catalog: str) -> Pictures:
        """Return what is known of the pictures, read from the table where it changed."""
        with self._lock:
            held = self._held.get(catalog)
        held = held or self._written(catalog)
        pictures = held.pictures
        if pictures is None:
            pictures = held.pictures = Pictures(held.table)
        return pictures

    def forget(self, catalog: str) -> None:
        """Close the table of a catalogue that is closed."""
        with self._lock:
            held = self._held.pop(catalog, None)
        if held:
            if held.task:
                held.task.cancel()
                held.task.wait()
            held.table.close()

    def close(self) -> None:
        """Stop looking; what was seen is kept."""
        for catalog in list(self._held):
            self.forget(catalog)
        if self._scratch:
            self._scratch.cleanup()

    def _written(self, catalog: str) -> _Held:
        source = self._catalogs.catalog(catalog)
        with self._lock:
            held = self._held.get(catalog)
            if held is None:
                held = self._held[catalog] = _Held(self._table(catalog))
        if held.table.update(catalogs.known(source)):
            held.pictures = None
        return held

    def _table(self, catalog: str) -> WordTable:
        """Open or make the table; where the disk does not take it, a copy that lasts as long as this process."""
        folder = self._folder(catalog)
        try:
            return WordTable(folder)
        except DiskError as error:
            log.warning("%s Until then it is made anew at every start.", error)
            if self._scratch is None:
                self._scratch = tempfile.TemporaryDirectory(prefix="visual-search-words-")
            place = Path(self._scratch.name) / folder.name
            place.mkdir(exist_ok=True)
            if (folder / FILE).is_file():
                shutil.copyfile(folder / FILE, place / FILE)
            return WordTable(place)

    def _folder(self, catalog: str) -> Path:
        """Return where the table lies: beside the folder of the indexes, which is made whole from a prepared one."""
        indexes = self._catalogs.folder(catalog)
        return indexes.with_name(f"{indexes.name}.words")

    def _look(self, catalog: str, held: _Held, on_progress: OnProgress) -> None:
        def looked(done: int, total: int) -> None:
            held.pictures = None if done else held.pictures
            on_progress(done, total)

        looking.look_at_all(held.table, self._catalogs.catalog(catalog), looked)
