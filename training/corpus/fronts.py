"""Draws the front of an upper garment: how it closes, its pockets and what is printed or sewn on it."""

from collections.abc import Callable

import numpy as np

from training.corpus.collars import draw_lapels
from training.corpus.cuts import FITS, NECKS, Cut
from training.corpus.fabric import Drawing, Fold
from training.corpus.paths import Points, as_points, band, box, ellipse, flip, join, mirrored, smooth


def edge_at(half: Points, y: float) -> float:
    """Return how far the torso's side is from the middle at a height."""
    near = half[np.abs(half[:, 1] - y) < 2.5]
    return float(near[:, 0].max()) if len(near) else float(half[:, 0].max())


def draw_front(d: Drawing, cut: Cut, half: Points, bottom: float, folds: list[Fold], rng: np.random.Generator) -> None:
    """Draw the torso with the closing that the cut calls for, its extras and its pockets."""
    if cut.front in ("open", "kimono"):
        draw_panels(d, cut, half, bottom, folds)
    else:
        bow = 1.2 if bottom < 80 else 0.6
        d.piece(mirrored(half), folds=folds, bow=bow)
    if cut.front in FRONTS:
        FRONTS[cut.front](d, cut, half, bottom)
    for extra in cut.extras:
        if extra in EXTRAS:
            EXTRAS[extra](d, cut, half, bottom)
    draw_pockets(d, cut, half, bottom, rng)


def draw_panels(d: Drawing, cut: Cut, half: Points, bottom: float, folds: list[Fold]) -> None:
    """Draw two fronts that hang open, the lining between them already painted."""
    w = NECKS[cut.neck].width
    gap = 3.4 if cut.front == "kimono" else 4.6
    first = int(np.hypot(*(half - (w, 0)).T).argmin())
    rest = half[first:]
    rest = rest[~((rest[:, 1] > bottom - 1) & (rest[:, 0] < gap + 1))]
    front = smooth([(gap, bottom + 1.2), (gap - 0.6, bottom * 0.6), (w * 0.62, 16), (w, 0)])
    for side in (-1, 1):
        m = np.array([side, 1.0])
        mine = [f for f in folds if f.points[0][0] * side > 0]
        d.piece(join(rest, front) * m, folds=mine)
        strip = band(front, 3.0 if cut.front == "kimono" else 2.4)
        if cut.front == "kimono":
            d.piece(strip * m, "contrast", lift=0.6, edge=0.5)
        else:
            d.seam((front + (2.6, 0.0)) * m, 0.7, 0.36)
            if side > 0:
                for y in np.arange(14, bottom - 4, 9.0):
                    d.button(gap + 0.9, float(y), 0.7)


def button_row(d: Drawing, top: float, bottom: float, step: float, radius: float = 0.72, x: float = 0.0) -> None:
    """Sew on a row of buttons."""
    for y in np.arange(top, bottom, step):
        d.button(x, float(y), radius)


def close_buttons(d: Drawing, cut: Cut, _half: Points, bottom: float) -> None:
    """Lay a placket down the middle and button it."""
    top = NECKS[cut.neck].depth
    end = bottom + (3.0 if cut.hem == "curved" else 1.3)
    d.seams([(1.5, top + 0.6), (1.5, end)], 0.8, 0.4)
    button_row(d, top + 2.4, end - 4, 8.6 if cut.category < 10 else 7.0)


def close_hidden(d: Drawing, cut: Cut, _half: Points, bottom: float) -> None:
    """Draw two tucks each side of a hidden placket."""
    top = NECKS[cut.neck].depth
    d.seams([(1.3, top + 1), (1.3, bottom + 1)], 0.8, 0.32)
    for x in (3.8, 5.4):
        d.seams([(x, top + 3), (x, top + 20)], 0.7, 0.28)


def close_polo(d: Drawing, cut: Cut, _half: Points, _bottom: float) -> None:
    """Draw a short placket with three buttons."""
    top = NECKS[cut.neck].depth
    d.piece(box(-1.7, top - 1, 1.7, top + 13), lift=0.6, edge=0.6)
    button_row(d, top + 2.6, top + 12, 4.0, 0.62)


