"""Shapes that a painted scene is made of: outlines in parts of the canvas, a colour, and the way a brush would go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
"""Red, green, blue, 0 to 1."""


@dataclass(frozen=True)
class Shape:
    """One thing in a scene, painted over those before it.

    `outline` is float64 (n, 2), x and y from the top left in parts of the canvas; `flow` the direction of a brush in
    degrees, 0 across and 90 down; `round` bends the flow along the outline; `shade` how much darker its shadow side
    is; `thing` tells it from the ground (sky, water, wall) behind it.
    """

    outline: np.ndarray
    colour: Colour
    flow: float = 0.0
    round: float = 0.0
    shade: float = 0.25
    thing: bool = True


def rgb(code: str) -> Colour:
    """Return the colour of six hexadecimal digits."""
    red, green, blue = (int(code[place : place + 2], 16) / 255 for place in (0, 2, 4))
    return red, green, blue


def blend(one: Colour, other: Colour, part: float) -> Colour:
    """Return a colour `part` of the way from one to the other."""
    red, green, blue = ((1 - part) * a + part * b for a, b in zip(one, other, strict=True))
    return red, green, blue


def polygon(*points: tuple[float, float]) -> np.ndarray:
    """Return corners as an outline."""
    return np.array(points, float)


def box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Return a rectangle."""
    return polygon((left, top), (right, top), (right, bottom), (left, bottom))


def oval(
    x: float, y: float, wide: float, high: float, turn: float = 0.0, start: float = 0, end: float = 360
) -> np.ndarray:
    """Return an ellipse of half axes `wide` and `high`, turned by `turn` degrees, or a segment of it."""
    angle = np.radians(np.linspace(start, end, 48, endpoint=end - start < 360))
    across, down = wide * np.cos(angle), high * np.sin(angle)
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    return np.stack([x + across * cos - down * sin, y + across * sin + down * cos], axis=1)


def smooth(points: Sequence[tuple[float, float]], closed: bool = True, rounds: int = 3) -> np.ndarray:
    """Return a soft curve along corners (Chaikin 1974)."""
    line = np.array(points, float)
    for _ in range(rounds):
        ahead = np.roll(line, -1, axis=0)
        cut = np.stack([0.75 * line + 0.25 * ahead, 0.25 * line + 0.75 * ahead], axis=1).reshape(-1, 2)
        line = cut if closed else np.concatenate([line[:1], cut[1:-3], line[-1:]])
    return line


def ridge(
    heights: Sequence[float], floor: float = 1.02, jag: float = 0.0, random: np.random.Generator | None = None
) -> np.ndarray:
    """Return land whose skyline passes through `heights` (y), evenly spaced across, down to `floor`."""
    across = np.linspace(-0.02, 1.02, len(heights))
    line = smooth(list(zip(across, heights, strict=True)), closed=False)
    if jag and random is not None:
        line[:, 1] += random.normal(0, jag, len(line))
    return np.concatenate([line, [(1.02, floor), (-0.02, floor)]])


def tube(points: Sequence[tuple[float, float]], widths: Sequence[float]) -> np.ndarray:
    """Return a branch: a soft line of changing half width."""
    line = smooth(points, closed=False)
    half = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(widths)), widths)[:, None]
    along = np.gradient(line, axis=0)
    side = np.stack([-along[:, 1], along[:, 0]], axis=1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    return np.concatenate([line + half * side, (line - half * side)[::-1]])


def cloud(x: float, y: float, wide: float, high: float, random: np.random.Generator, bumps: int = 9) -> np.ndarray:
    """Return a lumpy oval: a crown of leaves, a bush, a cloud."""
    angle = np.linspace(0, 2 * np.pi, bumps * 2, endpoint=False)
    far = np.where(np.arange(bumps * 2) % 2, 0.8, 1.05) * random.uniform(0.88, 1.12, bumps * 2)
    return smooth(list(zip(x + wide * far * np.cos(angle), y + high * far * np.sin(angle), strict=True)))
