"""The garment that a picture shows, apart from the ground and from whoever wears it, and how it is worn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from retrieval.core import Box
from retrieval.pictures.foreground import foreground

SIDE = 160
_GROUND_STEP, _PLAIN = 4.0, 0.8
"""How near in CIELAB the ground's pixels lie, and the share of the frame that has to for a ground of one colour."""
_SKIN_HUE, _SKIN_CHROMA, _SKIN_LIGHT = (35.0, 74.0), (10.0, 44.0), (22.0, 92.0)
_MOST_SKIN = 0.85
_NARROW, _WIDE = 0.5, 0.62
_LEAST_PART, _PART_STEP = 0.12, 14.0
_LEAST = 0.01
_MARGIN = 0.06


@dataclass(frozen=True, slots=True)
class Garment:
    """Where the garment is and what of a body is about it.

    `mask` float32 (h, w) in 0..1; `box` is what a network should look at. `part` is where it is worn, upper, lower or
    whole, empty where nobody wears it; `bare` is the share of skin in its rows, of arms or of legs, 0..1; `length` how
    far it reaches down what is seen of the body, 0..1.
    """

    mask: np.ndarray
    box: Box
    part: str = ""
    bare: float = 0.0
    length: float = 1.0


def garment(image: Image.Image) -> Garment:
    """Return the garment of an upright RGB picture; the mask is never empty.

    On a ground of one colour the ground is what hangs together with the frame; else GrabCut parts the picture (see
    retrieval.pictures.foreground). Skin is a range of hues in CIELAB; a head is a narrow piece with skin at the top. Of
    cloth that changes its colour from one row to the next, the upper piece under a head, and the larger one otherwise,
    is the garment.
    """
    import cv2

    scale = SIDE / max(image.size)
    size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
    small = np.ascontiguousarray(np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX)))
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    shown = _before_plain_ground(lab)
    if shown is None:
        shown = foreground(Image.fromarray(small)) > 0.5
    found = _worn(lab, shown)
    mask = cv2.GaussianBlur(found.mask.astype(np.float32), (0, 0), 0.8)
    whole = np.clip(cv2.resize(mask, image.size, interpolation=cv2.INTER_LINEAR), 0.0, 1.0)
    box = tuple(round(each / scale) for each in found.box)
    left, top, right, bottom = box
    right, bottom = min(max(right, left + 8), image.width), min(max(bottom, top + 8), image.height)
    return Garment(
        whole, (min(left, right - 1), min(top, bottom - 1), right, bottom), found.part, found.bare, found.length
    )


