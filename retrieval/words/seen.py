"""What is seen of pictures, as numbers: shades of the garment, kinds and patterns with probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.pictures import colours, patterns
from retrieval.words.vocabulary import Meaning, kinds

SHADES = 6
VERSION = 1
"""Goes into every table; raise it when the same picture would be seen otherwise."""
_FALL, _EDGE, _FULL = 30.0, 7.0, 0.6
"""How far in CIELAB a shade may lie from its name, how soft the border between two names is, and the share of the
garment from which on a colour is all that can be asked for."""
_SHADE_FALL = 22.0
_SCALE = np.array([0.6, 1.0, 1.0], np.float32)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of one picture: shades float32 (n, 4), L a b and share; kind and pattern -> probability."""

    shades: np.ndarray
    kinds: Mapping[str, float]
    patterns: Mapping[str, float]

    def pack(self) -> bytes:
        """Return it as bytes, the same number for every picture."""
        shades = np.zeros((SHADES, 4), np.float32)
        shades[: min(SHADES, len(self.shades))] = self.shades[:SHADES]
        said = [self.kinds.get(kind, 0.0) for kind in kinds()]
        return np.array(
            [*shades.ravel(), *said, *(self.patterns[name] for name in patterns.NAMES)], np.float16
        ).tobytes()


class SeenRows:
    """What is seen of the pictures of a catalogue, row by row; what was not looked at is unlikely to be anything."""

    def __init__(self, packed: Sequence[bytes | None]) -> None:
        """Unpack what `Seen.pack` made; None is a picture that was not looked at, or cannot be read."""
        size = SHADES * 4 + len(kinds()) + len(patterns.NAMES)
        blank = bytes(2 * size)
        joined = b"".join(each if each and len(each) == len(blank) else blank for each in packed)
        numbers = np.frombuffer(joined, np.float16).reshape(len(packed), size)
        self._shades = numbers[:, : SHADES * 4].reshape(-1, SHADES, 4)
        self._kinds = numbers[:, SHADES * 4 : -len(patterns.NAMES)]
        self._patterns = numbers[:, -len(patterns.NAMES) :]
        self.looked = self._shades[:, 0, 3] > 0
        self._from_families: np.ndarray | None = None
        self._closest = np.empty(0, np.float32)

    def evidence(self, meaning: Meaning) -> np.ndarray | None:
        """Return float32 (n,) in 0..1, how probably each picture shows it; None for what cannot be seen."""
        if meaning.group == "colour":
            return self._coloured(meaning)
        if meaning.group == "pattern":
            return self._patterns[:, patterns.NAMES.index(meaning.value)].astype(np.float32)
        if meaning.group == "kind" and meaning.value in kinds():
            return self._kinds[:, list(kinds()).index(meaning.value)].astype(np.float32)
        return None

    def _coloured(self, meaning: Meaning) -> np.ndarray:
        """Return the share of the garment that has the colour, brought to 1 from _FULL on.

        A shade belongs to the family whose nearest prototype is nearer than every other family's, softly; a single
        shade such as mint is near its own value, or, less, of its family.
        """
        share = self._shades[..., 3].astype(np.float32)
        near, far = self._distances(meaning.value)
        member = np.exp(-((near / _FALL) ** 2)) / (1 + np.exp(np.clip((near - far) / _EDGE, -30, 30)))
        if meaning.shade:
            shades = self._shades[..., :3].astype(np.float32)
            own = np.exp(-((_nearest(shades, colours.lab(meaning.shade.lstrip("#"))) / _SHADE_FALL) ** 2))
            member = np.maximum(own, 0.3 * member)
        return np.asarray(np.minimum(1.0, (share * member).sum(axis=1) / _FULL), np.float32)

    def _distances(self, family: str) -> tuple[np.ndarray, np.ndarray]:
        """Return two float32 (n, s), how far each shade is from a family of colours, and from the nearest other one."""
        names = list(colours.names())
        if self._from_families is None:
            shades = self._shades[..., :3].astype(np.float32)
            self._from_families = np.stack([_nearest(shades, colours.prototypes(name)) for name in names])
            self._closest = np.partition(self._from_families, 1, axis=0)[:2].copy()
        near, (first, second) = self._from_families[names.index(family)], self._closest
        return near, np.where(near > first, first, second)


def _nearest(shades: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return float32 (n, s), how far each shade (n, s, 3) is from the nearest of `points` (p, 3)."""
    scaled, places = (shades * _SCALE).reshape(-1, 3), np.atleast_2d(points).astype(np.float32) * _SCALE
    squares = (scaled**2).sum(axis=1)[:, None] - 2 * scaled @ places.T + (places**2).sum(axis=1)
    return np.sqrt(np.maximum(squares.min(axis=1), 0.0)).reshape(shades.shape[:2])
