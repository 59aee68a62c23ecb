"""Six more of the twelve subjects, and the list of all."""

from __future__ import annotations

import numpy as np

from training.paintings.scenes import (
    Light,
    Random,
    Subject,
    grove,
    harbour,
    hills,
    house,
    portrait,
    sky,
    still_life,
    tree,
)
from training.paintings.shapes import Shape, blend, box, cloud, oval, polygon, ridge, smooth, tube


def lake(light: Light, random: Random) -> list[Shape]:
    """Snowy mountains over a lake, pines on the shore."""
    shapes = sky(light, 0.5)
    snow, stone = blend(light.pale, light.sky, 0.15), blend(light.far, light.dark, 0.15)
    for x, peak, wide in ((0.2, 0.2, 0.36), (0.8, 0.24, 0.34), (0.5, 0.09, 0.4)):
        peak += random.uniform(-0.03, 0.03)
        shapes.append(Shape(polygon((x - wide, 0.58), (x, peak), (x + wide, 0.58)), stone, 65, shade=0.3))
        shapes.append(
            Shape(polygon((x, peak), (x + wide, 0.58), (x + wide * 0.3, 0.58)), blend(stone, light.dark, 0.4), 115)
        )
        cap = [(x, peak), (x + wide * 0.3, peak + 0.15), (x + wide * 0.12, peak + 0.12), (x, peak + 0.19)]
        cap += [(x - wide * 0.12, peak + 0.12), (x - wide * 0.28, peak + 0.16)]
        shapes.append(Shape(polygon(*cap), snow, 65, shade=0.15))
    shapes.append(Shape(ridge((0.56, 0.52, 0.55, 0.5, 0.56)), light.leaf, 5))
    shapes.append(Shape(box(-0.02, 0.58, 1.02, 1.02), light.water, 0, thing=False, shade=0.2))
    shapes.append(Shape(polygon((0.3, 0.585), (0.7, 0.585), (0.5, 0.86)), blend(light.water, stone, 0.5), 0, shade=0))
    for n in range(7):
        x, y = random.uniform(0.1, 0.9), 0.62 + n * 0.05
        shapes.append(Shape(oval(x, y, random.uniform(0.08, 0.2), 0.006), blend(light.water, light.glow, 0.6), shade=0))
    shapes.append(Shape(ridge((0.8, 0.9, 0.99, 0.99, 0.9)), blend(light.grass, light.earth, 0.3), 10))
    for x, foot, tall in ((0.08, 0.9, 0.52), (0.2, 0.95, 0.36), (0.92, 0.97, 0.44)):
        shapes.append(Shape(box(x - 0.012, foot - 0.08, x + 0.012, foot), light.dark, 90))
        for n in range(4):
            top, wide = foot - tall + n * tall * 0.2, 0.035 + 0.025 * n
            leaf = blend(light.leaf, light.dark, 0.35 - 0.06 * n)
            shapes.append(
                Shape(polygon((x, top), (x + wide, top + tall * 0.3), (x - wide, top + tall * 0.3)), leaf, 60)
            )
    return shapes


