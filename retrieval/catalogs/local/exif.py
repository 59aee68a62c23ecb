"""What a camera wrote into a photo: the day it was taken and the camera. Where it was taken is not read."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

from PIL import Image

from retrieval.core import Attributes

warnings.filterwarnings("ignore", message="Corrupt EXIF data", module="PIL")
_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
_HEAD = 1 << 16
_MARK = b"Exif\0\0"
_MAKE, _MODEL, _DATE, _DIRECTORY, _ORIGINAL = 0x010F, 0x0110, 0x0132, 0x8769, 0x9003
_LONGEST = 60


@lru_cache(maxsize=200_000)
def attributes(path: str, stamp: str) -> Attributes:
    """Return `taken` (a day, 2026-05-01) and `camera` of the JPEG at `path`, as far as it says so.

    It is read once for each `stamp`, its first 64 KB only; a damaged record says nothing.
    """
    if not path.lower().endswith(_SUFFIXES):
        return {}
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return {}
    start = head.find(_MARK, 0, 4096)
    if start < 2:
        return {}
    length = int.from_bytes(head[start - 2 : start], "big") - 2
    exif = Image.Exif()
    try:
        exif.load(head[start : start + length])
        taken = _text(exif.get_ifd(_DIRECTORY).get(_ORIGINAL)) or _text(exif.get(_DATE))
        make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    except Exception:  # Pillow's reader of EXIF raises nearly anything at a damaged one
        return {}
    found = {}
    if len(taken) >= 10 and taken[:10].replace(":", "").isdigit() and not taken.startswith("0000"):
        found["taken"] = taken[:10].replace(":", "-")
    if make or model:
        named = make and model.lower().startswith(make.split()[0].lower())
        found["camera"] = model if named else f"{make} {model}".strip()
    return found


def _text(value: Any) -> str:  # noqa: ANN401 - EXIF has anything anywhere
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return " ".join(value.replace("\0", " ").split())[:_LONGEST] if isinstance(value, str) else ""
