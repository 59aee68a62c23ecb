"""What an annotation in DeepFashion2's layout says of a picture: its garments, their boxes and attributes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from retrieval.core import Attributes, Box, Item

SPLITS = ("train", "validation", "test")
MARGIN = 0.08
WHOLE = "whole"
_TEXTS = {"category_name": "category", "colour": "colour", "pattern": "pattern", "neckline": "neckline",
          "length": "length", "source": "source"}  # fmt: skip
_GRADES = {
    "scale": ("scale", ("small", "modest", "large")),
    "occlusion": ("occlusion", ("slight", "medium", "heavy")),
    "zoom_in": ("zoom", ("none", "medium", "large")),
    "viewpoint": ("viewpoint", ("not worn", "frontal", "side or back")),
}
"""Field -> attribute, and the words for the numbers 1, 2 and 3 (Ge et al. 2019, arXiv:1901.07973, section 3.2)."""
_BESIDES = frozenset({"bounding_box", "pair_id", "style", *_TEXTS, *_GRADES})

Notes = dict[str, dict[str, Any]]
"""Garment -> what is known of it; a picture that names none has one, called WHOLE."""


def read_notes(data: bytes) -> Notes:
    """Return the garments that an annotation file names; a broken one says nothing, and the picture is one item."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return {WHOLE: {}}
    shared = {"source": said.get("source"), "pair_id": said.get("pair_id")}
    garments = {
        name: shared | {field: value for field, value in garment.items() if field in _BESIDES}
        for name, garment in said.items()
        if name.startswith("item") and isinstance(garment, dict)
    }
    return garments or {WHOLE: shared}


def items(stem: str, notes: Notes, stamp: str, split: str = "") -> Iterator[Item]:
    """Yield the garments of the picture called `stem`; `split` says which half of a whole corpus it is from."""
    for name, note in notes.items():
        yield Item(f"{stem}/{name}", attributes(note, split), stamp, box(note))


def attributes(note: dict[str, Any], split: str = "") -> Attributes:
    """Return what is known of a garment, in words; `garment` is the same for the same garment in other pictures."""
    found = {name: str(note[key]) for key, name in _TEXTS.items() if note.get(key)}
    for key, (name, words) in _GRADES.items():
        grade = note.get(key)
        if isinstance(grade, int) and 0 < grade <= len(words):
            found[name] = words[grade - 1]
    if note.get("pair_id") and note.get("style"):
        garment = f"{note['pair_id']}-{note['style']}"
        found["garment"] = f"{split} {garment}" if split else garment  # pairs are counted anew in each split
    return found | ({"split": split} if split else {})


def box(note: dict[str, Any]) -> Box | None:
    """Return a garment's box with a margin of MARGIN of its longer side; None, the whole picture, where it has none."""
    given = note.get("bounding_box")
    try:
        left, top, right, bottom = map(float, given if isinstance(given, list) else ())
    except (TypeError, ValueError, OverflowError):
        return None
    if not (left < right and top < bottom) or not all(map(math.isfinite, (left, top, right, bottom))):
        return None
    margin = MARGIN * max(right - left, bottom - top)
    return max(0, int(left - margin)), max(0, int(top - margin)), int(right + margin), int(bottom + margin)
