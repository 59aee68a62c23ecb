"""The registry: one row of facts for each engine and set of weights, listed without loading a framework."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, cast

from engines.clip import added as added_models
from engines.clip import checkpoints
from engines.files import Files
from retrieval.core import AppError, Encoder, EncoderSpec, VectorPart

_STYLE_PARTS = (VectorPart("style", 224, 0.95), VectorPart("content", 96, 0.05))

ROWS: tuple[EncoderSpec, ...] = (
    EncoderSpec(
        engine="look",
        weights="fashion",
        title="Textures, shapes and colours by EfficientNet-Lite0",
        dim=529,
        image_size=176,
        licence="Apache-2.0",
        source="published ImageNet EfficientNet-Lite0 (Apache-2.0), its heads fitted by training/look/fit.py on the "
        "Clothing Dataset (CC0) and a sample shop (OSL-3.0/AFL-3.0)",
        load="engines.look.encoder:Look",
        file="look_fashion.safetensors",
        purposes=("look-alike",),
        regions_up_to=2_000,
    ),
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
        purposes=("look-alike",),
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
        file="hub/checkpoints/squeezenet1_1-b8a52dc0.pth",
        files="engines.files:TORCH",
        digest="squeezenet1_1-b8a52dc0",
        purposes=("look-alike",),
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
        purposes=("latent",),
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
        purposes=("latent",),
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
        purposes=("style",),
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
        file="models/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        files="engines.files:KERAS",
        digest="vgg16-notop-6d6bbae1",
        parts=_STYLE_PARTS,
        purposes=("style",),
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
        purposes=("product",),
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
        file="models/efficientnetb0_notop.h5",
        files="engines.files:KERAS",
        digest="efficientnetb0_notop",
        purposes=("product",),
    ),
)
"""The engines whose facts are known beforehand; a Registry adds those that checkpoints and users' models tell of."""


class Registry:
    """The engines of this process, and those of their networks that are loaded; safe to share between threads.

    `rows` never change; pretrained models that the settings name or a person added, and models that users trained,
    come and go.
    """

    def __init__(self, rows: Sequence[EncoderSpec]) -> None:
        """Offer `rows`, and the default CLIP checkpoint."""
        self.rows = tuple(rows)
        self._checkpoints: tuple[tuple[str, ...], frozenset[str]] = (checkpoints.chosen(None), frozenset())
        self._models: tuple[EncoderSpec, ...] = ()
        self._private: tuple[EncoderSpec, ...] = ()
        self._loaded: dict[tuple[str, str, str], Encoder] = {}
        self._lock = threading.Lock()

    def offer_clip(self, names: Sequence[str] | None, trusted: Collection[str] = (), added: Path | None = None) -> None:
        """Offer these pretrained models, Hub names or folders, in place of those before, and those in the list `added`.

        None for the names offers the default.

        `trusted` names those whose own code may run.
        """
        more = added_models.read(added) if added else ()
        self._checkpoints = (tuple(dict.fromkeys([*checkpoints.chosen(names), *more])), frozenset(trusted))

    def offer_models(self, rows: Sequence[EncoderSpec], private: bool = False) -> None:
        """Offer these models, which users trained, in place of those before; `file` of each is its own path.

        `private` ones, offered apart, are in no list and no error: only who has the whole name of one finds it.
        """
        with self._lock:
            before = {row.digest for row in self._models + self._private}
            if private:
                self._private = tuple(rows)
            else:
                self._models = tuple(rows)
            gone = before - {row.digest for row in self._models + self._private}
            for key in [key for key in self._loaded if key[2] in gone]:
                del self._loaded[key]

    def specs(self) -> tuple[EncoderSpec, ...]:
        """Return every row; the first of an engine holds its default weights."""
        return self.rows + checkpoints.rows(*self._checkpoints) + self._models

    def spec(self, name: str, weights: str | None = None) -> EncoderSpec:
        """Return the row called `engine:weights`, or the first one of `engine`; raises AppError with the valid names.

        `weights` are for those who are given the two apart. A checkpoint's name on the Hub will do as weights.
        """
        engine, _, part = name.partition(":")
        wanted = weights or part or None
        known = self.specs()
        rows = [row for row in known if row.engine == engine]
        if not rows:
            names = ", ".join(sorted({row.engine for row in known}))
            raise AppError(f"There is no engine '{engine}'. Choose one of: {names}.")
        for row in rows:
            if wanted in (None, row.weights, row.checkpoint or None):
                return row
        for row in self._private:
            if (row.engine, row.weights) == (engine, wanted):
                return row
        raise AppError(
            f"Engine '{engine}' has no weights '{wanted}'. Choose one of: {', '.join(row.weights for row in rows)}."
        )

    def base(self, engine: str) -> EncoderSpec:
        """Return the first row of an engine of those that came with the app; raises AppError for another engine."""
        for row in self.rows:
            if row.engine == engine:
                return row
        raise AppError(f"There is no engine '{engine}' here.")

    def first(self, purpose: str, words: bool = False) -> EncoderSpec:
        """Return the default engine for a purpose, of those that read words if `words`; raises AppError for none."""
        for row in self.specs():
            if purpose in row.purposes and (row.accepts_text or not words):
                return row
        raise AppError(f"No engine here is for '{purpose}'" + (" and reads words." if words else "."))

    def load(self, spec: EncoderSpec) -> Encoder:
        """Return the one encoder of a row, loading it on first use."""
        row = self.fetched(spec)
        with self._lock:
            key = (row.engine, row.checkpoint or row.weights, row.digest)
            if key not in self._loaded:
                self._loaded[key] = named(row.load)(row)
            return self._loaded[key]

    def fetched(self, spec: EncoderSpec) -> EncoderSpec:
        """Return the row once its weights, if they come over the network, are on this machine: its facts may be others.

        Raises AppError, with the command that mends it, when a file is missing and is not given.
        """
        files(spec).fetch(spec)
        if not spec.checkpoint:
            return spec
        return next((row for row in self.specs() if row.checkpoint == spec.checkpoint), spec)

    def choices(self) -> list[tuple[EncoderSpec, str | None]]:
        """Return every row, with what is known to be missing for it on this machine, or None."""
        return [(row, files(row).missing(row)) for row in self.specs()]


def files(spec: EncoderSpec) -> Files:
    """Return what knows where the weights of a row lie."""
    return cast(Files, named(spec.files))


def named(path: str) -> Any:  # noqa: ANN401 - a class or an object of any engine
    """Return what `module:NAME` names, importing its module."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
