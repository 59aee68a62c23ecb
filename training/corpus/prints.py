"""Colours and prints of the drawn corpus: a table of named colours and a table of prints, each a seamless tile."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.corpus.paths import Points, ellipse, turned

Colour = tuple[int, int, int]
Tile = NDArray[np.uint8]
Motif = Callable[["Sheet", float, float, float, float, Colour, Colour], None]

DENSITY = 16
"""Tile pixels per centimetre."""

# name: (plain colour a user filters on, RGB, inks that sit well on it)
COLOURS: dict[str, tuple[str, str, str]] = {
    "white": ("white", "f3f1ec", "navy tomato cobalt forest rose ink sky"),
    "ecru": ("beige", "e8dcc4", "terracotta navy olive cocoa burgundy teal"),
    "sand": ("beige", "d5bd98", "white chocolate navy rust forest"),
    "camel": ("brown", "b98b5a", "ecru chocolate ink white"),
    "cocoa": ("brown", "80604c", "ecru blush apricot sky"),
    "chocolate": ("brown", "553a2f", "sand apricot blush sage"),
    "butter": ("yellow", "f0d988", "white cornflower olive terracotta"),
    "mustard": ("yellow", "d6a02c", "white navy burgundy chocolate"),
    "apricot": ("orange", "eda271", "white burgundy terracotta ecru"),
    "terracotta": ("orange", "c8673f", "ecru blush navy butter"),
    "rust": ("orange", "ad4f2a", "ecru apricot sky ink"),
    "tomato": ("red", "cf3f35", "white blush navy butter"),
    "burgundy": ("red", "73233a", "blush ecru rose mustard"),
    "blush": ("pink", "ecc3ba", "burgundy white terracotta forest"),
    "rose": ("pink", "d97a8e", "white burgundy butter plum"),
    "fuchsia": ("pink", "c43c7a", "blush white apricot navy"),
    "lilac": ("purple", "bda7d3", "white plum butter navy"),
    "plum": ("purple", "6c3f69", "lilac blush mustard ecru"),
    "sky": ("blue", "9fc4de", "white navy tomato cobalt"),
    "cornflower": ("blue", "5f8ac6", "white navy butter ecru"),
    "cobalt": ("blue", "2c54ac", "white sky apricot mint"),
    "navy": ("navy", "2a3757", "white ecru tomato mustard sky"),
    "teal": ("teal", "23747b", "ecru mint apricot white"),
    "mint": ("green", "b7d9c7", "white forest rose teal"),
    "sage": ("green", "a0b292", "white forest ecru terracotta"),
    "olive": ("green", "737447", "ecru mustard ink sand"),
    "emerald": ("green", "24865f", "white mint butter navy"),
    "forest": ("green", "2f5743", "ecru sage blush mustard"),
    "dove": ("grey", "bdbdba", "white charcoal ink tomato"),
    "slate": ("grey", "7c8590", "white ink sky butter"),
    "charcoal": ("grey", "4b4f57", "dove white mustard rose"),
    "ink": ("black", "2c2c31", "white dove tomato ecru"),
}


def rgb(name: str) -> Colour:
    """Return a named colour's RGB; an unknown name raises KeyError."""
    value = COLOURS[name][1]
    return int(value[:2], 16), int(value[2:4], 16), int(value[4:], 16)


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """Return `share` of the second colour in the first."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))  # type: ignore[return-value]


def is_dark(colour: Colour) -> bool:
    """Say whether a colour is darker than mid grey to the eye."""
    return colour[0] * 0.3 + colour[1] * 0.59 + colour[2] * 0.11 < 115


class Sheet:
    """A seamless tile under the brush: what leaves one side comes in on the other."""

    def __init__(self, ground: Colour, width: float, height: float | None = None) -> None:
        """Take a ground colour and a size in centimetres."""
        self.width, self.height = width, height or width
        self.scale = DENSITY * 2
        self.image = Image.new("RGB", (round(self.width * self.scale), round(self.height * self.scale)), ground)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def fill(self, polygon: Points, colour: Colour, alpha: float = 1.0) -> None:
        """Fill a polygon given in centimetres, wrapped around the edges."""
        for dx in (-self.width, 0, self.width):
            for dy in (-self.height, 0, self.height):
                moved = (polygon + (dx, dy)) * self.scale
                low, high = moved.min(axis=0), moved.max(axis=0)
                if (high > 0).all() and low[0] < self.image.width and low[1] < self.image.height:
                    self.draw.polygon([tuple(p) for p in moved], fill=(*colour, round(alpha * 255)))

    def bar(self, y: float, thickness: float, colour: Colour, alpha: float = 1.0, upright: bool = False) -> None:
        """Lay a stripe across the tile, or down it when `upright`."""
        long = (self.height if upright else self.width) * self.scale
        a, b = y * self.scale, (y + thickness) * self.scale - 1
        shape = (a, 0, b, long) if upright else (0, a, long, b)
        self.draw.rectangle(shape, fill=(*colour, round(alpha * 255)))

    def tile(self) -> Tile:
        """Return the finished (h, w, 3) tile at DENSITY pixels per centimetre."""
        return np.asarray(self.image.reduce(2))


def scattered(width: float, count: int, rng: np.random.Generator) -> Points:
    """Return `count` points that keep away from one another on a tile that wraps (best of 24 candidates)."""
    points = [rng.uniform(0, width, 2)]
    while len(points) < count:
        tries = rng.uniform(0, width, (24, 2))
        gap = np.abs(tries[:, None] - np.array(points)[None])
        gap = np.minimum(gap, width - gap)
        points.append(tries[np.hypot(gap[..., 0], gap[..., 1]).min(axis=1).argmax()])
    return np.array(points)


def draw_flower(sheet: Sheet, x: float, y: float, size: float, turn: float, petal: Colour, heart: Colour) -> None:
    """Draw a five-petalled flower of radius `size`."""
    for k in range(5):
        angle = np.radians(turn + 72 * k)
        centre = (x + np.cos(angle) * size * 0.58, y + np.sin(angle) * size * 0.58)
        sheet.fill(ellipse(*centre, size * 0.5, size * 0.38, np.degrees(angle)), petal)
        line = np.array([[0.2, -0.03], [0.75, 0], [0.2, 0.03]]) * size
        sheet.fill(turned(line, np.degrees(angle)) + (x, y), mixed(petal, heart, 0.6))
    sheet.fill(ellipse(x, y, size * 0.24, size * 0.24), heart)


def draw_leaf(sheet: Sheet, x: float, y: float, size: float, turn: float, blade: Colour, rib: Colour) -> None:
    """Draw a pointed leaf that starts at (x, y) and is twice `size` long."""
    t = np.linspace(0, 1, 14)
    edge = np.sin(np.pi * t**0.8) * 0.36
    shape = np.vstack([np.stack([t * 2, edge], axis=1), np.stack([t * 2, -edge], axis=1)[::-1]]) * size
    sheet.fill(turned(shape, turn) + (x, y), blade)
    vein = np.array([[0, -0.035], [1.8, 0], [0, 0.035]]) * size
    sheet.fill(turned(vein, turn) + (x, y), rib)


def draw_sprig(sheet: Sheet, x: float, y: float, size: float, turn: float, blade: Colour, rib: Colour) -> None:
    """Draw a stem with paired leaves."""
    stem = np.array([[0, -0.05], [3.6, -0.03], [3.6, 0.03], [0, 0.05]]) * size
    sheet.fill(turned(stem, turn) + (x, y), rib)
    for k in range(4):
        at = turned(np.array([[0.5 + k * 0.85, 0.0]]) * size, turn)[0] + (x, y)
        for side in (-52, 52):
            draw_leaf(sheet, at[0], at[1], size * (0.68 - 0.07 * k), turn + side, blade, rib)
    tip = turned(np.array([[3.5, 0.0]]) * size, turn)[0] + (x, y)
    draw_leaf(sheet, tip[0], tip[1], size * 0.5, turn, blade, rib)


def draw_heart(sheet: Sheet, x: float, y: float, size: float, turn: float, ink: Colour, _: Colour) -> None:
    """Draw a heart."""
    t = np.linspace(0, 2 * np.pi, 30)
    shape = np.stack([np.sin(t) ** 3 * 16, -13 * np.cos(t) + 5 * np.cos(2 * t) + 2 * np.cos(3 * t)], axis=1) / 16
    sheet.fill(turned(shape * size, turn) + (x, y), ink)


def draw_star(sheet: Sheet, x: float, y: float, size: float, turn: float, ink: Colour, _: Colour) -> None:
    """Draw a five-pointed star."""
    angle = np.radians(turn - 90 + 36 * np.arange(10))
    radius = np.where(np.arange(10) % 2, 0.45, 1.05) * size
    sheet.fill(np.stack([np.cos(angle) * radius + x, np.sin(angle) * radius + y], axis=1), ink)


def draw_cutout(sheet: Sheet, x: float, y: float, size: float, turn: float, ink: Colour, _: Colour) -> None:
    """Draw a soft paper cut-out with lobes."""
    t = np.linspace(0, 2 * np.pi, 60)
    radius = size * (1 + 0.34 * np.sin(3 * t + turn) + 0.2 * np.sin(5 * t + turn * 2))
    sheet.fill(np.stack([np.cos(t) * radius * 1.25 + x, np.sin(t) * radius * 0.85 + y], axis=1), ink)


def plain(ground: Colour, _inks: list[Colour], _rng: np.random.Generator, _k: float) -> Tile:
    """Return cloth in one colour."""
    return Sheet(ground, 4).tile()


def stripes(widths: tuple[float, ...], upright: bool = False) -> "Print":
    """Return a print of stripes: ground, ink, ground, ink … of these widths in centimetres."""

    def make(ground: Colour, inks: list[Colour], _rng: np.random.Generator, k: float) -> Tile:
        total = round(sum(widths) * k * DENSITY) / DENSITY
        sheet = Sheet(ground, *((total, 4.0) if upright else (4.0, total)))
        at = 0.0
        for i, width in enumerate(widths):
            share = width * total / sum(widths)
            if i % 2:
                sheet.bar(at, share, inks[(i // 2) % len(inks)], upright=upright)
            at += share
        return sheet.tile()

    return make


def checks(bars: tuple[tuple[float, float, int, float], ...], size: float) -> "Print":
    """Return a woven check: (place, width, which ink, strength) bars laid both ways on a `size` repeat."""

    def make(ground: Colour, inks: list[Colour], _rng: np.random.Generator, k: float) -> Tile:
        sheet = Sheet(ground, size * k)
        for upright in (False, True):
            for place, width, ink, strength in bars:
                sheet.bar(place * k, width * k, inks[ink % len(inks)], strength, upright)
        return sheet.tile()

    return make


def dots(radius: float, repeat: float) -> "Print":
    """Return polka dots in staggered rows."""

    def make(ground: Colour, inks: list[Colour], _rng: np.random.Generator, k: float) -> Tile:
        sheet = Sheet(ground, repeat * k)
        for x, y in ((0.25, 0.25), (0.75, 0.75)):
            sheet.fill(ellipse(x * repeat * k, y * repeat * k, radius * k, radius * k), inks[0])
        return sheet.tile()

    return make


def scatter(motif: Motif, size: float, count: int, repeat: float, leaves: int = 0, upright: bool = False) -> "Print":
    """Return motifs scattered over the cloth, each with `leaves` leaves, upright or turned freely."""

    def make(ground: Colour, inks: list[Colour], rng: np.random.Generator, k: float) -> Tile:
        sheet = Sheet(ground, repeat * k)
        green = mixed((96, 128, 92), ground, 0.25)
        for i, (x, y) in enumerate(scattered(repeat * k, count, rng)):
            turn = rng.uniform(-12, 12) if upright else rng.uniform(0, 360)
            grow = size * k * rng.uniform(0.82, 1.18)
            for n in range(leaves):
                draw_leaf(sheet, x, y, grow * 0.9, turn + 36 + 360 / leaves * n, green, mixed(green, ground, 0.4))
            ink = inks[i % min(3, len(inks))]
            motif(sheet, x, y, grow, turn, ink, inks[(i + 1) % len(inks)])
        return sheet.tile()

    return make


def leopard(ground: Colour, inks: list[Colour], rng: np.random.Generator, k: float) -> Tile:
    """Return rosettes: broken dark rings round a warm heart."""
    sheet = Sheet(ground, 16 * k)
    dark = mixed(inks[0], (30, 24, 22), 0.75)
    for x, y in scattered(16 * k, 40, rng):
        turn, size = rng.uniform(0, 360), rng.uniform(0.7, 1.15) * k
        sheet.fill(ellipse(x, y, size, size * 0.75, turn), mixed(ground, dark, 0.35))
        for part in range(int(rng.integers(2, 4))):
            angle = np.radians(turn + part * 130 + rng.uniform(-20, 20))
            at = (x + np.cos(angle) * size, y + np.sin(angle) * size * 0.8)
            sheet.fill(ellipse(*at, size * 0.55, size * 0.3, np.degrees(angle) + 90), dark)
    return sheet.tile()


def tie_dye(ground: Colour, inks: list[Colour], rng: np.random.Generator, k: float) -> Tile:
    """Return soft clouds of dye."""
    side = round(40 * k * DENSITY / 4)
    noise = rng.normal(size=(side, side))
    for axis in (0, 1):
        kernel = np.exp(-0.5 * (np.fft.fftfreq(side) * side / 4.0) ** 2)
        noise = np.fft.ifft(np.fft.fft(noise, axis=axis) * np.expand_dims(kernel, 1 - axis), axis=axis).real
    noise = (noise - noise.mean()) / noise.std()
    first, second = 1 / (1 + np.exp(-2.2 * noise[..., None] + 1)), np.clip(-noise * 0.6 - 0.1, 0, 1)[..., None]
    cloth = np.array(ground) * (1 - first - second * 0.8) + np.array(inks[0]) * first
    cloth += np.array(mixed(inks[0], (255, 255, 255), 0.45)) * second * 0.8
    image = Image.fromarray(np.clip(cloth, 0, 255).astype(np.uint8))
    return np.asarray(image.resize((side * 4, side * 4), Image.Resampling.BICUBIC))


def denim(ground: Colour, _inks: list[Colour], rng: np.random.Generator, k: float) -> Tile:
    """Return twill: fine diagonals and slubs."""
    side = round(24 * k * DENSITY)
    y, x = np.mgrid[:side, :side]
    twill = np.sin((x + y) * 2 * np.pi / (side / round(side / 9))) * 5
    slub = np.asarray(
        Image.fromarray(rng.integers(0, 255, (side, side), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(2.2))
    )
    cloth = np.array(ground)[None, None] + (twill + (slub.astype(float) - 127) * 0.4)[..., None]
    return np.clip(cloth, 0, 255).astype(np.uint8)


def knit(gauge: float, cable: bool = False) -> "Print":
    """Return rows of knit stitches, with a cable down the middle of each repeat when asked."""

    def make(ground: Colour, _inks: list[Colour], _rng: np.random.Generator, k: float) -> Tile:
        wale = gauge * k
        sheet = Sheet(mixed(ground, (20, 18, 24), 0.16), wale * 8)
        light, dark = mixed(ground, (255, 255, 255), 0.06), mixed(ground, (20, 18, 24), 0.2)
        for column in range(8):
            for row in range(10):
                x, y = (column + 0.5) * wale, row * wale * 0.8
                for side in (-1, 1):
                    sheet.fill(ellipse(x + side * wale * 0.24, y, wale * 0.46, wale * 0.24, side * -52), ground)
        if cable:
            t = np.linspace(0, 2 * np.pi, 40)
            for phase, ink in ((0.0, ground), (np.pi, light)):
                strand = wale * 4 + np.sin(t + phase) * wale * 0.9
                fall = t / (2 * np.pi) * wale * 8
                sheet.fill(
                    np.vstack([np.stack([strand - wale, fall], 1), np.stack([strand + wale, fall], 1)[::-1]]), dark
                )
                edge = wale * 0.7
                sheet.fill(
                    np.vstack([np.stack([strand - edge, fall], 1), np.stack([strand + edge, fall], 1)[::-1]]), ink
                )
        return sheet.tile()

    return make


def ribs(ground: Colour, _inks: list[Colour], _rng: np.random.Generator, k: float) -> Tile:
    """Return fine upright ribs."""
    sheet = Sheet(ground, round(0.9 * k * DENSITY) / DENSITY, 4)
    sheet.bar(0, 0.3 * k, mixed(ground, (20, 18, 24), 0.17), upright=True)
    sheet.bar(0.55 * k, 0.2 * k, mixed(ground, (255, 255, 255), 0.08), upright=True)
    return sheet.tile()


Print = Callable[[Colour, list[Colour], np.random.Generator, float], Tile]


@dataclass(frozen=True)
class PrintRow:
    """One print: the plain pattern name users filter on, and how it is made."""

    pattern: str
    make: Print


TARTAN = ((0.0, 3.4, 0, 0.5), (4.6, 0.5, 1, 0.75), (6.3, 2.2, 0, 0.4), (9.2, 0.35, 2, 0.8))

PRINTS: dict[str, PrintRow] = {
    "plain": PrintRow("plain", plain),
    "breton": PrintRow("striped", stripes((2.4, 1.1))),
    "multi stripe": PrintRow("striped", stripes((3.0, 1.6, 1.2, 1.6, 1.2, 1.6))),
    "pinstripe": PrintRow("striped", stripes((2.2, 0.32), upright=True)),
    "deckchair stripe": PrintRow("striped", stripes((2.6, 1.9), upright=True)),
    "gingham": PrintRow("checked", checks(((0.0, 1.3, 0, 0.5),), 2.6)),
    "large gingham": PrintRow("checked", checks(((0.0, 2.4, 0, 0.5),), 4.8)),
    "tartan": PrintRow("checked", checks(TARTAN, 11.0)),
    "windowpane": PrintRow("checked", checks(((0.0, 0.4, 0, 0.85),), 5.6)),
    "polka dot": PrintRow("dotted", dots(0.85, 4.4)),
    "pin dot": PrintRow("dotted", dots(0.42, 2.4)),
    "ditsy floral": PrintRow("floral", scatter(draw_flower, 0.95, 30, 16, leaves=2)),
    "large floral": PrintRow("floral", scatter(draw_flower, 3.0, 13, 26, leaves=3)),
    "sprig": PrintRow("leafy", scatter(draw_sprig, 1.5, 14, 24)),
    "leaf": PrintRow("leafy", scatter(draw_leaf, 1.7, 26, 20)),
    "hearts": PrintRow("hearts", scatter(draw_heart, 0.85, 18, 14, upright=True)),
    "stars": PrintRow("stars", scatter(draw_star, 0.95, 18, 15)),
    "cut-outs": PrintRow("abstract", scatter(draw_cutout, 1.9, 16, 24)),
    "leopard": PrintRow("animal print", leopard),
    "tie-dye": PrintRow("tie-dye", tie_dye),
    "denim": PrintRow("denim", denim),
    "knit": PrintRow("knitted", knit(0.95)),
    "cable knit": PrintRow("knitted", knit(1.25, cable=True)),
    "rib knit": PrintRow("ribbed", ribs),
}
