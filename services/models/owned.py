"""Whose models are whose: those of the machine stay, a session's last as long as it does and are in no list."""

from __future__ import annotations

import logging
import re
import secrets
import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import engines
from retrieval.core import AppError, EncoderSpec
from services.indexes.indexes import Indexes
from services.models.store import WEIGHTS, ModelStore, check_name
from services.sessions import MACHINE, Sessions
from settings import Settings

log = logging.getLogger(__name__)

PER_SESSION = 4
MOST_OF_SESSIONS = 40
"""How many models of all sessions are kept together: each is megabytes on disk and, once used, in memory."""

_PRIVATE = re.compile(r"session-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished model: its row, its weights file, and how training went (JSON)."""

    spec: EncoderSpec
    data: bytes
    about: dict[str, Any]


class Models:
    """The models that users trained, by owner, engine and name; safe to share between threads.

    A session's model bears a name of 128 random bits as its weights: who has that may search with it.
    """

    def __init__(self, settings: Settings, sessions: Sessions, indexes: Indexes) -> None:
        """Offer those of the machine; delete the indexes that models of an earlier run have left."""
        self._sessions, self._indexes = sessions, indexes
        self._machine = ModelStore(settings.index_cache / "models", engines.REGISTRY.offer_models, settings.manage)
        self._of_sessions: ModelStore | None = None
        self._keys: dict[tuple[str, str, str], str] = {}
        self._lock = threading.Lock()
        engines.REGISTRY.offer_models((), private=True)
        _sweep(settings)

    def rows(self, engine: str, owner: str = MACHINE) -> list[tuple[str, EncoderSpec]]:
        """Return (name, row) of an engine's models that an owner may use: the machine's, then the own ones."""
        found = [(row.weights, row) for row in self._machine.rows() if row.engine == engine]
        with self._lock:
            own = {key: name for (who, which, name), key in self._keys.items() if (who, which) == (owner, engine)}
            store = self._of_sessions
        return found + [
            (own[row.weights], row) for row in (store.rows() if store and own else ()) if row.weights in own
        ]

    def about(self, engine: str, name: str, owner: str = MACHINE) -> dict[str, Any]:
        """Return what was kept with a model that an owner may use; raises AppError for one that is not there."""
        with self._lock:
            key, store = self._keys.get((owner, engine, name)), self._of_sessions
        if key and store:
            return dict(store.about(engine, key))
        if name not in {row.weights for row in self._machine.rows() if row.engine == engine}:
            raise AppError(f"There is no model '{name}' of the engine {engine}.")
        return dict(self._machine.about(engine, name))

    def checked(self, engine: str, name: str, owner: str = MACHINE) -> str:
        """Return a name as it is kept; raises AppError for one that cannot be, or that is another's, or too many."""
        tidy = check_name(name, frozenset(row.weights for row in engines.REGISTRY.rows if row.engine == engine))
        if owner == MACHINE:
            return tidy
        with self._lock:
            others = {known for who, which, known in self._keys if which == engine and who != owner}
            own = [key for key in self._keys if key[0] == owner]
            full = (owner, engine, tidy) not in self._keys and len(self._keys) >= MOST_OF_SESSIONS
        if tidy in others or self._machine.has(engine, tidy):
            raise in_use(tidy)
        if len(own) >= PER_SESSION and (owner, engine, tidy) not in own:
            raise AppError(
                f"You have {len(own)} models, as many as one session may keep. Train one of those names anew."
            )
        if full:
            raise AppError("This machine keeps as many models of visitors as it can. Try again later.")
        return tidy

    def save(self, trained: Trained, owner: str = MACHINE, private: bool = False) -> None:
        """Keep a model and offer it; raises AppError when the disk does not take it or the session has ended.

        A `private` one of the machine, taught from pictures that somebody sent, is never offered to strangers.
        """
        files = {WEIGHTS: trained.data}
        if owner == MACHINE:
            self._machine.save(trained.spec, files, trained.about, private)
            return
        spec = trained.spec
        place = (owner, spec.engine, spec.weights)
        with self._lock:
            if self._of_sessions is None:
                offer = partial(engines.REGISTRY.offer_models, private=True)
                self._of_sessions = ModelStore(self._sessions.folder() / "models", offer)
            key = self._keys.get(place) or f"session-{secrets.token_hex(16)}"
            self._sessions.hold(owner, f"model {spec.name}", partial(self._remove, place))
            self._keys[place] = key
        self._of_sessions.save(replace(spec, weights=key), files, trained.about)

    def _remove(self, place: tuple[str, str, str]) -> None:
        """Delete a session's model and every index that was made by it."""
        with self._lock:
            key, store = self._keys.pop(place, None), self._of_sessions
        if key is None or store is None:
            return
        for row in store.rows():
            if row.weights == key:
                self._indexes.delete_all(row)
        store.remove(place[1], key)


def in_use(name: str) -> AppError:
    """Return the error of a name that is another's."""
    return AppError(f"The name '{name}' is in use. Choose another one.")


def is_private(spec: EncoderSpec) -> bool:
    """Return whether a row is the model of one session."""
    return _PRIVATE.fullmatch(spec.weights) is not None


def _sweep(settings: Settings) -> None:
    """Delete the indexes that were made by models of sessions whose process is gone."""
    alive = {path.name.partition(".")[0] for path in settings.uploads.glob("*/models/*/session-*")}
    for path in settings.index_cache.glob("*/*session-*"):
        found = _PRIVATE.search(path.name)
        if found and found[0] not in alive and path.is_file():
            try:
                path.unlink()
            except OSError as error:
                log.warning("%s could not be deleted (%s)", path, error.strerror)
