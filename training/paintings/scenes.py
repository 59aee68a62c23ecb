"""The twelve subjects that every hand paints: what lies where, in which light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.paintings.shapes import Colour, Shape, blend, box, cloud, oval, polygon, rgb, ridge, smooth, tube

Random = np.random.Generator


@dataclass(frozen=True)
class Light:
    """The colours of a time of day."""

    sky: Colour
    glow: Colour
    far: Colour
    water: Colour
    grass: Colour
    leaf: Colour
    earth: Colour
    wall: Colour
    roof: Colour
    dark: Colour
    pale: Colour
    warm: Colour


@dataclass(frozen=True)
class Subject:
    """A subject: what it shows, and the width of its canvas over the height."""

    shapes: Callable[[Light, Random], list[Shape]]
    aspect: float


LIGHTS = (
    Light(*map(rgb, ("8fc1e3 f3e6c4 7c9cc0 4f8fb8 8fb45a 3f7d4a c79a5b f1e3c8 c65a3a 27405c fbf5e6 f0b03f".split()))),
    Light(*map(rgb, ("f2b27a fbe3a1 9a7fa8 d08a72 a8a04a 5f7040 a8643c f3cf9e a33f3a 43284a fff0cf f58b3c".split()))),
    Light(*map(rgb, ("9fd0c8 eef2d2 6fa39c 3f9a94 7cc08a 2f8068 cfae6e f6edd6 d8744c 1f4a52 fdfaf0 f2c94c".split()))),
    Light(*map(rgb, ("2b3f73 7d83b8 33406e 26457e 3f6350 27484f 5c4a55 8f8db0 6d4468 131c3d e9e4c8 f3c45a".split()))),
)
"""Morning, evening, spring, night."""


def sky(light: Light, horizon: float, glow: float = 0.45) -> list[Shape]:
    """Return a sky of three bands that end at the horizon."""
    bands = [light.sky, blend(light.sky, light.glow, glow), light.glow]
    tops = (-0.02, horizon * 0.45, horizon * 0.75)
    return [
        Shape(ridge((top, top + 0.03, top - 0.01, top + 0.02)) if n else box(-0.02, -0.02, 1.02, 1.02), colour,
              shade=0.05, thing=False)
        for n, (top, colour) in enumerate(zip(tops, bands, strict=True))
    ]  # fmt: skip


def tree(light: Light, x: float, foot: float, tall: float, random: Random) -> list[Shape]:
    """Return a trunk that stands at (x, foot), and four lumps of leaves."""
    lean = random.uniform(-0.03, 0.03)
    top = foot - tall * 0.6
    trunk = tube([(x, foot), (x + lean, foot - tall * 0.3), (x + lean, top)], [tall * 0.05, tall * 0.035, tall * 0.02])
    crown = [Shape(trunk, blend(light.earth, light.dark, 0.45), flow=90, shade=0.35)]
    for n in range(4):
        dx, dy = (random.uniform(-0.16, 0.16) * tall, random.uniform(-0.25, 0.05) * tall)
        leaf = blend(light.leaf, (light.dark, light.grass, light.warm, light.leaf)[n], 0.3)
        crown.append(Shape(cloud(x + lean + dx, top + dy, tall * 0.24, tall * 0.22, random), leaf, 40, 1.0, 0.35))
    return crown


def house(light: Light, left: float, foot: float, wide: float, high: float, random: Random) -> list[Shape]:
    """Return a wall with two windows, and a hipped roof."""
    top, peak = foot - high, foot - high * random.uniform(1.4, 1.65)
    wall = blend(light.wall, (light.warm, light.pale, light.glow)[int(random.integers(3))], 0.3)
    roof = [(left - wide * 0.08, top), (left + wide * 0.3, peak), (left + wide * 0.7, peak), (left + wide * 1.08, top)]
    shapes = [
        Shape(box(left, top, left + wide, foot + 0.01), wall, 90, shade=0.15),
        Shape(polygon(*roof), blend(light.roof, light.dark, random.uniform(0, 0.3)), 20, shade=0.25),
    ]
    for column in (0.16, 0.6):
        x, y = left + wide * column, foot - high * 0.72
        shapes.append(Shape(box(x, y, x + wide * 0.22, y + high * 0.3), blend(light.dark, light.warm, 0.15), 90))
    return shapes


def still_life(light: Light, random: Random) -> list[Shape]:
    """A bowl of fruit, a bottle and a cloth on a table."""
    shapes = [Shape(box(-0.02, -0.02, 1.02, 1.02), blend(light.far, light.glow, 0.4), 60, thing=False, shade=0.15)]
    shapes.append(Shape(ridge((0.63, 0.6, 0.62)), light.earth, 0, thing=False))
    folds = smooth([(0.02, 0.72), (0.3, 0.66), (0.52, 0.74), (0.62, 0.9), (0.45, 1.05), (0.05, 1.05)])
    shapes.append(Shape(folds, light.pale, 35, 0.5, 0.2))
    bottle = smooth(
        [(0.7, 0.8), (0.69, 0.45), (0.735, 0.35), (0.735, 0.16), (0.8, 0.16), (0.8, 0.35), (0.85, 0.45), (0.84, 0.8)],
        rounds=2,
    )
    shapes.append(Shape(bottle, blend(light.leaf, light.dark, 0.3), 90, 0.4, 0.45))
    shapes.append(Shape(box(0.705, 0.52, 0.835, 0.66), light.pale, 0, shade=0.2))
    for x, y, size, tint in (
        (0.3, 0.5, 0.1, 0.0),
        (0.45, 0.47, 0.105, 0.9),
        (0.39, 0.4, 0.09, 0.45),
        (0.54, 0.52, 0.085, 0.2),
    ):
        shapes.append(Shape(oval(x, y, size, size * 1.05), blend(light.warm, light.roof, tint), 30, 1.0, 0.4))
    bowl = smooth([(0.14, 0.52), (0.66, 0.52), (0.6, 0.68), (0.5, 0.77), (0.3, 0.77), (0.2, 0.68)], rounds=2)
    shapes.append(Shape(bowl, blend(light.water, light.pale, 0.35), 0, 0.6, 0.4))
    for x, y, colour in ((0.16, 0.86, light.grass), (0.3, 0.9, light.warm), (0.78, 0.88, light.roof)):
        shapes.append(Shape(oval(x, y, 0.075, 0.075), colour, 30, 1.0, 0.4))
    return shapes


def portrait(light: Light, random: Random) -> list[Shape]:
    """Head and shoulders before a wall."""
    skin = blend(rgb("e8b48c"), light.glow, 0.3)
    hair = blend(light.dark, light.earth, random.uniform(0.1, 0.7))
    cloth = (light.roof, light.water, light.leaf)[int(random.integers(3))]
    ink = blend(light.dark, skin, 0.1)
    shapes = [Shape(box(-0.02, -0.02, 1.02, 1.02), blend(light.sky, light.far, 0.5), 70, thing=False, shade=0.2)]
    shapes.append(Shape(ridge((0.55, 0.6, 0.52, 0.62)), blend(light.grass, light.far, 0.35), 10, thing=False))
    shapes.append(
        Shape(
            smooth([(0.26, 0.36), (0.32, 0.12), (0.55, 0.04), (0.74, 0.16), (0.78, 0.5), (0.8, 0.72), (0.25, 0.72)]),
            hair,
            80,
            1.0,
            0.3,
        )
    )
    shapes.append(
        Shape(
            smooth([(0.05, 1.1), (0.1, 0.84), (0.36, 0.74), (0.66, 0.74), (0.92, 0.84), (0.97, 1.1)]),
            cloth,
            60,
            0.6,
            0.3,
        )
    )
    shapes.append(
        Shape(
            smooth([(0.42, 0.56), (0.6, 0.56), (0.62, 0.76), (0.52, 0.84), (0.4, 0.76)]),
            blend(skin, light.roof, 0.25),
            80,
            0.3,
            0.35,
        )
    )
    shapes.append(
        Shape(
            smooth([(0.33, 0.3), (0.4, 0.16), (0.6, 0.15), (0.69, 0.3), (0.66, 0.52), (0.53, 0.68), (0.4, 0.55)]),
            skin,
            70,
            1.0,
            0.35,
        )
    )
    shapes.append(
        Shape(
            smooth([(0.31, 0.36), (0.36, 0.12), (0.56, 0.07), (0.72, 0.24), (0.7, 0.34), (0.58, 0.22), (0.42, 0.24)]),
            hair,
            20,
            1.0,
            0.3,
        )
    )
    for x in (0.435, 0.59):
        shapes.append(Shape(smooth([(x - 0.055, 0.345), (x, 0.315), (x + 0.055, 0.34), (x, 0.33)]), ink, 0, shade=0))
        shapes.append(Shape(oval(x, 0.385, 0.042, 0.02), light.pale, 0, shade=0))
        shapes.append(Shape(oval(x + 0.004, 0.385, 0.017, 0.018), ink, 0, shade=0))
    shapes.append(
        Shape(
            smooth([(0.515, 0.37), (0.545, 0.48), (0.49, 0.485), (0.505, 0.44)]),
            blend(skin, light.roof, 0.4),
            80,
            shade=0.2,
        )
    )
    shapes.append(
        Shape(
            smooth([(0.455, 0.555), (0.52, 0.54), (0.58, 0.553), (0.52, 0.59)]),
            blend(light.roof, ink, 0.2),
            0,
            shade=0.2,
        )
    )
    shapes.append(
        Shape(tube([(0.4, 0.78), (0.5, 0.86), (0.64, 0.77)], [0.012, 0.014, 0.012]), light.warm, 0, shade=0.2)
    )
    return shapes


def harbour(light: Light, random: Random) -> list[Shape]:
    """Sailing boats before a quay with houses."""
    shapes = [*sky(light, 0.45), Shape(ridge((0.34, 0.27, 0.36, 0.3)), light.far, 10)]
    for n in range(5):
        shapes += house(light, 0.02 + n * 0.2, 0.47, 0.14, random.uniform(0.07, 0.14), random)
    shapes.append(Shape(box(-0.02, 0.47, 1.02, 1.02), light.water, 0, thing=False, shade=0.15))
    for n in range(6):
        x, y = random.uniform(0, 0.8), 0.52 + n * 0.08
        shapes.append(
            Shape(oval(x + 0.12, y, random.uniform(0.1, 0.2), 0.009), blend(light.water, light.glow, 0.65), 0, shade=0)
        )
    for x, y, size, sail in (
        (0.26, 0.68, 0.9, light.pale),
        (0.68, 0.8, 1.25, light.roof),
        (0.87, 0.58, 0.55, light.warm),
    ):
        hull = smooth(
            [
                (x - 0.14 * size, y),
                (x + 0.15 * size, y),
                (x + 0.1 * size, y + 0.06 * size),
                (x - 0.1 * size, y + 0.06 * size),
            ],
            rounds=2,
        )
        shapes.append(
            Shape(oval(x, y + 0.09 * size, 0.11 * size, 0.02 * size), blend(light.water, light.dark, 0.5), 0, shade=0)
        )
        shapes.append(Shape(tube([(x, y), (x, y - 0.36 * size)], [0.006, 0.004]), light.dark, 90, shade=0))
        shapes.append(
            Shape(
                smooth([(x + 0.012, y - 0.35 * size), (x + 0.13 * size, y - 0.03), (x + 0.012, y - 0.03)], rounds=1),
                sail,
                70,
                0.3,
                0.2,
            )
        )
        shapes.append(
            Shape(
                polygon((x - 0.012, y - 0.3 * size), (x - 0.1 * size, y - 0.03), (x - 0.012, y - 0.03)),
                blend(sail, light.glow, 0.5),
                110,
            )
        )
        shapes.append(Shape(hull, blend(light.dark, light.roof, 0.25), 0, shade=0.3))
    return shapes


def grove(light: Light, random: Random) -> list[Shape]:
    """Trees on a meadow with a path."""
    shapes = [*sky(light, 0.5), Shape(ridge((0.42, 0.36, 0.43, 0.38)), light.far, 5)]
    shapes.append(Shape(ridge((0.52, 0.5, 0.53, 0.5)), blend(light.grass, light.glow, 0.25), 5, thing=False))
    shapes.append(Shape(ridge((0.72, 0.66, 0.7, 0.75)), light.grass, 12, thing=False))
    shapes.append(
        Shape(
            smooth([(0.35, 1.05), (0.5, 0.75), (0.46, 0.62), (0.52, 0.55), (0.56, 0.62), (0.62, 0.78), (0.66, 1.05)]),
            blend(light.earth, light.pale, 0.35),
            80,
            shade=0.1,
        )
    )
    for x, foot, tall in ((0.4, 0.56, 0.3), (0.68, 0.58, 0.34), (0.14, 0.72, 0.62), (0.88, 0.8, 0.78)):
        shapes += tree(light, x, foot, tall, random)
    for _ in range(7):
        x, y = random.uniform(0, 0.95), random.uniform(0.82, 0.98)
        shapes.append(
            Shape(oval(x, y, 0.016, 0.016), (light.warm, light.pale, light.roof)[int(random.integers(3))], shade=0)
        )
    return shapes


def hills(light: Light, random: Random) -> list[Shape]:
    """Rolling fields, one behind the other, under a sun."""
    shapes = [*sky(light, 0.42), Shape(oval(random.uniform(0.25, 0.75), 0.2, 0.075, 0.075), light.warm, 0, 1.0, 0.05)]
    shapes.append(Shape(ridge((0.4, 0.28, 0.36, 0.3, 0.4)), light.far, 15))
    tones = (
        blend(light.grass, light.far, 0.5),
        light.grass,
        blend(light.warm, light.grass, 0.35),
        light.leaf,
        light.earth,
    )
    for n, tone in enumerate(tones):
        low, swing = 0.44 + 0.12 * n, random.uniform(0.03, 0.08) * (-1) ** n
        shapes.append(
            Shape(ridge((low + swing, low - swing, low + swing * 0.6, low - swing)), tone, 12 * (-1) ** n, thing=False)
        )
        for m in range(3 if n > 1 else 0):
            x = 0.1 + 0.3 * m
            shapes.append(
                Shape(
                    tube([(x, low + 0.05), (x + 0.12, low + 0.1), (x + 0.3, low + 0.16)], [0.004, 0.008, 0.012]),
                    blend(tone, light.dark, 0.35),
                    20,
                    shade=0,
                )
            )
    for x in (0.18, 0.27, 0.79):
        shapes.append(
            Shape(
                smooth([(x, 0.36), (x + 0.03, 0.52), (x, 0.58), (x - 0.03, 0.52)]),
                blend(light.leaf, light.dark, 0.5),
                90,
                0.5,
                0.3,
            )
        )
    shapes += house(light, 0.52, 0.6, 0.13, 0.08, random)
    return shapes