def close_cardigan(d: Drawing, cut: Cut, _half: Points, bottom: float) -> None:
    """Lay a ribbed band round the neckline and down the middle, and button it."""
    top = NECKS[cut.neck].depth
    low = bottom + (6.4 if cut.hem == "rib" else 1.2)
    strip = "trim" if "rib neck" in cut.extras else "contrast" if "braid" in cut.extras else "main"
    d.piece(as_points([(-1.7, top - 0.6), (1.7, top - 0.6), (1.7, low), (-1.7, low)]), strip, lift=0.7, edge=0.6)
    button_row(d, top + 3, low - 1, 7.4, 0.85)


def close_jacket(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Draw a trucker front: placket, panel seams, a waistband."""
    top = NECKS[cut.neck].depth
    edge = edge_at(half, bottom - 1)
    line = smooth([(-edge, bottom - 4.5), (0, bottom - 3), (edge, bottom - 4.5)])
    d.piece(join(line, smooth([(edge, bottom), (0, bottom + 1.7), (-edge, bottom)])), lift=0.5)
    d.piece(box(-2.0, top, 2.0, bottom + 1.6), lift=0.6, edge=0.6)
    for x in (-1.4, 1.4):
        d.seam([(x, top + 1), (x, bottom + 1)], 0.6, 0.4, 0.8)
    for points in ([(10.5, 25), (7.2, bottom - 4)], [(15.5, 25), (12.2, bottom - 4)]):
        d.seams(points, 0.9, 0.45)
    for y in np.arange(top + 3, bottom + 1, 8.4):
        d.button(0.0, float(y), 0.85, "metal")


def close_zip(d: Drawing, cut: Cut, _half: Points, bottom: float) -> None:
    """Draw a zip down the middle."""
    top = {"hood": 11.0, "mock": 0.0}.get(cut.neck, NECKS[cut.neck].depth)
    low = bottom + (6.8 if cut.hem == "rib" else 1.4)
    d.seams([(1.7, top), (1.7, low)], 0.7, 0.36)
    d.seam([(0, top), (0, low)], 2.6, 0.55)
    d.seam([(0, top), (0, low)], 1.6, 0.85, 0.45, colour=(206, 200, 190))
    d.piece(box(-0.75, top + 0.4, 0.75, top + 4.6, 0.6), "metal", lift=0.8)


def close_puffer(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Quilt the torso into rolls, then zip it."""
    for y in np.arange(11, bottom + 2, 8.4):
        edge = edge_at(half, min(float(y), bottom))
        line = smooth([(-edge, y), (0, y + 1.2), (edge, y)])
        for rise, width, strength in ((-0.5, 3.0, 0.16), (-1.0, 6.0, 0.1), (-1.7, 9.0, 0.07)):
            d.seam(line + (0, rise), width, strength)
        d.seam(line + (0, 2.4), 7.0, 0.1, colour=(255, 255, 255))
        d.seam(line + (0, 2.1), 3.0, 0.14, colour=(255, 255, 255))
        d.seam(line, 1.2, 0.6)
        for k in np.linspace(-0.9, 0.9, 11):
            d.seam([(k * edge, y + 1.0), (k * edge * 0.99 + 0.4, y + 2.8)], 0.8, 0.22)
            d.seam([(k * edge + 1.4, y - 0.2), (k * edge * 0.99 + 1.0, y - 1.8)], 0.8, 0.22)
    close_zip(d, cut, half, bottom)


def close_blazer(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Draw notched lapels, a front edge that curves away at the hem, two buttons."""
    neck = NECKS[cut.neck]
    d.seam(smooth([(1.2, neck.depth), (1.6, bottom - 14), (0.6, bottom - 5), (-3.2, bottom + 1.4)]), 1.4, 0.6)
    d.seams(smooth([(13.6, 26), (11.4, 40), (13.4, bottom - 2)]), 0.8, 0.32)
    draw_lapels(d, neck.depth, neck.width)
    button_row(d, neck.depth + 3.2, neck.depth + 14, 10.0, 1.05, 0.2)
    d.seam([(-16.5, 25.2), (-9.6, 24.0)], 1.6, 0.5)


def close_double(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Draw lapels and two columns of buttons over a wide wrap."""
    neck = NECKS[cut.neck]
    d.seam(smooth([(0.8, neck.depth), (5.8, neck.depth + 5), (6.2, bottom - 10), (6.2, bottom + 1.6)]), 1.3, 0.55)
    draw_lapels(d, neck.depth, neck.width)
    for y in (neck.depth + 6, neck.depth + 22, neck.depth + 34):
        for x in (-5.6, 4.2):
            d.button(x, y, 1.05)


def close_biker(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Draw wide lapels and a zip that runs aslant."""
    neck = NECKS[cut.neck]
    line = smooth([(3.0, neck.depth - 6), (7.6, neck.depth + 6), (8.6, bottom + 1.4)])
    d.seam(line, 3.0, 0.6)
    d.seam(line, 1.5, 0.9, 0.5, colour=(210, 205, 198))
    draw_lapels(d, neck.depth, neck.width + 0.4)
    for x, y in ((-12.2, 15.0), (12.2, 15.0)):
        d.piece(ellipse(x, y, 0.5, 0.5), "metal", lift=0.5)
    edge = edge_at(half, bottom - 3)
    d.piece(
        join(
            smooth([(-edge, bottom - 4.4), (0, bottom - 3), (edge, bottom - 4.4)]),
            smooth([(edge, bottom), (0, bottom + 1.6), (-edge, bottom)]),
        ),
        lift=0.5,
    )
    d.piece(box(-10, bottom - 3.8, -4, bottom + 1.6, 0.6), "metal", lift=0.7)
    d.piece(box(-9, bottom - 2.8, -5, bottom + 0.6, 0.4), "main", lift=0.0)


def close_wrap(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Cross one front over the other."""
    depth = NECKS[cut.neck].depth
    edge = edge_at(half, bottom - 1)
    line = smooth([(0, depth), (-edge * 0.45, depth + (bottom - depth) * 0.56), (-edge + 1.5, bottom)])
    d.seam(line, 1.5, 0.55)
    d.seam(line + (1.3, -0.4), 0.6, 0.3)
    neck_edge = half[half[:, 1] < depth][:10]
    d.seam(neck_edge + (1.2, 0.6), 0.6, 0.3)
    d.seam(flip(neck_edge) + (-1.2, 0.6), 0.6, 0.3)
    for k in (0.3, 0.55, 0.8):
        d.seam(
            smooth(
                [
                    (edge - 0.6, bottom - 3 * k),
                    (edge * 0.3, bottom - 9 * k - 2),
                    (-edge * 0.25 * k, bottom - 12 * k - 1),
                ]
            ),
            1.2,
            0.22,
        )


def close_waistcoat(d: Drawing, cut: Cut, _half: Points, bottom: float) -> None:
    """Draw the edge and buttons of a waistcoat, with its darts."""
    top = NECKS[cut.neck].depth
    d.seam([(1.4, top - 1.4), (1.4, bottom + 3)], 1.2, 0.5)
    button_row(d, top + 2.2, bottom - 1, 7.4, 0.8)
    d.seams(smooth([(10.5, 27), (9.4, 38), (10.4, bottom + 1)]), 0.8, 0.36)


def close_pinafore(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Draw a pinafore's waist seam and the metal buttons of its straps."""
    edge = edge_at(half, 42)
    d.seam(smooth([(-edge, 41), (0, 42.4), (edge, 41)]), 1.2, 0.5)
    d.seam(smooth([(-edge, 42.4), (0, 43.8), (edge, 42.4)]), 0.7, 0.4, 0.9)
    for side in (-1, 1):
        d.button(side * 13.0, 14.5, 1.2, "metal")


def print_sunset(d: Drawing, cut: Cut, _half: Points, _bottom: float) -> None:
    """Print a sun over waves on the chest."""
    y = 29.0
    sun = ellipse(0, y, 8.4, 8.4, steps=48)
    d.piece(sun[sun[:, 1] <= y + 0.2], "contrast", lift=0.0, edge=0.0)
    x = np.linspace(-11, 11, 60)
    for i, cloth in enumerate(("accent", "contrast", "accent")):
        top = np.stack([x, y + 1.6 + i * 3.0 + np.sin(x * 0.72 + i * 1.3) * 0.8], axis=1)
        d.piece(np.vstack([top, top[::-1] + (0, 1.6)]), cloth, lift=0.0, edge=0.0)


def sew_chest_stripes(d: Drawing, cut: Cut, half: Points, _bottom: float) -> None:
    """Run three stripes across the chest."""
    for i, cloth in enumerate(("contrast", "accent", "contrast")):
        y = 25.5 + i * 4.0
        edge = edge_at(half, y) - 0.3
        line = smooth([(-edge, y), (0, y + 1.0), (edge, y)])
        d.piece(np.vstack([line, line[::-1] + (0, 2.3)]), cloth, lift=0.0, edge=0.15)


def sew_yoke(d: Drawing, cut: Cut, half: Points, _bottom: float) -> None:
    """Sew a yoke seam across the chest, stitched twice."""
    edge = FITS[cut.fit].shoulder - 1.4
    for drop, dash in ((0.0, 0.0), (1.0, 0.8)):
        d.seams([(2.2, 23.4 + drop), (edge, 20.6 + drop)], 1.0 if not dash else 0.7, 0.45, dash)


def sew_lace(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Trim the bust and the hem with scalloped lace."""
    top = half[: int(half[:, 0].argmax())]
    top = top[top[:, 1] < 20.0]
    for side in (-1, 1):
        for x, y in top[:: max(1, len(top) // 7)]:
            d.piece(ellipse(side * x, y + 1.4, 1.5, 1.5), "lace", lift=0.3, edge=0.5)
    edge = edge_at(half, bottom - 2)
    for x in np.linspace(-edge + 1.4, edge - 1.4, 18):
        d.piece(ellipse(float(x), bottom + 1.2 - abs(x) / edge * 1.6, 1.7, 1.7), "lace", lift=0.3, edge=0.5)


def sew_bust_seams(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Sew princess seams and the seam under the bust."""
    d.seams(smooth([(7.4, 14.6), (8.6, 24), (7.2, bottom)]), 0.9, 0.4)
    d.seams(smooth([(0, 28.4), (5.0, 29.4), (14, 27.4), (edge_at(half, 26) - 0.4, 25.5)]), 0.9, 0.4)
    d.seam([(0, 18.5), (0, bottom + 1.2)], 0.8, 0.32)


def sew_smocking(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Gather the bodice into rows of smocking."""
    for i, y in enumerate(np.arange(20, bottom - 0.5, 2.1)):
        edge = edge_at(half, float(y)) - 0.4
        line = smooth([(-edge, y), (0, y + 0.7), (edge, y)])
        d.seam(line, 0.9, 0.26)
        for x in np.arange(-edge + 1.0 + (i % 2) * 0.8, edge, 1.7):
            d.seam([(x, y + 0.4), (x + 0.15, y + 1.6)], 0.9, 0.16)


def sew_fringe(d: Drawing, cut: Cut, half: Points, bottom: float) -> None:
    """Fray the hem into fringe."""
    edge = edge_at(half, bottom - 1)
    for x in np.linspace(-edge, edge, 56):
        y = bottom + 1.2 - abs(x) / edge * 1.2
        d.piece(
            as_points([(x - 0.3, y - 0.6), (x + 0.3, y - 0.6), (x + 0.12, y + 1.7), (x - 0.12, y + 1.7)]),
            "contrast",
            lift=0.2,
            edge=0.3,
        )


def sew_storm_flap(d: Drawing, cut: Cut, half: Points, _bottom: float) -> None:
    """Sew a trench coat's storm flap and shoulder tabs."""
    d.seam(smooth([(-14.0, 16.5), (-17, 27), (-11, 29), (-5, 27)]), 1.1, 0.45)
    for side in (-1, 1):
        d.piece(as_points([(11, 0.6), (18.2, 2.6), (17.8, 4.6), (10.6, 2.6)]) * (side, 1), lift=0.6)
        d.button(side * 11.8, 2.0, 0.6)


def tie_belt(d: Drawing, cut: Cut, half: Points, _bottom: float) -> None:
    """Belt a coat or a kimono at the waist with its own cloth."""
    if cut.category > 9:
        return
    edge = edge_at(half, 42) + 0.3
    line = smooth([(-edge, 41), (0, 42.6), (edge, 41)])
    d.piece(np.vstack([line, line[::-1] + (0, 4.2)]), lift=0.9)
    d.piece(as_points([(3.0, 43), (6.4, 43), (8.6, 66), (5.2, 67)]), lift=0.9, grain=-6)
    d.piece(as_points([(1.0, 43), (4.0, 43), (2.4, 62), (-1.0, 61)]), lift=0.9, grain=5)
    d.piece(box(0.6, 41.2, 5.8, 47.2, 1.2), lift=0.9, grain=8)


def draw_pockets(d: Drawing, cut: Cut, half: Points, bottom: float, rng: np.random.Generator) -> None:
    """Sew on the pockets of an upper garment."""
    if cut.pockets == "chest":
        x, y, tilt = 10.6, 22.5, float(rng.uniform(-0.2, 0.2))
        d.piece(
            as_points([(x - 4.6, y), (x + 4.6, y - tilt), (x + 4.6, y + 8.6), (x, y + 10.4), (x - 4.6, y + 8.6)]),
            lift=0.6,
        )
        d.seam([(x - 4.4, y + 1.6), (x + 4.4, y + 1.6)], 0.6, 0.36)
    elif cut.pockets == "kangaroo":
        shape = [(-9.5, 41), (9.5, 41), (15.5, 51), (15.5, bottom - 0.5), (-15.5, bottom - 0.5), (-15.5, 51)]
        d.piece(as_points(shape), lift=0.7)
    elif cut.pockets == "patch":
        y = min(bottom - 17, 46.0) if bottom > 52 else bottom - 15
        d.pair(box(6.6, y, 17.2, y + 12.5, 0.8), lift=0.7)
        d.seams([(6.8, y + 1.9), (17.0, y + 1.9)], 0.7, 0.38)
    elif cut.pockets == "welt":
        y = bottom - 15 if cut.front != "waistcoat" else bottom - 11
        d.pair(
            as_points([(9.5, y + 2.5), (15.8, y - 4), (17.4, y - 2.6), (11.2, y + 4)])
            if cut.front != "waistcoat"
            else box(7.5, y, 15.5, y + 1.8),
            lift=0.5,
        )
    elif cut.pockets == "flap":
        y = 24.0 if cut.front == "jacket" else min(bottom - 18, 56.0)
        x1, x2 = (6.4, 15.4) if cut.front == "jacket" else (7.4, 18.4)
        d.pair(
            as_points([(x1, y + 0.4), (x2, y - 0.4), (x2 + 0.2, y + 4.6), ((x1 + x2) / 2, y + 6.0), (x1, y + 5.2)]),
            lift=0.8,
        )
        if cut.front == "jacket":
            for side in (-1, 1):
                d.button(side * (x1 + x2) / 2, y + 3.8, 0.65, "metal")


Sewing = Callable[[Drawing, Cut, Points, float], None]

FRONTS: dict[str, Sewing] = {
    "buttons": close_buttons,
    "hidden": close_hidden,
    "polo": close_polo,
    "cardigan": close_cardigan,
    "jacket": close_jacket,
    "zip": close_zip,
    "puffer": close_puffer,
    "blazer": close_blazer,
    "double": close_double,
    "biker": close_biker,
    "wrap": close_wrap,
    "waistcoat": close_waistcoat,
    "pinafore": close_pinafore,
}

EXTRAS: dict[str, Sewing] = {
    "sunset": print_sunset,
    "chest stripes": sew_chest_stripes,
    "yoke": sew_yoke,
    "lace": sew_lace,
    "bust seams": sew_bust_seams,
    "smocking": sew_smocking,
    "fringe": sew_fringe,
    "storm flap": sew_storm_flap,
    "belt": tie_belt,
}
