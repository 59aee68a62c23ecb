"""The one place that opens a picture: decode, turn upright, flatten to RGB, within bounds of memory."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from retrieval.core import BadPictureError, Box, UnreadableError
from retrieval.pictures import budget, containers, formats, heif_grid, jpeg, pixels, profiles, strips
from retrieval.pictures.orientation import orientation, swaps, turn

VERSION = 2
"""Goes into every manifest; raise it when the same file would decode to other pixels.

2: colours by the picture's own profile; a 16-bit grey picture of 12 bits spans black to white.
"""

MAX_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 400_000_000
DISPLAY_SIDE = 2048
_JPEGS = ("JPEG", "MPO")
_WHOLE = {"WEBP": 16, "AVIF": 10, "HEIF": 8, "TIFF": 8}
"""Bytes a pixel that a format's reader takes where that is more than the picture itself, measured."""

Shown = TypeVar("Shown")

# Pillow warns above its bound and raises above twice that. What memory a picture may take is decided here.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def decode(data: bytes, shorter_side: int | None = None, box: Box | None = None) -> Image.Image:
    """Return the picture in `data` as upright sRGB: first frame, transparency over white, 16 bits scaled to 8.

    With `shorter_side` (pixels) the picture comes at a half, a quarter, an eighth and so on, never below that size
    unless it is too large to be read any larger; without, its longer side is at most DISPLAY_SIDE. `box` is in pixels
    of the full upright picture.
    Raises BadPictureError, as a sentence, for anything that is not a picture or fits in no memory that is allowed, and
    UnreadableError where this machine's memory does not suffice now.
    """
    return _opened(data, lambda file: _upright(file, shorter_side, box))


def mask(data: bytes) -> Image.Image:
    """Return the mask in `data` as mode L, 255 where something may change; its longer side is at most DISPLAY_SIDE.

    In a file with transparency that is the transparent part, as in OpenAI's images-edit route; else the white part.
    Raises BadPictureError like `decode`.
    """
    return _opened(data, _marked)


def decodes_as_in_version_1(data: bytes) -> bool:
    """Return whether a picture had the same pixels before VERSION 2, so that its vectors of then are still true."""
    try:
        with Image.open(io.BytesIO(containers.without_ballast(data)), formats=formats.FORMATS) as image:
            deep = image.mode.startswith("I;16")
            mode = image.mode if image.mode in ("L", "CMYK") else "RGB"
            return not deep and not profiles.matters(image.info.get("icc_profile"), mode)
    except Exception:  # Pillow's readers raise nearly anything at a damaged file
        return False


@dataclass(frozen=True, slots=True)
class _File:
    """An opened picture before its pixels are read, its bytes, the size in the file and which way up it lies."""

    image: Image.Image
    data: bytes
    size: tuple[int, int]
    lies: int

    @property
    def upright_size(self) -> tuple[int, int]:
        return self.size[::-1] if swaps(self.lies) else self.size


