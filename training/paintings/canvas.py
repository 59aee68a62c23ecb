"""From shapes to pixels: what colour a scene has at each place, which shape lies there, which way a brush would go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.paintings.shapes import Shape

SIDE = 760
"""Pixels of the longer side while painting; pictures are saved smaller, which smooths their edges."""


@dataclass(frozen=True)
class Canvas:
    """A scene in pixels.

    `colour` float32 (h, w, 3) in 0..1; `label` int (h, w), the number of the topmost shape; `flow` float32 (h, w), the
    direction of a brush in radians; `outlines` the shapes' corners in pixels; `flat` their colours without shading,
    float32 (n, 3); `things` bool (n,), whether they stand before the ground.
    """

    colour: np.ndarray
    label: np.ndarray
    flow: np.ndarray
    outlines: list[np.ndarray]
    flat: np.ndarray
    things: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.label.shape[1], self.label.shape[0]

    def edges(self) -> np.ndarray:
        """Return bool (h, w): where two shapes meet."""
        found = np.zeros(self.label.shape, bool)
        found[:, 1:] |= self.label[:, 1:] != self.label[:, :-1]
        found[1:] |= self.label[1:] != self.label[:-1]
        return found


def lay_out(shapes: Sequence[Shape], aspect: float, mirrored: bool) -> Canvas:
    """Paint shapes one over the other, lit from the upper left; `aspect` is width over height."""
    width, height = (SIDE, round(SIDE / aspect)) if aspect >= 1 else (round(SIDE * aspect), SIDE)
    colour = np.zeros((height, width, 3), np.float32)
    label, flow = np.zeros((height, width), int), np.zeros((height, width), np.float32)
    outlines = []
    for number, shape in enumerate(shapes):
        points = shape.outline * (width, height)
        outlines.append(points)
        mask = inside(points, (width, height))
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            continue
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        where = mask[part]
        down, across = np.mgrid[-1 : 1 : where.shape[0] * 1j, -1 : 1 : where.shape[1] * 1j]
        lit = 1 - shape.shade * (0.5 + 0.3 * across + 0.3 * down + 0.2 * (across**2 + down**2))
        colour[part][where] = np.clip(np.multiply.outer(lit, shape.colour), 0, 1)[where]
        label[part][where] = number
        around = np.arctan2(down, across) + np.pi / 2
        bent = np.radians(shape.flow) + 0.35 * np.sin(2.3 * across + 3.1 * down + number)
        turned = np.where(shape.round * np.hypot(down, across) > 0.3, around, bent)
        flow[part][where] = turned[where]
    canvas = Canvas(
        colour, label, flow, outlines, np.array([s.colour for s in shapes], np.float32),
        np.array([s.thing for s in shapes]),
    )  # fmt: skip
    return _mirrored(canvas) if mirrored else canvas


def _mirrored(canvas: Canvas) -> Canvas:
    outlines = [points * (-1, 1) + (canvas.size[0], 0) for points in canvas.outlines]
    return Canvas(
        canvas.colour[:, ::-1].copy(), canvas.label[:, ::-1].copy(), -canvas.flow[:, ::-1], outlines, canvas.flat,
        canvas.things,
    )  # fmt: skip


def inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return bool (h, w): the pixels of a polygon."""
    mask = Image.new("1", size)
    ImageDraw.Draw(mask).polygon([tuple(p) for p in points], fill=1)
    return np.asarray(mask)


def soft(values: np.ndarray, radius: float) -> np.ndarray:
    """Blur float (h, w) in 0..1 or (h, w, 3) in 0..1 by a Gaussian of `radius` pixels."""
    image = Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255


def noise(size: tuple[int, int], grain: float, random: np.random.Generator) -> np.ndarray:
    """Return float32 (h, w) in about -1..1: smooth noise whose lumps are `grain` pixels wide."""
    small = max(2, round(size[0] / grain)), max(2, round(size[1] / grain))
    lumps = Image.fromarray(random.normal(0, 0.5, small[::-1]).astype(np.float32))
    return np.asarray(lumps.resize(size, Image.Resampling.BICUBIC), np.float32)


def as_image(values: np.ndarray) -> Image.Image:
    """Return float (h, w, 3) in 0..1 as a picture."""
    return Image.fromarray((np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8))


def saturated(colours: np.ndarray, amount: float) -> np.ndarray:
    """Move colours, float (…, 3), away from grey by the factor `amount`, or towards it."""
    grey = colours.mean(axis=-1, keepdims=True)
    return np.clip(grey + (colours - grey) * amount, 0, 1)