def on_white(image: Image.Image, worn: Garment) -> Image.Image:
    """Return the garment alone on a white square, as photos of garments that lie or hang look to a network."""
    rows, columns = (np.flatnonzero((worn.mask > 0.5).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return image
    pixels = np.asarray(image.convert("RGB"), np.float32)
    weight = worn.mask[..., None]
    alone = Image.fromarray((pixels * weight + 255 * (1 - weight)).astype(np.uint8))
    alone = alone.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
    square = Image.new("RGB", (max(alone.size),) * 2, "white")
    square.paste(alone, ((square.width - alone.width) // 2, (square.height - alone.height) // 2))
    return square


def _before_plain_ground(lab: np.ndarray) -> np.ndarray | None:
    """Return bool (h, w), what stands before a ground of one colour; None where the ground is not of one."""
    import cv2

    height, width = lab.shape[:2]
    aside = np.abs((np.arange(width) + 0.5) / width - 0.5) > 0.3
    frame = np.concatenate([lab[:2][:, aside].reshape(-1, 3), lab[: int(0.9 * height), :2].reshape(-1, 3),
                            lab[: int(0.9 * height), -2:].reshape(-1, 3)])  # fmt: skip
    ground = np.median(frame, axis=0)
    if (np.linalg.norm(frame - ground, axis=1) < 2 * _GROUND_STEP).mean() < _PLAIN:
        return None
    near = (np.linalg.norm(lab - ground, axis=2) < _GROUND_STEP).astype(np.uint8)
    count, islands = cv2.connectedComponents(near, connectivity=4)
    edges = np.concatenate([islands[0], islands[:, 0], islands[:, -1], islands[-1]])
    outside = np.isin(islands, np.setdiff1d(edges, 0)) if count > 1 else near > 0
    shown = cv2.morphologyEx((~outside).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    return shown if _LEAST < shown.mean() < 0.98 else None


def _skin(lab: np.ndarray) -> np.ndarray:
    """Return bool (h, w), what has a colour of skin."""
    light, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    hue = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))
    found = np.ones(light.shape, bool)
    for values, (low, high) in ((hue, _SKIN_HUE), (chroma, _SKIN_CHROMA), (light, _SKIN_LIGHT)):
        found &= (values > low) & (values < high)
    return found


def _worn(lab: np.ndarray, shown: np.ndarray) -> Garment:
    """Part what is shown into cloth and wearer; a picture without a wearer is cloth all over."""
    import cv2

    height, width = shown.shape
    skin = shown & cv2.morphologyEx(_skin(lab).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)).astype(bool)
    if skin.sum() > _MOST_SKIN * shown.sum():
        skin = np.zeros_like(shown)
    rows = np.flatnonzero(shown.any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    shoulders = _shoulders(shown, skin, top, bottom)
    cloth = shown & ~skin
    if shoulders:
        cloth[:shoulders] = False
    cloth = cv2.morphologyEx(cloth.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)).astype(bool)
    if cloth.sum() < max(20, 0.05 * shown.sum()):
        return Garment(shown, _box(shown), "", 0.0, 1.0)
    dressed = skin.sum() > 0.02 * shown.sum()
    first, last = _piece(lab, cloth, bool(shoulders))
    mask = cloth.copy()
    mask[:first], mask[last:] = False, False
    part = ""
    if dressed:
        reaches = last < bottom - 0.1 * (bottom - top)
        part = ("upper" if reaches or bottom >= height - 2 else "whole") if shoulders else "lower"
    below = slice(first, last) if part != "lower" else slice(first, bottom)
    bare = float(skin[below].sum() / max(1, skin[below].sum() + mask.sum()))
    length = (last - (shoulders or top)) / max(1, bottom - (shoulders or top))
    around = shown.copy()
    around[: max(first - round(0.03 * height), 0)], around[min(last + round(0.03 * height), height) :] = False, False
    return Garment(mask, _box(around if part != "lower" else shown), part, bare, float(length))


def _shoulders(shown: np.ndarray, skin: np.ndarray, top: int, bottom: int) -> int:
    """Return the row below the head, 0 where no head is seen: narrow rows at the top that have skin, then wide ones."""
    widths = shown.sum(axis=1).astype(np.float32)
    widest = float(np.quantile(widths[top:bottom], 0.9))
    tall = bottom - top
    if top <= 1:
        return 0
    wide = np.flatnonzero(widths[top : top + tall // 2] > _WIDE * widest)
    end = top + int(wide[0]) if len(wide) else 0
    if end - top < 0.08 * tall or end - top > 0.45 * tall:
        return 0
    head = slice(top, end)
    narrow = float(np.median(widths[head])) < _NARROW * widest
    return end if narrow and skin[head].sum() > 0.12 * shown[head].sum() else 0


def _piece(lab: np.ndarray, cloth: np.ndarray, upper: bool) -> tuple[int, int]:
    """Return the first row of the garment and the row after its last, of cloth that may be two garments."""
    counts = cloth.sum(axis=1).astype(np.float64)
    rows = np.flatnonzero(counts)
    first, last = int(rows[0]), int(rows[-1]) + 1
    sums = np.where(cloth[..., None], lab, 0).sum(axis=1).astype(np.float64)
    above, above_count = np.cumsum(sums, axis=0), np.cumsum(counts)
    total, all_count = above[-1], above_count[-1]
    inside = (above_count > _LEAST_PART * all_count) & (above_count < (1 - _LEAST_PART / 2) * all_count)
    if not inside.any():
        return first, last
    below_count = np.maximum(all_count - above_count, 1)
    means = above / np.maximum(above_count, 1)[:, None], (total - above) / below_count[:, None]
    step = np.linalg.norm((means[0] - means[1]) * (0.7, 1, 1), axis=1)
    gain = np.where(inside, step**2 * above_count * below_count / all_count**2, 0)
    split = int(gain.argmax())
    if step[split] < _PART_STEP:
        return first, last
    upper_larger = above_count[split] >= 0.5 * all_count
    return (first, split + 1) if upper or upper_larger else (split + 1, last)


def _box(mask: np.ndarray) -> Box:
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    margin = round(_MARGIN * max(rows[-1] - rows[0], columns[-1] - columns[0]))
    return (
        max(0, int(columns[0]) - margin), max(0, int(rows[0]) - margin),
        min(width, int(columns[-1]) + 1 + margin), min(height, int(rows[-1]) + 1 + margin),
    )  # fmt: skip