def flowers(light: Light, random: Random) -> list[Shape]:
    """A bunch of flowers in a vase."""
    shapes = [Shape(box(-0.02, -0.02, 1.02, 1.02), blend(light.sky, light.glow, 0.5), 55, thing=False, shade=0.2)]
    shapes.append(Shape(ridge((0.8, 0.78, 0.8)), blend(light.earth, light.wall, 0.3), 0, thing=False))
    heads = [
        (0.5, 0.2),
        (0.33, 0.28),
        (0.67, 0.26),
        (0.24, 0.43),
        (0.5, 0.39),
        (0.76, 0.42),
        (0.38, 0.52),
        (0.63, 0.53),
    ]
    for x, y in heads:
        stem = [(0.5, 0.7), (0.5 + (x - 0.5) * 0.5, 0.55), (x, y)]
        shapes.append(Shape(tube(stem, [0.008, 0.007, 0.006]), light.leaf, 80, shade=0.2))
    for x, y, turn in ((0.2, 0.58, 20), (0.8, 0.57, -20), (0.4, 0.63, 60), (0.58, 0.64, -60), (0.68, 0.4, -40)):
        shapes.append(
            Shape(oval(x, y, 0.1, 0.035, turn), blend(light.leaf, light.grass, random.random()), turn, 0.3, 0.3)
        )
    vase = [
        (0.39, 0.66),
        (0.61, 0.66),
        (0.58, 0.72),
        (0.67, 0.82),
        (0.6, 0.95),
        (0.4, 0.95),
        (0.33, 0.82),
        (0.42, 0.72),
    ]
    shapes.append(Shape(smooth(vase, rounds=2), blend(light.water, light.pale, 0.25), 80, 0.6, 0.45))
    shapes.append(
        Shape(smooth([(0.37, 0.8), (0.63, 0.8), (0.66, 0.85), (0.34, 0.85)], rounds=2), light.roof, 0, shade=0.3)
    )
    for n, (x, y) in enumerate(heads):
        petal = blend((light.roof, light.warm, light.pale, light.far)[n % 4], light.roof, random.uniform(0, 0.3))
        size = random.uniform(0.085, 0.11)
        for spot in np.linspace(0, 2 * np.pi, 7, endpoint=False):
            px, py = x + 0.6 * size * np.cos(spot), y + 0.6 * size * np.sin(spot)
            shapes.append(
                Shape(oval(px, py, size * 0.52, size * 0.34, np.degrees(spot)), petal, np.degrees(spot), 0.4, 0.25)
            )
        shapes.append(Shape(oval(x, y, size * 0.3, size * 0.3), blend(light.dark, light.warm, 0.6), shade=0.2))
    return shapes


def street(light: Light, random: Random) -> list[Shape]:
    """A village street with gables and a church tower."""
    shapes = sky(light, 0.55)
    shapes.append(Shape(box(0.44, 0.16, 0.55, 0.6), blend(light.wall, light.far, 0.3), 90))
    shapes.append(Shape(polygon((0.42, 0.17), (0.495, 0.0), (0.57, 0.17)), light.roof, 75, shade=0.35))
    shapes.append(Shape(oval(0.495, 0.25, 0.025, 0.03), light.dark, shade=0))
    for left, foot, wide, high in ((0.28, 0.64, 0.16, 0.2), (0.58, 0.64, 0.15, 0.18)):
        shapes += house(light, left, foot, wide, high, random)
    shapes.append(Shape(ridge((0.64, 0.62, 0.64)), blend(light.earth, light.pale, 0.3), 0, thing=False))
    for left, foot, wide, high in ((0.0, 0.78, 0.27, 0.36), (0.74, 0.8, 0.28, 0.4)):
        shapes += house(light, left, foot, wide, high, random)
    road = smooth([(0.22, 1.05), (0.42, 0.74), (0.46, 0.63), (0.55, 0.63), (0.6, 0.74), (0.82, 1.05)], rounds=2)
    shapes.append(Shape(road, blend(light.pale, light.earth, 0.45), 80, shade=0.15))
    for x, y, size, coat in ((0.47, 0.74, 0.05, light.water), (0.57, 0.84, 0.075, light.roof)):
        shapes.append(
            Shape(oval(x + size * 0.9, y + size * 1.7, size, size * 0.22), blend(light.earth, light.dark, 0.5), shade=0)
        )
        body = [(x, y - size), (x + size * 0.5, y), (x + size * 0.6, y + size * 1.7), (x - size * 0.6, y + size * 1.7)]
        shapes.append(Shape(smooth([*body, (x - size * 0.5, y)], rounds=2), coat, 85, 0.3, 0.35))
        shapes.append(Shape(oval(x, y - size * 1.15, size * 0.36, size * 0.42), blend(light.warm, light.pale, 0.5)))
    return shapes + tree(light, 0.9, 0.97, 0.42, random)


