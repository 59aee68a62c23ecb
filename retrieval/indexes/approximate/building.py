"""Making the parts of an approximate index from a table, and bringing them up to date with it, in bounded memory."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from retrieval.core import Attributes
from retrieval.indexes.approximate import postings
from retrieval.indexes.approximate import shard as parts
from retrieval.indexes.approximate.manifest import VERSION, ShardManifest
from retrieval.indexes.approximate.shard import FREE, Files, Scale, Shard
from retrieval.indexes.faiss_index import SAMPLES_PER_LIST, InvertedLists
from retrieval.indexing.stored_rows import StoredRows

PART_SLOTS = 1_000_000
SAMPLE_BYTES = 1 << 28
"""How many bytes of vectors centroids are fitted to; they are all in memory at once."""
_GROWN = 0.5
_AT_ONCE = 8192
_SEED = 20261126
_NO_CODES = np.empty((0, 0), np.uint8)
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A part as it is on disk: `live` bool (slots,) says which slots still hold what the table holds."""

    files: Files
    rows: np.ndarray
    live: np.ndarray

    def outdated(self, coming: int) -> bool:
        """Return whether the centroids have to be fitted anew, `coming` vectors added to what came and went before."""
        changed = int((~self.live).sum()) + len(self.rows) - self.files.trained + coming
        return changed > _GROWN * self.files.trained


def make_parts(
    folder: Path, name: str, stored: StoredRows, old: ShardManifest | None, on_progress: OnProgress
) -> ShardManifest:
    """Write parts and postings that hold every vector of a table, and return their layout, which is not written yet.

    The names of the files begin with `name`. A part of `old` in which nothing changed is kept, another is mended; one
    in which half as many vectors came or went as its centroids were fitted to is made anew. `on_progress` hears
    (vectors done, of how many) and may raise Stopped.
    """
    numbers, marks = stored.marks()
    standing = _standing(folder, old, numbers, marks) if old and old.dim == stored.dim else []
    alive = [each.rows[each.live] for each in standing]
    fresh = np.setdiff1d(numbers, np.concatenate([*alive, np.empty(0, np.int64)]), assume_unique=True)
    maker = _Maker(folder, f"{name}.{secrets.token_hex(4)}", stored, numbers, marks, on_progress)
    made = []
    for each in standing:
        room = max(0, PART_SLOTS - len(each.rows))
        coming, fresh = fresh[:room], fresh[room:]
        if each.outdated(len(coming)):
            fresh = np.sort(np.concatenate([each.rows[each.live], coming, fresh]))
        else:
            made.append(maker.mend(each, coming))
    for start in range(0, len(fresh), PART_SLOTS):
        made.append(maker.make(fresh[start : start + PART_SLOTS]))
    written = f"{maker.name}.postings"
    postings.write(folder / written, _labels(folder, made, stored))
    return ShardManifest(VERSION, stored.dim, "", len(numbers), made, written)


def _standing(folder: Path, old: ShardManifest, numbers: np.ndarray, marks: np.ndarray) -> list[_Standing]:
    found = []
    for files in old.parts:
        try:
            part = Shard.read(folder, files)
        except parts.DAMAGE:
            continue  # what it held is made anew
        rows, held = part.rows, part.marks
        places = np.minimum(np.searchsorted(numbers, rows), max(len(numbers) - 1, 0))
        live = (numbers[places] == rows) & (marks[places] == held) if len(numbers) else np.zeros(len(rows), bool)
        found.append(_Standing(files, rows, live))
    return found


def _labels(folder: Path, made: Sequence[Files], stored: StoredRows) -> Iterator[tuple[int, Attributes]]:
    """Yield (slot, attributes) of all that was made; slots are counted through, PART_SLOTS to a part."""
    rows = [parts.read_slots(folder, files)[0] for files in made]
    held = np.concatenate([np.empty(0, np.int64), *rows])
    slots = np.concatenate([np.empty(0, np.int64), *(n * PART_SLOTS + np.arange(len(r)) for n, r in enumerate(rows))])
    order = np.argsort(held)
    held, slots = held[order], slots[order]
    for numbers, attributes in stored.labels():
        places = np.minimum(np.searchsorted(held, numbers), len(held) - 1)
        for place, number, each in zip(places.tolist(), numbers.tolist(), attributes, strict=True):
            if held[place] == number:
                yield int(slots[place]), each


