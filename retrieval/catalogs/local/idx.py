"""The catalogue `idx:PATH[:train|:test]`: pictures in the files of MNIST and Fashion-MNIST, with their labels."""

from __future__ import annotations

import gzip
import io
import os
import re
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from retrieval.catalogs.local.files import stamp
from retrieval.core import AppError, BadPictureError, Item, Origin, fingerprint, printable
from retrieval.pictures import decoding

SPLITS = ("train", "test")
FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
"""The classes of Fashion-MNIST by number (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747)."""

MAX_BYTES = 1 << 30
_IMAGES = re.compile(r"(.*)images(.?)idx3(.*)")
_UNSIGNED_BYTES = 0x08
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class _Split:
    """One pair of files as it was read: `pixels` uint8 (n, height, width), `labels` uint8 (n,) or None."""

    name: str
    mark: str
    pixels: np.ndarray
    labels: np.ndarray | None
    names: tuple[str, ...]

    def label(self, number: int) -> str:
        value = int(self.labels[number]) if self.labels is not None else 0
        return self.names[value] if value < len(self.names) else str(value)


class IdxCatalog:
    """Pictures of `*-images-idx3-ubyte` files with `*-labels-idx1-ubyte` beside them, either compressed with gzip.

    The format is that of LeCun's MNIST page. An id is the split and the picture's number in it, `train/00017`; the
    attribute `label` is the class's name where the pictures are Fashion-MNIST's, else its number. Labels may be
    absent. A picture exists as an object only while it is read: the catalogue holds the bytes of the file, 47 MB for
    60,000 of 28 x 28 pixels (a file that is not compressed is mapped, not read).
    """

    def __init__(self, place: str) -> None:
        """Open `place`, a folder or an images file, perhaps with `:train` or `:test`; raises AppError for bad files."""
        path, _, split = place.rpartition(":")
        if split not in SPLITS or os.path.exists(place):
            path, split = place, ""
        root = Path(path).resolve()
        self._files = _find(root, split)
        self._lock = threading.Lock()
        self._splits = [_read(name, file) for name, file in self._files.items()]
        self.name = f"idx:{root}" + (f":{split}" if split else "")
        self.title = printable(" ".join(part for part in (root.name, split) if part))
        fashion = any(split.names == FASHION for split in self._splits)
        what = "Fashion-MNIST, in" if fashion else "in"
        self.origin = Origin(f"{what} files of MNIST's format on this machine", "MIT" if fashion else "")

    def __iter__(self) -> Iterator[Item]:
        """Yield the pictures in the order of the file; a file that was changed meanwhile is read again."""
        with self._lock:
            for number, split in enumerate(self._splits):
                if split.mark != _mark(self._files[split.name]):
                    self._splits[number] = _read(split.name, self._files[split.name])
            splits = list(self._splits)
        several = len(splits) > 1
        for split in splits:
            for number in range(len(split.pixels)):
                attributes = {} if split.labels is None else {"label": split.label(number)}
                if several:
                    attributes["split"] = split.name
                yield Item(f"{split.name}/{number:05}", attributes, split.mark)

    def fingerprint(self) -> str:
        """Return a digest of every id, stamp and attribute."""
        return fingerprint(self)

    def read(self, item_id: str) -> bytes:
        """Return the picture as a PNG file; raises BadPictureError for an id that is not there."""
        out = io.BytesIO()
        Image.fromarray(self._pixels(item_id)).save(out, "PNG", compress_level=1)
        return out.getvalue()

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        """Return the picture, RGB."""
        return decoding.decode(self.read(item_id), shorter_side)

    def _pixels(self, item_id: str) -> np.ndarray:
        name, _, number = item_id.partition("/")
        for split in self._splits:
            if split.name == name and number.isdecimal() and int(number) < len(split.pixels):
                return np.asarray(split.pixels[int(number)])
        raise BadPictureError(f"There is no picture '{item_id}' in {self.title}.")


def _find(root: Path, split: str) -> dict[str, Path]:
    """Return split -> images file; raises AppError when there is none."""
    if root.is_file():
        return {split or _split_of(root.name): root}
    if not os.path.isdir(root):
        raise AppError(f"There is no folder {root}. Give the folder that holds train-images-idx3-ubyte or its .gz.")
    found: dict[str, Path] = {}
    for path in sorted(root.iterdir(), reverse=True):  # of a file and its .gz, the former stays
        if _IMAGES.fullmatch(path.name) and path.is_file():
            found[_split_of(path.name)] = path
    if not found:
        raise AppError(
            f"{root} holds no MNIST-style files: their names are like train-images-idx3-ubyte or "
            f"t10k-images-idx3-ubyte, or the same with .gz."
        )
    if split and split not in found:
        raise AppError(f"{root} has no split '{split}'. It has: {', '.join(sorted(found))}.")
    return {split: found[split]} if split else {name: found[name] for name in sorted(found, reverse=True)}


