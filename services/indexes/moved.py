"""The index of a folder that was moved or renamed, found among the indexes of folders that are gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from retrieval.core import Catalog, EncoderSpec, StaleIndexError
from retrieval.indexing import storage
from retrieval.indexing.storage import Manifest, VectorTable

_LOOKED_AT = 200
"""So many pictures of the new place are looked for in an index of an old one."""


def left_index(catalog: Catalog, folder: Path, spec: EncoderSpec) -> tuple[Path, Manifest] | None:
    """Return the folder and manifest of the index of `spec` that most of a catalogue's first pictures lie in.

    Only indexes beside `folder` count whose own folder is gone: what is still there is another catalogue.
    """
    ids: list[str] = []
    for place, manifest in _orphans(catalog, folder, spec):
        ids = ids or [item.id for item in islice(catalog, _LOOKED_AT)]
        with VectorTable(place / manifest.table, manifest.dim) as table:
            if 2 * len(table.states(ids)) > len(ids):
                return place, manifest
    return None


def take_over(left: tuple[Path, Manifest], table: Path) -> None:
    """Begin a new table at `table` with the vectors of an index that was left."""
    place, manifest = left
    with VectorTable(table, manifest.dim) as new:
        new.carry_over(place / manifest.table)


def _orphans(catalog: Catalog, folder: Path, spec: EncoderSpec) -> Iterator[tuple[Path, Manifest]]:
    form = catalog.name.partition(":")[0]
    for path in sorted(folder.parent.glob(f"{form}-*/{spec.engine}-{spec.weights}.json")):
        try:
            manifest = storage.read_manifest(path.parent, spec)
        except StaleIndexError:
            continue
        known, _, place = manifest.catalog.partition(":") if manifest else ("", "", "")
        if manifest and known == form and not os.path.lexists(place) and (path.parent / manifest.table).is_file():
            yield path.parent, manifest
