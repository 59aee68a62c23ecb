"""Draws sleeves: their shape, folds and cuffs."""

import numpy as np

from training.corpus.cuts import SLEEVES, Cut, Fit, Sleeve
from training.corpus.fabric import Drawing, Fold, creases
from training.corpus.paths import Points, as_points, cubic, join, smooth

Frame = tuple[Points, Points, Points]
"""A cuff's middle, the way the sleeve runs and the way out from the body."""


def sleeve_outline(sleeve: Sleeve, fit: Fit, turn: float) -> tuple[Points, Points, Points]:
    """Return the right sleeve's outer edge, inner edge, and the (end, direction, outward) vectors of its cuff."""
    tip, low = np.array([fit.shoulder, fit.shoulder * 0.19]), np.array([fit.chest, fit.underarm])
    angle = np.radians(sleeve.angle + turn)
    along, out = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    w1, w2, w3 = sleeve.widths
    grow = (fit.underarm - fit.shoulder * 0.19) / 18.3
    w1, w2 = w1 * (0.4 + 0.6 * grow), w2 * (0.6 + 0.4 * grow)
    swell = 0.45 if sleeve.puff or "gather" in sleeve.finish else 0.2
    edges = []
    for share, width, ease in ((0.34, w1, 1.7), (0.7, w2, 1.5), (1.0, w3, 0.9)):
        outer_edge = tip + along * sleeve.length * share + out * (ease + swell * max(0.0, width - 15.0))
        edges.append((outer_edge, outer_edge - out * width))
    (o1, i1), (o2, i2), (o3, i3) = (([tuple(p) for p in pair]) for pair in edges)
    cap = tuple(tip + (2.2 + sleeve.puff * 0.8, 0.5 - sleeve.puff * 1.7))
    rise = tuple(np.array(o1) - along * sleeve.length * (0.17 if sleeve.length > 30 else 0.2))
    outer = join(cubic(tuple(tip), cap, rise, o1, 12), smooth([o1, o2, o3]))
    inner = smooth([i3, i2, i1, tuple(low)]) if sleeve.length > 30 else smooth([i3, i2, tuple(low)])
    end = (edges[2][0] + edges[2][1]) / 2
    return outer, inner, np.array([end, along, out])


def sleeve_folds(sleeve: Sleeve, fit: Fit, frame: Frame, rng: np.random.Generator) -> list[Fold]:
    """Return the right sleeve's creases, gathers, puffs and flares."""
    (end, along, out), width = frame, sleeve.widths[2]
    length = sleeve.length
    low = np.array([fit.chest, fit.underarm])
    table = [(tuple(low - along * 1), tuple(low + along * min(10, length * 0.5) + out * 8), 0.12, 1.6)]
    if length > 40:
        elbow = end - along * length * 0.52
        table += [(tuple(elbow - out * 5.5), tuple(elbow + out * 3 + along * 4), 0.16, 1.5)]
        table += [(tuple(elbow - out * 6 + along * 5), tuple(elbow + out * 1.5 + along * 6), -0.14, 1.3)]
        table += [(tuple(end - along * 12 + out * 4), tuple(end - along * 6 - out * 3.4), 0.12, 1.3)]
        table += [(tuple(low - along * 4 + out), tuple(low + along * 14 + out * 4), 0.1, 1.5)]
    folds = creases(table, rng)
    if "gather" in sleeve.finish:
        for share in (-0.36, -0.12, 0.12, 0.36):
            line = as_points(
                [tuple(end - along * length * 0.3 + out * width * share * 1.2), tuple(end + out * width * share)]
            )
            folds.append(Fold(line, 1.8, 0.5, True))
    if sleeve.puff:
        tip = np.array([fit.shoulder, fit.shoulder * 0.19])
        for k in (0.0, 3.5, 7.0):
            line = as_points([tuple(tip + (-0.6, k)), tuple(tip + along * 5 + out * (3 - k * 0.8))])
            folds.append(Fold(line, 1.3, 0.55))
    if sleeve.finish == "wave":
        for share in (-0.22, 0.3):
            line = as_points(
                [
                    tuple(end - along * length * 0.4 + out * width * share * 0.4),
                    tuple(end + out * width * share + along * 3),
                ]
            )
            folds.append(Fold(line, 3.4, 0.55, True))
    return folds


