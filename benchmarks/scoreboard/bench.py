"""What every set of the scoreboard is measured with: an engine, its indexes, and the figures of a ranking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import engines
from retrieval.core import Catalog, Encoder, EncoderSpec
from retrieval.evaluation.measures import Collection, Quality
from retrieval.indexing import build
from retrieval.indexing.region_rows import RegionEncoder, with_regions
from services import Services

CHUNK = 32
Figures = dict[str, float]


@dataclass(frozen=True)
class Bench:
    """One engine with an index of regions or without, the services that build it, and where the data lie."""

    services: Services
    spec: EncoderSpec
    regions: bool
    data: Path

    @property
    def encoder(self) -> Encoder:
        """The network, loaded on first use."""
        return engines.load(self.spec)

    def collection(self, catalog: str) -> Collection:
        """Return the vectors of the catalogue called `catalog`, its index brought up to date first."""
        key = self.services.catalogs.open(catalog)
        self.services.indexes.build(key, self.spec, regions=self.regions)
        return Collection.of(self.services.indexes.folder(key), self.spec)

    def collection_of(self, source: Catalog, name: str) -> Collection:
        """Return the vectors of a catalogue that has no name of its own; its index lies beside the others."""
        folder = self.services.settings.index_cache / "scoreboard" / name
        stored = with_regions(self.spec) if self.regions else self.spec
        build.build_index(source, stored, engines.digest(self.spec), self._load, folder)
        return Collection.of(folder, self.spec)

    def encoded(self, images: Sequence[Image.Image], labels: Sequence[str]) -> Collection:
        """Return labelled pictures that lie nowhere with their vectors."""
        starts = range(0, len(images), CHUNK)
        vectors = np.concatenate([self._load().encode_images(images[at : at + CHUNK]) for at in starts])
        held = vectors.reshape(len(images), -1, self.spec.dim)
        notes = [{"label": label} for label in labels]
        regions = held if held.shape[1] > 1 else None
        return Collection([str(n) for n in range(len(images))], np.ascontiguousarray(held[:, 0]), notes, regions)

    def _load(self) -> Encoder:
        return RegionEncoder(self.encoder) if self.regions else self.encoder


@dataclass(frozen=True)
class MeasuredSet:
    """A set of pictures with what is measured on it.

    `columns` are the names of the figures and their heads; `learned_from` is a data set whose name in an engine's
    source says that its weights have seen these pictures; `published` are others' figures, each with whose they are.
    """

    name: str
    title: str
    about: str
    columns: dict[str, str]
    measure: Callable[[Bench], Figures]
    learned_from: str = ""
    published: tuple[tuple[str, Figures], ...] = ()


def ranking(quality: Quality) -> Figures:
    """Return the figures of a ranking, and over how many queries and gallery items."""
    figures = quality.as_dict()
    return {name: float(value) for name, value in figures.items()}
