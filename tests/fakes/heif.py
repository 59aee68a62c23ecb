"""HEIC and AVIF pictures as phones write large ones: a grid of tiles. Every tile is the same drawing of 512 x 512."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator

# A drawing of ours, packed once by x265: nothing that the tests need can write HEIC.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVZtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAA"
    "AAAERAAAEAAQAAAAABegABAAAAAAAAAe0AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA1mlwcnAA"
    "AAC3aXBjbwAAAHhodmNDAQNwAAAAkAAAAAAAWvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAWroCQGEAAQArQgEBA3AAAAMAkA"
    "AAAwAAAwBaoAQCAIBZbqSSmubgIaDAgAAADIAAAAMAhGIAAQAHRAHBcrBiQAAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAAIAAAAC"
    "AAAAABBwaXhpAAAAAAMICAgAAAAXaXBtYQAAAAAAAAABAAEEgQIDBAAAAfVtZGF0AAAB6SgBrxMQdTTdu3ThxOUzwJ//0qo//cj1f+fZatUPRV"
    "3dJu78cjwbioAADzAAGKAAwgAAAwAL+K+OFr//1iEaP5rwYvjnEcv+Q0tPAJMAYFTZAEu9H3//7pXxGc7/WTaCpnFHX3xmhNx80N8W6y+SJP/I"
    "VlQITS6+okup3NTz1Tcve83vglyIjEWAgJMAADfAANoAAKMr5onH5ly6LtQATQmG9ARcUEk6zxYlnfIx1STw7ys7ucuRHCtN8h2BwAAAAwAAAw"
    "BlQIcAAAMAAAMAAAnaBw3MfmXLou1AC0n5nTkXFBJOs8WJZ3yMdUk8O8rO7nMWdCSbfRt7CAAAAwAAAwBewAAAAwAAAwAABSQELyY/MuXRdqAI"
    "KacGUWn44gH0hfmCmRUFSTw7ys7uczulcnN+jb2EAAADAAADAJuAAAADAAADAABRb9QovhmXLou1AE+R18UE9eZgH0hfmCmRUFSTw7ys7uc3u3"
    "/+O+8c98AAAAMAAA3oAAADAAADAAHJteq8x+Zcui7UAY9k9rBafjiAfSF+YKZFQVJPDvKzu5zo7g9BF9G3sIAAAAMAADSgAAADAAADAAWNwB3d"
    "8My5dF2oA07QE7wnrzMA+kL8wUyKgqSeHeVndznX3CGGL6NvYQAAAwAAAwB+QA=="
)
"""512 x 512: a green bar of 64 pixels on top; below it blue on the left, red on the right."""


def grid(tile: bytes, columns: int, rows: int, size: tuple[int, int], turns: int = 0) -> bytes:
    """Return a picture of `columns` x `rows` times `tile`, cut to `size`, turned by quarters against the clock."""
    boxes = {name: body for name, body in _boxes(tile)}
    meta = {name: body for name, body in _boxes(boxes[b"meta"][4:])}
    content = boxes[b"mdat"]
    known = {name: body for name, body in _boxes(meta[b"iprp"])}
    properties = [_box(name, body) for name, body in _boxes(known[b"ipco"])]
    kind = b"av01" if b"avif" in boxes[b"ftyp"] else b"hvc1"
    count, tiles = columns * rows, range(2, columns * rows + 2)
    whole = [_box(b"ispe", bytes(4) + struct.pack(">2I", *size)), _box(b"irot", bytes([turns]))]
    entries = [_box(b"infe", bytes([2, 0, 0, 0]) + struct.pack(">2H4s", 1, 0, b"grid") + b"\0")]
    entries += [_box(b"infe", bytes([2, 0, 0, 1]) + struct.pack(">2H4s", n, 0, kind) + b"\0") for n in tiles]
    essential = [n | 0x80 if name in (b"hvcC", b"av1C") else n for n, (name, _) in enumerate(_boxes(known[b"ipco"]), 1)]
    own = [len(properties) + 1, (len(properties) + 2) | 0x80]
    links = struct.pack(">I", count + 1) + struct.pack(">HB", 1, 2) + bytes(own)
    links += b"".join(struct.pack(">HB", n, len(essential)) + bytes(essential) for n in tiles)
    layout = struct.pack(">4B2H", 0, 0, rows - 1, columns - 1, *size)

    def file(start: int) -> bytes:
        lines = struct.pack(">4H2I", 1, 1, 0, 1, 0, len(layout))
        lines += b"".join(struct.pack(">4H2I", n, 0, 0, 1, start, len(content)) for n in tiles)
        body = bytes(4) + _box(b"hdlr", meta[b"hdlr"]) + _box(b"pitm", bytes(4) + struct.pack(">H", 1))
        body += _box(b"iloc", bytes([1, 0, 0, 0, 0x44, 0]) + struct.pack(">H", count + 1) + lines)
        body += _box(b"iinf", bytes(4) + struct.pack(">H", count + 1) + b"".join(entries))
        body += _box(b"iref", bytes(4) + _box(b"dimg", struct.pack(f">2H{count}H", 1, count, *tiles)))
        body += _box(b"iprp", _box(b"ipco", b"".join(properties + whole)) + _box(b"ipma", bytes(4) + links))
        return _box(b"ftyp", boxes[b"ftyp"]) + _box(b"meta", body + _box(b"idat", layout))

    head = file(0)
    return file(len(head) + 8) + _box(b"mdat", content)


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, name) + body


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + size]
        at += size
