"""What holds a garment up and what lies about it: hangers, a dress form, pegs, and things that cover a corner of it."""

from collections.abc import Callable

import numpy as np

from training.corpus.paths import Points, as_points, box, ellipse, flip, join, mirrored, smooth, turned
from training.corpus.place import HEIGHT, WIDTH, Place
from training.corpus.prints import Colour, mixed, rgb

Map = Callable[[Points], Points]
"""Takes a garment's centimetres to picture pixels."""

BEECH: Colour = (192, 150, 104)
STEEL: Colour = (172, 172, 174)


def hang(place: Place, to_picture: Map, is_bottom: bool, reach: float, rng: np.random.Generator) -> None:
    """Draw a hanger behind a garment, its hook ending `reach` centimetres above."""
    wood = BEECH if rng.random() < 0.6 else mixed(BEECH, (40, 30, 26), 0.6)
    unit = float(np.hypot(*(to_picture(as_points([(1.0, 0.0)])) - to_picture(as_points([(0.0, 0.0)])))[0]))
    neck = -4.2 if is_bottom else -2.6
    hook = smooth(
        [
            (0, neck),
            (0, -reach + 4.4),
            (1.6, -reach + 3.4),
            (2.6, -reach + 1.6),
            (1.4, -reach),
            (-0.8, -reach + 0.2),
            (-1.8, -reach + 1.8),
        ],
        6,
    )
    place.line(to_picture(hook + (0.25, 0.3)), (70, 66, 66), max(1.2, 0.62 * unit), 0.5)
    place.line(to_picture(hook), STEEL, max(1.1, 0.55 * unit))
    if is_bottom:
        place.fill(to_picture(box(-16, -5.0, 16, -3.4, 0.6)), wood)
        for side in (-1, 1):
            place.fill(to_picture(box(side * 12 - 1.1, -5.4, side * 12 + 1.1, 0.4)), STEEL)
        return
    arms = join(smooth([(0, -3.4), (5, -2.2), (17.0, 3.4), (18.2, 5.0)]), smooth([(17.6, 6.0), (10, 2.6), (0, 0.4)]))
    place.fill(to_picture(mirrored(arms)), wood)
    place.line(to_picture(np.vstack([flip(arms[:20])[::-1], arms[:20]])), mixed(wood, (255, 240, 220), 0.5), 1.0, 0.7)


def clip_on(place: Place, to_picture: Map) -> None:
    """Draw the jaws of a clip hanger over a waistband."""
    for side in (-1, 1):
        place.fill(to_picture(box(side * 12 - 1.4, -2.4, side * 12 + 1.4, 2.6, 0.5)), (70, 66, 66))
        place.fill(to_picture(box(side * 12 - 0.9, -2.0, side * 12 + 0.9, 2.2, 0.4)), STEEL)


def stand_form(place: Place, to_picture: Map, hem: float) -> None:
    """Draw a dress form behind a garment: linen torso, wooden cap, a pole to the floor."""
    linen, wood = (216, 202, 180), (120, 86, 60)
    place.fill(to_picture(box(-1.3, 40, 1.3, hem + 46)), wood)
    for side in (-1, 1):
        place.fill(
            to_picture(as_points([(0, hem + 40), (side * 17, hem + 47), (side * 17, hem + 49), (0, hem + 44)])), wood
        )
    torso = smooth(
        [
            (4.6, -9.5),
            (5.6, -4.5),
            (7.6, -0.6),
            (17.6, 4.2),
            (18.6, 9),
            (19.4, 22),
            (14.6, 41),
            (18.4, 58),
            (17.4, 66),
            (0, 68),
        ]
    )
    place.fill(to_picture(mirrored(join([(0, -9.6)], torso))), linen)
    place.fill(
        to_picture(as_points([(1.0, -9.0), (4.6, -9.4), (6.4, -3.0), (17.8, 4.2), (19.4, 22), (10, 14), (3, 4)])),
        mixed(linen, (80, 66, 60), 0.22),
        0.7,
    )
    place.fill(
        to_picture(join(smooth([(-4.8, -9.3), (-3.6, -12.2), (0, -13.6), (3.6, -12.2), (4.8, -9.3)]), [(0, -8.6)])),
        wood,
    )
    place.fill(to_picture(ellipse(0, -14.6, 1.5, 1.7)), wood)


def peg(place: Place, at: Points) -> None:
    """Clip a clothes peg over a point of the washing line."""
    x, y = at
    place.fill(box(x - 3.0, y - 12, x + 3.0, y + 11, 1.4), (208, 172, 122))
    place.line(as_points([(x, y - 12), (x, y + 11)]), (130, 98, 62), 1.0)
    place.fill(box(x - 3.6, y - 1.6, x + 3.6, y + 0.8), STEEL)


def sunglasses(place: Place, x: float, y: float, turn: float) -> Points:
    """Lay down sunglasses; return the outline of what they cover."""
    at = np.array([x, y])
    for side in (-1, 1):
        lens = smooth(
            [
                (side * 3, -8),
                (side * 17, -10),
                (side * 31, -8),
                (side * 32, 3),
                (side * 20, 12),
                (side * 8, 9),
                (side * 3, -8),
            ]
        )
        place.soft(turned(lens, turn) + at + (2, 4), (20, 16, 20), 0.4, 3)
        place.fill(turned(lens, turn) + at, (46, 34, 32))
        place.fill(turned(lens * 0.84 + (side * 3, -0.2), turn) + at, (92, 74, 62))
        place.line(turned(as_points([(side * 31, -8), (side * 46, -26)]), turn) + at, (46, 34, 32), 2.4)
    place.line(turned(as_points([(-4, -6), (4, -6)]), turn) + at, (46, 34, 32), 2.4)
    return turned(box(-33, -11, 33, 12), turn) + at


