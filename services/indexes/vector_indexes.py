"""Which kind of index answers for a catalogue: exact while it is small, approximate beyond, or Pinecone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.core import EncoderSpec, MissingIndexError, VectorIndex
from retrieval.indexes.region_index import RegionIndex
from retrieval.indexing import build, region_rows, storage
from retrieval.indexing.build import IndexFacts, Progress
from retrieval.indexing.storage import Manifest
from settings import Settings

if TYPE_CHECKING:
    from retrieval.indexes.approximate.manifest import ShardManifest
    from retrieval.indexes.pinecone.index import Account
    from retrieval.indexes.pinecone.update import Uploaded

_SENT = ".pinecone.json"
FLAT_MOST = 100_000
"""Up to so many vectors `auto` searches exactly: benchmarks/scale.py measures what that takes."""


def kind(settings: Settings, manifest: Manifest, spec: EncoderSpec) -> str:
    """Return flat, approximate or pinecone: what the settings say, or what suits the number of vectors."""
    if settings.index != "auto":
        return settings.index
    vectors = manifest.pictures * region_rows.count_in(manifest.dim, spec)
    return "flat" if vectors <= FLAT_MOST else "approximate"


def update_index(
    settings: Settings, folder: Path, spec: EncoderSpec, on_progress: Callable[[Progress], None]
) -> IndexFacts:
    """Make what the search needs of the table of vectors, which is finished; `on_progress` may raise Stopped."""
    manifest = build.open_manifest(folder, spec)
    table, chosen, started = folder / manifest.table, kind(settings, manifest, spec), time.perf_counter()

    def telling(doing: str) -> Callable[[int, int], None]:
        def told(done: int, total: int) -> None:
            on_progress(Progress(done, total, 0, done / (time.perf_counter() - started), doing))

        return told

    if chosen == "flat":
        return _told(IndexFacts("flat", 1.0), manifest, spec)
    if chosen == "pinecone":
        from retrieval.indexes.pinecone import update

        namespace = f"{folder.name}.{spec.engine}-{spec.weights}.{Path(manifest.table).stem.rpartition('-')[2]}"
        sent = update.update_index(
            table, spec.dim, account(settings, spec.dim), namespace, manifest.made, telling("Sending to Pinecone")
        )
        return _told(_at_pinecone(sent), manifest, spec)
    from retrieval.indexes.approximate import index as approximate

    made = approximate.update_index(table, spec.dim, manifest.made, telling("Sorting into lists"))
    return _told(_on_disk(made), manifest, spec)


def facts(settings: Settings, folder: Path, spec: EncoderSpec, manifest: Manifest) -> IndexFacts | None:
    """Return how a finished index is searched, as the disk says, or None where that has to be made yet."""
    table, chosen = folder / manifest.table, kind(settings, manifest, spec)
    if chosen == "flat":
        return _told(IndexFacts("flat", 1.0), manifest, spec)
    if chosen == "pinecone":
        from retrieval.indexes.pinecone import update

        sent = update.read(table)
        return _told(_at_pinecone(sent), manifest, spec) if sent else None
    from retrieval.indexes.approximate import manifest as layout

    made = layout.read(table)
    return _told(_on_disk(made), manifest, spec) if made else None


def opened(settings: Settings, folder: Path, spec: EncoderSpec) -> VectorIndex:
    """Open the finished index of `spec` in `folder`; raises MissingIndexError or StaleIndexError."""
    manifest = build.open_manifest(folder, spec)
    rows, regions = _rows(settings, folder, spec, manifest), region_rows.count_in(manifest.dim, spec)
    return RegionIndex(rows, regions) if regions > 1 else rows


def _rows(settings: Settings, folder: Path, spec: EncoderSpec, manifest: Manifest) -> VectorIndex:
    """Open the index of single vectors: of whole pictures, or of every region of each."""
    table, chosen = folder / manifest.table, kind(settings, manifest, spec)
    if chosen == "flat":
        from retrieval.indexes.faiss_index import FaissIndex

        index = FaissIndex(spec.dim)
        for block in build.stored_regions(folder, spec):
            index.add(*region_rows.spread(*block))
        return index
    if chosen == "pinecone":
        from retrieval.indexes.pinecone import update

        return update.opened(table, spec.dim, account(settings, spec.dim))
    from retrieval.indexes.approximate.index import ApproximateIndex

    found = ApproximateIndex(table, spec.dim)
    if manifest.pictures and not len(found):
        raise MissingIndexError(
            f"The vectors of this catalogue are there, their approximate index is not. Run: python cli.py index "
            f"--engine {spec.engine} --weights {spec.weights} --catalog '{manifest.catalog}'"
        )
    return found


def so_far(folder: Path, spec: EncoderSpec, digest: str) -> VectorIndex | None:
    """Return an index of the rows that a first build has stored already, None where it has none yet."""
    from retrieval.indexes.faiss_index import FaissIndex
    from retrieval.indexing.stored_rows import StoredRows

    for stored in (spec, region_rows.with_regions(spec)):
        table = folder / storage.table_name(stored, digest, build.preprocessing(stored))
        if not table.is_file():
            continue
        rows, index = StoredRows(table, spec.dim), FaissIndex(spec.dim)
        try:
            for numbers, _ in rows.blocks():
                block = rows.take(numbers)
                index.add(block.ids, block.vectors, block.attributes)
        finally:
            rows.close()
        if len(index):
            return RegionIndex(index, rows.regions) if rows.regions > 1 else index
    return None


def forget(settings: Settings, files: Iterable[Path]) -> None:
    """Delete what indexes left at Pinecone, before these files of theirs are deleted; raises AppError."""
    for path in files:
        if path.name.endswith(_SENT):
            from retrieval.indexes.pinecone import update

            update.forget(path.with_name(path.name.removesuffix(_SENT)), account(settings, 0))


def account(settings: Settings, dim: int) -> Account:
    """Return the account that the settings name; an index of its own for every size of vectors unless they name one."""
    from retrieval.indexes.pinecone.index import Account

    return Account(
        settings.pinecone_key,
        settings.pinecone_index or f"visual-search-{dim}",
        settings.pinecone_cloud,
        settings.pinecone_region,
        settings.pinecone_host,
    )


def _told(facts: IndexFacts, manifest: Manifest, spec: EncoderSpec) -> IndexFacts:
    """Return `facts` with what regions there are, and what their vectors take."""
    regions = region_rows.count_in(manifest.dim, spec)
    if regions == 1:
        return facts
    each = 4 * spec.dim * manifest.pictures / 1e6
    note = f"The vectors of {regions} regions a picture take {regions * each:.1f} MB, of the whole alone {each:.1f} MB."
    return replace(facts, regions=regions, note=f"{facts.note} {note}".strip())


def _on_disk(made: ShardManifest) -> IndexFacts:
    return IndexFacts("approximate", made.recall, made.size, made.seconds)


def _at_pinecone(sent: Uploaded) -> IndexFacts:
    return IndexFacts("pinecone", None, 0, sent.seconds, sent.cost)
