"""Large pictures read strip by strip and scaled down on the way, by libvips: no more of one is ever in memory."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from retrieval.core import BadPictureError
from retrieval.pictures import pixels

FORMATS = ("PNG", "TIFF", "WEBP")
_COST = 64 << 20


def cost(data: bytes, size: tuple[int, int]) -> int:
    """Return how many bytes this takes: the same for every size, measured, but where the format itself needs a whole.

    That is a PNG in seven passes and a WebP without loss.
    """
    whole = (data[:2] == b"\x89P" and data[28:29] == b"\x01") or (data[:4] == b"RIFF" and b"VP8L" in data[:4096])
    return max(_COST, (16 << 20) + 4 * size[0] * size[1]) if whole else _COST


def reduced(data: bytes, form: str, factor: int) -> Image.Image:
    """Return the picture in `data`, of one of FORMATS, `factor` times smaller: L, RGB or CMYK, as it lies in the file.

    Transparency lies over white; colours are those of the file, not yet by its profile.
    Raises BadPictureError where libvips is not there or cannot read the file.
    """
    vips = _vips()
    try:
        options = {"scale": 1 / factor} if form == "WEBP" else {"access": "sequential"}
        image = vips.Image.new_from_buffer(data, "", fail_on="truncated", **options)
        if image.hasalpha():
            white = 65535 if image.format == "ushort" else 255
            image = image.flatten(background=[white] * (image.bands - 1))
        if form != "WEBP":
            image = image.shrink(factor, factor)
        if image.interpretation not in ("srgb", "b-w", "rgb16", "grey16", "cmyk", "multiband", "rgb"):
            image = image.colourspace("srgb")
        values = np.ndarray((image.height, image.width, image.bands), _types()[image.format], image.write_to_memory())
    except vips.Error as error:
        reason = str(error).strip().splitlines()[-1]
        raise BadPictureError(f"The picture is damaged or cut short ({reason}).") from None
    return _picture(values, image.interpretation)


def _picture(values: np.ndarray, interpretation: str) -> Image.Image:
    bands = values.shape[2]
    if bands == 1:
        flat = values[..., 0]
        if flat.dtype == np.uint8:
            return Image.fromarray(flat)
        brightest = float(np.nan_to_num(flat.astype(np.float32)).max(initial=0.0))
        return pixels.deep_to_grey(flat, pixels.white_of(brightest, flat.dtype == np.uint16))
    if values.dtype == np.uint16:
        values = (values >> 8).astype(np.uint8)
    if values.dtype != np.uint8:
        white = pixels.white_of(float(np.nan_to_num(values).max(initial=0.0)))
        values = np.stack([np.asarray(pixels.deep_to_grey(values[..., i], white)) for i in range(bands)], -1)
    if interpretation == "cmyk" and bands >= 4:
        return Image.frombytes("CMYK", values.shape[1::-1], np.ascontiguousarray(values[..., :4]).tobytes())
    return Image.fromarray(np.ascontiguousarray(values[..., :3] if bands >= 3 else values[..., 0]))


@cache
def _vips() -> Any:  # noqa: ANN401 - a module
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
    try:
        import pyvips  # type: ignore[import-untyped]
    except (ImportError, OSError):
        raise BadPictureError(
            "The picture is too large to be read as a whole. Run: pip install -r requirements.txt (it lacks pyvips)."
        ) from None
    pyvips.cache_set_max(0)
    logging.getLogger("pyvips").setLevel(logging.CRITICAL)  # what it warns of, its errors say too
    return pyvips


def _types() -> dict[str, type]:
    return {
        "uchar": np.uint8, "char": np.int8, "ushort": np.uint16, "short": np.int16, "uint": np.uint32,
        "int": np.int32, "float": np.float32, "double": np.float64,
    }  # fmt: skip
