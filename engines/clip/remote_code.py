"""A CLIP-like checkpoint that runs its own code, through transformers; only where the settings name it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from engines.clip import checkpoints, families
from engines.clip.through_transformers import PicturesAndWords
from retrieval.core import EncoderSpec


class RemoteClip(PicturesAndWords):
    """Turns pictures and texts into unit vectors with the checkpoint's own model and processor."""

    def _check(self, spec: EncoderSpec) -> None:
        if not spec.remote_code:
            families.family(spec, checkpoints.config(spec.checkpoint))

    @cached_property
    def _processor(self) -> Any:  # noqa: ANN401 - the checkpoint's own types
        from transformers import AutoProcessor

        return self._read(AutoProcessor)

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - the checkpoint's own types
        return self._processor.tokenizer

    def _see(self, **given: Any) -> Any:  # noqa: ANN401 - the checkpoint's own types
        return self._model.get_image_features(pixel_values=given["pixel_values"])

    def _read(self, kind: Any, **options: Any) -> Any:  # noqa: ANN401 - the checkpoint's own types
        return super()._read(kind, trust_remote_code=self.spec.remote_code, **options)