def draw_sleeve(d: Drawing, cut: Cut, fit: Fit, turn: float, side: int, rng: np.random.Generator) -> None:
    """Draw one sleeve (side 1: the right of the picture) with its folds and cuff."""
    sleeve, m = SLEEVES[cut.sleeve], np.array([side, 1.0])
    outer, inner, (end, along, out) = sleeve_outline(sleeve, fit, turn)
    width = sleeve.widths[2]
    cuff_edge = join([tuple(end + out * width / 2)], [tuple(end + along * 0.7)], [tuple(end - out * width / 2)])
    if sleeve.finish == "wave":
        x = np.linspace(width / 2, -width / 2, 40)
        ripple = np.cos(x / width * 2 * np.pi * 1.5 + 0.6) * 1.3 + 0.8
        cuff_edge = end + np.outer(x, out) + np.outer(ripple, along)
    tuck = [(fit.chest - 5, fit.underarm), (fit.shoulder - 4, fit.shoulder * 0.19 + 2)]
    frame = (end, along, out)
    folds = [Fold(f.points * m, f.width, f.depth, f.wedge) for f in sleeve_folds(sleeve, fit, frame, rng)]
    d.piece(join(outer, cuff_edge, inner, tuck) * m, grain=-side * (sleeve.angle + turn), folds=folds)
    if cut.front == "puffer":
        for rise in np.arange(6.0, sleeve.length - 8, 8.4):
            middle = end - along * rise
            line = (
                smooth([tuple(middle + out * w * width * 0.75 + along * abs(w) * -0.8) for w in (-1.1, 0.0, 1.1)]) * m
            )
            d.seam(line - (0, 1.2), 5.0, 0.12)
            d.seam(line + (0, 2.2), 4.0, 0.14, colour=(255, 255, 255))
            d.seam(line, 1.2, 0.55)
    draw_cuff(d, sleeve, m, frame)


def draw_cuff(d: Drawing, sleeve: Sleeve, m: Points, frame: Frame) -> None:
    """Finish a sleeve: ribbed, buttoned, turned up, banded, vented or stitched."""
    end, along, out = frame
    half = sleeve.widths[2] / 2
    tight = (
        4.6 if "gather" in sleeve.finish and sleeve.length > 30 else half * (0.82 if "rib" in sleeve.finish else 1.02)
    )
    if "rib" in sleeve.finish or "cuff" in sleeve.finish or sleeve.finish == "gather":
        height = 6.0 if sleeve.length > 30 else 2.4
        tight = half * 0.86 if sleeve.finish == "gather" else tight
        corners = [
            end + out * (tight + 0.5) - along,
            end + out * tight + along * height,
            end - out * tight + along * height,
            end - out * (tight + 0.5) - along,
        ]
        ribbed = "rib" in sleeve.finish
        folds = []
        if ribbed:
            for share in np.linspace(-0.8, 0.8, 7):
                folds.append(
                    Fold(
                        as_points(
                            [
                                tuple(end + out * tight * share - along),
                                tuple(end + out * tight * share + along * height),
                            ]
                        )
                        * m,
                        0.6,
                        0.5,
                    )
                )
        d.piece(
            as_points([tuple(c) for c in corners]) * m,
            "trim" if ribbed else "main",
            grain=float(-m[0] * np.degrees(np.arctan2(along[0], along[1]))),
            folds=folds,
        )
        if "cuff" in sleeve.finish:
            spot = (end - out * tight * 0.55 + along * height * 0.5) * m
            d.button(float(spot[0]), float(spot[1]), 0.65)
    elif sleeve.finish in ("roll", "band"):
        height = 3.0 if sleeve.finish == "roll" else 1.8
        corners = [
            end + out * (half + 0.4) - along * height,
            end + out * (half + 0.3) + along * 0.6,
            end - out * (half + 0.3) + along * 0.6,
            end - out * (half + 0.4) - along * height,
        ]
        d.piece(
            as_points([tuple(c) for c in corners]) * m,
            "main" if sleeve.finish == "roll" else "trim",
            grain=float(m[0] * 8),
        )
    elif sleeve.finish == "vent":
        d.seam(as_points([tuple(end - out * (half - 1.6) - along * 9), tuple(end - out * (half - 1.6))]) * m, 0.9, 0.45)
        for k in (2.0, 4.2, 6.4):
            spot = (end - out * (half - 3.0) - along * k) * m
            d.button(float(spot[0]), float(spot[1]), 0.6)
    else:
        drop = 2.2 if sleeve.finish == "hem" else 1.2
        d.seam(
            as_points(
                [
                    tuple(end + out * (half - 0.2) - along * drop),
                    tuple(end - along * (drop - 0.6)),
                    tuple(end - out * (half - 0.2) - along * drop),
                ]
            )
            * m,
            0.7,
            0.38,
        )
