"""Getting the chosen part of a data set here: streamed, kept in Arrow files, resumed where it broke off."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.catalogs.hub import columns
from retrieval.catalogs.hub import source as hub_source
from retrieval.catalogs.hub.names import HubName
from retrieval.core import AppError
from retrieval.disk import disk_error, write_atomically

if TYPE_CHECKING:
    from datasets import Features, IterableDataset

log = logging.getLogger(__name__)

FACTS, STATE, ROW = "facts.json", "state.json", "__row"
MAX_ROWS = 100_000
PART_ROWS = 500
PART_BYTES = 64 * 1024 * 1024
SPARE_BYTES = 1024**3
_TELL_ROWS = 20


@dataclass(frozen=True, slots=True)
class Fetching:
    """How far a fetch is: pictures kept of `total` (0 where it is not known), rows looked at, seconds left."""

    kept: int
    total: int
    seen: int
    per_second: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds that the rest will take at this speed, or None where either is not known."""
        return (self.total - self.kept) / self.per_second if self.total and self.per_second else None


OnProgress = Callable[[Fetching], None]
_locks: dict[Path, threading.Lock] = {}
_lock = threading.Lock()


@dataclass(slots=True)
class _State:
    """What is on disk of a fetch that is not finished; `stream` is the library's own place mark."""

    revision: str
    split: str
    parts: list[str]
    kept: int
    seen: int
    stream: dict[str, Any]


def place(store: Path, wanted: HubName) -> Path:
    """Return the folder in `store` where the wanted part of a data set lies."""
    mark = hashlib.sha256(str(wanted).encode()).hexdigest()[:12]
    return store / f"{re.sub(r'[^A-Za-z0-9]+', '-', wanted.repo)[:60]}-{mark}"


def fetch(wanted: HubName, folder: Path, anonymous: bool, on_progress: OnProgress) -> None:
    """Stream the wanted rows into `folder`, going on where an earlier try ended; `on_progress` may raise Stopped.

    Only the picture and the possible attributes are kept, PART_ROWS at a time, each part and the place in the stream
    written before the next begins. Raises AppError; what has arrived is kept.
    """
    with _lock:
        one = _locks.setdefault(folder, threading.Lock())
    with one:
        if not (folder / FACTS).is_file():
            with quiet():
                _fetch(wanted, folder, anonymous, on_progress)


def _fetch(wanted: HubName, folder: Path, anonymous: bool, on_progress: OnProgress) -> None:
    source = hub_source.find(wanted, anonymous)
    split = split_of(wanted, source.splits)
    known = source.rows.get(split)
    if not wanted.limit and (known or 0) > MAX_ROWS:
        raise AppError(
            f"{wanted.repo} has {known:,} rows in '{split}'; at most {MAX_ROWS:,} are kept. "
            f"Say how many you want, such as 'hf:{wanted.repo}:{split}#2000'."
        )
    limit = min(wanted.limit or MAX_ROWS, MAX_ROWS)
    stream = source.stream(split)
    features = stream.features
    chosen = columns.choose(features, wanted)
    names = [chosen.picture, *chosen.attributes]
    stream = stream.select_columns(names)
    state = _read_state(folder, source.revision, split)
    if state.stream:
        stream.load_state_dict(state.stream)
    kept_features = source.kept(features, names)
    total = min(limit, known) if known and not wanted.where else (wanted.limit or 0)
    rows = _rows(stream, wanted, chosen.picture, features, state, source)
    _keep(
        rows, stream, kept_features, folder, state, limit, lambda s, t: on_progress(Fetching(s.kept, total, s.seen, t))
    )
    if not state.kept:
        raise AppError(f"{wanted.repo} has no picture in '{split}'" + (" that fits." if wanted.where else "."))
    facts = {"revision": source.revision, "split": split, "licence": source.licence, "parts": state.parts}
    write_atomically(folder / FACTS, json.dumps(facts | {"name": str(wanted)}, indent=1).encode())
    (folder / STATE).unlink(missing_ok=True)


def _rows(
    stream: IterableDataset,
    wanted: HubName,
    picture: str,
    features: Features,
    state: _State,
    source: hub_source.Source,  # noqa: ANN401
) -> Iterator[dict[str, Any]]:
    """Yield the rows that are wanted, each with its number and with its picture's bytes; counts them in `state`."""
    try:
        for row in stream:
            number = state.seen
            state.seen += 1
            if wanted.where:
                name, value = wanted.where
                if columns.in_words(row[name], features[name]) != value:
                    yield {}
                    continue
            yield row | {picture: source.content(row[picture]), ROW: number}
    except AppError:
        raise
    except Exception as error:  # the library's readers raise what httpx, fsspec, pyarrow and the Hub's client raise
        log.info("streaming %s broke off", wanted, exc_info=error)
        raise AppError(_told(error, wanted, state.seen)) from error


