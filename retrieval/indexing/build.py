"""Building an index: read -> decode -> encode -> store, the first two ahead of the third, resumable at every batch."""

from __future__ import annotations

import glob
import hashlib
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.core import (
    AppError,
    Attributes,
    Catalog,
    Detachable,
    Encoder,
    EncoderSpec,
    Item,
    MissingIndexError,
    StaleIndexError,
    fingerprint,
    fingerprinted,
)
from retrieval.indexing import region_rows, storage
from retrieval.indexing.encoding import (
    Batch,
    Encode,
    full_stamp,
    in_process,
    of_version_1,
    storable,
    text,
)
from retrieval.indexing.storage import UNREAD, DamagedTableError, Manifest, StoredRow, VectorTable
from retrieval.pictures import decoding as pictures

log = logging.getLogger(__name__)

_MOST_CHECKED = 1000
_checked: OrderedDict[Path, tuple[int, int] | None] = OrderedDict()

_CHUNK = 512
# In place of a catalogue's fingerprint, which it never equals: the next build looks again.
_UNFINISHED = "unfinished"

WAITING = "Waiting until another process has built this index"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is: pictures done of total, how many of them were encoded, at what speed; what is `doing`."""

    done: int
    total: int
    encoded: int = 0
    per_second: float = 0.0
    doing: str = "Indexing"

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds that the rest will take at this speed, or None before there is a speed."""
        return (self.total - self.done) / self.per_second if self.per_second else None


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """How the vectors of a catalogue are searched: `kind` is flat, approximate or pinecone.

    `recall` is the share of the ten nearest that a search finds, measured on a sample; None where it cannot be
    measured. `size` is in bytes, beside the table of vectors; `seconds` is what making it took; `note` is a sentence;
    `regions` counts the vectors of a picture.
    """

    kind: str
    recall: float | None = None
    size: int = 0
    seconds: float = 0.0
    note: str = ""
    regions: int = 1

    @property
    def summary(self) -> str:
        """In a few words, nothing for an exact search of whole pictures."""
        words = [] if self.kind == "flat" else [self.kind]
        if words and self.recall is not None:
            words.append(f"finds {self.recall:.1%} of the ten nearest")
        if self.regions > 1:
            words.append(f"{self.regions} regions a picture")
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Report:
    """What a build did; `index` says how its vectors are searched.

    `skipped` holds (id, problem) of what has no vector, `unavailable` of what keeps one and cannot be read now, `notes`
    (file, sentence) on what lies beside the pictures: a table that could not be used, say.
    """

    pictures: int
    encoded: int
    reused: int
    removed: int
    skipped: list[tuple[str, str]]
    seconds: float
    index: IndexFacts = IndexFacts("flat", 1.0)
    unavailable: list[tuple[str, str]] = field(default_factory=list)
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Tally:
    total: int
    on_progress: Callable[[Progress], None]
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
        self.on_progress(Progress(self.done, self.total, self.encoded, self.encoded / elapsed if self.encoded else 0.0))


def preprocessing(spec: EncoderSpec) -> str:
    """Return what names the way from file to network input: an index made under another one is stale."""
    return f"p{pictures.VERSION}.{spec.preprocessing}.{spec.image_size}"


def build_index(
    catalog: Catalog,
    spec: EncoderSpec,
    digest: str,
    load: Callable[[], Encoder],
    folder: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    encode: Encode | None = None,
) -> Report:
    """Bring the index of `catalog` in `folder` up to date with it, encoding only what is new or changed.

    An item with the same stamp is left alone; one with the same content (BLAKE2 of file and box) keeps its vector
    under any name; the rest is encoded, each batch stored as it comes. `load` gives the encoder and is called only when
    there is something to encode; or `encode` has it done elsewhere. `on_progress` hears of every batch and may
    raise Stopped. Pictures that are no pictures are skipped, named in the report, and not tried again until they
    change. Files that cannot be read now are named too, and tried again by the next build; what was encoded of them
    before stays.
    """
    encode = encode or in_process(catalog, spec.image_size, load)
    with storage.building(folder, spec, lambda: on_progress(Progress(0, 0, doing=WAITING))):
        return _mended(catalog, spec, digest, encode, folder, on_progress)