@dataclass(slots=True)
class _Maker:
    """Writes parts of the rows `numbers` int64 (n,), in order, with the `marks` uint64 (n,) of their content."""

    folder: Path
    name: str
    stored: StoredRows
    numbers: np.ndarray
    marks: np.ndarray
    on_progress: OnProgress
    made: int = 0
    done: int = 0

    def make(self, numbers: np.ndarray) -> Files:
        """Write a part of these rows, its centroids fitted to a sample of them."""
        files = self._files(len(numbers) >= parts.LISTED_FROM, len(numbers))
        sample = self._sample(numbers)
        lists = InvertedLists.train(sample, _lists(len(numbers))) if files.lists else None
        part = Shard(_NO_CODES, np.empty(0, np.int64), np.empty(0, np.uint64), Scale.fitted(sample), lists)
        del sample
        self._fill(part, files, numbers)
        part.write(self.folder, files)
        return files

    def mend(self, standing: _Standing, coming: np.ndarray) -> Files:
        """Write a part anew with the rows `coming` in slots behind its last, or keep what did not change of it.

        The slots of what is gone stay empty: FAISS does not clear them in its lists, and would mix old codes into new.
        """
        gone = bool(((standing.rows != FREE) & ~standing.live).any())
        if not gone and not len(coming):
            self._tell(len(standing.rows))
            return standing.files
        old = Shard.read(self.folder, standing.files)
        files = self._files(old.lists is not None, standing.files.trained)
        part = Shard(_NO_CODES, np.where(standing.live, old.rows, FREE), old.marks, old.scale, old.lists)
        self._tell(int(standing.live.sum()))
        if len(coming):
            shutil.copyfile(self.folder / standing.files.codes, self.folder / files.codes)
            self._fill(part, files, coming)
        else:
            files = replace(files, codes=standing.files.codes)
        part.write(self.folder, files)
        return files

    def _fill(self, part: Shard, files: Files, numbers: np.ndarray) -> None:
        """Give the rows `numbers` the slots behind the last of `part`, their codes written behind its file's."""
        first, more = len(part.rows), np.full(len(numbers), FREE, np.int64)
        part.rows = np.concatenate([part.rows, more])
        part.marks = np.concatenate([part.marks, more.astype(np.uint64)])
        with (self.folder / files.codes).open("ab") as file:
            for start in range(0, len(numbers), _AT_ONCE):
                asked = numbers[start : start + _AT_ONCE]
                got, vectors = self.stored.numbered(asked)
                here = np.searchsorted(asked, got)
                codes = np.zeros((len(asked), self.stored.dim), np.uint8)
                codes[here] = part.scale.encode(vectors)
                file.write(codes.tobytes())
                slots = first + start + here
                part.rows[slots], part.marks[slots] = got, self.marks[np.searchsorted(self.numbers, got)]
                if part.lists is not None:
                    part.lists.add(vectors, slots)
                self._tell(len(asked))

    def _sample(self, numbers: np.ndarray) -> np.ndarray:
        most = min(SAMPLES_PER_LIST * _lists(len(numbers)), SAMPLE_BYTES // (4 * self.stored.dim))
        if len(numbers) > most:
            numbers = np.sort(np.random.default_rng(_SEED).choice(numbers, most, replace=False))
        return self.stored.numbered(numbers)[1]

    def _files(self, listed: bool, trained: int) -> Files:
        name = f"{self.name}.{self.made}"
        self.made += 1
        return Files(f"{name}.lists" if listed else "", f"{name}.codes", f"{name}.slots", trained)

    def _tell(self, rows: int) -> None:
        self.done += rows
        self.on_progress(min(self.done, len(self.numbers)), len(self.numbers))


def _lists(vectors: int) -> int:
    """Return the power of two that is nearest to three times the root of `vectors`."""
    return 1 << max(0, round(np.log2(3 * np.sqrt(vectors))))
