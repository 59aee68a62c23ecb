"""Pretrained models in transformers' own modules: families, and shapes, that the towers in network.py do not know."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from PIL import Image

from engines.clip import checkpoints, families
from engines.runtime import torchvision_compat  # noqa: F401 (transformers imports torchvision)
from engines.runtime.device import torch_device
from retrieval.core import AppError, EncoderSpec

_BATCH = 8
_POOLER = "pooler."
"""Tensors that a checkpoint may lack: a classifier comes without the summary that its network was first taught."""


class Pictures:
    """Turns pictures into unit vectors: the network's own summary of a picture, or its first place without one."""

    def __init__(self, spec: EncoderSpec) -> None:
        """Find the checkpoint's files; raises AppError, with the command that mends it, when one is missing or bad."""
        self._check(spec)
        checkpoints.weight_files(spec.checkpoint)
        self.spec = spec
        self._folder = str(checkpoints.need(spec.checkpoint, "config.json").parent)
        self._device = torch_device()

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Embed upright RGB pictures of any size as float32 (n, dim), every row of length 1; n may be 0."""
        found = [np.empty((0, self.spec.dim), np.float32)]
        for start in range(0, len(images), _BATCH):
            given = self._processor(images=list(images[start : start + _BATCH]), return_tensors="pt")
            found.append(self._units(self._see, given))
        return np.concatenate(found)

    def _check(self, spec: EncoderSpec) -> None:
        families.family(spec, checkpoints.config(spec.checkpoint))

    @cached_property
    def _processor(self) -> Any:  # noqa: ANN401 - transformers' own types, imported late
        from transformers import AutoImageProcessor

        return self._read(AutoImageProcessor, backend="pil")

    @property
    def _model(self) -> Any:  # noqa: ANN401 - transformers' own types, imported late
        return self._loaded[0]

    @cached_property
    def _loaded(self) -> tuple[Any, bool]:
        """The model, and whether its summary of a picture was trained."""
        from transformers import AutoModel

        model, told = self._read(AutoModel, use_safetensors=True, dtype=torch.float32, output_loading_info=True)
        lacking = [name for name in told["missing_keys"] if not name.startswith(_POOLER)]
        if lacking:
            raise AppError(
                f"{self.spec.checkpoint} lacks the tensor '{lacking[0]}': its weights are not those of the model that "
                f"its config.json describes. {checkpoints.how_to_get(self.spec.checkpoint, checkpoints.WEIGHTS)}"
            )
        return model.eval().to(self._device), len(told["missing_keys"]) == 0

    def _read(self, kind: Any, **options: Any) -> Any:  # noqa: ANN401 - transformers' own types, imported late
        try:
            return kind.from_pretrained(self._folder, local_files_only=True, **options)
        except (ImportError, OSError, ValueError, RuntimeError) as error:
            raise AppError(
                f"{self.spec.checkpoint} could not be loaded by transformers: {str(error).strip().splitlines()[0]}. "
                f"{checkpoints.how_to_get(self.spec.checkpoint, 'copy of it')}"
            ) from error

    def _see(self, **given: Any) -> Any:  # noqa: ANN401 - transformers' own types
        model, pooled = self._loaded
        seen = model(**given)
        summary = getattr(seen, "pooler_output", None) if pooled else None
        return seen.last_hidden_state[:, 0] if summary is None else summary

    def _units(self, features: Any, given: Any) -> np.ndarray:  # noqa: ANN401 - transformers' own types
        with torch.inference_mode():
            found = features(**given.to(self._device))
            found = getattr(found, "pooler_output", found)
            return F.normalize(found.float(), dim=1).cpu().numpy()


class PicturesAndWords(Pictures):
    """Turns pictures and texts into unit vectors of one space."""

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts in any script as float32 (n, dim), of length 1; what is too long is cut, see truncated."""
        found = [np.empty((0, self.spec.dim), np.float32)]
        for text in texts:
            given = self._tokenizer(
                [self._cased(text)], padding="max_length" if self._padded else True, truncation=True,
                max_length=self._places, return_tensors="pt",
            )  # fmt: skip
            found.append(self._units(self._model.get_text_features, given))
        return np.concatenate(found)

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Tell of each text whether the network reads only its beginning."""
        return [len(self._tokenizer(self._cased(text))["input_ids"]) > self._places for text in texts]

    def _see(self, **given: Any) -> Any:  # noqa: ANN401 - transformers' own types
        return self._model.get_image_features(**given)

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - transformers' own types, imported late
        from transformers import AutoTokenizer

        return self._read(AutoTokenizer)

    @cached_property
    def _padded(self) -> bool:
        """Whether the network was trained on words filled up to their longest: the SigLIPs, whose last place counts."""
        return str(self._model.config.model_type).startswith("siglip")

    @property
    def _places(self) -> int:
        return int(min(self._tokenizer.model_max_length, self._model.config.text_config.max_position_embeddings))

    def _cased(self, text: str) -> str:
        return text.lower() if self._padded else text
