"""Gram matrices as an encoder of style: those of our own fronts, or of keras's published VGG16."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from engines.files import weights_path
from engines.style.deep_network import Deep
from engines.style.match import StyleMatch
from engines.style.network import LAYERS, Front
from engines.style.patches import LAYER, alike_places
from engines.style.preprocessing import view
from engines.style.vectors import SHARES, Projection, unfitted, unit
from retrieval.core import AppError, EncoderSpec

_CAFFE_MEANS = np.array([103.939, 116.779, 123.68], np.float32)


class Style:
    """Turns pictures into unit vectors of two parts, style and content (see EncoderSpec.parts)."""

    def __init__(self, spec: EncoderSpec) -> None:
        """Load the front of `spec.weights`; raises AppError, with the command that mends it, when it is missing."""
        self.spec = spec
        if spec.weights == "imagenet":
            weights = _published()
            widths = {name: weights[f"{name}.kernel"].shape[-1] for name in LAYERS}
            style, content = spec.parts
            self._projection = unfitted(widths, style.dim, content.dim)
        else:
            weights = {name: value.astype(np.float32) for name, value in load_file(weights_path(spec)).items()}
            self._projection = Projection(weights, SHARES)
        deep = {name.removeprefix("deep."): value for name, value in weights.items() if name.startswith("deep.")}
        self._deep = Deep(deep) if deep else None
        self._front = Front(*({name: weights[f"{name}.{kind}"] for name in LAYERS} for kind in ("kernel", "bias")))
        self.weights_bytes = sum(each.nbytes for each in weights.values())

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Embed upright RGB pictures of any size as float32 (n, dim), every row of length 1; n may be 0."""
        rows = [self._embed(view(image, self.spec.image_size).pixels) for image in images]
        return np.stack(rows) if rows else np.empty((0, self.spec.dim), np.float32)

    def match_styles(self, image: Image.Image, other: Image.Image, patches: int) -> StyleMatch:
        """Say how well the Gram matrices of two pictures agree, layer by layer, and where in `other` that shows."""
        seen, theirs = view(image, self.spec.image_size), view(other, self.spec.image_size)
        ours, others = self._grams(seen.pixels), self._grams(theirs.pixels)
        layers = [(name, self._cosine(name, ours[name], others[name])) for name in ours]
        if self._deep:
            deep = zip(self._run(seen.pixels)[0].items(), self._run(theirs.pixels)[0].values(), strict=True)
            layers += [(name, self._cosine(name, one, two)) for (name, one), two in deep]
        wanted = self._projection.block(LAYER, ours[LAYER])
        return StyleMatch(tuple(layers), tuple(alike_places(self._grams, self._projection, theirs, wanted, patches)))

    def gram(self, image: Image.Image) -> np.ndarray:
        """Return the Gram matrix of the first layer, float32 (64, 64)."""
        return self._grams(view(image, self.spec.image_size).pixels)[LAYERS[0]]

    def _cosine(self, layer: str, gram: np.ndarray, other: np.ndarray) -> float:
        return float(unit(self._projection.block(layer, gram)) @ unit(self._projection.block(layer, other)))

    def _embed(self, pixels: np.ndarray) -> np.ndarray:
        grams, last = self._run(pixels)
        vectors = {"style": self._projection.style(grams), "content": self._projection.content(last)}
        return np.concatenate([part.share**0.5 * vectors[part.name] for part in self.spec.parts]).astype(np.float32)

    def _run(self, pixels: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Run uint8 (h, w, 3) through the front that the vector is made of: Gram matrices, and the last maps."""
        return self._deep(pixels.astype(np.float32) / 255) if self._deep else self._run_vgg(pixels)

    def _grams(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return self._run_vgg(pixels)[0]

    def _run_vgg(self, pixels: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Run uint8 (h, w, 3); the published network's Gram matrices and maps are brought to mean 1."""
        if self.spec.weights != "imagenet":
            return self._front(pixels.astype(np.float32) / 127.5 - 1)
        grams, last = self._front(pixels[..., ::-1].astype(np.float32) - _CAFFE_MEANS)
        return {name: gram / max(float(gram.mean()), 1e-8) for name, gram in grams.items()}, last / (last.mean() + 1e-8)


def _published() -> dict[str, np.ndarray]:
    """Return the kernels and biases of keras's ImageNet VGG16 (Simonyan and Zisserman 2014), by its own loader."""
    from keras.applications import VGG16

    try:
        network = VGG16(include_top=False, weights="imagenet")
    except Exception as error:  # keras raises a bare Exception where a download fails, and h5py its own at a torn file
        raise AppError(
            f"The published VGG16 weights could not be loaded: they are not in keras's cache and were not downloaded "
            f'({error}). Get them with a network: python -c "import engines; '
            "engines.load(engines.spec('style:imagenet'))\" — or put "
            "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 into ~/.keras/models/ (KERAS_HOME moves it)."
        ) from error
    found: dict[str, np.ndarray] = {}
    for name in LAYERS:
        kernel, bias = network.get_layer(name).get_weights()
        found |= {f"{name}.kernel": kernel, f"{name}.bias": bias}
    return found
