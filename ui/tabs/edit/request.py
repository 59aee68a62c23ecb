"""What a visitor wants edited, as the page sends it: the picture, and the mask that was painted over it."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import gradio as gr
import numpy as np
from gradio.data_classes import FileData
from PIL import Image
from pydantic import BaseModel, Field, ValidationError

from retrieval.core import AppError
from retrieval.pictures.decoding import decode
from services import Services
from services.edits import read_mask
from ui.search import question
from ui.search.question import Id
from ui.shell import modules

_PREFIX = "data:image/png;base64,"
_ALL = 0.995
"""The part of a picture above which the whole of it is meant."""


class Ask(BaseModel):
    """A picture (uploaded, made earlier, or an item of a catalogue), its mask as a data URL and the part it marks."""

    picture: FileData | None = None
    item: Id | None = None
    catalog: Id = ""
    mask: Annotated[str, Field(max_length=2_000_000)] = ""
    share: float = 0.0
    turn: int = 0


def create() -> gr.HTML:
    """Return the picture with its mask; `select` asks where the garment is, `submit` says that something changed."""
    return gr.HTML(**modules.component("tabs/edit/request"))


def parse(value: Mapping[str, Any] | None) -> Ask:
    """Read what came from a browser; raises AppError. A file without Gradio's own mark is refused."""
    try:
        return Ask.model_validate(value or {}, context={"validate_meta": True})
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, each["loc"])) for each in error.errors()[:3])
        raise AppError(f"The picture or its mask cannot be read ({wrong}). Choose the picture again.") from None


def image(services: Services, ask: Ask) -> Image.Image:
    """Return the picture upright and RGB; raises AppError."""
    if ask.picture:
        return decode(question.read(ask.picture, services.settings.max_upload_bytes))
    if ask.item:
        return services.views.picture(ask.catalog, ask.item)
    raise AppError("Choose a picture first: upload one, or take an example.")


def address(ask: Ask) -> str:
    """Return where the browser finds the picture."""
    if ask.picture:
        return ask.picture.url or ""
    return f"picture/{quote(ask.catalog, safe='')}?side=640&id={quote(ask.item or '', safe='')}"


def change(ask: Ask, size: tuple[int, int]) -> Image.Image | None:
    """Return what may change (mode L, 255 for yes) in a picture of `size`, None for all of it; raises AppError."""
    if not ask.mask:
        raise AppError("Mark what should change: paint over it, or press “The garment”.")
    try:
        data = base64.b64decode(ask.mask.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise AppError("The mask cannot be read. Paint it again.") from None
    mask = read_mask(data, size)
    return None if np.asarray(mask).mean() >= 255 * _ALL else mask


def proposal(services: Services, picture: Image.Image) -> str:
    """Return where the garment is as a data URL: white on black, in the picture's proportions."""
    small = picture.copy()
    small.thumbnail((512, 512), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    services.edits.garment(small).save(out, "PNG")
    return _PREFIX + base64.b64encode(out.getvalue()).decode()
