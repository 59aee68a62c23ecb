"""The catalogue `deepfashion2:PATH`: an item for each garment of pictures in DeepFashion2's layout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from retrieval import pictures
from retrieval.core import AppError, Attributes, BadPictureError, Box, Item, fingerprint

MARGIN = 0.08
_VALUES = {"category_name": "category", "colour": "colour", "pattern": "pattern", "neckline": "neckline",
           "length": "length"}  # fmt: skip


class DeepFashion2Catalog:
    """Garments of `image/NNNNNN.jpg` as `annos/NNNNNN.json` describes them (Ge et al. 2019, arXiv:1901.07973).

    An id is `NNNNNN/itemK`; the item is its bounding box with a margin of MARGIN of the box's longer side.
    """

    def __init__(self, root: Path, name: str, title: str) -> None:
        """Open `root`; raises AppError when it does not have the layout."""
        self._root = root.resolve()
        if not (self._root / "image").is_dir() or not (self._root / "annos").is_dir():
            raise AppError(f"{root} is not in DeepFashion2's layout: it needs the folders image/ and annos/.")
        self.name = name if name == "sample" else f"deepfashion2:{self._root}"
        self.title = title

    def __iter__(self) -> Iterator[Item]:
        """Yield the garments, picture by picture; a picture without a readable annotation yields one whole item."""
        for path in sorted((self._root / "image").glob("*.jpg")):
            state = path.stat()
            for key, note in self._garments(path.stem).items():
                stamp = f"{state.st_size}:{state.st_mtime_ns}"
                yield Item(f"{path.stem}/{key}", _attributes(note), stamp, _box(note))

    def fingerprint(self) -> str:
        """Return a digest of every id, stamp, box and attribute."""
        return fingerprint(self)

    def read(self, item_id: str) -> bytes:
        """Return the bytes of the picture that holds the garment."""
        stem = item_id.partition("/")[0]
        try:
            return (self._root / "image" / f"{Path(stem).name}.jpg").read_bytes()
        except OSError as error:
            raise BadPictureError(f"The file cannot be read ({error.strerror or error}).") from None

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        """Return the garment's part of the picture, decoded, upright, RGB."""
        stem, _, key = item_id.partition("/")
        note = self._garments(Path(stem).name).get(key, {})
        return pictures.decode(self.read(item_id), shorter_side, _box(note))

    def _garments(self, stem: str) -> dict[str, dict[str, Any]]:
        try:
            notes = json.loads((self._root / "annos" / f"{stem}.json").read_bytes())
        except (OSError, ValueError):
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
    if not isinstance(box, list) or len(box) != 4 or box[2] <= box[0] or box[3] <= box[1]:
        return None
    margin = MARGIN * max(box[2] - box[0], box[3] - box[1])
    return (
        max(0, int(box[0] - margin)),
        max(0, int(box[1] - margin)),
        int(box[2] + margin),
        int(box[3] + margin),
    )
