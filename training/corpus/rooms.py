"""Rooms where a consumer hangs or stands a garment: a door, a living room, a clothes rail, a sofa."""

import numpy as np

from training.corpus.paths import as_points, band, box, ellipse, join, smooth
from training.corpus.place import HEIGHT, WALLS, WIDTH, WOODS, Place, lay_planks, pick
from training.corpus.prints import mixed, rgb


def door(rng: np.random.Generator) -> Place:
    """Return a panelled door in its frame, with a knob and the wall beside it."""
    wall = pick(rng, WALLS)
    place = Place(wall)
    paint = mixed(
        pick(rng, ((240, 238, 232), (170, 186, 180), (120, 134, 150), (196, 168, 138), (236, 226, 210))),
        (255, 255, 255),
        0.1,
    )
    x1 = rng.uniform(-40, 34)
    x2 = x1 + 262
    place.soft(box(x1 - 6, -10, x2 + 10, HEIGHT + 20), (60, 52, 50), 0.3, 8)
    place.fill(box(x1 - 13, -5, x2 + 13, HEIGHT + 5), mixed(paint, (255, 255, 255), 0.35))
    place.fill(box(x1, -5, x2, HEIGHT + 5), paint)
    for left, right in ((x1 + 26, x1 + 118), (x1 + 144, x2 - 26)):
        for top, low in ((-60, 176), (206, 460)):
            place.fill(box(left, top, right, low), mixed(paint, (60, 52, 60), 0.16))
            place.fill(box(left + 3, top + 3, right, low), mixed(paint, (255, 255, 255), 0.35))
            place.fill(box(left + 3, top + 3, right - 3, low - 3), mixed(paint, (90, 84, 92), 0.05))
            place.line(
                box(left + 10, top + 10, right - 10, low - 10)[[0, 1, 2, 3, 0]], mixed(paint, (60, 52, 60), 0.2), 1
            )
    place.soft(ellipse(x2 - 14 + 2, 212, 8, 8), (40, 34, 34), 0.5, 3)
    place.fill(ellipse(x2 - 15, 206, 7, 7), (186, 150, 92))
    place.fill(ellipse(x2 - 17, 204, 3, 3), (236, 212, 160))
    return place


def room(rng: np.random.Generator) -> Place:
    """Return a corner of a living room: wall, skirting board, floor, a picture, a plant, a lamp or a window."""
    wall = pick(rng, WALLS)
    place = Place(wall)
    low = HEIGHT * rng.uniform(0.78, 0.88)
    lay_planks(place, rng, low, pick(rng, WOODS))
    place.fill(box(0, low - 13, WIDTH, low), mixed(wall, (255, 255, 255), 0.6))
    place.line(as_points([(0, low - 13), (WIDTH, low - 13)]), mixed(wall, (60, 54, 52), 0.4), 0.8)
    left = rng.random() < 0.5
    frame_x, plant_x = (
        (rng.uniform(-16, 16), WIDTH - rng.uniform(16, 40))
        if left
        else (WIDTH - rng.uniform(60, 90), rng.uniform(16, 40))
    )
    if rng.random() < 0.5:
        picture(place, rng, frame_x, rng.uniform(16, 60))
    else:
        window(place, frame_x - 20, 6)
    if rng.random() < 0.75:
        plant(place, rng, plant_x, low + 26, rng.uniform(0.8, 1.15))
    else:
        lamp(place, plant_x, low + 18)
    return place


def picture(place: Place, rng: np.random.Generator, x: float, y: float) -> None:
    """Hang a framed abstract print."""
    place.soft(box(x + 2, y + 4, x + 80, y + 106), (50, 44, 44), 0.35, 4)
    place.fill(box(x, y, x + 76, y + 100), (88, 66, 50))
    place.fill(box(x + 4, y + 4, x + 72, y + 96), (246, 242, 234))
    names = ("terracotta", "sage", "navy", "mustard", "blush", "teal")
    for k in range(3):
        ink = rgb(names[int(rng.integers(6))])
        place.fill(
            ellipse(
                x + rng.uniform(24, 52), y + 30 + k * 20, rng.uniform(9, 19), rng.uniform(8, 16), rng.uniform(0, 90)
            ),
            ink,
            0.9,
        )