def dimensions(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels of the picture in `data` as stored, undecoded; raises like `decode`."""
    return _opened(data, lambda file: file.size)


def _opened(data: bytes, show: Callable[[_File], Shown]) -> Shown:
    """Return what `show` makes of the picture in `data`, within bounds."""
    if not data:
        raise BadPictureError("The file is empty (0 bytes).")
    if len(data) > MAX_BYTES:
        raise BadPictureError(f"The file has {len(data) >> 20} MB; at most {MAX_BYTES >> 20} MB can be read.")
    _add_heif()
    sound = containers.without_ballast(data)
    try:
        try:
            return _shown(sound, show)
        except OSError as error:
            whole = _with_its_end(sound) if "truncated" in str(error) else None
            if whole is None:
                raise
            return _shown(whole, show)
    except MemoryError:
        raise UnreadableError(
            "There was not enough memory to read the picture. It is tried again next time; close other programs."
        ) from None
    except Image.DecompressionBombError:
        raise BadPictureError(
            f"The picture is too large; at most {MAX_PIXELS // 10**6} megapixels can be read. Save it smaller."
        ) from None
    except UnidentifiedImageError:
        what = formats.kind(data)
        raise BadPictureError(
            f"This is {what}, not a picture in a format that can be read (JPEG, PNG, WebP, HEIC, …)."
            if what
            else "This is not a picture in a format that can be read (JPEG, PNG, WebP, HEIC, …)."
        ) from None
    except BadPictureError:
        raise
    except Exception as error:  # Pillow's readers raise nearly anything at a damaged file
        raise BadPictureError(f"The picture is damaged or cut short ({error}).") from None


def _shown(data: bytes, show: Callable[[_File], Shown]) -> Shown:
    with Image.open(io.BytesIO(data), formats=formats.FORMATS) as image:
        return show(_File(image, data, image.size, orientation(image)))


def _with_its_end(data: bytes) -> bytes | None:
    """Return a JPEG that lacks nothing but its end marker with that marker, None where more is missing.

    Whatever stands before the marker is read as pixels only where pixels are missing: so both tails show the same.
    """
    if not data.startswith(b"\xff\xd8"):
        return None
    shown = []
    for filling in (bytes(64), b"\xa5" * 64):
        with Image.open(io.BytesIO(data + filling + containers.END_OF_JPEG), formats=("JPEG",)) as image:
            image.draft("RGB", (1, 1))
            with budget.DECODING.hold(_cost(image, data)):
                shown.append(np.asarray(image))
    return data + containers.END_OF_JPEG if np.array_equal(shown[0], shown[1]) else None


def _upright(file: _File, shorter_side: int | None, box: Box | None) -> Image.Image:
    wanted = shorter_side or DISPLAY_SIDE
    if box:
        across, down = file.upright_size
        width, height = min(box[2], across) - max(box[0], 0), min(box[3], down) - max(box[1], 0)
        wanted = max(wanted, round(wanted * min(across, down) / max(1, min(width, height))))
    # Of a whole picture for a page the longer side is bounded, of one for a network the shorter.
    side = min(file.size) if shorter_side or box else max(file.size)
    halvings = max(side // wanted, 1).bit_length() - 1
    flat = turn(_pixels(file, wanted, halvings), file.lies)
    if box:
        flat = _crop(flat, box, file.upright_size)
    if shorter_side is None:
        flat.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return flat
    halvings = max(min(flat.size) // shorter_side, 1).bit_length() - 1
    return flat.reduce(1 << halvings) if halvings else flat


def _pixels(file: _File, wanted: int, halvings: int) -> Image.Image:
    """Return the picture as RGB as it lies in the file, halved at most so often, its shorter side at least `wanted`."""
    image = file.image
    if image.format in _JPEGS:
        image.draft("RGB", (min(wanted, image.width), min(wanted, image.height)))
        if _cost(image, file.data) > budget.TOTAL:
            with budget.DECODING.hold(file.size[0] * file.size[1] // 4):
                small = jpeg.eighth(file.data)
                small.info = image.info
                return pixels.to_rgb(small)
        halvings = 0
    elif image.format == "JPEG2000":
        halved = min(halvings, _levels(file.data))
        halvings -= halved
        image.reduce = halved  # type: ignore[method-assign,assignment]
        # Pillow expects the nearest size and OpenJPEG gives the next larger one; of whole steps both are the same.
        image._size = (_rounded(image.width, halved), _rounded(image.height, halved))
    cost = _cost(image, file.data)
    if cost > budget.AT_ONCE and halvings and image.format in heif_grid.FORMATS:
        tiles = heif_grid.grid(file.data)
        if tiles:
            return _tiled(file, tiles, 1 << halvings)
    in_strips = image.format in strips.FORMATS and halvings and strips.cost(file.data, file.size) <= budget.TOTAL
    if cost > budget.AT_ONCE and in_strips:
        with budget.DECODING.hold(strips.cost(file.data, file.size)):
            small = strips.reduced(file.data, image.format or "", 1 << halvings)
            small.info = image.info
            tag = getattr(image, "tag_v2", {}).get(0x0112, 1) if image.format == "TIFF" else 1
            return turn(pixels.to_rgb(small), tag)
    if cost > budget.TOTAL:
        raise BadPictureError(
            f"The picture has {file.size[0] * file.size[1] / 1e6:,.0f} megapixels, and this format ({image.format}) "
            "can only be read as a whole, for which that is too much. Save it smaller, or as JPEG."
        )
    with budget.DECODING.hold(cost):
        image.load()
        return pixels.to_rgb(image, 1 << halvings)


def _tiled(file: _File, tiles: heif_grid.Grid, factor: int) -> Image.Image:
    """Return a picture made of tiles `factor` times smaller, reading one at a time."""

    def tile(data: bytes) -> Image.Image:
        with Image.open(io.BytesIO(data), formats=heif_grid.FORMATS) as image:
            if _cost(image, data) > budget.AT_ONCE:
                raise BadPictureError("The tiles of the picture are too large. Save it smaller, or as JPEG.")
            image.load()
            return image

    with budget.DECODING.hold(budget.AT_ONCE):
        # Pillow's reader of AVIF leaves the turning to us, as for a JPEG; that of HEIC turns by itself.
        turned = tiles if file.image.format == "HEIF" else replace(tiles, turns=0, mirror=None)
        small = heif_grid.reduced(file.data, turned, factor, tile)
        small.info = file.image.info
        return pixels.to_rgb(small)


def _cost(image: Image.Image, data: bytes) -> int:
    """Return how many bytes reading an opened picture as a whole takes, estimated from above."""
    count, each = image.width * image.height, pixels.bytes_a_pixel(image.mode)
    if image.format in _JPEGS:
        found = jpeg.frame(data)
        return count * 2 * each + (found.kept_bytes if found else 0)
    if image.format == "JPEG2000":
        return 16 * count >> 2 * int(image.reduce)  # type: ignore[call-overload]
    return count * max(each, _WHOLE.get(image.format or "", 0))


def _rounded(side: int, halved: int) -> int:
    return -(-side // (1 << halved)) << halved


def _levels(data: bytes) -> int:
    """Return how often a JPEG 2000 can be halved, as its header says."""
    at = data.find(b"\xff\x52")
    return data[at + 9] if 0 <= at < len(data) - 9 else 0


def _marked(file: _File) -> Image.Image:
    image = file.image
    if _cost(image, file.data) > budget.TOTAL:
        raise BadPictureError("The mask is too large. Save it as large as the picture.")
    with budget.DECODING.hold(_cost(image, file.data)):
        image.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE), Image.Resampling.BOX)
        upright = turn(image, file.lies)
        if "A" in upright.getbands() or "transparency" in upright.info:
            alpha = upright.convert("RGBA").getchannel("A")
            if np.asarray(alpha).min() < 255:
                return ImageOps.invert(alpha)
        return pixels.to_rgb(upright).convert("L")


def _crop(image: Image.Image, box: Box, full: tuple[int, int]) -> Image.Image:
    if not (max(box[0], 0) < min(box[2], full[0]) and max(box[1], 0) < min(box[3], full[1])):
        raise BadPictureError(f"The box {box} lies outside the picture, which has {full[0]} x {full[1]} pixels.")
    across, down = image.width / full[0], image.height / full[1]
    left = min(max(int(box[0] * across), 0), image.width - 1)
    top = min(max(int(box[1] * down), 0), image.height - 1)
    right = min(max(round(box[2] * across), left + 1), image.width)
    bottom = min(max(round(box[3] * down), top + 1), image.height)
    return image.crop((left, top, right, bottom))


def thumbnail(image: Image.Image, side: int) -> bytes:
    """Return `image` as a JPEG of at most `side` pixels a side."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=82)
    return out.getvalue()


@cache
def _add_heif() -> None:
    """Teach Pillow to read phones' HEIC, where pi-heif is installed."""
    try:
        import pi_heif  # type: ignore[import-untyped]
    except ImportError:
        return
    pi_heif.register_heif_opener()
