"""A CLIP-like checkpoint that runs its own code, through transformers; only where the settings name it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from engines.clip import checkpoints
from engines.runtime import torchvision_compat  # noqa: F401 (transformers imports torchvision)
from retrieval.core import AppError, EncoderSpec

_BATCH = 8


class RemoteClip:
    """Turns pictures and texts into unit vectors with the checkpoint's own model and processor."""

    def __init__(self, spec: EncoderSpec) -> None:
        """Load the checkpoint's model; raises AppError unless the settings trust it by name."""
        if not spec.remote_code:
            checkpoints.family(spec, checkpoints.read_json(spec.checkpoint, "config.json"))
        checkpoints.weight_files(spec.checkpoint)
        self.spec = spec
        folder = str(checkpoints.need(spec.checkpoint, "config.json").parent)
        from transformers import AutoModel, AutoProcessor

        try:
            options = {"trust_remote_code": spec.remote_code, "local_files_only": True}
            self._model = AutoModel.from_pretrained(folder, use_safetensors=True, **options).eval()
            self._processor = AutoProcessor.from_pretrained(folder, **options)
        except (ImportError, OSError, ValueError) as error:
            raise AppError(f"{spec.checkpoint} could not be loaded by its own code: {error}") from error

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Embed upright RGB pictures of any size as float32 (n, dim), every row of length 1."""
        found = [np.empty((0, self.spec.dim), np.float32)]
        for start in range(0, len(images), _BATCH):
            given = self._processor(images=list(images[start : start + _BATCH]), return_tensors="pt")
            found.append(_units(self._model.get_image_features, pixel_values=given["pixel_values"]))
        return np.concatenate(found)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts as float32 (n, dim), every row of length 1."""
        if not texts:
            return np.empty((0, self.spec.dim), np.float32)
        given = self._processor(text=list(texts), padding="max_length", truncation=True, return_tensors="pt")
        return _units(self._model.get_text_features, input_ids=given["input_ids"])

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Tell of each text whether the network reads only its beginning."""
        tokenizer = self._processor.tokenizer
        return [len(tokenizer(text)["input_ids"]) > tokenizer.model_max_length for text in texts]


def _units(features: Callable[..., Any], **given: Any) -> np.ndarray:  # noqa: ANN401 - the checkpoint's own types
    import torch

    with torch.inference_mode():
        found = features(**given)
        found = getattr(found, "pooler_output", found)
        return torch.nn.functional.normalize(found.float(), dim=1).numpy()