def _told(error: Exception, wanted: HubName, seen: int) -> str:
    """Return what a reader's error means to a person: a connection that may come back, or a file that is no good."""
    from huggingface_hub.errors import EntryNotFoundError
    from huggingface_hub.utils import httpx

    said = f"{type(error).__name__}: {hub_source.line(error)}"
    if isinstance(error, (EntryNotFoundError, FileNotFoundError)):
        return f"{wanted.repo} lacks a file that it names ({said}). Its owners can mend that: choose another data set."
    if isinstance(error, (OSError, httpx.HTTPError)):
        return (
            f"The connection broke in the middle of {wanted.repo} ({said}). "
            "What has arrived is kept: open it again and it goes on from there."
        )
    return (
        f"{wanted.repo} cannot be read past row {seen:,}: its files are not what the library 'datasets' expects "
        f"({said}). Rows before that are kept; choose fewer, as in 'hf:{wanted.repo}#{max(seen, 1)}', or another set."
    )


def _keep(
    rows: Iterator[dict[str, Any]], stream: Any, features: Features, folder: Path, state: _State, limit: int,  # noqa: ANN401
    tell: Callable[[_State, float], None],
) -> None:  # fmt: skip
    """Write `rows` in parts until there are `limit`, and tell how far it is; what came before an error is written."""
    started, begun = time.monotonic(), state.kept
    part: list[dict[str, Any]] = []
    size = 0
    if state.kept >= limit:
        return
    safe = 0, state.kept, state.seen, state.stream
    try:
        for row in rows:
            if row:
                part.append(row)
                state.kept += 1
                size += sum(len(cell.get("bytes") or b"") for cell in row.values() if isinstance(cell, dict))
            full = state.kept >= limit
            if full or len(part) >= PART_ROWS or size >= PART_BYTES:
                _write_part(part, features, folder, state, stream.state_dict())
                part, size = [], 0
                safe = 0, state.kept, state.seen, state.stream
            if state.seen % _TELL_ROWS == 0 or full:
                safe = len(part), state.kept, state.seen, stream.state_dict()
                tell(state, (state.kept - begun) / max(time.monotonic() - started, 1e-3))
            if full:
                return
    except BaseException:
        # Back to the last row of which it is sure that the stream goes on after it.
        count, state.kept, state.seen, at = safe
        if count:
            _write_part(part[:count], features, folder, state, at)
        raise
    _write_part(part, features, folder, state, stream.state_dict())


def _write_part(
    part: Sequence[dict[str, Any]], features: Features, folder: Path, state: _State, at: dict[str, Any]
) -> None:
    from datasets.arrow_writer import ArrowWriter

    state.stream = at
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < SPARE_BYTES:
            raise OSError(28, f"less than {SPARE_BYTES >> 30} GB of the disk is free")
        if part:
            name = f"part-{len(state.parts):05}.arrow"
            partial = folder / f".{name}"
            with ArrowWriter(features=features, path=str(partial)) as writer:
                for row in part:
                    writer.write(row)
                writer.finalize()
            os.replace(partial, folder / name)
            state.parts.append(name)
    except OSError as error:
        raise disk_error(folder, error, "did not take the pictures", "What has arrived is kept") from None
    write_atomically(folder / STATE, json.dumps(asdict(state)).encode())


def _read_state(folder: Path, revision: str, split: str) -> _State:
    """Return how far an earlier try came; the beginning where there was none, or of another revision."""
    try:
        state = _State(**json.loads((folder / STATE).read_bytes()))
        if (state.revision, state.split) == (revision, split) and all(
            (folder / name).is_file() for name in state.parts
        ):
            return state
    except (OSError, ValueError, TypeError):
        pass
    return _State(revision, split, [], 0, 0, {})


def split_of(wanted: HubName, splits: Sequence[str]) -> str:
    """Return the wanted split, else train, else the first; raises AppError with the valid ones."""
    if not splits:
        raise AppError(f"{wanted.repo} has no data that can be read.")
    if wanted.split and wanted.split not in splits:
        raise AppError(f"{wanted.repo} has no split '{wanted.split}'. Choose one of: {', '.join(splits)}.")
    return wanted.split or ("train" if "train" in splits else splits[0])


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the library's progress bars and warnings off the console: ours say what it does."""
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    yield
