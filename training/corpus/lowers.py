"""Draws what hangs from the waist: skirts (a dress's too), trousers and shorts, cut by the tables below."""

from dataclasses import dataclass

import numpy as np

from training.corpus.cuts import SKIRTS, Cut, Skirt
from training.corpus.fabric import Drawing, Fold, creases, gathers
from training.corpus.paths import Points, as_points, band, box, cubic, ellipse, flip, join, smooth


@dataclass(frozen=True)
class Legs:
    """Half widths and heights of a pair of legs in centimetres: waist, hip, crotch, knee and hem of one leg."""

    waist: float
    hip: float
    rise: float
    outer_knee: float
    outer_hem: float
    inner_hem: float
    cuff: bool = False


LEGS = {
    "short": Legs(18.5, 24.5, 27, 0, 27.5, 2.6),
    "wide short": Legs(18.5, 26.0, 27, 0, 32.0, 2.4),
    "sport short": Legs(19.0, 25.5, 26, 0, 29.0, 2.4),
    "bermuda": Legs(18.5, 24.5, 27, 0, 25.5, 3.6),
    "straight": Legs(19.0, 23.4, 27, 22.8, 22.6, 4.0),
    "slim": Legs(19.0, 22.8, 27, 19.6, 17.6, 6.6),
    "wide": Legs(18.8, 24.2, 28, 27.0, 30.0, 2.8),
    "flare": Legs(18.6, 22.8, 27, 19.4, 27.5, 3.4),
    "cargo": Legs(19.0, 25.5, 28, 25.2, 23.0, 5.0),
    "jogger": Legs(19.0, 25.0, 28, 23.6, 17.6, 8.0, True),
    "palazzo": Legs(18.0, 25.5, 28, 32.0, 38.0, 2.0),
}


def hem_line(half: float, y: float, sag: float, wave: float, waves: int, phase: float) -> Points:
    """Return a hem from right to left: sagging in the middle, waved where its folds stand."""
    x = np.linspace(half, -half, 90)
    ripple = np.cos(x / half * np.pi * waves + phase) * wave * (1 - 0.25 * np.abs(x / half))
    return np.stack([x, y + sag * (1 - (x / half) ** 2) + ripple], axis=1)


def draped(waist: float, top: float, half: float, bottom: float, skirt: Skirt, rng: np.random.Generator) -> list[Fold]:
    """Return folds that fan from the waist to the valleys of the hem."""
    folds = []
    for i in range(skirt.folds):
        share = (i + 0.5) / skirt.folds * 2 - 1 + rng.uniform(-0.06, 0.06)
        begin = top + (bottom - top) * rng.uniform(0.08, 0.4)
        x1 = share * (waist + (half - waist) * (begin - top) / (bottom - top)) * 0.9
        x2 = share * half * 0.93
        width = half / skirt.folds * rng.uniform(0.42, 0.7)
        line = as_points([(x1, begin), ((x1 * 0.45 + x2 * 0.55), begin + (bottom - begin) * 0.55), (x2, bottom + 4)])
        folds.append(Fold(line, width, rng.uniform(0.42, 0.6), wedge=True))
    return folds


