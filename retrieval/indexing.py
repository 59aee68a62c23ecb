"""Building an index: read -> decode -> encode -> store, the first two ahead of the third, resumable at every batch."""

from __future__ import annotations

import glob
import hashlib
import itertools
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from retrieval import pictures, storage
from retrieval.core import (
    AppError,
    Attributes,
    BadPictureError,
    Catalog,
    Encoder,
    EncoderSpec,
    Item,
    MissingIndexError,
    StaleIndexError,
    UnreadableError,
    fingerprint,
)
from retrieval.storage import DamagedTableError, Manifest, Row, VectorTable

log = logging.getLogger(__name__)

BATCH = 32
READERS = 2
AHEAD = 3 * BATCH
_CHUNK = 512
# In place of a catalogue's fingerprint or an item's stamp, which they never equal: the next build looks again.
_UNFINISHED = "unfinished"
_INCOMPLETE = "incomplete"
_UNREAD = "unread"


class Stopped(Exception):
    """The build was asked to stop; what was encoded before is kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is: pictures done of total, how many of them were encoded, at what speed."""

    done: int
    total: int
    encoded: int = 0
    per_second: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds that the rest will take at this speed, or None before there is a speed."""
        return (self.total - self.done) / self.per_second if self.per_second else None


@dataclass(frozen=True, slots=True)
class Report:
    """What a build did; `skipped` holds (id, problem) pairs."""

    pictures: int
    encoded: int
    reused: int
    removed: int
    skipped: list[tuple[str, str]]
    seconds: float


@dataclass(slots=True)
class _Tally:
    total: int
    track: Callable[[Progress], None]
    done: int = 0
    encoded: int = 0
    changed: int = 0
    unreadable: int = 0
    started: float = field(default_factory=time.perf_counter)

    def add(self, done: int, encoded: int = 0, changed: int = 0) -> None:
        self.done += done
        self.encoded += encoded
        self.changed += changed
        elapsed = time.perf_counter() - self.started
        self.track(Progress(self.done, self.total, self.encoded, self.encoded / elapsed if self.encoded else 0.0))


def preprocessing(spec: EncoderSpec) -> str:
    """Return what names the way from file to network input: an index made under another one is stale."""
    return f"p{pictures.VERSION}.{spec.preprocessing}.{spec.image_size}"


def build_index(
    catalog: Catalog,
    spec: EncoderSpec,
    digest: str,
    load: Callable[[], Encoder],
    folder: Path,
    track: Callable[[Progress], None] = lambda progress: None,
) -> Report:
    """Bring the index of `catalog` in `folder` up to date with it, encoding only what is new or changed.

    An item with the same stamp is left alone; one with the same content (BLAKE2 of file and box) keeps its vector
    under any name; the rest is encoded, BATCH at a time, each batch stored before the next begins. `load` gives the
    encoder and is called only when there is something to encode. `track` hears of every batch and may raise Stopped.
    Pictures that are no pictures are skipped, named in the report, and not tried again until they change; files that
    cannot be read are skipped and named too, and tried again by the next build.
    """
    try:
        return _build(catalog, spec, digest, load, folder, track)
    except DamagedTableError as error:
        log.warning("%s", error)
        old, path = _finished(folder, spec), folder / storage.table_name(spec, digest, preprocessing(spec))
        if old and old.table == path.name:
            storage.drop_manifest(folder, spec)
        storage.set_aside(path)
        return _build(catalog, spec, digest, load, folder, track)


def _build(
    catalog: Catalog,
    spec: EncoderSpec,
    digest: str,
    load: Callable[[], Encoder],
    folder: Path,
    track: Callable[[Progress], None],
) -> Report:
    started = time.perf_counter()
    table_path = folder / storage.table_name(spec, digest, preprocessing(spec))
    total, mark = _survey(catalog)
    old = _finished(folder, spec)
    standing = old if old and old.table == table_path.name else None
    if standing and not table_path.is_file():
        storage.drop_manifest(folder, spec)
        old = standing = None
    with VectorTable(table_path, spec.dim) as table:
        if standing and standing.fingerprint == mark and table.counts() == (standing.pictures, standing.skipped):
            problems = table.problems()
            return Report(standing.pictures, 0, standing.pictures, 0, problems, time.perf_counter() - started)
        if standing:
            storage.write_manifest(folder, spec, replace(standing, fingerprint=_UNFINISHED))
        tally = _Tally(total, track)
        fresh = (item for chunk in _chunks(catalog, _CHUNK) for item in _unstored(chunk, table, tally))
        _store(fresh, catalog, spec, load, table, tally)
        if tally.unreadable or not tally.done:
            _survey(catalog)  # raises where the pictures went away meanwhile, before their rows are dropped
        removed = table.drop_unseen()
        kept, skipped = table.counts()
        problems = table.problems()
    made = datetime.now(UTC).isoformat(timespec="milliseconds")
    if standing and standing.fingerprint != _UNFINISHED and not tally.changed:
        made = standing.made if (kept, skipped) == (standing.pictures, standing.skipped) and not removed else made
    manifest = Manifest(
        spec.engine, spec.weights, digest, preprocessing(spec), spec.dim, catalog.name,
        _INCOMPLETE if tally.unreadable else mark, kept, skipped, made, table_path.name,
    )  # fmt: skip
    storage.write_manifest(folder, spec, manifest)
    if old and old.table != table_path.name:
        for leftover in folder.glob(f"{glob.escape(old.table)}*"):
            leftover.unlink(missing_ok=True)
    return Report(kept, tally.encoded, kept - tally.encoded, removed, problems, time.perf_counter() - started)


def open_manifest(folder: Path, spec: EncoderSpec) -> Manifest:
    """Return the manifest of the finished index of `spec` in `folder`; raises MissingIndexError."""
    manifest = storage.read_manifest(folder, spec)
    if manifest is None or not (folder / manifest.table).is_file():
        raise MissingIndexError(
            f"This catalogue is not indexed yet. Run: python cli.py index --engine {spec.engine} "
            f"--weights {spec.weights} --catalog NAME"
        )
    return manifest


def stored_blocks(folder: Path, spec: EncoderSpec) -> Iterator[tuple[list[str], np.ndarray, list[Attributes]]]:
    """Yield (ids, float32 (n, dim) vectors, attributes) of a finished index, some thousand rows at a time."""
    manifest = open_manifest(folder, spec)
    with VectorTable(folder / manifest.table, spec.dim) as table:
        yield from table.blocks()


def _survey(catalog: Catalog) -> tuple[int, str]:
    count = 0

    def counted() -> Iterator[Item]:
        nonlocal count
        for item in catalog:
            count += 1
            yield item

    mark = fingerprint(counted())
    if not count:
        raise AppError(f"There are no pictures in {catalog.title}. Put some there; an index made before is kept.")
    return count, mark


def _finished(folder: Path, spec: EncoderSpec) -> Manifest | None:
    try:
        return storage.read_manifest(folder, spec)
    except StaleIndexError:
        return None


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def _unstored(chunk: Sequence[Item], table: VectorTable, tally: _Tally) -> list[Item]:
    """Mark `chunk` as seen, renew changed attributes, and return the items whose picture is new or changed."""
    known = table.states([item.id for item in chunk if _storable(item)])
    table.mark_seen(list(known))
    fresh, renamed = [], []
    for item in chunk:
        state = known.get(item.id)
        if state is None or state.stamp != _stamp(item):
            fresh.append(item)
        elif state.attributes != _text(item):
            renamed.append((_text(item), item.id))
    if renamed:
        table.relabel(renamed)
    tally.add(len(chunk) - len(fresh), changed=len(renamed))
    return fresh


def _store(
    items: Iterable[Item],
    catalog: Catalog,
    spec: EncoderSpec,
    load: Callable[[], Encoder],
    table: VectorTable,
    tally: _Tally,
) -> None:
    with ThreadPoolExecutor(READERS, thread_name_prefix="read") as readers:
        waiting: deque[Future[_Read]] = deque()
        todo = iter(items)
        try:
            while True:
                for item in itertools.islice(todo, AHEAD - len(waiting)):
                    waiting.append(readers.submit(_read, item, catalog, spec, table))
                if not waiting:
                    return
                batch = [waiting.popleft().result() for _ in range(min(BATCH, len(waiting)))]
                encoded = _encode(batch, load)
                table.put([row.row for row in batch])
                table.mark_seen([row.row.id for row in batch])
                tally.unreadable += sum(row.row.stamp == _UNREAD for row in batch)
                tally.add(len(batch), encoded, changed=sum(row.row.stamp != _UNREAD for row in batch))
        finally:
            for future in waiting:
                future.cancel()


@dataclass(slots=True)
class _Read:
    row: Row
    image: Image.Image | None = None


def _read(item: Item, catalog: Catalog, spec: EncoderSpec, table: VectorTable) -> _Read:
    """Return the item's row with the vector of a known picture, or the decoded picture to encode, or the problem."""
    item_id = item.id if _storable(item) else item.id.encode("utf-8", "backslashreplace").decode()
    row = Row(item_id, _stamp(item), _text(item))
    try:
        if not _storable(item):
            raise BadPictureError("The file's name is not valid Unicode; rename it.")
        data = catalog.read(item.id)
        digest = hashlib.blake2b(data + repr(item.box).encode(), digest_size=16).hexdigest()
        known = table.by_digest(digest)
        if known is not None:
            return _Read(replace(row, digest=digest, vector=known))
        image = pictures.decode(data, spec.image_size, item.box)
        return _Read(replace(row, digest=digest), image)
    except UnreadableError as error:
        return _Read(replace(row, stamp=_UNREAD, problem=str(error)))
    except BadPictureError as error:
        return _Read(replace(row, problem=str(error)))


def _encode(batch: list[_Read], load: Callable[[], Encoder]) -> int:
    """Give every row of `batch` that has a picture its vector, and return how many there were."""
    fresh = [read for read in batch if read.image is not None]
    if fresh:
        vectors = load().encode_images([read.image for read in fresh if read.image is not None])
        for read, vector in zip(fresh, vectors.astype(np.float32, copy=False), strict=True):
            read.row, read.image = replace(read.row, vector=vector), None
    return len(fresh)


def _storable(item: Item) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in item.id)


def _stamp(item: Item) -> str:
    return f"{item.stamp} {item.box}" if item.box else item.stamp


def _text(item: Item) -> str:
    return json.dumps(dict(sorted(item.attributes.items())))