def sea(light: Light, random: Random) -> list[Shape]:
    """Waves, rocks and a low sun."""
    shapes = sky(light, 0.42, glow=0.7)
    x = random.uniform(0.3, 0.7)
    shapes.append(Shape(oval(x, 0.3, 0.09, 0.09), light.warm, 0, 1.0, 0.05))
    for n in range(3):
        y = 0.09 + n * 0.1
        shapes.append(
            Shape(
                cloud(random.uniform(0.05, 0.95), y, 0.22, 0.03, random), blend(light.pale, light.sky, 0.25), shade=0.1
            )
        )
    shapes.append(Shape(box(-0.02, 0.42, 1.02, 1.02), light.water, 0, thing=False, shade=0.1))
    for n in range(5):
        y, high = 0.47 + 0.1 * n, 0.012 + 0.012 * n
        crest = [y + high * np.sin(2.2 * k + n * 2.1) for k in range(9)]
        tone = blend(light.water, (light.dark, light.glow, light.far, light.dark, light.leaf)[n], 0.3)
        shapes.append(Shape(ridge(crest), tone, 8 * (-1) ** n, thing=False, shade=0.2))
        for k in range(0, 9, 2):
            foam = oval(-0.02 + 0.13 * k + 0.05 * (n % 2), y + high * 0.4, 0.05 + 0.008 * n, 0.006 + 0.002 * n, -6)
            shapes.append(Shape(foam, blend(light.pale, light.water, 0.15), -6, shade=0))
    for n in range(4):
        shapes.append(
            Shape(oval(x, 0.47 + n * 0.07, 0.07 + 0.015 * n, 0.009), blend(light.warm, light.pale, 0.35), shade=0)
        )
    rock = blend(light.dark, light.earth, 0.35)
    shapes.append(
        Shape(
            smooth(
                [(0.62, 1.05), (0.68, 0.84), (0.78, 0.74), (0.86, 0.8), (0.96, 0.66), (1.05, 0.7), (1.05, 1.05)],
                rounds=1,
            ),
            rock,
            60,
            0.3,
            0.45,
        )
    )
    shapes.append(
        Shape(
            smooth([(-0.05, 1.05), (-0.05, 0.88), (0.08, 0.82), (0.2, 0.92), (0.26, 1.05)], rounds=1),
            rock,
            120,
            0.3,
            0.45,
        )
    )
    return shapes


def bridge(light: Light, random: Random) -> list[Shape]:
    """A stone bridge of three arches over a river."""
    shapes = [*sky(light, 0.4), Shape(ridge((0.36, 0.3, 0.38, 0.33)), light.far, 8)]
    for left in (0.02, 0.16, 0.74, 0.88):
        shapes += house(light, left, 0.46, 0.11, random.uniform(0.08, 0.14), random)
    shapes.append(Shape(ridge((0.46, 0.45, 0.46)), light.grass, 4, thing=False))
    shapes.append(Shape(box(-0.02, 0.52, 1.02, 1.02), light.water, 0, thing=False, shade=0.2))
    stone = blend(light.wall, light.earth, 0.35)
    deck = smooth([(-0.02, 0.46), (0.25, 0.41), (0.5, 0.385), (0.75, 0.41), (1.02, 0.46)], closed=False)
    shapes.append(Shape(np.concatenate([deck, [(1.02, 0.68), (-0.02, 0.68)]]), stone, 5, shade=0.2))
    shapes.append(
        Shape(
            tube([(-0.02, 0.46), (0.5, 0.385), (1.02, 0.46)], [0.012, 0.012, 0.012]), blend(stone, light.dark, 0.35), 0
        )
    )
    for x, wide in ((0.17, 0.115), (0.5, 0.135), (0.83, 0.115)):
        arch = np.concatenate([oval(x, 0.69, wide, 0.19, start=180, end=360), [(x + wide, 0.72), (x - wide, 0.72)]])
        shapes.append(Shape(arch, blend(light.water, light.dark, 0.45), 0, shade=0.1))
        shapes.append(Shape(oval(x, 0.79, wide * 0.95, 0.05), blend(light.water, light.dark, 0.3), 0, shade=0))
    shapes.append(Shape(box(-0.02, 0.69, 1.02, 0.715), blend(light.water, stone, 0.55), 0, shade=0))
    for _ in range(9):
        x, y = random.uniform(0, 1), random.uniform(0.75, 0.97)
        shapes.append(
            Shape(oval(x, y, random.uniform(0.05, 0.15), 0.008), blend(light.water, light.glow, 0.65), shade=0)
        )
    boat = smooth([(0.56, 0.85), (0.8, 0.85), (0.75, 0.91), (0.61, 0.91)], rounds=2)
    shapes += [Shape(boat, light.roof, 0, shade=0.35), Shape(oval(0.68, 0.82, 0.022, 0.05), light.dark, 90)]
    return shapes + tree(light, 0.06, 0.74, 0.5, random)


