"""The one place that opens a picture: decode, turn upright, flatten to RGB, within bounds."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from retrieval.core import BadPictureError, Box

VERSION = 1
"""Goes into every manifest; raise it when the same file would decode to other pixels."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 64_000_000
DISPLAY_SIDE = 2048
_TURNED = (5, 6, 7, 8)
_ORIENTATION = 0x0112

Shown = TypeVar("Shown")

# Bounds are checked here before any pixel is decoded; PIL's own warning would only repeat them on stderr.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def decode(data: bytes, shorter_side: int | None = None, box: Box | None = None) -> Image.Image:
    """Return the picture in `data` as upright RGB: first frame, transparency over white, 16 bits scaled to 8.

    With `shorter_side` (pixels) the picture comes at a half, a quarter, an eighth and so on, never below that size;
    without, its longer side is at most DISPLAY_SIDE. `box` is in pixels of the full upright picture.
    Raises BadPictureError, as a sentence, for anything that is not a picture or is out of bounds.
    """
    return _opened(data, lambda image: _upright(image, shorter_side, box))


def mask(data: bytes) -> Image.Image:
    """Return the mask in `data` as mode L, 255 where something may change; its longer side is at most DISPLAY_SIDE.

    In a file with transparency that is the transparent part, as in OpenAI's images-edit route; else the white part.
    Raises BadPictureError like `decode`.
    """
    return _opened(data, _marked)


def dimensions(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels of the picture in `data` as stored, undecoded; raises like `decode`."""
    return _opened(data, lambda image: image.size)


def _opened(data: bytes, show: Callable[[Image.Image], Shown]) -> Shown:
    """Return what `show` makes of the picture in `data`, within bounds."""
    if not data:
        raise BadPictureError("The file is empty (0 bytes).")
    if len(data) > MAX_BYTES:
        raise BadPictureError(f"The file has {len(data) >> 20} MB; at most {MAX_BYTES >> 20} MB can be read.")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return show(image)
    except UnidentifiedImageError:
        raise BadPictureError("This is not a picture in a format that can be read (JPEG, PNG, WebP, …).") from None
    except Image.DecompressionBombError:
        raise BadPictureError(
            f"The picture is too large; at most {MAX_PIXELS // 10**6} megapixels can be read."
        ) from None
    except BadPictureError:
        raise
    except Exception as error:  # Pillow's readers raise nearly anything at a damaged file
        raise BadPictureError(f"The picture is damaged or cut short ({error}).") from None


def _upright(image: Image.Image, shorter_side: int | None, box: Box | None) -> Image.Image:
    full = image.size
    if image.format in ("JPEG", "MPO"):
        target = shorter_side or DISPLAY_SIDE
        if box:
            target = max(target, round(target * min(full) / max(1, min(box[2] - box[0], box[3] - box[1]))))
        image.draft("RGB", (min(target, full[0]), min(target, full[1])))
    if image.width * image.height > MAX_PIXELS:
        megapixels = image.width * image.height / 1e6
        raise BadPictureError(
            f"The picture has {megapixels:.0f} megapixels; at most {MAX_PIXELS // 10**6} can be read. Save it smaller."
        )
    # A TIFF's size is that of the upright picture already.
    turned = image.format != "TIFF" and image.getexif().get(_ORIENTATION) in _TURNED
    flat = _rgb(ImageOps.exif_transpose(image))
    if box:
        flat = _crop(flat, box, full[::-1] if turned else full)
    if shorter_side is None:
        flat.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        return flat
    halvings = max(min(flat.size) // shorter_side, 1).bit_length() - 1
    return flat.reduce(1 << halvings) if halvings else flat


def _marked(image: Image.Image) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise Image.DecompressionBombError
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE), Image.Resampling.BOX)
    if "A" in upright.getbands() or "transparency" in upright.info:
        alpha = upright.convert("RGBA").getchannel("A")
        if np.asarray(alpha).min() < 255:
            return ImageOps.invert(alpha)
    return _rgb(upright).convert("L")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        # Neither mode says what white is: 1 in most floating-point pictures, else all of 8 or of 16 bits.
        white = next((w for w in (1.0, 255.0) if values.max(initial=0.0) <= w), 65535.0)
        return Image.fromarray(np.clip(values * (255.0 / white) + 0.5, 0, 255).astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        over = image.convert("RGBA")
        paper = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(paper, over).convert("RGB")
    return image.convert("RGB")


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
