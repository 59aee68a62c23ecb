"""Mending a file before it is decoded: what viewers pass over must not stop us."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_KEPT = (b"IHDR", b"PLTE", b"tRNS")
_LARGEST_ASIDE = 1 << 20
_ABOUT_THE_PICTURE = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")
END_OF_JPEG = b"\xff\xd9"


def without_ballast(data: bytes) -> bytes:
    """Return a PNG with nothing but its first picture and what says how to show it: no texts, no other frames.

    A chunk that is beside the picture, and damaged or larger than 1 MB when unpacked, is left out too. What is no PNG,
    or holds nothing to leave out, comes back as it is.
    """
    if not data.startswith(_PNG):
        return data
    before: list[bytes | memoryview] = []
    pixels: list[bytes | memoryview] = []
    changed, ended = False, False
    for name, chunk in _chunks(data):
        if name == b"IDAT":
            pixels.append(chunk)
        elif name == b"IEND":
            ended = True
            break
        elif name in _KEPT or _serves(name, chunk):
            before.append(chunk)
            changed |= bool(pixels)  # what stands behind the pixels would have to be read past them
        else:
            changed = True
    return data if ended and not changed else b"".join([_PNG, *before, *pixels, _chunk(b"IEND", b"")])


def _serves(name: bytes, chunk: memoryview) -> bool:
    """Return whether a chunk beside the picture tells how to show it and is sound."""
    body = bytes(chunk[8:-4]) if len(chunk) < _LARGEST_ASIDE else b""
    if not body or zlib.crc32(name + body) != struct.unpack(">I", chunk[-4:])[0]:
        return False
    if name == b"iCCP":
        return _inflated(body.partition(b"\0")[2][1:]) is not None
    if name == b"zTXt":
        return body.startswith(_ABOUT_THE_PICTURE) and _inflated(body.partition(b"\0")[2][1:]) is not None
    if name in (b"tEXt", b"iTXt"):
        return body.startswith(_ABOUT_THE_PICTURE) and b"\0\x01" not in body[:64]
    return name in (b"eXIf", b"gAMA", b"cHRM", b"sRGB", b"sBIT")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield (name, whole chunk) as far as the file goes."""
    view, at = memoryview(data), len(_PNG)
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield bytes(view[at + 4 : at + 8]), view[at : at + 12 + size]
        at += 12 + size


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _inflated(packed: bytes) -> bytes | None:
    """Return what `packed` holds, None where that is damaged or more than 1 MB."""
    try:
        stream = zlib.decompressobj()
        plain = stream.decompress(packed, _LARGEST_ASIDE)
    except zlib.error:
        return None
    return plain if stream.eof else None