def window(place: Place, x: float, y: float) -> None:
    """Set a bright window into the wall."""
    place.fill(box(x, y, x + 110, y + 170), (248, 246, 240))
    for i in range(2):
        for j in range(3):
            place.fill(box(x + 7 + i * 50, y + 7 + j * 54, x + 53 + i * 50, y + 57 + j * 54), (206, 226, 238))
    place.fill(box(x - 8, y + 168, x + 118, y + 178), (238, 234, 226))


def plant(place: Place, rng: np.random.Generator, x: float, y: float, size: float) -> None:
    """Stand a pot plant with large leaves."""
    place.soft(ellipse(x + 6, y, 32 * size, 8 * size), (40, 34, 30), 0.5, 4)
    for k in range(11):
        turn = np.radians(-90 + (k - 5) * 15 + rng.uniform(-7, 7))
        reach = rng.uniform(62, 112) * size
        t = np.linspace(0, 1, 16)
        spine = np.stack(
            [x + np.cos(turn) * reach * t, y - 48 * size + np.sin(turn) * reach * t + (t**2) * 16 * size], axis=1
        )
        width = np.sin(np.pi * np.clip(t * 1.1 - 0.1, 0, 1)) ** 0.8 * 10 * size
        across = np.array([-np.sin(turn), np.cos(turn)])
        green = mixed((70, 112, 78), (28, 58, 44) if k % 2 else (150, 178, 110), rng.uniform(0.05, 0.45))
        place.fill(np.vstack([spine + across * width[:, None], (spine - across * width[:, None])[::-1]]), green)
        place.line(spine, mixed(green, (230, 240, 200), 0.4), 0.7, 0.8)
    pot = pick(rng, ((196, 112, 78), (236, 230, 220), (92, 98, 104), (214, 176, 120)))
    place.fill(
        as_points(
            [(x - 23 * size, y - 50 * size), (x + 23 * size, y - 50 * size), (x + 17 * size, y), (x - 17 * size, y)]
        ),
        pot,
    )
    place.fill(
        as_points(
            [(x + 8 * size, y - 50 * size), (x + 23 * size, y - 50 * size), (x + 17 * size, y), (x + 8 * size, y)]
        ),
        mixed(pot, (40, 30, 36), 0.2),
    )


def lamp(place: Place, x: float, y: float) -> None:
    """Stand a floor lamp that glows."""
    place.soft(ellipse(x, 90, 90, 100), (255, 226, 170), 0.5, 30)
    place.fill(box(x - 1.5, 90, x + 1.5, y), (60, 54, 52))
    place.fill(as_points([(x - 20, 60), (x + 20, 60), (x + 32, 112), (x - 32, 112)]), (248, 222, 170))
    place.fill(ellipse(x, y, 22, 5), (60, 54, 52))


