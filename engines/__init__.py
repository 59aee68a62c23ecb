"""The table of engines: one row for each engine and set of weights, listed without loading a framework."""

from __future__ import annotations

import hashlib
import importlib
import os
import threading
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

from engines.clip import checkpoints as clip_files
from retrieval.core import AppError, Encoder, EncoderSpec, Part

WEIGHTS_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "weights"

# Read when keras and TensorFlow are first imported, which every engine does later than this.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_STYLE_PARTS = (Part("style", 224, 0.95), Part("content", 96, 0.05))

SPECS: tuple[EncoderSpec, ...] = (
    EncoderSpec(
        engine="squeezenet",
        weights="fashion",
        title="SqueezeNet 1.1, tuned on clothes",
        dim=384,
        image_size=160,
        licence="Apache-2.0",
        source="fine-tuned by training/squeezenet/train.py on the Clothing Dataset (CC0)",
        load="engines.squeezenet.encoder:SqueezeNet",
        file="squeezenet_fashion.safetensors",
    ),
    EncoderSpec(
        engine="squeezenet",
        weights="imagenet",
        title="SqueezeNet 1.1, ImageNet",
        dim=512,
        image_size=224,
        licence="Apache-2.0",
        source="torchvision's published weights, through torchvision's own loader and cache",
        load="engines.squeezenet.encoder:SqueezeNet",
        digest="squeezenet1_1-b8a52dc0",
    ),
    EncoderSpec(
        engine="vae",
        weights="fashion",
        title="Latent space of clothes, 32 numbers",
        dim=32,
        image_size=128,
        licence="MIT",
        source="trained by training/vae/train.py on Fashion-MNIST (MIT)",
        load="engines.vae.encoder:VariationalAutoencoder",
        file="vae_fashion.safetensors",
    ),
    EncoderSpec(
        engine="vae",
        weights="map",
        title="Latent space of clothes, a plane",
        dim=3,
        image_size=128,
        licence="MIT",
        source="trained by training/vae/train.py on Fashion-MNIST (MIT)",
        load="engines.vae.encoder:VariationalAutoencoder",
        file="vae_map.safetensors",
    ),
    EncoderSpec(
        engine="style",
        weights="distilled",
        title="Gram matrices, our own front",
        dim=320,
        image_size=224,
        licence="Apache-2.0",
        source="trained by training/train_style*.py to give ImageNet VGG19's and EfficientNetB4's Gram matrices",
        load="engines.style.encoder:Style",
        file="style_distilled.safetensors",
        parts=_STYLE_PARTS,
    ),
    EncoderSpec(
        engine="style",
        weights="imagenet",
        title="VGG16 Gram matrices, ImageNet",
        dim=320,
        image_size=224,
        licence="CC BY 4.0",
        source="keras.applications' published VGG16, through keras's own loader and cache",
        load="engines.style.encoder:Style",
        digest="vgg16-notop-6d6bbae1",
        parts=_STYLE_PARTS,
    ),
    EncoderSpec(
        engine="product",
        weights="fashion",
        title="EfficientNetB0, taught kinds of clothes",
        dim=256,
        image_size=224,
        licence="MIT",
        source="cut from EfficientNetB4 (MIT) and trained by training/product/train.py on the Clothing Dataset (CC0)",
        load="engines.product.encoder:Product",
        file="product_fashion.safetensors",
    ),
    EncoderSpec(
        engine="product",
        weights="imagenet",
        title="EfficientNetB0, ImageNet",
        dim=1280,
        image_size=224,
        licence="Apache-2.0",
        source="keras's published weights, through keras.applications' own loader and cache",
        load="engines.product.encoder:Product",
        digest="efficientnetb0_notop",
    ),
)
"""The engines whose facts are known beforehand; `specs` adds those that checkpoints tell of."""

_lock = threading.Lock()
_loaded: dict[tuple[str, str, str], Encoder] = {}
_offered: tuple[tuple[str, ...], frozenset[str]] = ((clip_files.DEFAULT,), frozenset())
_models: tuple[EncoderSpec, ...] = ()


def offer_clip(checkpoints: Sequence[str], trusted: Collection[str] = ()) -> None:
    """Offer these CLIP or SigLIP checkpoints, Hub names or folders, in place of those before; see clip_files.rows."""
    global _offered
    _offered = (tuple(dict.fromkeys(checkpoints)), frozenset(trusted))


def offer_models(rows: Sequence[EncoderSpec]) -> None:
    """Offer these models, which users trained, in place of those before; `file` of each is its own path."""
    global _models
    with _lock:
        gone = {row.digest for row in _models} - {row.digest for row in rows}
        for key in [key for key in _loaded if key[2] in gone]:
            del _loaded[key]
        _models = tuple(rows)


def specs() -> tuple[EncoderSpec, ...]:
    """Return every row; the first of an engine holds its default weights."""
    return SPECS + clip_files.rows(*_offered) + _models


def spec(engine: str, weights: str | None = None) -> EncoderSpec:
    """Return the row of `engine` with `weights` (its first row by default); an unknown name lists the valid ones."""
    known = specs()
    rows = [row for row in known if row.engine == engine]
    if not rows:
        raise AppError(f"There is no engine '{engine}'. Choose one of: {', '.join(sorted({r.engine for r in known}))}.")
    for row in rows:
        if weights in (None, row.weights, row.checkpoint or None):
            return row
    raise AppError(
        f"Engine '{engine}' has no weights '{weights}'. Choose one of: {', '.join(row.weights for row in rows)}."
    )


def load(engine: str, weights: str | None = None) -> Encoder:
    """Return the one encoder of (engine, weights), loading it on first use."""
    row = fetched(spec(engine, weights))
    with _lock:
        key = (row.engine, row.checkpoint or row.weights, row.digest)
        if key not in _loaded:
            module, _, name = row.load.partition(":")
            _loaded[key] = getattr(importlib.import_module(module), name)(row)
        return _loaded[key]


def fetched(row: EncoderSpec) -> EncoderSpec:
    """Return the row once its checkpoint, if it reads one, is on this machine: then its facts are those of the config.

    Raises AppError, with the command that mends it, when a file is missing and the Hub does not give it.
    """
    if not row.checkpoint or clip_files.is_here(row.checkpoint):
        return row
    from engines.clip.download import fetch

    fetch(row.checkpoint)
    return spec(row.engine, row.weights)


def digest(row: EncoderSpec) -> str:
    """Return what names the content of the weights: the row's own digest, or the SHA-256 of its file."""
    if row.checkpoint:
        return clip_files.digest(row.checkpoint)
    return row.digest or _file_digest(weights_path(row))


def weights_path(row: EncoderSpec) -> Path:
    """Return where the weights of `row`, shipped or a user's, lie; raises AppError when they are not there."""
    path = WEIGHTS_FOLDER / str(row.file)
    if row.file and Path(row.file).is_absolute() and not path.is_file():
        raise AppError(f"The model '{row.weights}' is gone: its file was deleted. Choose or train another one.")
    if row.file is None or not path.is_file():
        raise AppError(
            f"The weights of {row.title} are missing: {path.name}. Restore them: git checkout -- assets/weights"
        )
    return path


def missing(row: EncoderSpec) -> str | None:
    """Return what is missing of a checkpoint or of the weights that we ship for `row`, and how to get it, or None.

    Published weights are looked for when they are loaded.
    """
    try:
        if row.checkpoint:
            clip_files.check(row)
        elif row.file:
            weights_path(row)
    except AppError as error:
        return str(error)
    return None


@cache
def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
