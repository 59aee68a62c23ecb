"""Ways of seeing a picture: the registry of this process, and its only door."""

from __future__ import annotations

import os

from engines.files import WEIGHTS_FOLDER, weights_path
from engines.registry import ROWS, Registry, files
from retrieval.core import EncoderSpec

__all__ = ["REGISTRY", "WEIGHTS_FOLDER", "digest", "files", "load", "missing", "spec", "specs", "weights_path"]

# Read when keras and TensorFlow are first imported, which every engine does later than this.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

REGISTRY = Registry(ROWS)
specs, spec, load = REGISTRY.specs, REGISTRY.spec, REGISTRY.load


def digest(row: EncoderSpec) -> str:
    """Return what names the content of the weights of `row`; raises AppError when they are not here."""
    return files(row).digest(row)


def missing(row: EncoderSpec) -> str | None:
    """Return what is known to be missing of the weights of `row`, and how to get it, or None."""
    return files(row).missing(row)
