"""Large HEIC and AVIF pictures, which phones write as a grid of tiles: decoded and scaled down a tile at a time.

ISO/IEC 23008-12 (HEIF) and 14496-12 (its boxes). Each tile is a hidden picture of its own in the file; a copy of the
file that shows it and names it as the main one is decoded as usual.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from retrieval.core import BadPictureError

FORMATS = ("HEIF", "AVIF")
_MOST_TILES = 4096
_HIDDEN = 1
_CONTAINERS = (b"meta", b"iprp")


@dataclass(frozen=True, slots=True)
class Grid:
    """The tiles of a picture by number, row by row; `size` is that of the whole before it is turned.

    `main` is the place in the file, start and length, of the number of the main picture, `flags` the place of each
    tile's flags;
    `turns` counts quarter turns against the clock, `mirror` is 0 for top to bottom, 1 for left to right, None for none.
    """

    tiles: tuple[int, ...]
    columns: int
    size: tuple[int, int]
    main: tuple[int, int]
    flags: tuple[int, ...]
    turns: int = 0
    mirror: int | None = None


def grid(data: bytes) -> Grid | None:
    """Return the grid that the picture in `data` is, None where it is none; raises BadPictureError where damaged."""
    try:
        return _grid(data)
    except (struct.error, KeyError, IndexError, ValueError):
        raise BadPictureError("The picture is damaged or cut short (its tiles cannot be found).") from None


def reduced(data: bytes, found: Grid, factor: int, decode: Callable[[bytes], Image.Image]) -> Image.Image:
    """Return the picture `factor` times smaller, RGB and upright; `decode` reads one tile, a file of its own."""
    across, down = -(-found.size[0] // factor), -(-found.size[1] // factor)
    whole = Image.new("RGB", (across, down))
    side: tuple[int, int] | None = None
    for number, (tile, flags) in enumerate(zip(found.tiles, found.flags, strict=True)):
        at, size = found.main
        file = bytearray(data)
        file[at : at + size] = tile.to_bytes(size)
        file[flags] &= ~_HIDDEN
        picture = decode(bytes(file))
        side = side or picture.size
        left, top = (number % found.columns) * side[0], (number // found.columns) * side[1]
        small = picture.convert("RGB").reduce(factor)
        whole.paste(small, (left // factor, top // factor))
    if found.mirror is not None:
        whole = whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT if found.mirror else Image.Transpose.FLIP_TOP_BOTTOM)
    quarter = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    return whole.transpose(quarter[found.turns - 1]) if found.turns else whole


def _grid(data: bytes) -> Grid | None:
    boxes = {name: (start, end) for name, start, end in _boxes(data, 0, len(data), b"")}
    kinds = _kinds(data, *boxes[b"iinf"])
    start, _ = boxes[b"pitm"]
    main = (start + 4, 4 if data[start] else 2)
    primary = int.from_bytes(data[main[0] : sum(main)])
    if primary not in kinds or kinds[primary][0] != b"grid":
        return None
    place = _place(data, boxes, primary)
    wide = data[place + 1] & 1
    rows, columns = data[place + 2] + 1, data[place + 3] + 1
    size = struct.unpack_from(">2I" if wide else ">2H", data, place + 4)
    tiles = _tiles(data, *boxes[b"iref"], primary)
    if len(tiles) != rows * columns or len(tiles) > _MOST_TILES:
        raise ValueError("not one tile for each place")
    turns, mirror = _turned(data, boxes, primary)
    flags = tuple(kinds[tile][1] for tile in tiles)
    return Grid(tiles, columns, (size[0], size[1]), main, flags, turns, mirror)


def _boxes(data: bytes, at: int, end: int, parent: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start, end) of what the boxes in a stretch hold, those of meta and iprp opened."""
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        stop = end if size == 0 else at + size
        if stop > end or stop < start:
            raise ValueError("a box is longer than what holds it")
        yield name, start, stop
        if name in _CONTAINERS:
            yield from _boxes(data, start + (4 if name == b"meta" else 0), stop, name)
        at = stop


def _kinds(data: bytes, start: int, end: int) -> dict[int, tuple[bytes, int]]:
    """Return item -> its kind and where its flags are, as the box iinf lists them."""
    kinds = {}
    for name, at, _ in _boxes(data, start + (8 if data[start] else 6), end, b"iinf"):
        if name == b"infe" and data[at] >= 2:
            wide = 4 if data[at] == 3 else 2
            kind = data[at + 6 + wide : at + 10 + wide]
            kinds[int.from_bytes(data[at + 4 : at + 4 + wide])] = kind, at + 3
    return kinds


def _tiles(data: bytes, start: int, end: int, primary: int) -> tuple[int, ...]:
    """Return the items of which `primary` is made, as the box iref lists them."""
    wide = 4 if data[start] else 2
    for name, at, _ in _boxes(data, start + 4, end, b"iref"):
        if name == b"dimg" and int.from_bytes(data[at : at + wide]) == primary:
            count = int.from_bytes(data[at + wide : at + wide + 2])
            first = at + wide + 2
            return tuple(int.from_bytes(data[n : n + wide]) for n in range(first, first + wide * count, wide))
    raise KeyError(primary)


def _place(data: bytes, boxes: dict[bytes, tuple[int, int]], item: int) -> int:
    """Return where the content of an item begins, as the box iloc says: in the file or in the box idat."""
    at, _ = boxes[b"iloc"]
    version, sizes = data[at], data[at + 4 : at + 6]
    offset, length, base, index = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, sizes[1] & 15 if version else 0
    wide = 4 if version == 2 else 2
    count = int.from_bytes(data[at + 6 : at + 6 + wide])
    at += 6 + wide
    for _ in range(count):
        known = int.from_bytes(data[at : at + wide])
        at += wide
        method = 0
        if version:
            method, at = data[at + 1] & 15, at + 2
        at += 2
        start = int.from_bytes(data[at : at + base])
        extents = int.from_bytes(data[at + base : at + base + 2])
        at += base + 2
        if known == item:
            start += int.from_bytes(data[at + index : at + index + offset])
            return start + boxes[b"idat"][0] if method == 1 else start
        at += extents * (index + offset + length)
    raise KeyError(item)


def _turned(data: bytes, boxes: dict[bytes, tuple[int, int]], item: int) -> tuple[int, int | None]:
    """Return quarter turns and mirroring of an item, as the boxes ipco and ipma say."""
    properties = [(name, at) for name, at, _ in _boxes(data, *boxes[b"ipco"], b"ipco")]
    at, _ = boxes[b"ipma"]
    version, wide_index = data[at], data[at + 3] & 1
    count = int.from_bytes(data[at + 4 : at + 8])
    at += 8
    turns, mirror = 0, None
    for _ in range(count):
        wide = 4 if version else 2
        known, many = int.from_bytes(data[at : at + wide]), data[at + wide]
        at += wide + 1
        for _ in range(many):
            step = 2 if wide_index else 1
            number = int.from_bytes(data[at : at + step]) & (0x7FFF if wide_index else 0x7F)
            at += step
            if known == item and number:
                name, place = properties[number - 1]
                turns = data[place] & 3 if name == b"irot" else turns
                mirror = data[place] & 1 if name == b"imir" else mirror
    return turns, mirror
