"""Draws what hangs from the shoulders: tops, jackets and dresses, from the back of the neck to the hem."""

from dataclasses import dataclass

import numpy as np

from training.corpus.collars import draw_collar_back, draw_collar_front
from training.corpus.cuts import FITS, NECKS, SKIRTS, Cut, Fit, Neck
from training.corpus.fabric import Drawing, Fold, creases, gathers
from training.corpus.fronts import draw_front
from training.corpus.lowers import draw_sash, draw_skirt, hem_line
from training.corpus.paths import Points, as_points, band, cubic, flip, join, mirrored, smooth
from training.corpus.sleeves import draw_sleeve

STRAPPY = ("straight", "sweetheart", "strappy v", "cowl", "halter", "strappy square")
V_SHAPED = ("v", "deep v", "wrap", "lapel")
OPEN_FRONTS = ("open", "kimono")
WAIST = 41.0
"""Where a dress's waist seam sits, in centimetres below the shoulder."""


@dataclass(frozen=True)
class Pose:
    """How the garment was laid down: degrees each sleeve is turned out (left, right)."""

    left: float = 0.0
    right: float = 0.0


def neckline(name: str, neck: Neck) -> Points:
    """Return the right half of a neckline, from its lowest point in the middle to the shoulder."""
    w, y = neck.width, neck.depth
    if name in V_SHAPED:
        return cubic((0, y), (w * 0.42, y * 0.62), (w * 0.86, y * 0.3), (w, 0))
    if name == "square":
        return join(
            smooth([(0, y), (w * 0.45, y), (w * 0.86, y - 0.2)]),
            smooth([(w * 0.9, y - 0.6), (w * 0.95, y * 0.5), (w, 0)]),
        )
    if name == "boat":
        return cubic((0, y), (w * 0.5, y), (w * 0.8, y * 0.7), (w, 0))
    return cubic((0, y), (w * 0.6, y), (w * 0.98, y * 0.62), (w, 0))


def bust_line(name: str, neck: Neck) -> Points:
    """Return the right half of a strappy top's upper edge, from the middle to where the strap starts."""
    w, y = neck.width, neck.depth
    if name == "sweetheart":
        return cubic((0, y + 2.2), (2.6, y - 3.2), (w * 0.75, y - 4.4), (w, y - 1.8))
    if name == "strappy v":
        return cubic((0, y), (w * 0.4, y - 3.2), (w * 0.8, y - 7), (w, y - 9.5))
    if name == "cowl":
        return cubic((0, y), (w * 0.5, y), (w * 0.86, y - 3), (w, y - 8))
    if name == "halter":
        return cubic((0, y - 9), (w * 0.4, y - 9), (w * 0.8, y - 9.6), (w, y - 10.4))
    return cubic((0, y + 0.7), (w * 0.4, y + 0.6), (w * 0.8, y), (w, y - 0.9))


def armhole(cut: Cut, fit: Fit) -> Points:
    """Return the right armhole, from the shoulder tip to the underarm."""
    tip, low = (fit.shoulder, fit.shoulder * 0.19), (fit.chest, fit.underarm)
    if cut.sleeve:
        return cubic(tip, (fit.shoulder - 1.6, tip[1] + 7), (fit.shoulder - 0.6, low[1] - 4), low)
    bite = 0.9 if fit.shoulder > 16 else 2.2
    return cubic(tip, (fit.shoulder - bite, tip[1] + 8), (fit.shoulder - bite + 1.4, low[1] - 1.5), low)


def side_seam(cut: Cut, fit: Fit, bottom: float) -> Points:
    """Return the right side of the torso, from the underarm to `bottom`."""
    low = (fit.chest, fit.underarm)
    if cut.skirt:
        return smooth([low, (fit.waist + 1.6, bottom - 9), (fit.waist, bottom)])
    if bottom > 80:
        hip = fit.hem + (1.0 if fit.waist > 22 else 2.2)
        flare = {"slim": 0.0, "strappy": 5.0, "tank": 4.0, "shell": 4.5}.get(cut.fit, 3.0)
        return smooth([low, (fit.waist, WAIST), (hip, 60), (hip + flare, bottom)])
    if bottom < 50:
        return smooth([low, (fit.waist + 0.6, bottom - 6), (fit.waist + 0.4, bottom)])
    return smooth([low, (fit.waist, WAIST), (fit.hem, bottom)])


