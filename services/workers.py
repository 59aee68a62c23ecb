"""What another process needs to take part in building an index: a catalogue and an encoder, made from plain values."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import engines
from retrieval.core import AppError, Catalog, Encoder, EncoderSpec
from retrieval.encoding import Encode
from services.models import ModelStore
from services.opened import Opened
from settings import ROOT, Settings


@dataclass(frozen=True)
class Recipe:
    """How to open one catalogue and load one encoder, whose weights have this digest, on any machine."""

    settings: Settings
    catalog: str
    label_pattern: str | None
    engine: str
    weights: str
    digest: str

    def open(self) -> Catalog:
        """Open the catalogue on this machine; raises AppError."""
        opened = Opened(self.settings, self.label_pattern)
        return opened.catalog(opened.open(self.catalog))

    def load(self) -> Encoder:
        """Load the encoder on this machine; raises AppError where it is missing or has other weights."""
        engines.offer_clip(self.settings.clip, self.settings.trusted)
        engines.offer_models(ModelStore(self.settings.index_cache / "models").rows())
        found = engines.digest(engines.spec(self.engine, self.weights))
        if found != self.digest:
            raise AppError(
                f"The machine {socket.gethostname()} has other weights of {self.engine} {self.weights} ({found} is not "
                f"{self.digest}). Give all machines the same."
            )
        return engines.load(self.engine, self.weights)


def elsewhere(workers: str, recipe: Recipe, spec: EncoderSpec) -> Encode:
    """Return the way to have `spec` encode on `workers`; raises AppError for any but "ray"."""
    from retrieval.ray_encoding import Work, on_ray

    if workers != "ray":
        raise AppError(f"There are no workers '{workers}'. Choose: --workers ray, or leave it out for this process.")
    return on_ray(Work(recipe.open, recipe.load, spec.image_size), ROOT)
