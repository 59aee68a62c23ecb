"""What each picture-editing model takes, as a table; which models there are is told by the openai package."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

from retrieval.core import AppError

DEFAULT = "gpt-image-2.5-flare"
AUTO = "auto"
_STEP, _AREA, _LONGEST, _RATIO = 16, 1024 * 1024, 3840, 3.0
_LARGEST = 3840 * 2160
_SIZE = re.compile(r"([1-9]\d{1,4})x([1-9]\d{1,4})")


@dataclass(frozen=True, slots=True)
class EditModel:
    """The facts of one model, from `openai/types/image_edit_params.py` of openai 3.54.0.

    `sizes` are the fixed ones, `any_size` says that every WIDTHxHEIGHT in steps of 16 pixels will do. `fidelity` and
    `answers` are sent as input_fidelity and response_format where they are not empty; `partials` is how many pictures
    on the way it sends. `cents` is US cents a picture of about a megapixel by quality, as seen on `priced`.
    """

    name: str
    sizes: tuple[str, ...] = ("1024x1024", "1536x1024", "1024x1536")
    any_size: bool = False
    qualities: tuple[str, ...] = (AUTO, "low", "medium", "high")
    fidelity: str = ""
    answers: str = ""
    partials: int = 2
    most: int = 4
    longest_prompt: int = 32_000
    edits: bool = True
    retired: str = ""
    cents: Mapping[str, float] | None = None
    priced: str = ""


_ROWS = (
    # Prices: 30 dollars a million tokens of output, 196 to 7,024 of them by quality.
    EditModel("gpt-image-2.5", any_size=True, qualities=(AUTO, "low", "medium", "high", "xhigh", "max"),
              cents={"low": 0.6, "medium": 1.3, "high": 5.3, "xhigh": 9.4, "max": 21.1}, priced="September 2026"),
    EditModel("gpt-image-2.6"),
    EditModel("gpt-image-2", any_size=True),
    EditModel("gpt-image-1.5", fidelity="high", cents={"low": 0.9, "medium": 3.4, "high": 13.3},
              priced="September 2026"),
    EditModel("gpt-image-1-mini", fidelity="low", cents={"low": 0.5, "medium": 1.1, "high": 3.6},
              priced="November 2026"),
    EditModel("gpt-image-1", fidelity="high", retired="2026-10-23"),
    EditModel("chatgpt-image"),
    EditModel("dall-e-2", sizes=("1024x1024", "512x512", "256x256"), qualities=(AUTO,), answers="b64_json",
              partials=0, longest_prompt=1000, retired="2026-05-12"),
    EditModel("dall-e-3", partials=0, edits=False, retired="2026-05-12"),
)  # fmt: skip
"""The first row whose name begins a model's name is its row; snapshots have their model's."""

_UNKNOWN = EditModel("", qualities=(AUTO,), partials=0)


def facts(name: str) -> EditModel:
    """Return what a model takes; of one that is in no row, no more is assumed than every service understands."""
    row = next((row for row in _ROWS if name.startswith(row.name)), _UNKNOWN)
    return replace(row, name=name)


def listed() -> list[EditModel]:
    """Return the models that the installed openai package names, the default first and the retired ones last."""
    from openai.types import ImageModel

    rows = [facts(name) for name in get_args(ImageModel)]
    return sorted(rows, key=lambda row: (bool(row.retired), row.name != DEFAULT))


def frame_size(model: EditModel, size: str, picture: tuple[int, int]) -> tuple[int, int]:
    """Return width and height to ask for: `size`, or with "auto" what fits a picture of (w, h) best; raises AppError.

    With any size the picture's own proportions are kept, within 1:3 to 3:1, at about a megapixel.
    """
    if size != AUTO:
        return _checked(model, size)
    ratio = picture[0] / picture[1]
    if not model.any_size:
        squares = [_pixels(each) for each in model.sizes]
        return min(squares, key=lambda s: (round(abs(math.log(s[0] / s[1] / ratio)), 6), -s[0]))
    ratio = min(max(ratio, 1 / _RATIO), _RATIO)
    width = _STEP * round(math.sqrt(_AREA * ratio) / _STEP)
    height = _STEP * round(math.sqrt(_AREA / ratio) / _STEP)
    return min(width, int(_RATIO * height)) // _STEP * _STEP, min(height, int(_RATIO * width)) // _STEP * _STEP


def cents(model: EditModel, quality: str, size: tuple[int, int], variants: int) -> float | None:
    """Return about how many US cents the pictures that come back cost; None where that is not known."""
    if not model.cents or quality not in model.cents:
        return None
    return model.cents[quality] * variants * max(1.0, size[0] * size[1] / _AREA)


def _checked(model: EditModel, size: str) -> tuple[int, int]:
    if size in model.sizes:
        return _pixels(size)
    fitting = f"Choose one of: {', '.join((AUTO, *model.sizes))}."
    if not model.any_size or not _SIZE.fullmatch(size):
        raise AppError(f"{model.name} makes no pictures of the size '{size}'. {fitting}")
    width, height = _pixels(size)
    if width % _STEP or height % _STEP or not 1 / _RATIO <= width / height <= _RATIO:
        raise AppError(f"The size {size} will not do: steps of {_STEP} pixels, and at most 3:1. {fitting}")
    if max(width, height) > _LONGEST or width * height > _LARGEST:
        raise AppError(f"The size {size} is too large; 3840x2160 is the largest. {fitting}")
    return width, height


def _pixels(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)
