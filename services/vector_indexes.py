"""Which kind of index answers for a catalogue: exact while it is small, approximate beyond; made and opened here."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from retrieval import indexing
from retrieval.core import EncoderSpec, MissingIndexError, VectorIndex
from retrieval.indexing import IndexFacts, Progress
from retrieval.storage import Manifest
from settings import Settings

FLAT_MOST = 100_000
"""Up to so many pictures `auto` searches exactly: benchmarks/scale.py measures what that takes."""


def kind(settings: Settings, manifest: Manifest) -> str:
    """Return flat, approximate or pinecone: what the settings say, or what suits the size."""
    if settings.index != "auto":
        return settings.index
    return "flat" if manifest.pictures <= FLAT_MOST else "approximate"


def bring_up(settings: Settings, folder: Path, spec: EncoderSpec, track: Callable[[Progress], None]) -> IndexFacts:
    """Make what the search needs beside the table of vectors, which is finished; `track` may raise Stopped."""
    manifest = indexing.open_manifest(folder, spec)
    if kind(settings, manifest) == "flat":
        return IndexFacts("flat", 1.0)
    from retrieval.indexes import approximate

    started = time.perf_counter()

    def told(done: int, total: int) -> None:
        track(Progress(done, total, 0, done / (time.perf_counter() - started), "Sorting into lists"))

    made = approximate.bring_up(folder / manifest.table, spec.dim, manifest.made, told)
    return IndexFacts("approximate", made.recall, made.size, made.seconds)


def facts(settings: Settings, folder: Path, spec: EncoderSpec, manifest: Manifest) -> IndexFacts | None:
    """Return how a finished index is searched as it now lies on disk, or None where that has to be made yet."""
    if kind(settings, manifest) == "flat":
        return IndexFacts("flat", 1.0)
    from retrieval.indexes import layout

    made = layout.read(folder / manifest.table)
    return IndexFacts("approximate", made.recall, made.size, made.seconds) if made else None


def opened(settings: Settings, folder: Path, spec: EncoderSpec) -> VectorIndex:
    """Open the finished index of `spec` in `folder`; raises MissingIndexError."""
    manifest = indexing.open_manifest(folder, spec)
    if kind(settings, manifest) == "flat":
        from retrieval.indexes.faiss_index import FaissIndex

        index = FaissIndex(spec.dim)
        for ids, vectors, attributes in indexing.stored_blocks(folder, spec):
            index.add(ids, vectors, attributes)
        return index
    from retrieval.indexes.approximate import ApproximateIndex

    found = ApproximateIndex(folder / manifest.table, spec.dim)
    if manifest.pictures and not len(found):
        raise MissingIndexError(
            f"The vectors of this catalogue are there, their approximate index is not. Run: python cli.py index "
            f"--engine {spec.engine} --weights {spec.weights} --catalog '{manifest.catalog}'"
        )
    return found
