"""Which way up a picture is, also where the rest of its EXIF data makes no sense."""

from __future__ import annotations

import struct

from PIL import Image

_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an opened picture, 1 to 8; 1 where there is none that can be read.

    A TIFF is turned by its reader already.
    """
    if image.format == "TIFF":
        return 1
    try:
        found = Image.Image.getexif(image).get(_TAG)  # a PNG's own way there reads all pixels first
    except Exception:  # Pillow's reader of EXIF raises nearly anything at a damaged one
        found = _scanned(image.info.get("exif", b""))
    return found if found in _TURNS else 1


def turn(image: Image.Image, orientation: int) -> Image.Image:
    """Return `image` upright, which lay as `orientation` says."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def swaps(orientation: int) -> bool:
    """Return whether width and height change places when the picture is turned."""
    return orientation in (5, 6, 7, 8)


def _scanned(exif: bytes) -> int | None:
    """Return the orientation in the first directory of `exif`, read by hand, no other entry minded."""
    data = exif.removeprefix(b"Exif\0\0")
    order = "<" if data[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        (entries,) = struct.unpack_from(order + "H", data, at)
        for number in range(entries):
            tag, form, count, value = struct.unpack_from(order + "HHIH", data, at + 2 + 12 * number)
            if (tag, form, count) == (_TAG, 3, 1):
                return int(value)
    except struct.error:
        pass
    return None
