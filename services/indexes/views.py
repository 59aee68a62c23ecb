"""What a page shows of a catalogue besides answers: its pictures and thumbnails, its facets, good first queries."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence

from PIL import Image

from retrieval import catalogs
from retrieval.core import AppError, Filter
from retrieval.pictures import decoding
from retrieval.words import columns, conditions
from services.catalogs.open_catalogs import OURS, OpenCatalogs
from services.indexes.indexes import Indexes, held
from settings import Settings

_THUMBNAILS = 2048
_FEW, _MOST = 60, 500
"""So many values are a filter whatever they are; so many of the most frequent are given of an attribute."""
_EXAMPLES = 6
_NAMED = 40
_LONG_SECONDS = 0.5
KEPT_FOR = 20
"""What is counted of a catalogue is kept for so many times as long as the counting took."""


class Views:
    """Pictures, facets and examples, kept while they are true; safe to share between threads."""

    def __init__(self, settings: Settings, catalogs: OpenCatalogs, indexes: Indexes) -> None:
        """Keep nothing yet."""
        self._settings, self._catalogs, self._indexes = settings, catalogs, indexes
        self._lock = threading.Lock()
        self._thumbnails: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._sheets: dict[str, set[str]] = {}
        self._facets: dict[str, tuple[str, float, dict[str, dict[str, int]]]] = {}
        catalogs.when_closed(self._forget)

    def facets(self, catalog: str) -> dict[str, dict[str, int]]:
        """Return attribute -> value -> count for the attributes that are useful as filters, common values first.

        They are counted anew when the index is; before there is one, each time, but seldom where counting takes long.
        """
        made, started = self._indexes.made(catalog), time.monotonic()
        with self._lock:
            known = self._facets.get(catalog)
        if known and known[0] == made and (made or started < known[1]):
            return known[2]
        counts = conditions.counted(item.attributes for item in catalogs.known(self._catalogs.catalog(catalog)))
        found = {name: dict(c.most_common(_MOST)) for name, c in counts.items() if _is_useful(name, c)}
        ended = time.monotonic()
        kept = KEPT_FOR * (ended - started) if ended - started > _LONG_SECONDS else 0.0
        with self._lock:
            self._facets[catalog] = (made, ended + kept, found)
        return found

    def check_filter(self, catalog: str, filter: Filter | None) -> None:
        """Raise AppError, naming the valid ones, for an attribute or a value that no picture of a catalogue has."""
        facets = self.facets(catalog) if filter else {}
        if all(set(values) <= facets.get(name, {}).keys() for name, values in (filter or {}).items()):
            return
        there: dict[str, set[str]] = {}
        for item in catalogs.known(self._catalogs.catalog(catalog)):
            for name, value in item.attributes.items():
                there.setdefault(name, set()).add(value)
        for name, values in (filter or {}).items():
            if name not in there:
                raise AppError(f"No picture here has an attribute '{name}'. Filter by one of: {_listed(there)}.")
            for value in set(values) - there[name]:
                raise AppError(f"No picture here has the {name} '{value}'. Choose from: {_listed(there[name])}.")

    def examples(self, catalog: str) -> list[str]:
        """Return a few ids that make good first queries: chosen ones of the sample, others spread over the labels."""
        chosen = self._settings.sample.with_name(catalog) / "examples.txt"
        if catalog in OURS and chosen.is_file():
            return chosen.read_text(encoding="utf-8").split()
        by_label: dict[str, str] = {}
        searchers = self._indexes.searchers(catalog)
        for item in catalogs.known(self._catalogs.catalog(catalog)):
            if searchers and not held(searchers, item.id):
                continue
            by_label.setdefault(item.attributes.get("label", item.id), item.id)
            if len(by_label) >= 4 * _EXAMPLES:
                break
        ids = list(by_label.values())
        return ids[:: max(1, len(ids) // _EXAMPLES)][:_EXAMPLES]

    def picture(self, catalog: str, item_id: str) -> Image.Image:
        """Return an item's picture, upright RGB; raises AppError for an id that no index of the catalogue holds."""
        self._check_known(catalog, item_id)
        return self._catalogs.catalog(catalog).open(item_id)

    def thumbnail(self, catalog: str, item_id: str, side: int = 320) -> bytes:
        """Return an item as a JPEG of at most `side` pixels; raises AppError for an id that no index holds."""
        key = (catalog, item_id, side)
        with self._lock:
            if key in self._thumbnails:
                self._thumbnails.move_to_end(key)
                return self._thumbnails[key]
        self._check_known(catalog, item_id)
        data = decoding.thumbnail(self._catalogs.catalog(catalog).open(item_id, side), side)
        with self._lock:
            self._thumbnails[key] = data
            if len(self._thumbnails) > _THUMBNAILS:
                self._thumbnails.popitem(last=False)
        return data

    def link(self, catalog: str, item_id: str) -> str | None:
        """Return an address from which a browser gets an item itself, where the settings want that; else None."""
        self._check_known(catalog, item_id)
        return catalogs.link(self._catalogs.catalog(catalog), item_id)

    def may_show(self, catalog: str, ids: Sequence[str]) -> None:
        """Let these pictures of a catalogue be shown, though no index may hold them yet."""
        with self._lock:
            self._sheets[catalog] = {*self._sheets.get(catalog, ()), *ids}

    def _forget(self, catalog: str) -> None:
        """Drop all that is kept of a catalogue that was closed."""
        with self._lock:
            self._sheets.pop(catalog, None)
            self._facets.pop(catalog, None)
            for key in [key for key in self._thumbnails if key[0] == catalog]:
                del self._thumbnails[key]

    def _check_known(self, catalog: str, item_id: str) -> None:
        self._catalogs.catalog(catalog)
        if item_id not in self._sheets.get(catalog, ()) and not self._indexes.holds(catalog, item_id):
            raise AppError(f"'{item_id}' is not in the catalogue '{catalog}'.")


def _is_useful(name: str, counts: Counter[str]) -> bool:
    """Return whether an attribute narrows a catalogue down: not what names or describes each picture by itself."""
    if len(counts) <= _FEW:
        return len(counts) > 1
    if columns.meaning(name) in ("name", "link", "description"):
        return False
    return counts.total() >= 2 * len(counts)


def _listed(names: Iterable[str]) -> str:
    """Return the first names in words, the rest as a number."""
    known = sorted(names)
    more = f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else ""
    return (", ".join(known[:_NAMED]) or "none") + more
