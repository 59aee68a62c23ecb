"""Questions in words over a whole catalogue, without an index and without a network where it has none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrieval import catalogs
from retrieval.core import AppError, Stopped
from retrieval.words import question
from retrieval.words.answer import Answer, Pictures, Scope
from retrieval.words.table import WordTable
from services.catalogs.open_catalogs import OpenCatalogs
from services.words import looking

log = logging.getLogger(__name__)

Track = Callable[[int, int], None]
"""Hears how many of how many pictures were looked at."""


@dataclass(slots=True)
class _Held:
    """One catalogue's table, what of it is in memory, and the thread that looks at its pictures, if one does."""

    table: WordTable
    pictures: Pictures | None = None
    thread: threading.Thread | None = None
    stop: bool = False
    done: int = 0
    total: int = 0


class WordSearch:
    """The tables of words of the open catalogues; safe to share between threads."""

    def __init__(self, open_catalogs: OpenCatalogs) -> None:
        """Begin without a table."""
        self._catalogs = open_catalogs
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def prepare(self, catalog: str, on_progress: Track = lambda done, total: None) -> None:
        """Bring what is known of a catalogue up to date now: the words at once, then a look at each new picture."""
        held = self._written(catalog)
        self._look(catalog, held, on_progress)

    def ensure(self, catalog: str) -> None:
        """Bring what is known up to date in the background: questions are answered by what is known meanwhile."""
        held = self._written(catalog)
        with self._lock:
            if held.thread and held.thread.is_alive():
                return
            held.thread = threading.Thread(target=self._run, args=(catalog, held), name=f"words {catalog}", daemon=True)
        held.thread.start()

    def progress(self, catalog: str) -> tuple[int, int]:
        """Return how many of how many pictures were looked at in the pass that runs, (0, 0) where none does."""
        with self._lock:
            held = self._held.get(catalog)
        running = held is not None and held.thread is not None and held.thread.is_alive()
        return (held.done, held.total) if held and running else (0, 0)

    def search(self, catalog: str, text: str, scope: Scope) -> Answer:
        """Answer `a blue jacket under 60, no stripes` over a catalogue; raises AppError where nothing is asked.

        The words are read from the catalogue on first use; `prepare` or `ensure` looks at the pictures.
        """
        return self.pictures(catalog).answer(question.read(text), scope)

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
            held.stop = True
            if held.thread:
                held.thread.join()
            held.table.close()

    def close(self) -> None:
        """Stop looking; what was seen is kept."""
        for catalog in list(self._held):
            self.forget(catalog)

    def _written(self, catalog: str) -> _Held:
        source = self._catalogs.catalog(catalog)
        with self._lock:
            held = self._held.get(catalog)
            if held is None:
                held = self._held[catalog] = _Held(WordTable(self._folder(catalog)))
        if held.table.update(catalogs.known(source)):
            held.pictures = None
        return held

    def _folder(self, catalog: str) -> Path:
        """Return where the table lies: beside the folder of the indexes, which is made whole from a prepared one."""
        indexes = self._catalogs.folder(catalog)
        return indexes.with_name(f"{indexes.name}.words")

    def _look(self, catalog: str, held: _Held, on_progress: Track) -> None:
        def track(done: int, total: int) -> None:
            held.done, held.total = done, total
            held.pictures = None if done else held.pictures
            if held.stop:
                raise Stopped
            on_progress(done, total)

        looking.look_at_all(held.table, self._catalogs.catalog(catalog), track)

    def _run(self, catalog: str, held: _Held) -> None:
        try:
            self._look(catalog, held, lambda done, total: None)
        except Stopped:
            return
        except AppError as error:
            log.warning("looking at %s stopped: %s", catalog, error)
        except Exception:
            log.exception("looking at %s failed", catalog)
