"""What another process needs to take part in building an index: a catalogue and an encoder, made from plain values."""

from __future__ import annotations

import os
import socket
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import engines
from retrieval.core import AppError, Catalog, Encoder, EncoderSpec
from retrieval.indexing.encoding import Encode
from retrieval.indexing.region_rows import RegionEncoder
from services.catalogs.open_catalogs import OpenCatalogs
from services.models.store import ModelStore
from settings import ROOT, Settings


@dataclass(frozen=True)
class EncodingJob:
    """How to open one catalogue and load one engine, by its name and the digest of its weights, on any machine.

    With `regions` the engine encodes several regions of every picture.
    """

    settings: Settings
    catalog: str
    label_pattern: str | None
    engine: str
    digest: str
    regions: bool = False

    def open(self) -> Catalog:
        """Open the catalogue on this machine; raises AppError."""
        catalogs = OpenCatalogs(_here(self.settings), self.label_pattern)
        return catalogs.catalog(catalogs.open(self.catalog))

    def load(self) -> Encoder:
        """Load the encoder on this machine; raises AppError where it is missing or has other weights."""
        engines.REGISTRY.offer_clip(self.settings.clip, self.settings.trusted, self.settings.added_models)
        ModelStore(self.settings.index_cache / "models", engines.REGISTRY.offer_models)
        spec = engines.spec(self.engine)
        found = engines.digest(spec)
        if found != self.digest:
            raise AppError(
                f"The machine {socket.gethostname()} has other weights of {spec.engine} {spec.weights} ({found} is not "
                f"{self.digest}). Give all machines the same."
            )
        encoder = engines.load(spec)
        return RegionEncoder(encoder) if self.regions else encoder


def _here(settings: Settings) -> Settings:
    """Return settings that hold here: the machine that asks may have other folders."""
    if not settings.sample.is_dir():
        settings = replace(settings, sample=Settings().sample)
    try:
        settings.index_cache.mkdir(parents=True, exist_ok=True)
        if os.access(settings.index_cache, os.W_OK):
            return settings
    except OSError:
        pass
    return replace(settings, index_cache=Path(tempfile.mkdtemp(prefix="visual-search-")), s3_cache_bytes=0)


def elsewhere(workers: str, recipe: EncodingJob, spec: EncoderSpec) -> Encode:
    """Return the way to have `spec` encode on `workers`; raises AppError for any but "ray"."""
    from retrieval.indexing.ray_encoding import Work, on_ray

    if workers != "ray":
        raise AppError(f"There are no workers '{workers}'. Choose: --workers ray, or leave it out for this process.")
    return on_ray(Work(recipe.open, recipe.load, spec.image_size), ROOT)