def window(light: Light, random: Random) -> list[Shape]:
    """A cat on the sill of an open window."""
    shapes = [Shape(box(-0.02, -0.02, 1.02, 1.02), blend(light.wall, light.far, 0.3), 90, thing=False, shade=0.2)]
    shapes.append(Shape(box(0.2, 0.06, 0.8, 0.72), light.sky, 0, shade=0.05))
    view = np.clip(ridge((0.42, 0.34, 0.44, 0.38), floor=0.72), (0.2, 0), (0.8, 0.72))
    shapes.append(Shape(view, light.far, 8))
    shapes.append(Shape(np.clip(ridge((0.52, 0.55, 0.5), floor=0.72), (0.2, 0), (0.8, 0.72)), light.grass, 8))
    shapes.append(Shape(oval(0.66, 0.2, 0.055, 0.055), light.warm, 0, 1.0, 0.05))
    frame = blend(light.pale, light.earth, 0.2)
    for left, top, right, bottom in (
        (0.17, 0.03, 0.83, 0.07),
        (0.17, 0.03, 0.21, 0.74),
        (0.79, 0.03, 0.83, 0.74),
        (0.488, 0.06, 0.512, 0.72),
    ):
        shapes.append(Shape(box(left, top, right, bottom), frame, 90 if bottom - top > 0.3 else 0, shade=0.25))
    for side in (0, 1):
        folds = [(0.0, 0.0), (0.27, 0.0), (0.2, 0.3), (0.23, 0.55), (0.14, 0.82), (0.0, 0.85)]
        shapes.append(
            Shape(smooth([(x if side == 0 else 1 - x, y) for x, y in folds], rounds=2), light.roof, 85, 0.2, 0.35)
        )
        for x in (0.06, 0.13):
            x = x if side == 0 else 1 - x
            shapes.append(
                Shape(
                    tube([(x, 0.0), (x, 0.4), (x * 0.9 + 0.05 * side, 0.8)], [0.012, 0.01, 0.008]),
                    blend(light.roof, light.dark, 0.35),
                    88,
                )
            )
    shapes.append(Shape(box(0.12, 0.72, 0.88, 0.79), frame, 0, shade=0.3))
    shapes.append(Shape(box(-0.02, 0.79, 1.02, 1.02), blend(light.wall, light.earth, 0.5), 0, thing=False, shade=0.2))
    fur = blend(light.dark, light.warm, random.uniform(0.1, 0.8))
    shapes.append(
        Shape(
            tube([(0.62, 0.7), (0.76, 0.74), (0.74, 0.9), (0.66, 0.92)], [0.025, 0.022, 0.018, 0.012]),
            fur,
            80,
            0.5,
            0.3,
        )
    )
    shapes.append(
        Shape(
            smooth([(0.4, 0.74), (0.4, 0.56), (0.47, 0.44), (0.58, 0.46), (0.66, 0.6), (0.66, 0.74)]),
            fur,
            75,
            0.8,
            0.35,
        )
    )
    shapes.append(Shape(oval(0.47, 0.41, 0.085, 0.075), fur, 30, 1.0, 0.3))
    for x in (0.42, 0.52):
        shapes.append(Shape(polygon((x - 0.033, 0.38), (x, 0.29), (x + 0.033, 0.38)), fur, 80, shade=0.3))
        shapes.append(Shape(oval(x + 0.004, 0.405, 0.016, 0.014), light.warm, shade=0))
        shapes.append(Shape(oval(x + 0.004, 0.405, 0.005, 0.013), light.dark, shade=0))
    shapes.append(Shape(polygon((0.46, 0.437), (0.48, 0.437), (0.47, 0.452)), light.roof, shade=0))
    pot = blend(light.roof, light.earth, 0.4)
    for n in range(5):
        leaf = oval(0.27 + 0.025 * n, 0.58 - 0.03 * (n % 3), 0.06, 0.022, 60 - 35 * n)
        shapes.append(Shape(leaf, blend(light.leaf, light.grass, random.random()), 60 - 35 * n, 0.3))
    return [*shapes, Shape(polygon((0.26, 0.63), (0.38, 0.63), (0.36, 0.74), (0.28, 0.74)), pot, 80, shade=0.35)]


