"""Pretrained models of every family: the same vectors as transformers gives, by either of its picture processors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import engines
from engines.clip import checkpoints, families
from engines.registry import named
from retrieval.core import EncoderSpec
from tests.conftest import ROOT
from tests.fakes import tiny_models

TEXTS = ["a red dress", "b", "dress " * 40, "RED blue"]
SHAPES = {
    "so400m": ("siglip", {"image_size": 36, "patch_size": 8}),
    "relu": ("clip", {"hidden_act": "relu"}),
}
"""Of families that our towers know: pixels beyond the last whole patch, and a shape that they leave to transformers."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> tuple[str, Path, Any]:
    name = request.param
    model_type, vision = SHAPES.get(name, (name, {}))
    folder = tmp_path_factory.mktemp("models") / f"tiny-{name}"
    return name, folder, tiny_models.save(model_type, folder, **vision)


def row(folder: Path) -> EncoderSpec:
    return checkpoints.rows([str(folder)])[0]


@cache
def photos() -> list[Image.Image]:
    """Return twenty pictures of odd sizes, wide, tall and smaller than the network's side."""
    sizes = np.random.default_rng(5).integers(21, 331, (20, 2))
    files = sorted((ROOT / "assets" / "sample" / "image").glob("*.jpg"))
    return [
        Image.open(file).convert("RGB").resize((int(width) | 1, int(height) | 1))
        for file, (width, height) in zip(files[::10], sizes, strict=False)
    ]


def reference(folder: Path, model: Any, backend: str) -> np.ndarray:  # noqa: ANN401 - a model of any family
    from transformers import AutoImageProcessor

    given = AutoImageProcessor.from_pretrained(folder, backend=backend)(images=photos(), return_tensors="pt")
    with torch.inference_mode():
        found = model.get_image_features(**given) if hasattr(model, "get_image_features") else model(**given)
        return unit(found.pooler_output)


def reference_texts(folder: Path, model: Any) -> np.ndarray:  # noqa: ANN401 - a model of any family
    from transformers import AutoTokenizer

    tokenizer, found = AutoTokenizer.from_pretrained(folder), []
    filled = "siglip" in model.config.model_type
    for text in TEXTS:
        given = tokenizer(
            [text], padding="max_length" if filled else True, truncation=True, max_length=16, return_tensors="pt"
        )
        with torch.inference_mode():
            found.append(unit(model.get_text_features(**given).pooler_output))
    return np.concatenate(found)


def unit(features: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(features, dim=1).numpy()


@pytest.mark.parametrize("saved", [*families.FAMILIES, *SHAPES], indirect=True)
def test_a_family_is_embedded_as_transformers_does(saved: tuple[str, Path, Any]) -> None:
    name, folder, model = saved
    found = row(folder)
    exact = {"precision": "fp32"} if found.load == families.NATIVE else {}
    encoder = named(found.load)(found, **exact)
    got = encoder.encode_images(photos())
    assert got.shape == (20, found.dim)
    np.testing.assert_allclose(got, reference(folder, model, "pil"), atol=1e-4)
    # The two processors round the pixels of a resized picture differently: the same direction, not the same digits.
    assert (got * reference(folder, model, "torchvision")).sum(1).min() > 1 - 1e-4
    assert encoder.encode_images([]).shape == (0, found.dim)
    known = families.FAMILIES[SHAPES.get(name, (name,))[0]]
    assert found.accepts_text == known.words == (found.engine == "clip")
    if known.words:
        np.testing.assert_allclose(encoder.encode_texts(TEXTS), reference_texts(folder, model), atol=1e-4)
        assert encoder.truncated(TEXTS) == [False, False, True, False]
    assert engines.missing(found) is None
