"""Draws what sits round the neck: collars, ribs, hoods and bows, in front of the garment and behind it."""

import numpy as np

from training.corpus.cuts import Cut, Neck
from training.corpus.fabric import Drawing, Fold
from training.corpus.lowers import draw_bow
from training.corpus.paths import Points, as_points, band, box, cubic, flip, join, mirrored, smooth


def draw_collar_back(d: Drawing, cut: Cut, neck: Neck, line: Points) -> None:
    """Draw the inside of the garment's back, seen through the neckline, with its label; or the hood behind it."""
    w = neck.width
    if cut.neck == "hood":
        hood = smooth([(0, -19.5), (9.5, -17.5), (14.2, -9), (13.2, -1), (w + 1.5, 2.4)])
        d.piece(
            mirrored(join(hood, [(0, 9)])),
            folds=[
                Fold(as_points([(11.5, -12), (9.5, 0)]), 1.6, 0.5),
                Fold(as_points([(-11, -14), (-10, -2)]), 1.4, 0.5),
            ],
        )
        inside = smooth([(0, -15.5), (7.4, -13.5), (10.2, -6.5), (w, 0.6), (4.5, 8), (0, 9.4)])
        return d.piece(mirrored(inside), "lining", lift=0.6)
    rise = {"shirt": -3.2, "polo": -3.0, "lapel": -3.0, "band": -2.6, "bow": -2.4}.get(cut.neck, 2.2)
    back = smooth([(0, rise), (w * 0.55, rise * 0.9 - 0.05), (w + 0.6, 0.0 if rise > 0 else -0.2)])
    d.piece(mirrored(join(back, line[::-1] * (1.06, 1.0) + (0.3, 2.0), [(0, neck.depth + 2.5)])), "lining")
    if rise < 0:
        d.piece(mirrored(join(back, smooth([(w + 0.2, 0.8), (w * 0.5, 1.6), (0, 1.8)]))), "main", tone=0.9, lift=0.8)
    elif cut.neck in ("crew", "henley", "v", "scoop", "keyhole", "round collar"):
        d.piece(band(mirrored_line(back), -1.7), "trim" if "rib neck" in cut.extras else "main", tone=0.86, lift=0.4)
    if neck.depth > 7 and cut.neck not in ("wrap",):
        d.piece(box(-2.0, max(rise, 0) + 2.2, 2.0, max(rise, 0) + 4.2), "label", lift=0.5, edge=0.2)


def draw_collar_front(d: Drawing, cut: Cut, neck: Neck, line: Points) -> None:
    """Draw the collar that a cut's neck calls for."""
    kind, w = cut.neck, neck.width
    if kind in ("roll", "mock"):
        return draw_roll(d, w, neck.depth, 8.6 if kind == "roll" else 4.8)
    if kind in ("shirt", "polo"):
        return draw_points(d, w, neck.depth, "trim" if kind == "polo" else "main")
    if kind == "round collar":
        leaf = join(
            line[:-1],
            smooth([(w + 0.4, 0.2), (w + 4.4, 4.6), (w + 1.6, 10.6), (5.0, 14.0), (1.6, 12.6), (0.25, neck.depth)]),
        )
        return d.pair(leaf, "reverse" if cut.category > 9 else "main", grain=-30)
    if kind == "band":
        return d.piece(np.vstack([mirrored_line(line), mirrored_line(line + (0.0, 0.0))[::-1] + (0, -2.4)]), lift=0.8)
    if kind == "bow":
        d.piece(mirrored(band(line, -1.8)), lift=0.7)
        return draw_bow(d, 0.0, neck.depth + 0.6, 1.25, 17.0)
    if kind == "hood":
        d.pair(
            join(smooth([(0.2, 9.6), (5.2, 8.2), (w + 0.2, 1.2)]), smooth([(w + 3.6, 1.6), (8.4, 9.4), (0.2, 13.4)])),
            lift=0.8,
        )
        for side, reach in ((-1, 21.0), (1, 23.5)):
            d.piece(band(smooth([(side * 3.6, 10.4), (side * 4.4, 16), (side * 4.0, reach)]), 0.8), "cord", lift=0.8)
        return None
    if kind in ("lapel", "wrap"):
        return None
    draw_neckband(d, cut, line)
    return None


def mirrored_line(half: Points) -> Points:
    """Return an open line across the garment from a right half that starts in the middle."""
    return np.vstack([flip(half)[::-1], half[1:]])