def haystacks(light: Light, random: Random) -> list[Shape]:
    """Stacks of hay in a mown field, a row of poplars behind."""
    shapes = [*sky(light, 0.4), Shape(ridge((0.38, 0.33, 0.37, 0.3, 0.36)), light.far, 8)]
    for n in range(9):
        x, tall = 0.04 + 0.115 * n + random.uniform(-0.02, 0.02), random.uniform(0.12, 0.24)
        crown = smooth([(x, 0.42 - tall), (x + 0.03, 0.36), (x + 0.012, 0.43), (x - 0.012, 0.43), (x - 0.03, 0.36)])
        shapes.append(Shape(crown, blend(light.leaf, light.far, random.uniform(0.1, 0.5)), 90, 0.4, 0.3))
    field = blend(light.warm, light.grass, 0.5)
    shapes.append(Shape(ridge((0.42, 0.41, 0.42)), blend(field, light.glow, 0.3), 3, thing=False))
    shapes.append(Shape(ridge((0.58, 0.55, 0.6, 0.56)), field, 6, thing=False))
    shapes.append(Shape(ridge((0.82, 0.85, 0.8, 0.84)), blend(field, light.grass, 0.5), 8, thing=False))
    for x, foot, size in ((0.72, 0.54, 0.11), (0.3, 0.72, 0.22), (0.8, 0.86, 0.17)):
        hay = blend(light.earth, light.warm, 0.45)
        shapes.append(
            Shape(oval(x + size * 0.9, foot, size * 1.2, size * 0.16), blend(field, light.dark, 0.5), 5, shade=0)
        )
        side = [
            (x - size * 0.8, foot),
            (x - size, foot - size * 0.7),
            (x + size, foot - size * 0.7),
            (x + size * 0.8, foot),
        ]
        shapes.append(Shape(smooth(side, rounds=2), hay, 75, 0.3, 0.45))
        top = [(x - size * 1.1, foot - size * 0.62), (x, foot - size * 1.75), (x + size * 1.1, foot - size * 0.62)]
        shapes.append(
            Shape(smooth([*top, (x, foot - size * 0.5)], rounds=2), blend(hay, light.glow, 0.25), 60, 0.6, 0.4)
        )
    return shapes


SUBJECTS: dict[str, Subject] = {
    "still life": Subject(still_life, 1.15),
    "portrait": Subject(portrait, 0.8),
    "harbour": Subject(harbour, 1.25),
    "grove": Subject(grove, 0.9),
    "hills": Subject(hills, 1.3),
    "mountain lake": Subject(lake, 1.2),
    "flowers": Subject(flowers, 0.8),
    "village street": Subject(street, 0.9),
    "sea": Subject(sea, 1.3),
    "bridge": Subject(bridge, 1.3),
    "cat at a window": Subject(window, 0.85),
    "haystacks": Subject(haystacks, 1.25),
}
