"""The health of a catalogue: copies and which of them to keep, blurred, dark and tiny pictures; nothing is deleted."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from retrieval import catalogs
from retrieval.core import BadPictureError, Catalog, Item
from retrieval.disk import DiskError, write_atomically
from retrieval.pictures import decoding, health, signature
from retrieval.pictures.health import Health
from retrieval.search.duplicates import Group
from services.catalogs.open_catalogs import OpenCatalogs
from services.models.appearance import pool

OnProgress = Callable[[int, int], None]
_FILE = "health.npz"
_VERSION = 1
_BATCH = 64
"""Raise _VERSION when pictures are measured otherwise."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What was measured of a catalogue's pictures that can be read: `signatures` uint8 (n, SIDE, SIDE, 3), by `ids`."""

    ids: tuple[str, ...]
    measures: tuple[Health, ...]
    signatures: np.ndarray

    def problems(self) -> dict[str, list[tuple[str, Health]]]:
        """Return problem -> (id, measures) of the pictures that have it, the worst first."""
        worst: dict[str, Callable[[Health], float]] = {
            "blurred": lambda each: -each.blur,
            "dark": lambda each: each.light,
            "tiny": lambda each: min(each.width, each.height),
        }
        found = {}
        for problem in health.PROBLEMS:
            having = [pair for pair in zip(self.ids, self.measures, strict=True) if problem in pair[1].problems]
            badness = worst[problem]
            found[problem] = [having[n] for n in np.argsort([badness(each) for _, each in having], kind="stable")]
        return found

    def copies(self, ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return two int64 (m,), the places in `ids` of pairs of copies, mirrored and turned ones among them."""
        place = {each: number for number, each in enumerate(ids)}
        first, second = signature.copies(self.signatures)
        rows = np.array([place.get(each, -1) for each in self.ids], np.int64)
        pairs = np.sort(np.stack([rows[first], rows[second]], axis=1), axis=1)
        found = pairs[pairs[:, 0] >= 0]
        return found[:, 0], found[:, 1]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a picture of a group of copies is kept: that with most pixels is, then with most bytes, then by name."""

    group: int
    keep: bool
    id: str
    width: int
    height: int
    bytes: int
    similarity: float


class CatalogHealth:
    """Surveys of the open catalogues, kept beside their indexes; safe to share between threads."""

    def __init__(self, catalogs: OpenCatalogs) -> None:
        """Survey nothing yet."""
        self._catalogs = catalogs
        self._lock = threading.Lock()

    def survey(self, catalog: str, on_progress: OnProgress = lambda done, total: None) -> Survey:
        """Look at every picture that is new or changed since the last survey; `on_progress` may raise to stop it."""
        source, file = self._catalogs.catalog(catalog), self._file(catalog)
        with self._lock:
            known = _read(file)
            items = [item for item in catalogs.known(source) if not item.id.endswith("/")]
            stamps = {item.id: _stamp(item) for item in items}
            fresh = [item.id for item in items if known.get(item.id, ("",))[0] != stamps[item.id]]
            found = {each: row for each, row in known.items() if stamps.get(each) == row[0]}
            for start in range(0, len(fresh), _BATCH):
                on_progress(start, len(fresh))
                some = fresh[start : start + _BATCH]
                for each, row in zip(some, pool().map(partial(_looked, source), some), strict=True):
                    if row:
                        found[each] = (stamps[each], *row)
            if any(known.get(each) is not row for each, row in found.items()) or len(found) < len(known):
                _write(file, found)
        rows = found.values()
        signatures = np.array([row[2] for row in rows], np.uint8).reshape(-1, signature.SIDE, signature.SIDE, 3)
        return Survey(tuple(found), tuple(row[1] for row in rows), signatures)

    def decisions(self, catalog: str, groups: Sequence[Group]) -> Iterator[Decision]:
        """Yield which picture of each group to keep, the others after it; what cannot be read is left out."""
        source = self._catalogs.catalog(catalog)
        for number, group in enumerate(groups, 1):
            sizes = {}
            for item_id in group.ids:
                try:
                    data = source.read(item_id)
                    sizes[item_id] = (*decoding.dimensions(data), len(data))
                except BadPictureError:
                    continue
            ranked = sorted(sizes, key=lambda i: (-sizes[i][0] * sizes[i][1], -sizes[i][2], i))
            for place, item_id in enumerate(ranked):
                yield Decision(number, not place, item_id, *sizes[item_id], round(group.weakest, 3))

    def _file(self, catalog: str) -> Path:
        """Return where a survey lies: beside the indexes, with what else is known of the pictures."""
        indexes = self._catalogs.folder(catalog)
        return indexes.with_name(f"{indexes.name}.words") / _FILE


_Row = tuple[str, Health, np.ndarray]


def _looked(catalog: Catalog, item_id: str) -> tuple[Health, np.ndarray] | None:
    """Return the measures and the signature of one picture, None where it cannot be read."""
    try:
        size = decoding.dimensions(catalog.read(item_id))
        image = catalog.open(item_id, health.SIDE)
    except BadPictureError:
        return None
    return health.examine(image, size), signature.signature(image)


def _stamp(item: Item) -> str:
    return f"{_VERSION} {decoding.VERSION} {item.stamp} {item.box or ''}"


def _read(file: Path) -> dict[str, _Row]:
    """Return id -> stamp, measures, signature of an earlier survey; nothing where it cannot be read."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            columns = [kept[name] for name in ("ids", "stamps", "measures", "signatures")]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        return {}
    found: dict[str, _Row] = {}
    for item_id, stamp, row, mark in zip(*columns, strict=True):
        measured = Health(int(row[0]), int(row[1]), float(row[2]), float(row[3]))
        found[bytes(item_id).decode("utf-8", "surrogatepass")] = bytes(stamp).decode(), measured, mark
    return found


def _write(file: Path, rows: dict[str, _Row]) -> None:
    """Keep a survey; on a disk that takes none it is made again the next time."""
    data = io.BytesIO()
    np.savez(
        data,
        ids=np.array([each.encode("utf-8", "surrogatepass") for each in rows], np.bytes_),
        stamps=np.array([row[0].encode() for row in rows.values()], np.bytes_),
        measures=np.array([astuple(row[1]) for row in rows.values()], np.float64).reshape(-1, 4),
        signatures=np.array([row[2] for row in rows.values()], np.uint8),
    )
    with suppress(DiskError):
        write_atomically(file, data.getvalue())