def torso(cut: Cut, fit: Fit, neck: Neck, bottom: float) -> Points:
    """Return the right half of the torso, from the middle of the neckline to the middle of the hem."""
    if cut.neck in STRAPPY:
        top = bust_line(cut.neck, neck)
        under = cubic(
            (top[-1][0], top[-1][1]),
            (top[-1][0] + 1.6, top[-1][1] + 5),
            (fit.chest - 3.4, fit.underarm - 1.2),
            (fit.chest, fit.underarm),
        )
        upper = join(top, under)
    else:
        tip = (fit.shoulder, fit.shoulder * 0.19)
        shoulder = cubic((neck.width, 0), (neck.width + 3, 0.7), (fit.shoulder - 4, tip[1] - 1.0), tip)
        upper = join(neckline(cut.neck, neck), shoulder, armhole(cut, fit))
    side = side_seam(cut, fit, bottom)
    edge = float(side[-1][0])
    if cut.hem == "curved":
        low = cubic((edge, bottom - 5), (edge - 4, bottom - 1), (edge * 0.7, bottom + 3.4), (0, bottom + 3.4))
        side = side[side[:, 1] < bottom - 5]
    elif cut.hem == "points":
        low = as_points([(edge, bottom), (edge * 0.42, bottom + 6.5), (0.0, bottom + 1.5)])
    else:
        low = cubic((edge, bottom), (edge * 0.6, bottom + 1.5), (edge * 0.3, bottom + 1.7), (0, bottom + 1.7))
    return join(upper, side, low)


def torso_folds(cut: Cut, fit: Fit, bottom: float, rng: np.random.Generator) -> list[Fold]:
    """Return the drag lines of a torso: from the underarms, at the waist and over the hem."""
    c, a = fit.chest, fit.underarm
    table = [((c - 1.5, a + 1), (c - 11, a + 13), 0.14, 1.7), ((-c + 1.5, a + 2), (-c + 10, a + 11), -0.14, 1.6)]
    if bottom > 36:
        table += [
            ((fit.waist - 0.5, 38), (fit.waist - 11, 33), 0.14, 1.5),
            ((-fit.waist + 0.5, 36.5), (-fit.waist + 12, 40.5), 0.12, 1.6),
        ]
    if bottom > 55:
        table += [((fit.hem - 2, 47), (5, 55), -0.1, 2.0), ((-fit.hem + 3, 52), (-4, 45), 0.1, 1.5)]
    folds = creases(table, rng)
    if bottom > 52:
        for x in (-0.55, 0.1, 0.62):
            at = fit.hem * x + rng.normal(0, 1.2)
            start = bottom - (bottom - 40) * rng.uniform(0.5, 0.9)
            folds.append(
                Fold(as_points([(at * 0.92, start), (at * 1.02, bottom + 3)]), rng.uniform(1.8, 3.0), 0.42, True)
            )
    return folds


def cowl_folds(neck: Neck) -> list[Fold]:
    """Return the swags of a cowl neckline."""
    folds = []
    for drop, width in ((3.2, 2.2), (7.2, 2.6), (12.0, 2.4)):
        reach = neck.width + 1.0 - drop * 0.25
        line = [(-reach, neck.depth - 7 + drop * 0.7), (0.0, neck.depth + drop), (reach, neck.depth - 7 + drop * 0.7)]
        folds.append(Fold(smooth(line), width, 0.75))
    return folds


