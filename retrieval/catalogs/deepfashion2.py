"""The catalogue `deepfashion2:PATH`: an item for each garment of pictures in DeepFashion2's layout."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from retrieval import pictures
from retrieval.catalogs.files import read_inside, stamp
from retrieval.core import AppError, Attributes, Box, Item, Origin, fingerprint

MARGIN = 0.08
DRAWN = Origin("drawn by our own script, training/draw_sample.py", "MIT")
_VALUES = {"category_name": "category", "colour": "colour", "pattern": "pattern", "neckline": "neckline",
           "length": "length"}  # fmt: skip


class DeepFashion2Catalog:
    """Garments of `image/NNNNNN.jpg` as `annos/NNNNNN.json` describes them (Ge et al. 2019, arXiv:1901.07973).

    An id is `NNNNNN/itemK`; the item is its bounding box with a margin of MARGIN of the box's longer side.
    """

    def __init__(self, root: Path, name: str, title: str) -> None:
        """Open `root`; raises AppError when it does not have the layout."""
        self._root = root.resolve()
        self._images = (self._root / "image").resolve()
        if not os.path.isdir(self._images) or not os.path.isdir(self._root / "annos"):
            raise AppError(f"{root} is not in DeepFashion2's layout: it needs the folders image/ and annos/.")
        self.name = name if name == "sample" else f"deepfashion2:{self._root}"
        self.title = title
        self.origin = DRAWN if name == "sample" else Origin("a folder on this machine, in DeepFashion2's layout")

    def __iter__(self) -> Iterator[Item]:
        """Yield the garments, picture by picture; a picture without a readable annotation yields one whole item."""
        for path in sorted(self._images.glob("*.jpg")):
            mark = stamp(path)
            for key, note in self._garments(path.stem).items():
                yield Item(f"{path.stem}/{key}", _attributes(note), mark, _box(note))

    def fingerprint(self) -> str:
        """Return a digest of every id, stamp, box and attribute."""
        return fingerprint(self)

    def read(self, item_id: str) -> bytes:
        """Return the bytes of the picture that holds the garment."""
        stem = item_id.partition("/")[0]
        return read_inside(self._images, self._images / f"{Path(stem).name}.jpg")

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        """Return the garment's part of the picture, decoded, upright, RGB."""
        stem, _, key = item_id.partition("/")
        note = self._garments(Path(stem).name).get(key, {})
        return pictures.decode(self.read(item_id), shorter_side, _box(note))

    def _garments(self, stem: str) -> dict[str, dict[str, Any]]:
        try:
            notes = json.loads((self._root / "annos" / f"{stem}.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return {"whole": {}}
        if not isinstance(notes, dict):
            return {"whole": {}}
        shared = {"source": notes.get("source"), "pair_id": notes.get("pair_id")}
        garments = {k: shared | v for k, v in notes.items() if k.startswith("item") and isinstance(v, dict)}
        return garments or {"whole": shared}


def _attributes(note: dict[str, Any]) -> Attributes:
    found = {name: str(note[key]) for key, name in _VALUES.items() if note.get(key)}
    if note.get("source"):
        found["source"] = str(note["source"])
    if note.get("pair_id") and note.get("style"):
        found["garment"] = f"{note['pair_id']}-{note['style']}"
    return found


def _box(note: dict[str, Any]) -> Box | None:
    box = note.get("bounding_box")
    try:
        left, top, right, bottom = map(float, box if isinstance(box, list) else ())
    except (TypeError, ValueError, OverflowError):
        return None
    if not (left < right and top < bottom) or not all(map(math.isfinite, (left, top, right, bottom))):
        return None
    margin = MARGIN * max(right - left, bottom - top)
    return max(0, int(left - margin)), max(0, int(top - margin)), int(right + margin), int(bottom + margin)