def rail(rng: np.random.Generator) -> Place:
    """Return a clothes rail with other clothes, out of focus, on either side."""
    wall = mixed(pick(rng, WALLS), (70, 62, 66), 0.08)
    place = Place(wall)
    lay_planks(place, rng, HEIGHT * 0.9, pick(rng, WOODS))
    names = ("ecru", "navy", "terracotta", "sage", "blush", "charcoal", "mustard", "sky", "burgundy", "white", "olive")
    for x in (84, 58, 30, 4, WIDTH - 84, WIDTH - 58, WIDTH - 30, WIDTH - 4):
        colour = mixed(rgb(names[int(rng.integers(len(names)))]), (100, 92, 96), 0.12)
        low, wide = rng.uniform(220, 352), rng.uniform(17, 23)
        left = as_points([(x - 3, 34), (x - wide, 52), (x - wide - 3, low)])
        right = as_points([(x + wide + 5, low + 3), (x + wide, 52), (x + 3, 34)])
        shape = join(left, right)
        place.soft(shape + (5, 4), (40, 34, 40), 0.35, 5)
        place.fill(shape, colour)
        for at, shade in ((-0.5, 0.35), (0.1, 0.22), (0.62, 0.5)):
            fold = as_points([(x + at * wide, 60), (x + at * wide - 4, low), (x + at * wide + 5, low)])
            place.soft(fold, mixed(colour, (20, 16, 24), 0.7), shade, 2)
        place.line(as_points([(x, 34), (x, 16)]), (150, 146, 144), 1.4)
    place.soften(1.1)
    place.line(as_points([(-5, 14), (WIDTH + 5, 14)]), (58, 54, 54), 5)
    place.line(as_points([(-5, 12.6), (WIDTH + 5, 12.6)]), (150, 146, 144), 1.4)
    return place


def sofa(rng: np.random.Generator) -> Place:
    """Return a buttoned sofa seen from the front: wall, back, seat, feet and cushions in its corners."""
    wall = pick(rng, WALLS)
    place = Place(wall)
    name = ("slate", "sage", "mustard", "blush", "navy", "ecru", "rust", "teal")[int(rng.integers(8))]
    cloth = mixed(rgb(name), (120, 112, 110), 0.22)
    dark, light = mixed(cloth, (20, 16, 24), 0.5), mixed(cloth, (255, 250, 240), 0.25)
    lay_planks(place, rng, HEIGHT * 0.91, pick(rng, WOODS))
    place.soft(box(-30, 372, WIDTH + 30, 392), (30, 24, 24), 0.6, 6)
    back = smooth([(-30, 62), (WIDTH * 0.25, 48), (WIDTH * 0.5, 56), (WIDTH * 0.75, 48), (WIDTH + 30, 62)])
    place.soft(back + (0, -4), (40, 34, 40), 0.3, 5)
    place.fill(join(back, [(WIDTH + 30, 320), (-30, 320)]), cloth)
    place.soft(band(back, 12.0), light, 0.5, 5)
    for row in range(4):
        for x in np.arange(-20 + (row % 2) * 37, WIDTH + 40, 74.0):
            y = 96 + row * 52
            for dx in (-37, 37):
                crease = smooth([(x, y), (x + dx * 0.5, y + 30), (x + dx, y + 52)])
                place.soft(band(crease, 3.4), dark, 0.32, 2)
                place.soft(band(crease, -3.0), light, 0.28, 2)
            place.fill(ellipse(x, y, 2.8, 2.8), dark)
    place.soft(box(-20, 284, WIDTH + 20, 304), dark, 0.8, 8)
    place.fill(box(-26, 298, WIDTH + 26, 374, 16), mixed(cloth, (255, 250, 240), 0.1))
    place.soft(box(-20, 300, WIDTH + 20, 312), light, 0.7, 5)
    place.soft(box(-20, 356, WIDTH + 20, 374), dark, 0.35, 6)
    for side, low in ((rng.uniform(-6, 26), 258), (WIDTH - rng.uniform(-4, 30), 254)):
        ink = rgb(("terracotta", "ecru", "navy", "butter", "forest", "rose")[int(rng.integers(6))])
        edge = [(-44, -42), (0, -46), (44, -42), (47, 0), (42, 42), (0, 38), (-42, 42), (-46, 0), (-44, -42)]
        cushion = smooth(edge) + (side, low)
        place.soft(cushion + (4, 7), (24, 18, 26), 0.45, 6)
        place.fill(cushion, ink)
        place.soft(band(cushion[30:70], 12), mixed(ink, (20, 16, 24), 0.6), 0.4, 5)
        place.line(cushion, mixed(ink, (255, 250, 240), 0.4), 1.2, 0.7)
    return place