def straw_hat(place: Place, x: float, y: float, turn: float) -> Points:
    """Lay down a straw hat; return the outline of what it covers."""
    brim = ellipse(x, y, 56, 52, turn, 60)
    place.soft(brim + (4, 7), (30, 22, 18), 0.4, 6)
    place.fill(brim, (222, 190, 134))
    for k in range(9):
        ring = ellipse(x, y, 54 - k * 3, 50 - k * 3, turn, 60)
        place.line(np.vstack([ring, ring[:1]]), (188, 152, 98), 0.7, 0.6)
    place.fill(ellipse(x - 1, y - 2, 31, 28, turn, 50), (76, 56, 50))
    place.fill(ellipse(x - 2, y - 5, 29, 26, turn, 50), (228, 198, 144))
    place.soft(ellipse(x + 6, y + 4, 15, 13), (170, 134, 84), 0.5, 6)
    return brim


def phone(place: Place, x: float, y: float, turn: float) -> Points:
    """Lay down a phone; return the outline of what it covers."""
    shape = turned(box(-19, -38, 19, 38, 6), turn) + (x, y)
    place.soft(shape + (3, 5), (20, 16, 20), 0.45, 4)
    place.fill(shape, (36, 36, 42))
    place.fill(turned(box(-17, -36, 17, 36, 4), turn) + (x, y), (58, 66, 84))
    place.fill(turned(as_points([(-17, -36), (6, -36), (-17, 14)]), turn) + (x, y), (118, 130, 150), 0.6)
    return shape


def magazine(place: Place, x: float, y: float, turn: float) -> Points:
    """Lay down a magazine; return the outline of what it covers."""
    shape = turned(box(-38, -50, 38, 50), turn) + (x, y)
    place.soft(shape + (4, 6), (20, 16, 20), 0.4, 5)
    place.fill(shape, (242, 236, 226))
    place.fill(turned(box(-31, -24, 31, 43), turn) + (x, y), rgb("apricot"))
    place.fill(turned(ellipse(4, 12, 18, 22), turn) + (x, y), rgb("teal"))
    place.fill(turned(box(-31, -43, 31, -31), turn) + (x, y), (54, 48, 52))
    return shape


def cup(place: Place, x: float, y: float, turn: float) -> Points:
    """Stand a cup of coffee on its saucer; return the outline of what it covers."""
    saucer = ellipse(x, y, 33, 31, turn, 40)
    place.soft(saucer + (4, 6), (20, 16, 20), 0.4, 5)
    place.fill(saucer, (244, 240, 234))
    place.line(np.vstack([saucer, saucer[:1]]), (206, 198, 190), 0.8)
    place.fill(turned(box(14, -4, 31, 4, 3), turn) + (x, y), (250, 248, 244))
    place.fill(ellipse(x, y, 20, 19, 0, 40), (252, 250, 246))
    place.fill(ellipse(x, y, 16, 15, 0, 40), (112, 74, 50))
    place.soft(ellipse(x - 4, y - 3, 6, 4), (196, 158, 122), 0.8, 2)
    return saucer


def frond(place: Place, x: float, y: float, turn: float) -> Points:
    """Let a palm frond reach into the picture; return the outline of what it covers."""
    for k in range(12):
        for side in (-1, 1):
            leaf = smooth(
                [
                    (k * 11.0, 0),
                    (k * 11 + 18, side * (17 - k * 0.6)),
                    (k * 11 + 48, side * (40 - k * 2.4)),
                    (k * 11 + 22, side * (11 - k * 0.4)),
                    (k * 11.0, 0),
                ]
            )
            place.fill(turned(leaf, turn) + (x, y), mixed((74, 122, 82), (34, 72, 56), 0.5 + 0.4 * side * 0.5))
    place.line(turned(as_points([(-10, 0), (140, 0)]), turn) + (x, y), (140, 160, 96), 1.6)
    return turned(as_points([(0, -12), (40, -36), (170, -8), (170, 8), (40, 36), (0, 12)]), turn) + (x, y)


Prop = Callable[[Place, float, float, float], Points]
FLAT_PROPS: tuple[Prop, ...] = (sunglasses, straw_hat, phone, magazine, cup, frond)
"""Things that may lie on or beside a garment that lies flat."""


def drop_prop(place: Place, rng: np.random.Generator) -> Points:
    """Put one thing down near a corner of the picture; return the outline of what it covers."""
    prop = FLAT_PROPS[int(rng.integers(len(FLAT_PROPS)))]
    x = rng.uniform(10, 56) if rng.random() < 0.5 else WIDTH - rng.uniform(10, 56)
    y = rng.uniform(20, 80) if rng.random() < 0.4 else HEIGHT - rng.uniform(10, 76)
    if prop is frond:
        x, y = (-6.0 if x < WIDTH / 2 else WIDTH + 6.0), y
        return prop(place, x, y, rng.uniform(-30, 30) + (0 if x < 0 else 180))
    return prop(place, x, y, rng.uniform(-40, 40))