def draw_neckband(d: Drawing, cut: Cut, line: Points) -> None:
    """Finish an open neckline: ribbed, bound, braided or stitched."""
    across = mirrored_line(line)
    if "rib neck" in cut.extras:
        width = 2.6
        ribs = [
            Fold(join([tuple(p)], [tuple(p + n)]), 0.5, 0.45)
            for p, n in zip(across[1::3], inward(across, width)[1::3], strict=True)
        ]
        return d.piece(band(across, width), "trim", folds=ribs, lift=0.7)
    if "binding" in cut.extras or "braid" in cut.extras:
        return d.piece(band(across, 1.5), "contrast", lift=0.5, edge=0.4)
    if cut.neck in ("crew", "henley", "scoop", "v", "keyhole") and cut.category in (1, 2, 5, 10, 12):
        d.piece(band(across, 1.9), "trim" if cut.sleeve == "ringer" else "main", tone=0.97, lift=0.35, edge=0.5)
        return d.seam(across + inward(across, 2.5), 0.6, 0.3)
    d.seam(across + inward(across, 1.3), 0.7, 0.38)
    return None


def inward(line: Points, width: float) -> Points:
    """Return the offset from each point of a neckline into the cloth."""
    strip = band(line, width)
    return strip[len(line) :][::-1] - line


def draw_roll(d: Drawing, w: float, depth: float, height: float) -> None:
    """Draw a roll neck, or a mock one when it is low."""
    top = smooth([(-w + 0.4, -height), (0, -height + 0.9), (w - 0.4, -height)])
    base = smooth([(w + 0.5, 0.4), (0, depth + 1.2), (-w - 0.5, 0.4)])
    ribs = [Fold(as_points([(x * 0.93, -height), (x, 3)]), 0.55, 0.42) for x in np.linspace(-w + 1, w - 1, 13)]
    d.piece(
        smooth([(-w + 0.4, -height), (0, -height - 1.0), (w - 0.4, -height), (0, -height + 0.9), (-w + 0.4, -height)]),
        "lining",
    )
    d.piece(join(top, base), "trim", folds=ribs, lift=0.8)
    if height > 6:
        over = join(top, smooth([(w + 0.3, -height * 0.34), (0, -height * 0.2), (-w - 0.3, -height * 0.34)]))
        d.piece(over, "trim", folds=[Fold(f.points * (1, 0.62) - (0, 3.0), f.width, f.depth) for f in ribs], lift=0.9)


def draw_points(d: Drawing, w: float, depth: float, cloth: str) -> None:
    """Draw a turned-down collar with points."""
    roll = cubic((0.25, depth - 0.4), (w * 0.35, depth * 0.5), (w * 0.72, -0.6), (w * 0.66, -3.3))
    outer = cubic((w * 0.66, -3.3), (w + 1.2, -2.4), (w + 2.6, 1.4), (w + 2.4, 3.6))
    leaf = join(roll, outer, [(w * 0.86, depth + 4.2), (0.25, depth - 0.4)])
    d.pair(leaf, cloth, grain=-34)
    d.seams(join([(w + 1.6, 3.9)], [(w * 0.83, depth + 3.1)], [(1.3, depth - 0.1)]), 0.6, 0.32)


def draw_lapels(d: Drawing, depth: float, w: float, cloth: str = "main") -> None:
    """Draw a notched collar that rolls down to `depth`."""
    for side in (-1, 1):
        m = np.array([side, 1.0])
        notch = [(13.6, 12.2), (10.2, 13.0), (14.8, 15.4)]
        collar = join(
            smooth([(w * 0.62, -3.2), (w + 1.6, -1.2), (w + 3.4, 4.4)]),
            [(13.6, 12.2), (10.2, 13.2)],
            smooth([(10.2, 13.2), (6.4, 6.6), (w * 0.62, -3.2)]),
        )
        lapel = join(
            [(w - 1.8, 3.4), notch[1]],
            [notch[2]],
            smooth([(14.8, 15.4), (11.2, depth * 0.66), (1.2 * side, depth)]),
            smooth([(1.2 * side, depth), (3.6, depth * 0.6), (w - 1.8, 3.4)]),
        )
        d.piece(lapel * m, cloth, grain=-14.0 * side)
        d.piece(collar * m, cloth, grain=-30.0 * side)