def _split_of(name: str) -> str:
    if "train" in name:
        return "train"
    if "t10k" in name or "test" in name:
        return "test"
    return re.sub(r"[^A-Za-z0-9_]+", "-", name.partition("images")[0]).strip("-") or "all"


def _labels_beside(images: Path) -> Path | None:
    match = _IMAGES.fullmatch(images.name)
    if match is None:
        return None
    begin, between, end = match.groups()
    for ending in dict.fromkeys((end, end.removesuffix(".gz"), f"{end.removesuffix('.gz')}.gz")):
        path = images.with_name(f"{begin}labels{between}idx1{ending}")
        if path.is_file():
            return path
    return None


def _mark(images: Path) -> str:
    labels = _labels_beside(images)
    return stamp(images) + (f" {stamp(labels)}" if labels else "")


def _read(name: str, images: Path) -> _Split:
    beside = _labels_beside(images)
    mark = _mark(images)
    pixels = read_array(images, 3)
    labels = read_array(beside, 1) if beside else None
    if not pixels.size:
        raise AppError(f"{images.name} holds no pictures: its size is {' x '.join(map(str, pixels.shape))}.")
    if labels is not None and len(labels) != len(pixels):
        raise AppError(
            f"{images.name} has {len(pixels)} pictures but {beside.name if beside else ''} has {len(labels)} labels. "
            f"Get both files from the same place."
        )
    few = labels is not None and int(labels.max()) < len(FASHION)
    return _Split(name, mark, pixels, labels, FASHION if few and _is_fashion(images, pixels) else ())


def _is_fashion(images: Path, pixels: np.ndarray) -> bool:
    """Tell Fashion-MNIST from digits: by the folder's name, or because its garments reach from edge to edge.

    Each garment was trimmed and enlarged until its longer side filled the picture; digits keep an empty margin.
    """
    if "fashion" in images.parent.name.casefold():
        return True
    if pixels.shape[1:] != (28, 28):
        return False
    some = pixels[:: max(1, len(pixels) // _LOOKED_AT)] > 0
    down = some[:, 0].any(axis=1) & some[:, -1].any(axis=1)
    across = some[:, :, 0].any(axis=1) & some[:, :, -1].any(axis=1)
    return float((down | across).mean()) > 0.9


def read_array(path: Path, dimensions: int) -> np.ndarray:
    """Return the uint8 array in an IDX file with so many dimensions, mapped where it is not compressed.

    The header is 0, 0, the type (8: unsigned bytes), the number of dimensions, then each size as a big-endian int32.
    Raises AppError when the file is something else, larger than MAX_BYTES, or longer or shorter than it says.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            return _parsed(path, file, dimensions, packed)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise AppError(
            f"{path.name} is cut short or damaged: its gzip stream breaks off. Get the file again."
        ) from None
    except OSError as error:
        raise AppError(f"{path.name} cannot be read ({error.strerror or error}).") from None


def _parsed(path: Path, file: BinaryIO | gzip.GzipFile, dimensions: int, packed: bool) -> np.ndarray:
    magic = file.read(4)
    if magic != bytes((0, 0, _UNSIGNED_BYTES, dimensions)):
        raise AppError(
            f"{path.name} is no IDX file of {dimensions} dimension{'s' if dimensions > 1 else ''}: it begins with "
            f"{magic.hex() or 'nothing'}, not 000008{dimensions:02}. Get the file again."
        )
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise AppError(f"{path.name} is cut short: it ends within its header. Get the file again.")
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
    size = 1
    for side in shape:
        size *= side
    if size > MAX_BYTES:
        raise AppError(f"{path.name} says it holds {size >> 20} MB; at most {MAX_BYTES >> 20} MB can be read.")
    start = len(magic) + len(header)
    there = os.path.getsize(path) - start
    data = file.read(size + 1) if packed else b""
    there = len(data) if packed else there
    if there != size:
        what = "cut short" if there < size else "longer than it should be"
        raise AppError(
            f"{path.name} is {what}: {' x '.join(map(str, shape))} need {size} bytes, and there are "
            f"{'more' if there > size else there}. Get the file again."
        )
    if packed or not size:
        return np.frombuffer(data, np.uint8).reshape(shape)
    return np.memmap(path, np.uint8, "r", start, shape)