def draw_skirt(d: Drawing, skirt: Skirt, top: float, waist: float, bottom: float, rng: np.random.Generator) -> None:
    """Draw a skirt from its waist seam (half width `waist` at `top`) to its hem."""
    hem, length = skirt.hem, bottom - top
    if length < 40:
        hem = waist + (hem - waist) * 0.72
    hip = max(waist + 5.5, 23.0) if length > 30 else waist + 4
    if skirt.kind in ("pencil", "wrap", "trumpet"):
        hip_y = top + min(19.0, length * 0.4)
        knee = [(hem * 0.78, top + length * 0.68)] if skirt.kind == "trumpet" else []
        side = smooth([(waist, top), (hip, hip_y), *knee, (hem, bottom)])
    else:
        side = cubic((waist, top), (waist + 3.5, top + length * 0.14), (hem - 5, top + length * 0.5), (hem, bottom))
    if skirt.kind == "tiers":
        return draw_tiers(d, skirt, top, waist, bottom, rng)
    waves = max(2, skirt.folds // 2)
    sag = 2.2 + 0.05 * hem
    edge = hem_line(hem, bottom, sag, skirt.wave, waves, rng.uniform(0, 6))
    folds = draped(waist, top, hem, bottom, skirt, rng)
    if skirt.kind == "high-low":
        d.piece(join(side, edge, flip(side)[::-1]), "lining")
        edge = edge - np.stack([edge[:, 0] * 0, (1 - (edge[:, 0] / hem) ** 2) * length * 0.28], axis=1)
    if skirt.kind == "pencil":
        folds = creases(
            [
                ((hip - 1, hip_y - 6), (hip - 12, hip_y + 3), 0.12, 1.6),
                ((-hip + 1, hip_y - 2), (-4, hip_y + 5), -0.1, 1.8),
            ],
            rng,
        )
        folds += [
            Fold(as_points([(x, bottom - length * 0.5), (x * 1.05, bottom + 2)]), 2.4, 0.42, True)
            for x in (-hem * 0.5, hem * 0.45)
        ]
    d.piece(join(side, edge, flip(side)[::-1]), folds=[] if skirt.kind == "pleats" else folds, bow=-3.0)
    if skirt.kind == "pleats":
        draw_pleats(d, skirt, top, waist, bottom, sag, hem)
    elif skirt.kind == "buttoned":
        d.seams([(2.0, top), (2.4, bottom + sag)], 0.8, 0.35)
        for y in np.arange(top + 4, bottom - 8, 8.5):
            d.button(0, float(y), 0.85)
    elif skirt.kind == "wrap":
        draw_wrap(d, top, waist, bottom, hem, side, rng)
    d.seam(edge[4:-4] - (0, 1.8), 0.7, 0.3)


def draw_pleats(d: Drawing, skirt: Skirt, top: float, waist: float, bottom: float, sag: float, hem: float) -> None:
    """Lay knife pleats: each pleat is a panel of its own, shaded where it dips under the next."""
    cuts = np.linspace(-1, 1, skirt.folds + 1)
    for left, right in zip(cuts, cuts[1:], strict=False):
        low_l, low_r = bottom + sag * (1 - left**2), bottom + sag * (1 - right**2)
        panel = as_points([(left * waist, top), (right * waist, top), (right * hem, low_r + 0.9), (left * hem, low_l)])
        inner = as_points(
            [(left * waist * 0.98 + right * waist * 0.02, top), (left * hem * 0.86 + right * hem * 0.14, low_l + 2)]
        )
        mid = (left + right) / 2
        grain = -np.degrees(np.arctan2(mid * (hem - waist), bottom - top))
        d.piece(panel, grain=grain, folds=[Fold(inner, hem / skirt.folds * 1.1, 0.62, True)], lift=0.9, edge=0.35)


def draw_tiers(d: Drawing, skirt: Skirt, top: float, waist: float, bottom: float, rng: np.random.Generator) -> None:
    """Draw gathered tiers, the lowest first, so that each falls over the next."""
    count = 2 if bottom - top < 40 else 3
    levels = top + (bottom - top) * np.linspace(0, 1, count + 1) ** 0.92
    halves = waist + (skirt.hem - waist) * np.linspace(0, 1, count + 1) ** 0.8
    for tier in reversed(range(count)):
        y1, y2 = float(levels[tier]) - (0 if tier == 0 else 1.0), float(levels[tier + 1])
        w1, w2 = float(halves[tier]) + (0 if tier == 0 else 1.2), float(halves[tier + 1])
        edge = hem_line(w2, y2, 2.0, skirt.wave * 0.8, 4 + tier, rng.uniform(0, 6))
        side = cubic((w1, y1), (w1 + 2.5, y1 + 2), (w2 - 1, y1 + (y2 - y1) * 0.5), (w2, y2))
        folds = gathers(-w1, w1, y1, (y2 - y1) * 0.5, 7 + 3 * tier, rng)
        folds += draped(w1, y1, w2, y2, Skirt("flare", w2, 0, 4 + tier), rng)
        d.piece(join(side, edge, flip(side)[::-1]), folds=folds, bow=-2.5)
        d.seam(edge[3:-3] - (0, 1.4), 0.6, 0.28)


def draw_wrap(
    d: Drawing, top: float, waist: float, bottom: float, hem: float, side: Points, rng: np.random.Generator
) -> None:
    """Lay the front panel of a wrap skirt over the back one, its edge curving to the hem."""
    edge = cubic((waist * 0.55, top), (waist * 0.5, top + 18), (hem * 0.55, bottom - 22), (hem * 0.2, bottom + 3.6))
    left = flip(side)
    low = smooth([(hem * 0.2, bottom + 3.6), (-hem * 0.4, bottom + 3.2), (-hem, bottom)])
    reach = bottom - top
    table = [
        ((waist * 0.4, top + 2), (-waist * 0.5, top + reach * 0.5), 0.1, 2.2),
        ((waist * 0.45, top + 1), (-waist, top + reach * 0.25), 0.12, 1.8),
    ]
    folds = creases([*table, ((waist * 0.45, top + 5), (hem * 0.05, bottom - 8), 0.08, 2.6)], rng)
    d.piece(join(edge, low, left[::-1]), folds=folds, bow=-3.0)
    d.seam(edge - (1.3, 0), 0.7, 0.35)


def draw_waistband(d: Drawing, waist: float, top: float, height: float, cut: Cut, rng: np.random.Generator) -> None:
    """Draw a waistband: plain, elastic, paperbag or with a belt, loops and a button."""
    if "paperbag" in cut.extras:
        x = np.linspace(waist + 2.6, -waist - 2.6, 60)
        frill = np.stack([x, top - 4 + np.cos(x * 1.9) * 0.5 + np.abs(x) * 0.02], axis=1)
        folds = gathers(-waist, waist, top - 3.6, 4.5, 12, rng)
        d.piece(join(frill, [(-waist, top + 1.5), (waist, top + 1.5)]), folds=folds)
    strip = join(
        smooth([(-waist, top), (0, top + 1.0), (waist, top)]),
        smooth([(waist + 0.7, top + height), (0, top + height + 1.0), (-waist - 0.7, top + height)]),
    )
    elastic = cut.front == "drawcord" or "paperbag" in cut.extras or cut.skirt in ("tiered", "bias")
    folds = gathers(-waist, waist, top + 0.4, height * 0.9, 18, rng) if elastic else []
    d.piece(strip, folds=folds)
    if cut.front == "fly":
        for loop in (-waist * 0.72, -waist * 0.3, waist * 0.3, waist * 0.72):
            d.piece(box(loop - 0.7, top + 0.1, loop + 0.7, top + height + 1.4), lift=0.6)
        d.button(0.2, top + height / 2 + 1.0, 0.85, "metal" if cut.pockets == "jeans" else "button")
    if "belt" in cut.extras:
        d.piece(strip + (0, 0.2), "leather")
        d.piece(box(-2.6, top - 0.1, 2.6, top + height + 1.5, 0.8), "metal", lift=0.8)
        d.piece(box(-1.6, top + 0.8, 1.6, top + height + 0.6, 0.4), "leather", lift=0.0)
    if cut.front == "drawcord":
        for side, reach in ((-1, 11.0), (1, 13.0)):
            cord = smooth(
                [(side * 1.2, top + height * 0.6), (side * 2.6, top + reach * 0.6), (side * 2.0, top + reach)]
            )
            d.piece(band(cord, 0.75), "cord", lift=0.9)
    if "sash" in cut.extras:
        draw_sash(d, waist, top + height * 0.5, rng)


def draw_sash(d: Drawing, waist: float, y: float, rng: np.random.Generator) -> None:
    """Tie a sash at the waist with a bow and two tails."""
    strip = join(
        smooth([(-waist - 0.2, y - 1.8), (0, y - 1.0), (waist + 0.2, y - 1.8)]),
        smooth([(waist + 0.3, y + 1.8), (0, y + 2.6), (-waist - 0.3, y + 1.8)]),
    )
    d.piece(
        strip,
        folds=creases([((-waist, y + 0.4), (-2, y + 1.2), 0.02, 0.8), ((waist, y), (3, y + 0.9), -0.02, 0.8)], rng),
    )
    draw_bow(d, 4.5, y + 0.6, 1.0)


def draw_bow(d: Drawing, x: float, y: float, size: float, tails: float = 16.0) -> None:
    """Tie a bow at (x, y): two tails, two loops and the knot."""
    at = np.array([x, y])
    for side, reach in ((-1, 0.82), (1, 1.0)):
        m = np.array([side * size, size])
        tail = (
            as_points(
                [(0, 0), (1.4, 0.2), (4.6, tails * reach), (2.9, tails * reach - 1.2), (1.2, tails * reach - 0.4)]
            )
            * m
            + at
        )
        d.piece(
            tail,
            grain=-10.0 * side,
            folds=[Fold(as_points([(0.6, 1), (2.8, tails * reach)]) * m + at, 1.0 * size, 0.5)],
        )
    for side in (-1, 1):
        m = np.array([side * size, size])
        loop = smooth([(0, -0.7), (3.4, -3.6), (7.2, -2.9), (7.6, 0.2), (5.4, 2.2), (0, 0.8)], 8) * m + at
        d.piece(loop, grain=60.0 * side, folds=[Fold(as_points([(0.6, 0), (5.0, -0.8)]) * m + at, 1.3 * size, 0.7)])
    d.piece(ellipse(x, y, 1.35 * size, 1.6 * size), lift=0.8)


def draw_bottom(d: Drawing, cut: Cut, rng: np.random.Generator) -> None:
    """Draw a skirt, shorts or trousers from the waist at y = 0."""
    if cut.skirt:
        skirt = SKIRTS[cut.skirt]
        draw_skirt(d, skirt, 3.0, 17.6, cut.length, rng)
        if "slit" in cut.extras:
            d.seam([(-9, cut.length - 20), (-9.4, cut.length + 1.6)], 1.4, 0.7)
        if cut.front == "buttons":
            d.seams([(2.0, 3), (2.2, cut.length + 3.4)], 0.8, 0.4)
            for y in np.arange(9, cut.length, 7.5):
                d.button(0, float(y), 0.9, "metal")
        draw_pockets(d, cut, 17.6)
        if cut.skirt == "kilt":
            for level in (8.0, 14.0):
                d.piece(box(9, level, 17, level + 2.0, 0.4), "leather", lift=0.6)
                d.piece(box(11, level - 0.5, 14, level + 2.5, 0.5), "metal", lift=0.5)
        return draw_waistband(d, 17.4, 0.0, 3.6, cut, rng)
    legs = LEGS[cut.legs]
    draw_legs(d, legs, cut, rng)
    draw_pockets(d, cut, legs.waist)
    draw_waistband(d, legs.waist, 0.0, 3.8, cut, rng)


def leg_outline(legs: Legs, length: float) -> tuple[Points, Points, Points]:
    """Return the right leg's outer side, hem and inner side."""
    hip = (legs.hip, 19.0)
    knee = [(legs.outer_knee, length * 0.56)] if legs.outer_knee else []
    outer = smooth([(legs.waist, 0), hip, *knee, (legs.outer_hem, length)])
    hem = smooth(
        [
            (legs.outer_hem, length),
            ((legs.outer_hem + legs.inner_hem) / 2, length + 0.9),
            (legs.inner_hem, length + 0.4),
        ]
    )
    inner_knee = [(legs.inner_hem * 0.62 + 0.6, length * 0.58)] if legs.outer_knee else []
    inner = smooth([(legs.inner_hem, length + 0.4), *inner_knee, (0.4, legs.rise)])
    return outer, hem, inner


def draw_legs(d: Drawing, legs: Legs, cut: Cut, rng: np.random.Generator) -> None:
    """Draw both legs with their creases, hems, side stripes and fly."""
    length = cut.length
    outer, hem, inner = leg_outline(legs, length)
    middle = (legs.outer_hem + legs.inner_hem) / 2
    for side in (-1, 1):
        m = np.array([side, 1.0])
        table = [
            ((1.0, legs.rise - 2), (13, legs.rise - 7), 0.12, 1.7),
            ((1.5, legs.rise + 1), (12.0, legs.rise + 5), -0.14, 1.6),
        ]
        table += [((legs.hip - 1, 17), (10, legs.rise + 2), -0.08, 1.5)]
        if legs.outer_knee:
            knee = length * 0.56
            table += [((legs.outer_knee - 1, knee), (legs.outer_knee - 12, knee + 6), 0.1, 1.7)]
            table += [((middle - 3, knee + 4), (middle + 5, knee + 11), -0.12, 1.4)]
            table += [((middle + 4, length - 14), (middle - 4, length - 5), 0.12, 1.4)]
        folds = [Fold(f.points * m, f.width, f.depth) for f in creases(table, rng)]
        if legs.outer_hem > 26:
            for share in (0.3, 0.7):
                x = legs.inner_hem + (legs.outer_hem - legs.inner_hem) * share
                folds.append(Fold(as_points([(x * 0.75 + 2, length * 0.35), (x, length + 3)]) * m, 3.2, 0.5, True))
        d.piece(join(outer, hem, inner, [(0, legs.rise - 1), (0, 0)]) * m, grain=-2.0 * side, folds=folds, lift=0.8)
        if "side stripe" in cut.extras:
            strip = band(outer[6:] - (0.6, 0), -2.0) if side < 0 else band(outer[6:] - (0.6, 0), 2.0)
            strip = band(outer - (0.4, 0), 2.2)
            d.piece(strip * m, "contrast", lift=0.0, edge=0.3)
        if "crease" in cut.extras:
            d.seam(smooth([(11, 12), (12.4, length * 0.5), (middle, length)]) * m, 1.0, 0.42)
        if "pleats" in cut.extras:
            for x in (7.0, 11.0):
                d.seam(smooth([(x, 3.8), (x + 0.6, 12), (x + 1.2, 17)]) * m, 1.3, 0.5)
        finish_hem(d, legs, cut, m)
    d.seam([(0, 3), (0.2, legs.rise - 0.5)], 1.1, 0.5)
    if cut.front == "fly":
        d.seam(join([(3.2, 4)], smooth([(3.3, 13), (2.6, 17), (0.2, 20)])), 0.8, 0.4, 0.9)


def finish_hem(d: Drawing, legs: Legs, cut: Cut, m: Points) -> None:
    """Finish a leg's hem: a ribbed cuff, a turn-up or a line of stitches."""
    length, (outer, inner) = cut.length, (legs.outer_hem, legs.inner_hem)
    if legs.cuff:
        cuff = as_points(
            [(outer, length - 1), (outer - 1.6, length + 6), (inner + 1.2, length + 6.4), (inner, length - 0.6)]
        )
        ribs = [
            Fold(as_points([(x, length - 1), (x, length + 6)]), 0.6, 0.5)
            for x in np.linspace(inner + 1.4, outer - 1.4, 8)
        ]
        d.piece(cuff * m, folds=[Fold(f.points * m, f.width, f.depth) for f in ribs])
    elif "turn-up" in cut.extras:
        d.piece(
            as_points(
                [
                    (outer + 0.5, length - 4),
                    (outer + 0.8, length + 1),
                    (inner - 0.3, length + 1.4),
                    (inner - 0.1, length - 3.6),
                ]
            )
            * m,
            "reverse",
        )
    else:
        d.seam(
            smooth([(outer - 0.3, length - 2.0), ((outer + inner) / 2, length - 1.2), (inner + 0.2, length - 1.6)]) * m,
            0.7,
            0.38,
        )


def draw_pockets(d: Drawing, cut: Cut, waist: float) -> None:
    """Draw the pockets of trousers, shorts and skirts."""
    if cut.pockets == "slant":
        d.seams(smooth([(waist * 0.62, 3.9), (waist * 0.86, 10), (waist + 3.6, 17)]), 1.2, 0.5)
    elif cut.pockets == "jeans":
        for inset, dash in ((0.0, 0.0), (0.9, 0.8)):
            curve = smooth(
                [(waist * 0.52 - inset, 4.2), (waist * 0.66 - inset, 9.4 + inset), (waist + 2.2, 11.6 + inset)]
            )
            d.seams(curve, 1.1 if not dash else 0.8, 0.55 if not dash else 0.4, dash)
        d.seams(smooth([(waist * 0.74, 4.2), (waist * 0.74, 6.4), (waist * 0.74 + 4.4, 6.8)]), 0.7, 0.35)
    elif cut.pockets == "cargo":
        d.seams(smooth([(waist * 0.62, 3.9), (waist * 0.86, 10), (waist + 3.6, 17)]), 1.2, 0.5)
        d.pair(as_points([(12, 45), (24, 44), (24.4, 62), (12.6, 63)]), lift=0.9)
        d.pair(as_points([(11.5, 43.6), (24.6, 42.6), (24.8, 48), (18.2, 50), (11.8, 49)]), lift=0.8)
        for side in (-1, 1):
            d.button(side * 18.2, 47.4, 0.7)
