"""Editing pictures in words, as page and command line ask for it: models, keys, masks, and the edit itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np
from PIL import Image, ImageFilter

from engines.editing import models as edit_models
from engines.editing.models import AUTO, EditModel
from engines.editing.requests import (
    OPENAI,
    Access,
    CancelToken,
    EditRequest,
    Failed,
    PartialImage,
    RetryAfter,
    Step,
    StoppedError,
    Variant,
)
from retrieval.core import AppError
from retrieval.pictures import decoding
from settings import Settings

__all__ = ["AUTO", "CancelToken", "Cost", "EditModel", "EditRequest", "Edits", "Failed", "PartialImage", "RetryAfter",
           "Step", "StoppedError", "Variant"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """About how many US cents the pictures of an edit cost, and when that was so; `size` is what is asked for."""

    cents: float | None
    priced: str
    size: tuple[int, int]


class Edits:
    """Wishes become pictures; the key of the settings stays in here, a visitor's is not kept at all."""

    def __init__(self, settings: Settings) -> None:
        """Take key, address and model from `settings`."""
        self._key, self._url = settings.openai_key, settings.openai_base_url or OPENAI
        self._seconds = settings.edit_seconds
        self.model = settings.edit_model or edit_models.DEFAULT

    @property
    def ready(self) -> bool:
        """Whether an edit needs no typed key."""
        return bool(self._key)

    @property
    def host(self) -> str:
        """The name of the machine to which pictures, words and key are sent."""
        return urlsplit(self._url).hostname or self._url

    def models(self) -> list[EditModel]:
        """Return the models to choose from, the settings' own first and the retired ones last."""
        rows = edit_models.listed()
        first = next((row for row in rows if row.name == self.model), edit_models.facts(self.model))
        return [first, *(row for row in rows if row.name != first.name)]

    def facts(self, model: str) -> EditModel:
        """Return what a model takes, as far as it is known."""
        return edit_models.facts(model)

    def cost(self, model: str, size: str, quality: str, variants: int, picture: tuple[int, int]) -> Cost:
        """Return what an edit of a picture of (w, h) costs roughly, what is sent aside; raises AppError for a size."""
        facts = edit_models.facts(model)
        frame = edit_models.frame_size(facts, size, picture)
        return Cost(edit_models.cents(facts, quality, frame, variants), facts.priced, frame)

    def garment(self, image: Image.Image) -> Image.Image:
        """Return where the garment is, as far as its colours tell: mode L, 255 for it, in the size of `image`."""
        from retrieval.pictures.foreground import SIDE, foreground

        soft = Image.fromarray((foreground(image) * 255).astype(np.uint8))
        smooth = soft.filter(ImageFilter.GaussianBlur(max(image.size) / SIDE))  # the estimate's own steps
        return smooth.point(lambda level: 255 if level >= 128 else 0)

    def edit(self, request: EditRequest, cancel: CancelToken, key: str | None = None) -> Iterator[Step]:
        """Yield what comes of a request; `key` is a visitor's own. Raises AppError in words for a shopper."""
        from engines.editing.client import edit

        typed = (key or "").strip()
        access = Access(typed or self._key, self._url, own=not typed, seconds=self._seconds)
        yield from edit(request, access, cancel, decoding.decode)


def read_mask(data: bytes, size: tuple[int, int]) -> Image.Image:
    """Return a mask file as mode L, 255 where it says that the picture may change, scaled to `size` (w, h).

    A file with transparency means its transparent part, as the images-edit route has it; one without, its white part.
    Raises AppError when it has other proportions than the picture, or is no picture.
    """
    mask = decoding.mask(data)
    if abs(mask.width / mask.height - size[0] / size[1]) > 0.02 * size[0] / size[1]:
        raise AppError(
            f"The mask has {mask.width} x {mask.height} pixels, the picture {size[0]} x {size[1]}: other proportions. "
            "Make the mask from the picture itself."
        )
    return mask.resize(size, Image.Resampling.BILINEAR)