def _mended(
    catalog: Catalog,
    spec: EncoderSpec,
    digest: str,
    encode: Encode,
    folder: Path,
    on_progress: Callable[[Progress], None],
) -> Report:
    """Build, and where SQLite cannot read the table at all, put it aside and build once more."""
    try:
        return _build(catalog, spec, digest, encode, folder, on_progress)
    except DamagedTableError as error:
        log.warning("%s", error)
        old, path = _finished(folder, spec), folder / storage.table_name(spec, digest, preprocessing(spec))
        if old and old.table == path.name:
            storage.drop_manifest(folder, spec)
        storage.set_aside(path)
        return _build(catalog, spec, digest, encode, folder, on_progress)


def _build(
    catalog: Catalog,
    spec: EncoderSpec,
    digest: str,
    encode: Encode,
    folder: Path,
    on_progress: Callable[[Progress], None],
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
        if not _verified(table_path) and (damaged := table.drop_damaged()):
            log.warning("%s has %d damaged vectors; they are made anew", table_path, damaged)
        settled = standing and standing.fingerprint == mark and not standing.unread
        if standing and settled and table.counts() == (standing.pictures, standing.skipped):
            problems = table.problems()
            _note_verified(table_path)
            return Report(standing.pictures, 0, standing.pictures, 0, problems, time.perf_counter() - started)
        if standing:
            storage.write_manifest(folder, spec, replace(standing, fingerprint=_UNFINISHED))
        elif old and _differs_in_decoding_only(old, spec, digest) and (folder / old.table).is_file():
            table.carry_over(folder / old.table, "version 1", of_version_1)
        tally, seen = _Tally(total, on_progress), hashlib.blake2b(digest_size=16)
        fresh = (
            item for chunk in _chunks(fingerprinted(catalog, seen), _CHUNK) for item in _unstored(chunk, table, tally)
        )
        _store(encode(fresh, table), table, tally)
        if tally.unreadable or not tally.done:
            _survey(catalog)  # raises where the pictures went away meanwhile, before their rows are dropped
        _keep_what_is_away(catalog, table)
        removed, (kept, skipped) = table.drop_unseen()
        problems, unavailable, unread = table.problems(), table.unavailable(), table.unread()
    _note_verified(table_path)
    made = datetime.now(UTC).isoformat(timespec="milliseconds")
    if standing and standing.fingerprint != _UNFINISHED and not tally.changed:
        made = standing.made if (kept, skipped) == (standing.pictures, standing.skipped) and not removed else made
    manifest = Manifest(
        spec.engine, spec.weights, digest, preprocessing(spec), spec.dim, catalog.name,
        seen.hexdigest(), kept, skipped, made, table_path.name, unread,
    )  # fmt: skip
    storage.write_manifest(folder, spec, manifest)
    if old and old.table != table_path.name:
        for leftover in folder.glob(f"{glob.escape(old.table)}*"):
            leftover.unlink(missing_ok=True)
    seconds, reused = time.perf_counter() - started, kept - tally.encoded
    return Report(kept, tally.encoded, reused, removed, problems, seconds, unavailable=unavailable)


def read_again(folder: Path, spec: EncoderSpec, digest: str, ids: Sequence[str] | None = None) -> None:
    """Have the next build of an index read pictures again, all or those called `ids`, whatever their stamp.

    What has the same content keeps its vector.
    """
    table_path = folder / storage.table_name(spec, digest, preprocessing(spec))
    if not table_path.is_file():
        return
    with VectorTable(table_path, spec.dim) as table:
        table.drop_damaged()
        standing = _finished(folder, spec)
        if standing:
            storage.write_manifest(folder, spec, replace(standing, fingerprint=_UNFINISHED))
        table.read_again(ids)


def _differs_in_decoding_only(old: Manifest, spec: EncoderSpec, digest: str) -> bool:
    """Return whether an index was made by the same engine, of pictures decoded by version 1."""
    return (old.digest, old.dim, old.preprocessing) == (digest, spec.dim, f"p1.{spec.preprocessing}.{spec.image_size}")


def open_manifest(folder: Path, spec: EncoderSpec) -> Manifest:
    """Return the manifest of the finished index of `spec` in `folder`; raises MissingIndexError."""
    manifest = storage.read_manifest(folder, spec)
    if manifest is None or not (folder / manifest.table).is_file():
        raise MissingIndexError(
            f"This catalogue is not indexed yet. Run: python cli.py index --engine {spec.engine} "
            f"--weights {spec.weights} --catalog NAME"
        )
    return manifest


def has_regions(folder: Path, spec: EncoderSpec) -> bool | None:
    """Return whether the finished index of `spec` in `folder` holds regions of each picture; None without one."""
    manifest = _finished(folder, spec)
    return None if manifest is None else region_rows.count_in(manifest.dim, spec) > 1


def check(manifest: Manifest, spec: EncoderSpec, digest: str) -> None:
    """Raise StaleIndexError unless weights with this digest would make the same vectors, with regions or without."""
    stored = region_rows.with_regions(spec) if region_rows.count_in(manifest.dim, spec) > 1 else spec
    manifest.check(stored, digest, preprocessing(stored))


def stored_blocks(folder: Path, spec: EncoderSpec) -> Iterator[tuple[list[str], np.ndarray, list[Attributes]]]:
    """Yield (ids, float32 (n, dim) vectors, attributes) of a finished index, some thousand rows at a time.

    Raises DamagedTableError where rows are not as they were written, or where some are missing.
    """
    for ids, vectors, attributes in stored_regions(folder, spec):
        yield ids, np.ascontiguousarray(vectors[:, 0]), attributes


def stored_regions(folder: Path, spec: EncoderSpec) -> Iterator[tuple[list[str], np.ndarray, list[Attributes]]]:
    """Yield (ids, float32 (n, regions, dim) vectors, attributes) of a finished index; one region is the whole.

    Raises DamagedTableError as stored_blocks does.
    """
    manifest = open_manifest(folder, spec)
    count = 0
    with VectorTable(folder / manifest.table, manifest.dim) as table:
        for ids, vectors, attributes in table.blocks():
            count += len(ids)
            yield ids, vectors.reshape(len(ids), -1, spec.dim), attributes
    finished = manifest.fingerprint != _UNFINISHED and storage.read_manifest(folder, spec) == manifest
    if finished and count != manifest.pictures:
        raise storage.damaged_rows(folder / manifest.table)


def _verified(table: Path) -> bool:
    """Return whether this process has checked the rows of a table that has not changed since."""
    return table in _checked and _checked[table] == _state(table)


def _note_verified(table: Path) -> None:
    _checked[table] = _state(table)
    while len(_checked) > _MOST_CHECKED:
        _checked.popitem(last=False)


def _state(table: Path) -> tuple[int, int] | None:
    try:
        found = table.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


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


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def _unstored(chunk: Sequence[Item], table: VectorTable, tally: _Tally) -> list[Item]:
    """Mark `chunk` as seen, renew changed attributes, and return the items whose picture is new or changed."""
    known = table.states([item.id for item in chunk if storable(item)])
    table.mark_seen(list(known))
    fresh, renamed = [], []
    for item in chunk:
        state = known.get(item.id)
        if state is None or state.stamp != full_stamp(item):
            fresh.append(item)
        elif state.attributes != text(item):
            renamed.append((text(item), item.id))
    if renamed:
        table.relabel(renamed)
    tally.add(len(chunk) - len(fresh), changed=len(renamed))
    return fresh


def _store(batches: Iterable[Batch], table: VectorTable, tally: _Tally) -> None:
    for batch in batches:
        unread = [row for row in batch.rows if row.stamp == UNREAD]
        table.put([row for row in batch.rows if row.stamp != UNREAD])
        table.note_unread(unread)
        table.mark_seen([row.id for row in batch.rows])
        tally.unreadable += len(unread)
        tally.add(len(batch.rows), batch.encoded, changed=len(batch.rows) - len(unread))


def _keep_what_is_away(catalog: Catalog, table: VectorTable) -> None:
    """Keep the vectors of pictures that are not listed now, where the catalogue says that they may come back."""
    if not isinstance(catalog, Detachable):
        return
    for chunk in _chunks(catalog.away(table.unseen()), _CHUNK):
        known = table.states([item_id for item_id, _ in chunk])
        table.note_unread([StoredRow(i, UNREAD, known[i].attributes, problem=problem) for i, problem in chunk])
        table.mark_seen(list(known))