def draw_straps(d: Drawing, cut: Cut, fit: Fit, neck: Neck, front: bool) -> None:
    """Draw shoulder straps: the back ones and the back panel, then the front ones."""
    top = bust_line(cut.neck, neck)[-1]
    peak = (4.5, -1.0) if cut.neck == "halter" else (float(top[0]) - 0.9, 0.0)
    width = 2.0 if "shoulder bows" in cut.extras or cut.neck == "halter" else 1.0
    if front:
        d.pair(
            band(smooth([peak, ((peak[0] + top[0]) / 2 + 0.5, top[1] * 0.5), (top[0] - 0.2, top[1] + 0.6)]), width),
            lift=0.7,
            edge=0.4,
        )
        if "shoulder bows" in cut.extras:
            for side in (-1, 1):
                for reach, lean in ((4.6, 3.4), (4.2, -3.0)):
                    loop = smooth([(0, 0), (lean * 0.6, -2.4), (lean * 1.3, -1.5), (lean * 1.1, 0.6), (0, 0.6)]) + (
                        side * peak[0],
                        0.4,
                    )
                    tail = as_points([(0, 0), (lean * 0.5 + 0.7, reach), (lean * 0.5 - 0.5, reach + 0.5)]) + (
                        side * peak[0],
                        0.4,
                    )
                    d.piece(tail, lift=0.6)
                    d.piece(loop, lift=0.7)
        return
    back = smooth([(0, 21.5), (fit.chest * 0.5, 21.2), (fit.chest - 0.4, fit.underarm + 0.4)])
    d.piece(mirrored(join(back, [(fit.chest - 1, fit.underarm + 8), (0, 34)])), "lining")
    if cut.neck != "halter":
        d.pair(band(as_points([(peak[0] - 0.4, 0.0), (peak[0] - 3.0, 22.5)]), 1.0), "lining", lift=0.5)
    else:
        d.piece(mirrored(band(smooth([(0, -2.2), (3.0, -2.0), (5.2, 0.4)]), 1.8)), "lining")


def draw_hem(d: Drawing, cut: Cut, half: Points, bottom: float, rng: np.random.Generator) -> None:
    """Finish the torso's hem: ribbed, frilled, knotted, peplum or stitched."""
    edge = float(half[np.abs(half[:, 1] - bottom).argmin()][0]) if cut.hem != "curved" else 0.0
    if cut.hem == "rib":
        line = smooth([(edge + 0.2, bottom - 1), (0, bottom + 0.8), (-edge - 0.2, bottom - 1)])
        low = smooth([(-edge + 1.2, bottom + 5.4), (0, bottom + 7.0), (edge - 1.2, bottom + 5.4)])
        ribs = [
            Fold(as_points([(x, bottom - 0.6), (x * 0.97, bottom + 6.6)]), 0.7, 0.5)
            for x in np.linspace(-edge + 1.4, edge - 1.4, 24)
        ]
        d.piece(join(line, low), "trim", folds=ribs)
    elif cut.hem in ("frill", "peplum"):
        depth, flare = (9.0, 3.5) if cut.hem == "frill" else (17.0, 8.0)
        low = hem_line(edge + flare, bottom + depth, 1.6, 1.0, 4, rng.uniform(0, 6))
        folds = gathers(-edge, edge, bottom, depth * 0.8, 15, rng)
        d.piece(
            join(
                [(edge, bottom - 0.6)],
                low,
                [(-edge, bottom - 0.6)],
                smooth([(-edge, bottom - 0.6), (0, bottom + 1), (edge, bottom - 0.6)]),
            ),
            folds=folds,
            bow=-2.0,
        )
        d.seam(low[3:-3] - (0, 1.3), 0.6, 0.3)
    elif cut.hem == "knot":
        folds = creases([((0, bottom), (x, bottom - 12), 0.05, 1.6) for x in (-12, -5, 5, 12)], rng)
        d.piece(
            smooth(
                [
                    (-5.5, bottom - 2.4),
                    (0, bottom - 4.4),
                    (5.5, bottom - 2.4),
                    (5.2, bottom + 2.6),
                    (0, bottom + 4),
                    (-5.2, bottom + 2.6),
                    (-5.5, bottom - 2.4),
                ]
            ),
            folds=folds,
        )
        d.pair(
            as_points([(1, bottom + 1), (5, bottom + 1.5), (9.5, bottom + 10), (3.6, bottom + 9)]), grain=-20, lift=0.8
        )
        d.seams(smooth([(4, bottom - 3), (9, bottom - 6), (14, bottom - 7)]), 1.2, 0.4)
    elif cut.hem == "straight" and cut.skirt == "":
        d.seam(smooth([(edge - 0.3, bottom - 2.2), (0, bottom - 0.5), (-edge + 0.3, bottom - 2.2)]), 0.7, 0.4)
    elif cut.hem == "curved":
        low = half[half[:, 1] > bottom - 4.0] - (0.6, 1.4)
        d.seams(low, 0.7, 0.38)


