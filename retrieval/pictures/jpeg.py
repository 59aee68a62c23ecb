"""What a JPEG's markers say before it is decoded, and large progressive ones read from their first scans alone.

A progressive JPEG is decoded from all its coefficients, which libjpeg keeps in memory: 2 bytes for each sample,
however small the picture is asked for. The mean of each block of 8 x 8, its DC coefficient, stands in the first scans
(ITU-T T.81, G.1.2.1): read alone, they are the picture at an eighth of its size.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from retrieval.core import BadPictureError

_FRAMES = {0xC0: False, 0xC1: False, 0xC2: True, 0xCA: True}
_HUFFMAN_PROGRESSIVE = 0xC2
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_PIECE = 1 << 17


@dataclass(frozen=True, slots=True)
class Component:
    """One channel: its name in the file, samples across and down in a unit, and its table of steps."""

    name: int
    across: int
    down: int
    steps: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Size in pixels, channels, and whether they come in several scans, so that a decoder keeps all coefficients."""

    marker: int
    width: int
    height: int
    components: tuple[Component, ...]
    many_scans: bool

    @property
    def most(self) -> tuple[int, int]:
        """Samples across and down in a unit, of the channel that has most."""
        return max(c.across for c in self.components), max(c.down for c in self.components)

    @property
    def kept_bytes(self) -> int:
        """What a decoder keeps of it besides the rows it works on."""
        if not self.many_scans:
            return 0
        across, down = self.most
        return sum(2 * self.width * self.height * c.across * c.down // (across * down) for c in self.components)


def frame(data: bytes) -> Frame | None:
    """Return what the markers before the first scan say, or None where they make no sense."""
    found: Frame | None = None
    try:
        for marker, body, _ in _segments(data):
            if marker in _FRAMES:
                height, width, count = struct.unpack_from(">HHB", body, 1)
                parts = [struct.unpack_from("BBB", body, 6 + 3 * i) for i in range(count)]
                components = tuple(Component(n, s >> 4, s & 15, q) for n, s, q in parts)
                if not components or not all(c.across and c.down for c in components):
                    return None
                found = Frame(marker, width, height, components, _FRAMES[marker])
            elif marker == 0xDA and found:
                apart = body[0] < len(found.components)
                return Frame(found.marker, found.width, found.height, found.components, found.many_scans or apart)
    except (struct.error, IndexError):
        pass
    return None


def eighth(data: bytes) -> Image.Image:
    """Return a progressive JPEG at an eighth of its size, as L or RGB; raises BadPictureError."""
    found = frame(data)
    if found is None or found.marker != _HUFFMAN_PROGRESSIVE or len(found.components) not in (1, 3):
        raise BadPictureError("The picture is too large to be read in the way it was saved. Save it smaller.")
    try:
        planes, plain = _planes(data, found)
    except (struct.error, IndexError, KeyError, ValueError):
        raise BadPictureError("The picture is damaged or cut short.") from None
    if len(planes) == 1:
        return planes[0]
    return Image.merge("RGB" if plain else "YCbCr", planes).convert("RGB")


def _planes(data: bytes, found: Frame) -> tuple[list[Image.Image], bool]:
    """Return the channels, each (ceil(height / 8), ceil(width / 8)), and whether they are red, green and blue."""
    tables: dict[int, np.ndarray] = {}
    steps: dict[int, int] = {}
    means: dict[int, np.ndarray] = {}
    interval, plain = 0, False
    for marker, body, end in _segments(data):
        if marker == 0xC4:
            tables |= _huffman(body)
        elif marker == 0xDB:
            steps |= _first_steps(body)
        elif marker == 0xDD:
            (interval,) = struct.unpack(">H", body[:2])
        elif marker == 0xEE and body.startswith(b"Adobe"):
            plain = body[11] == 0
        elif marker == 0xDA:
            count = body[0]
            first, _, exact = body[1 + 2 * count : 4 + 2 * count]
            if first or exact >> 4:
                continue
            named = {body[1 + 2 * i]: body[2 + 2 * i] >> 4 for i in range(count)}
            scanned = [c for c in found.components if c.name in named]
            blocks = _scan(_entropy(data, end), found, scanned, [tables[named[c.name]] for c in scanned], interval)
            for component, mean in zip(scanned, blocks, strict=True):
                scale = steps[component.steps] * (1 << (exact & 15)) / 8
                means[component.name] = np.clip(mean * scale + 128.5, 0, 255).astype(np.uint8)
            if len(means) == len(found.components):
                break
    return [_full(means[component.name], component, found) for component in found.components], plain


def _full(mean: np.ndarray, component: Component, found: Frame) -> Image.Image:
    """Return a channel that may have fewer samples than others at the size of all."""
    across, down = found.most
    large = mean.repeat(down // component.down, 0).repeat(across // component.across, 1)
    return Image.fromarray(np.ascontiguousarray(large[: _ceil(found.height, 8), : _ceil(found.width, 8)]))


def _scan(
    entropy: bytes, found: Frame, scanned: list[Component], tables: list[np.ndarray], interval: int
) -> list[np.ndarray]:
    """Return the DC coefficients of each channel of a scan, int32 (rows of blocks, blocks in a row)."""
    across, down = found.most
    if len(scanned) > 1:
        columns, rows = -(-found.width // (8 * across)), -(-found.height // (8 * down))
        shapes = [(c.down, c.across) for c in scanned]
    else:
        (one,) = scanned
        columns = _ceil(_ceil(found.width * one.across, across), 8)
        rows = _ceil(_ceil(found.height * one.down, down), 8)
        shapes = [(1, 1)]
    pattern = [table for table, (high, wide) in zip(tables, shapes, strict=True) for _ in range(high * wide)]
    units = rows * columns
    differences = np.zeros((units, len(pattern)), np.int32)
    runs = _RESTART.split(entropy) if interval else [entropy]
    size = interval or units
    for number, run in enumerate(runs[: -(-units // size)]):
        wanted = differences[number * size : (number + 1) * size]
        _differences(run.replace(b"\xff\x00", b"\xff"), pattern, wanted)
    planes, at = [], 0
    for high, wide in shapes:
        mine = differences[:, at : at + high * wide]
        at += high * wide
        for start in range(0, units, size):
            run = mine[start : start + size]
            run[...] = run.ravel().cumsum().reshape(run.shape)
        blocks = mine.reshape(rows, columns, high, wide).transpose(0, 2, 1, 3)
        planes.append(blocks.reshape(rows * high, columns * wide))
    return planes


def _ceil(number: int, by: int) -> int:
    return -(-number // by)


def _differences(run: bytes, pattern: list[np.ndarray], out: np.ndarray) -> None:
    """Fill `out` int32 (units, blocks in a unit) with what is coded in `run`, as far as that goes.

    How many bits a code and the number after it take is looked up for every bit of a piece at once; then only those
    lengths have to be followed one by one.
    """
    unit, bit, bits = 0, 0, 8 * len(run)
    distinct = {id(table): table for table in pattern}
    while unit < len(out) and bit < bits:
        start = bit // 8
        windows = _windows(run[start : start + _PIECE + 64])
        lengths = {}
        for key, table in distinct.items():
            coded = table[windows]
            lengths[key] = ((coded >> 8) + (coded & 255)).astype(np.uint8).tobytes()
        order = [lengths[id(table)] for table in pattern]
        places, at, last = array("I"), bit - 8 * start, 8 * min(_PIECE, len(run) - start)
        left = len(out) - unit
        while at < last and left:
            for each in order:
                places.append(at)
                at += each[at]
            left -= 1
        found = np.frombuffer(places, np.uint32).reshape(-1, len(pattern))
        for column, table in enumerate(pattern):
            out[unit : unit + len(found), column] = _values(windows, found[:, column], table)
        unit, bit = unit + len(found), 8 * start + at


def _values(windows: np.ndarray, places: np.ndarray, table: np.ndarray) -> np.ndarray:
    coded = table[windows[places]]
    length, size = (coded >> 8).astype(np.int64), (coded & 255).astype(np.int32)
    if (length == 0).any():
        raise ValueError("a code that no table has")
    raw = windows[np.minimum(places + length, len(windows) - 1)].astype(np.int32) >> (16 - size)
    return np.where(raw < (1 << size >> 1), raw - (1 << size) + 1, raw) * (size > 0)


def _windows(run: bytes) -> np.ndarray:
    """Return uint16, for every bit of `run` the sixteen bits that begin there; zeros follow the end."""
    padded = np.frombuffer(run + bytes(4), np.uint8).astype(np.uint32)
    wide = (padded[:-3] << 16) | (padded[1:-2] << 8) | padded[2:-1]
    shifts = np.arange(8, 0, -1, dtype=np.uint32)
    return ((wide[:, None] >> shifts) & 0xFFFF).astype(np.uint16).ravel()


def _huffman(body: bytes) -> dict[int, np.ndarray]:
    """Return the DC tables in a DHT segment: uint16 (65536,), for sixteen bits the code's length * 256 + its symbol."""
    found, at = {}, 0
    while at + 17 <= len(body):
        kind, counts = body[at], body[at + 1 : at + 17]
        symbols = body[at + 17 : at + 17 + sum(counts)]
        at += 17 + sum(counts)
        if kind >> 4:
            continue
        table, code, used = np.zeros(65536, np.uint16), 0, 0
        for length, count in enumerate(counts, 1):
            for symbol in symbols[used : used + count]:
                if symbol > 15:
                    raise ValueError("a DC coefficient of more than 15 bits")
                table[code << (16 - length) : (code + 1) << (16 - length)] = length * 256 + symbol
                code += 1
            used += count
            code <<= 1
        found[kind & 15] = table
    return found


def _first_steps(body: bytes) -> dict[int, int]:
    found, at = {}, 0
    while at < len(body):
        wide = body[at] >> 4
        found[body[at] & 15] = struct.unpack_from(">H" if wide else "B", body, at + 1)[0]
        at += 129 if wide else 65
    return found


def _entropy(data: bytes, start: int) -> bytes:
    end = _MARKER.search(data, start)
    return data[start : end.start() if end else len(data)]


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Yield (marker, body, where it ends) of every segment with a body, as far as the file goes."""
    at = 2
    while match := _MARKER.search(data, at):
        marker, at = data[match.end() - 1], match.end()
        if marker == 0xD9:
            return
        if marker in (0x01, 0xD8):
            continue
        (size,) = struct.unpack_from(">H", data, at)
        yield marker, data[at + 2 : at + size], at + size
        at += size
