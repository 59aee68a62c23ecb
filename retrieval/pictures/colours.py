"""The colours of a garment: which there are, what they are called, how much of it each covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

SIDE = 160
CLUSTERS = 6
LEAST_SHARE = 0.06

_PROTOTYPES: dict[str, str] = {
    "black": "0b0b0d 1f1f22 2b2a2c 26211f",
    "grey": "55565a 77787b 9a9b9e b9babd 46474c",
    "white": "ffffff f4f4f2 e4e5e8 f7f3ea d5d8de",
    "beige": "e6d9c0 d6c5a5 c9b699 efe4cd bfae94",
    "brown": "6b4a32 8a5f3d 4b3426 9c7350 5c4438 a07c55",
    "red": "c4161c e0312f a3141b d94040 8c1c22",
    "burgundy": "6d1a2c 5a1626 7d2438",
    "pink": "f3b6c4 e8829d f7d3da d9567f c86f86 eba7a0",
    "orange": "ef7f1a f59a4a d9651f c85a2e f7b27a",
    "yellow": "f6d636 f2c230 f8e38a d8a72a e8c766",
    "green": "2e7d46 4fa56a 1f5233 8cb88f b7d9c0 5f7a3c 8a9a4b 3c4a2c 6f7f5a c6d88a",
    "teal": "1f7a7d 2b9a9a 15595c 6fb9b5",
    "blue": "2b5fb8 4b86d6 86b3e6 b9d6f2 5a7fae 6c8fb5 1d46a0 93a9c4",
    "navy": "1b2744 24335c 141c30 2f3d5e",
    "purple": "6a3d8f 8d68b3 bfa5d6 4d2a66 a98bb8 d8c6e6",
}
"""Names that shoppers use, each with some of the shades that go by it."""


@dataclass(frozen=True, slots=True)
class Shade:
    """One colour of a garment: its name, the share of the garment it covers (0..1), and the shade as #rrggbb."""

    name: str
    share: float
    shade: str


def names() -> tuple[str, ...]:
    """Return the names that `colours` gives."""
    return tuple(_PROTOTYPES)


def prototypes(name: str) -> np.ndarray:
    """Return float32 (n, 3), the known shades of one of `names` in CIELAB."""
    return lab(_PROTOTYPES[name])


def colours(image: Image.Image, garment: np.ndarray) -> list[Shade]:
    """Return the named colours of an RGB picture where `garment`, float32 (h, w) in 0..1, says that the garment is.

    Each group of `groups` takes the name of the nearest known shade, and groups of one name are one colour. The largest
    share comes first; what covers less than LEAST_SHARE is left out, and the rest adds up to 1. The lightness counts
    half: it is the light's as much as the garment's.
    """
    parted = groups(image, garment)
    found: dict[str, list[int]] = {}
    for number, group in enumerate(parted):
        found.setdefault(_name(group[:3]), []).append(number)
    shades = [(float(parted[members, 3].sum()), name, _hex(parted[members[0], :3])) for name, members in found.items()]
    kept = [each for each in shades if each[0] >= LEAST_SHARE] or shades
    whole = sum(share for share, _, _ in kept)
    return [Shade(name, share / whole, shade) for share, name, shade in sorted(kept, reverse=True)]


def groups(image: Image.Image, garment: np.ndarray) -> np.ndarray:
    """Return float32 (n, 4), up to CLUSTERS groups of the garment's pixels: CIELAB centre and share, the largest first.

    Pixels are grouped by k-means.
    """
    import cv2

    small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    pixels_lab = cv2.cvtColor(np.asarray(small, np.float32) / 255, cv2.COLOR_RGB2LAB)
    weight = cv2.resize(garment, small.size, interpolation=cv2.INTER_AREA)
    chosen = weight > min(0.5, float(weight.max()) * 0.7)
    pixels = np.ascontiguousarray(pixels_lab[chosen]).astype(np.float32)
    count = min(CLUSTERS, len(pixels))
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 0.5)
    cv2.setRNGSeed(0)
    _, belongs, centres = cv2.kmeans(pixels, count, None, stop, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    share = np.bincount(belongs.ravel(), minlength=count) / len(pixels)
    parted = np.concatenate([centres, share[:, None]], axis=1).astype(np.float32)
    return np.asarray(parted[np.argsort(-share, kind="stable")])


def lab(shades: str) -> np.ndarray:
    """Return float32 (n, 3), shades written rrggbb with spaces between them in CIELAB."""
    import cv2

    rgb = np.array([[int(each[i : i + 2], 16) for i in (0, 2, 4)] for each in shades.split()], np.float32) / 255
    return np.asarray(cv2.cvtColor(rgb[None], cv2.COLOR_RGB2LAB)[0])


def _name(centre: np.ndarray) -> str:
    scale = np.array([0.6, 1.0, 1.0], np.float32)
    gaps = {
        name: float(np.min(np.linalg.norm((lab(shades) - centre) * scale, axis=1)))
        for name, shades in _PROTOTYPES.items()
    }
    return min(gaps, key=gaps.__getitem__)


def _hex(centre: np.ndarray) -> str:
    import cv2

    rgb = cv2.cvtColor(centre.reshape(1, 1, 3).astype(np.float32), cv2.COLOR_LAB2RGB)[0, 0]
    return "#" + "".join(f"{round(255 * min(max(float(each), 0.0), 1.0)):02x}" for each in rgb)