def draw_upper(d: Drawing, cut: Cut, pose: Pose, rng: np.random.Generator) -> None:
    """Draw a top, a jacket or a dress with the high point of its shoulders at y = 0."""
    fit, neck = FITS[cut.fit], NECKS[cut.neck]
    bottom = WAIST if cut.skirt else cut.length - (5.0 if cut.hem in ("rib", "frill") else 0.0)
    half = torso(cut, fit, neck, bottom)
    if cut.neck in STRAPPY:
        draw_straps(d, cut, fit, neck, front=False)
    else:
        draw_collar_back(d, cut, neck, neckline(cut.neck, neck))
    if cut.front in OPEN_FRONTS:
        d.piece(mirrored(join([(0, 1.6)], half[half[:, 1] <= bottom - 2][len(neckline(cut.neck, neck)) :])), "lining")
    if cut.sleeve:
        for side, turn in ((-1, pose.left), (1, pose.right)):
            draw_sleeve(d, cut, fit, turn, side, rng)
    if cut.skirt:
        draw_skirt(d, SKIRTS[cut.skirt], WAIST - 0.8, fit.waist, cut.length, rng)
    folds = torso_folds(cut, fit, bottom, rng)
    if cut.neck == "cowl":
        folds += cowl_folds(neck)
    draw_front(d, cut, half, bottom, folds, rng)
    draw_hem(d, cut, half, bottom, rng)
    if cut.neck in STRAPPY:
        draw_straps(d, cut, fit, neck, front=True)
        d.seams(bust_line(cut.neck, neck) + (0, 1.3), 0.7, 0.35)
    else:
        draw_collar_front(d, cut, neck, neckline(cut.neck, neck))
        draw_armholes(d, cut, fit)
    if cut.skirt:
        draw_waist(d, cut, fit, rng)


def draw_armholes(d: Drawing, cut: Cut, fit: Fit) -> None:
    """Draw the armhole seams, bound or ribbed when the garment has no sleeves."""
    line = armhole(cut, fit)
    if cut.sleeve:
        return d.seams(line[:-1], 0.9, 0.35)
    if "rib arms" in cut.extras:
        return d.pair(band(line, 2.2), "trim", lift=0.5)
    if "binding" in cut.extras:
        return d.pair(band(line, 1.4), "contrast", lift=0.4, edge=0.4)
    d.seams(line + (-1.3, 0.2), 0.7, 0.38)


def draw_waist(d: Drawing, cut: Cut, fit: Fit, rng: np.random.Generator) -> None:
    """Draw a dress's waist seam, or the belt or sash over it."""
    half = fit.waist
    seam = smooth([(-half, WAIST), (0, WAIST + 1.5), (half, WAIST)])
    if "sash" in cut.extras:
        draw_sash(d, half, WAIST, rng)
    elif "belt" in cut.extras:
        d.piece(join(seam - (0, 1.9), flip(seam) + (0, 1.7)), "leather")
        ring = smooth(
            [(-2.4, WAIST - 1.0), (2.4, WAIST - 1.0), (2.4, WAIST + 3.4), (-2.4, WAIST + 3.4), (-2.4, WAIST - 1.0)], 4
        )
        d.seam(ring, 1.6, 0.95, colour=(196, 160, 96))
        d.piece(
            as_points(
                [(2.4, WAIST + 0.3), (9, WAIST + 1.0), (10.5, WAIST + 2.4), (9, WAIST + 3.4), (2.4, WAIST + 2.8)]
            ),
            "leather",
            lift=0.7,
        )
    else:
        d.seam(seam, 1.1, 0.5)
