"""The catalogue `deepfashion2:PATH[:SPLIT]`: an item for each garment of pictures in DeepFashion2's layout."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from PIL import Image

from retrieval.catalogs.local import annotations as garments
from retrieval.catalogs.local.annotations import SPLITS
from retrieval.catalogs.local.files import content_stamp, read_inside, stamp
from retrieval.core import AppError, BadPictureError, Item, Origin, fingerprint, printable
from retrieval.pictures import decoding

DRAWN = Origin("drawn by our own script, training/corpus/draw.py", "MIT")
_FOLDERS = ("image", "annos")


class DeepFashion2Catalog:
    """Garments of `image/NNNNNN.jpg` as `annos/NNNNNN.json` describes them (Ge et al. 2019, arXiv:1901.07973).

    An id is `NNNNNN/itemK`; the item is its bounding box with a margin. A whole corpus as unzipped, with folders train/
    and validation/, is one catalogue too: then an id is `SPLIT/NNNNNN/itemK`, and `split` an attribute. Annotations are
    read one at a time; only file names are held.
    """

    def __init__(self, root: Path, name: str, title: str) -> None:
        """Open `root`; raises AppError when it does not have the layout."""
        self._root = root.resolve()
        halves = {"": self._root} if _laid_out(self._root) else {s: self._root / s for s in splits(self._root)}
        if not halves:
            raise AppError(
                f"{root} is not in DeepFashion2's layout: it needs the folders image/ and annos/, or train/ and "
                "validation/ with these in them."
            )
        self._halves = {split: (place, (place / "image").resolve()) for split, place in halves.items()}
        self.name = name if name == "sample" else f"deepfashion2:{self._root}"
        self.title = printable(title)
        self._stamp = content_stamp if name == "sample" else stamp
        self.origin = DRAWN if name == "sample" else Origin("a folder on this machine, in DeepFashion2's layout")

    def __iter__(self) -> Iterator[Item]:
        """Yield the garments, picture by picture; a picture without a readable annotation yields one whole item.

        So does an annotation without a picture, whose reading says what is missing, so that it is skipped by name.
        """
        for split, (place, images) in self._halves.items():
            found = _stems(images, ".jpg")
            for stem in sorted(found | _stems(place / "annos", ".json")):
                key = f"{split}/{stem}" if split else stem
                if stem in found:
                    mark = self._stamp(images / f"{stem}.jpg")
                    yield from garments.items(key, self._notes(split, stem), mark, split)
                else:
                    yield Item(f"{key}/{garments.WHOLE}", stamp="no picture")

    def fingerprint(self) -> str:
        """Return a digest of every id, stamp, box and attribute."""
        return fingerprint(self)

    def read(self, item_id: str) -> bytes:
        """Return the bytes of the picture that holds the garment."""
        split, stem, _ = self._parts(item_id)
        place, images = self._halves[split]
        path = images / f"{stem}.jpg"
        if images.is_dir() and not os.path.lexists(path) and (place / "annos" / f"{stem}.json").is_file():
            raise BadPictureError(f"There is an annotation annos/{stem}.json, but no picture image/{stem}.jpg.")
        return read_inside(images, path)

    def path(self, item_id: str) -> Path:
        """Return where the picture lies that holds the garment."""
        split, stem, _ = self._parts(item_id)
        return self._halves[split][1] / f"{stem}.jpg"

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        """Return the garment's part of the picture, decoded, upright, RGB."""
        split, stem, garment = self._parts(item_id)
        note = self._notes(split, stem).get(garment, {})
        return decoding.decode(self.read(item_id), shorter_side, garments.box(note))

    def _notes(self, split: str, stem: str) -> garments.Notes:
        try:
            return garments.read_notes((self._halves[split][0] / "annos" / f"{stem}.json").read_bytes())
        except OSError:
            return garments.read_notes(b"")

    def _parts(self, item_id: str) -> tuple[str, str, str]:
        """Return split, picture and garment of an id; none of them leads out of the corpus."""
        try:
            *split, stem, garment = item_id.split("/")
        except ValueError:
            split, stem, garment = [], item_id, ""
        if "/".join(split) not in self._halves or "\0" in stem:
            raise BadPictureError(f"'{item_id}' is no garment of this corpus.")
        return "/".join(split), PurePosixPath(stem).name, garment


def splits(root: Path) -> list[str]:
    """Return the names of the splits that lie in `root`, in the corpus's own order."""
    return [split for split in SPLITS if _laid_out(root / split)]


def open_split(place: str) -> DeepFashion2Catalog:
    """Return the corpus at `place`, PATH or PATH:SPLIT; raises AppError, naming the splits that are there."""
    path, _, split = place.rpartition(":")
    if split in SPLITS and path and not os.path.isdir(place):
        root = Path(os.path.expanduser(path))
        there = splits(root)
        if split not in there:
            raise AppError(f"{root} has no split '{split}'. It has: {', '.join(there) or 'none'}.")
        return DeepFashion2Catalog(root / split, f"deepfashion2:{place}", f"DeepFashion2 {split}")
    root = Path(os.path.expanduser(place))
    return DeepFashion2Catalog(root, f"deepfashion2:{place}", f"DeepFashion2 {root.name}")


def _laid_out(root: Path) -> bool:
    return all(os.path.isdir(root / folder) for folder in _FOLDERS)


def _stems(folder: Path, suffix: str) -> set[str]:
    """Return the names without `suffix` of a folder's files that have it; raises AppError where it cannot be read."""
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise AppError(f"The folder {folder} cannot be read ({error.strerror}). Bring it back, or mend it.") from None
    return {name.removesuffix(suffix) for name in names if name.endswith(suffix) and not name.startswith(".")}
