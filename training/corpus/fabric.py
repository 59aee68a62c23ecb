"""Cloth on paper: records the cut pieces of a garment in centimetres and paints them with print, folds and seams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.corpus.paths import (
    Grid,
    Pair,
    Points,
    as_points,
    ellipse,
    flip,
    outer_contour,
    simplified,
    smooth,
    tapered,
)
from training.corpus.prints import DENSITY, Colour, Tile, is_dark, mixed

SHADE = np.array([0.30, 0.27, 0.36])
"""What cloth is multiplied by in full shade: cool, never black."""
OVERSAMPLE = 3
"""Sprite pixels per picture pixel."""


@dataclass(frozen=True)
class Fold:
    """A fold along a line: how wide in centimetres, how dark (0 to 1), a leaf or a wedge that opens at its end."""

    points: Points
    width: float
    depth: float = 0.5
    wedge: bool = False


@dataclass(frozen=True)
class Piece:
    """A cut of cloth with its grain (degrees its print is turned by), tone and the shadow it casts (lift)."""

    outline: Points
    cloth: str
    grain: float
    tone: float
    folds: tuple[Fold, ...]
    lift: float
    bow: float
    edge: float


@dataclass(frozen=True)
class Seam:
    """A line drawn on the cloth: width in picture pixels, strength, dash length in centimetres (0: unbroken)."""

    points: Points
    width: float
    strength: float
    dash: float
    colour: Colour | None


@dataclass(frozen=True)
class Cloth:
    """A tile of print with the colour it reads as and how much light its folds catch."""

    tile: Tile
    ground: Colour
    gloss: float = 0.5


@dataclass
class Sprite:
    """A painted garment: RGBA pixels, pixels per centimetre, the centimetre at its corner, its outline in pixels."""

    image: Image.Image
    scale: float
    origin: Pair
    outline: Points


@dataclass
class Drawing:
    """The marks that make one garment, back to front."""

    marks: list[Piece | Seam] = field(default_factory=list)

    def piece(
        self,
        outline: Sequence[Pair] | Points,
        cloth: str = "main",
        grain: float = 0.0,
        tone: float = 1.0,
        folds: Sequence[Fold] = (),
        lift: float = 1.0,
        bow: float = 0.0,
        edge: float = 1.0,
    ) -> None:
        """Add a piece; `bow` bends the print's rows down towards the middle, `edge` scales the inner shadow."""
        self.marks.append(Piece(as_points(outline), cloth, grain, tone, tuple(folds), lift, bow, edge))

    def pair(
        self,
        outline: Sequence[Pair] | Points,
        cloth: str = "main",
        grain: float = 0.0,
        tone: float = 1.0,
        folds: Sequence[Fold] = (),
        lift: float = 1.0,
        edge: float = 1.0,
    ) -> None:
        """Add a piece and its mirror image."""
        self.piece(outline, cloth, grain, tone, folds, lift, edge=edge)
        mirror = [Fold(flip(f.points), f.width, f.depth, f.wedge) for f in folds]
        self.piece(flip(outline), cloth, -grain, tone, mirror, lift, edge=edge)

    def seam(
        self,
        points: Sequence[Pair] | Points,
        width: float = 1.0,
        strength: float = 0.45,
        dash: float = 0.0,
        colour: Colour | None = None,
    ) -> None:
        """Add a line on the cloth painted so far."""
        self.marks.append(Seam(as_points(points), width, strength, dash, colour))

    def seams(
        self, points: Sequence[Pair] | Points, width: float = 1.0, strength: float = 0.45, dash: float = 0
    ) -> None:
        """Add a line and its mirror image."""
        self.seam(points, width, strength, dash)
        self.seam(flip(points), width, strength, dash)

    def button(self, x: float, y: float, radius: float = 0.75, cloth: str = "button") -> None:
        """Add a button with its two holes."""
        self.piece(ellipse(x, y, radius, radius), cloth, lift=0.7, edge=0.5)
        for side in (-1, 1):
            self.seam([(x + side * radius * 0.3, y - 0.05), (x + side * radius * 0.3, y + 0.05)], 0.7, 0.6)

    def bounds(self) -> tuple[float, float, float, float]:
        """Return x1, y1, x2, y2 of all pieces in centimetres."""
        corners = np.vstack([mark.outline for mark in self.marks if isinstance(mark, Piece)])
        return (*corners.min(axis=0), *corners.max(axis=0))


def blurred(mask: Grid, radius: float, dx: float = 0.0, dy: float = 0.0) -> Grid:
    """Blur a 0..1 mask by `radius` pixels after moving it; done at a quarter of the size, since it is smooth."""
    height, width = mask.shape
    small = Image.fromarray((mask * 255).astype(np.uint8)).resize(
        (max(1, width // 4), max(1, height // 4)), Image.Resampling.BOX
    )
    moved = small.transform(
        small.size, Image.Transform.AFFINE, (1, 0, -dx / 4, 0, 1, -dy / 4), Image.Resampling.BILINEAR
    )
    soft = moved.filter(ImageFilter.GaussianBlur(radius / 4)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(soft, dtype=np.float32) / 255


class Easel:
    """The sprite being painted, at OVERSAMPLE times the size it will be seen at."""

    def __init__(self, drawing: Drawing, cloths: Mapping[str, Cloth], room: tuple[float, float]) -> None:
        """Fit the drawing into `room` picture pixels (width, height)."""
        x1, y1, x2, y2 = drawing.bounds()
        self.scale = OVERSAMPLE * min(room[0] / (x2 - x1), room[1] / (y2 - y1))
        self.margin = 4 * OVERSAMPLE
        self.origin = (x1 - self.margin / self.scale, y1 - self.margin / self.scale)
        self.width = round((x2 - x1) * self.scale) + 2 * self.margin
        self.height = round((y2 - y1) * self.scale) + 2 * self.margin
        self.rgb = np.zeros((self.height, self.width, 3), np.float32)
        self.alpha = np.zeros((self.height, self.width), np.float32)
        self.cloths = cloths

    def place(self, points: Points) -> Points:
        """Turn centimetres into sprite pixels."""
        return (points - self.origin) * self.scale

    def window(self, outline: Points, pad: int) -> tuple[int, int, int, int]:
        """Return the pixel box of an outline with a margin, inside the sprite."""
        (x1, y1), (x2, y2) = outline.min(axis=0) - pad, outline.max(axis=0) + pad
        return max(0, int(x1)), max(0, int(y1)), min(self.width, int(x2) + 1), min(self.height, int(y2) + 1)

    def paint(self, piece: Piece) -> None:
        """Paint one piece: the shadow it casts on what lies under it, its print, its folds, its edge."""
        outline = self.place(piece.outline)
        x1, y1, x2, y2 = self.window(outline, 8 * OVERSAMPLE)
        mask_image = Image.new("L", (x2 - x1, y2 - y1))
        corner = np.array([x1, y1])
        shape = [tuple(p) for p in outline - corner]
        ImageDraw.Draw(mask_image).polygon(shape, fill=255)
        mask = np.asarray(mask_image, dtype=np.float32) / 255
        rgb, alpha = self.rgb[y1:y2, x1:x2], self.alpha[y1:y2, x1:x2]

        one = OVERSAMPLE
        cast = blurred(mask, 2.2 * one, 0.5 * one, 1.4 * one) * (1 - mask) * (0.34 * piece.lift)
        rgb *= 1 - cast[..., None] * (1 - SHADE.astype(np.float32))

        shade, light = self.fold_maps(piece, corner, mask)
        cloth = self.cloths[piece.cloth]
        colour = self.sample(piece, cloth, (x1, y1, x2, y2), shade) * piece.tone
        soft = blurred(mask, 5 * one, -1.2 * one, -1.6 * one)
        inner = np.clip(1.0 - soft * 1.04, 0, 1) * piece.edge
        rim = Image.new("L", mask_image.size)
        ImageDraw.Draw(rim).line([*shape, shape[0]], fill=255, width=round(1.7 * one), joint="curve")
        edge = np.asarray(rim, dtype=np.float32) / 255
        dark = is_dark(cloth.ground)
        shadow = np.clip(0.62 * shade + 0.55 * inner, 0, 0.9)
        shadow = shadow + (1 - shadow) * edge * (0.42 if not dark else 0.55)
        colour *= 1 - shadow[..., None] * (1 - SHADE.astype(np.float32))
        glow = light * (0.16 + 0.2 * cloth.gloss) * (0.55 if dark else 1.0) * (1 - edge)
        colour += glow[..., None] * (255 - colour)
        rgb[:] = rgb * (1 - mask[..., None]) + colour * mask[..., None]
        np.maximum(alpha, mask, out=alpha)

    def fold_maps(self, piece: Piece, corner: NDArray[np.int64], mask: Grid) -> tuple[Grid, Grid]:
        """Return how shaded and how lit each pixel is: each fold is a crisp tone over a soft one, lit on its left."""
        if not piece.folds:
            return np.zeros_like(mask), np.zeros_like(mask)
        maps = [Image.new("L", mask.shape[::-1]) for _ in range(2)]
        for fold in piece.folds:
            leaf = self.place(tapered(fold.points, fold.width, fold.wedge)) - corner
            ImageDraw.Draw(maps[0]).polygon([tuple(p) for p in leaf], fill=round(fold.depth * 255))
            lit = self.place(tapered(fold.points, fold.width * 0.8, fold.wedge) - (fold.width * 0.75, 0.0)) - corner
            ImageDraw.Draw(maps[1]).polygon([tuple(p) for p in lit], fill=round(fold.depth * 255))
        crisp, lit_map = (
            np.asarray(m.filter(ImageFilter.BoxBlur(OVERSAMPLE * 1.3)), dtype=np.float32) / 255 for m in maps
        )
        shade = 0.3 * crisp + 0.72 * blurred(crisp, 4.5 * OVERSAMPLE, 0.6 * OVERSAMPLE, 0.8 * OVERSAMPLE)
        return shade * mask, (0.3 * lit_map + 0.75 * blurred(lit_map, 3 * OVERSAMPLE)) * mask

    def sample(self, piece: Piece, cloth: Cloth, window: tuple[int, int, int, int], shade: Grid) -> Grid:
        """Return the print under each pixel of a window, shifted in the folds and bent by the piece's bow."""
        x1, y1, x2, y2 = window
        x = (np.arange(x1, x2, dtype=np.float32) / self.scale + self.origin[0])[None, :]
        y = (np.arange(y1, y2, dtype=np.float32) / self.scale + self.origin[1])[:, None]
        c, s = np.cos(np.radians(piece.grain)), np.sin(np.radians(piece.grain))
        u = x * c + y * s + shade * 0.9
        v = y * c - x * s + shade * 0.6 + piece.bow * (x / 24.0) ** 2
        rows, columns = cloth.tile.shape[:2]
        picked = cloth.tile[(v * DENSITY).astype(np.int64) % rows, (u * DENSITY).astype(np.int64) % columns]
        return picked.astype(np.float32)

    def stitch(self, seam: Seam) -> None:
        """Draw one line on the cloth, clipped to it, darker than the cloth or in its own colour."""
        line = self.place(seam.points)
        x1, y1, x2, y2 = self.window(line, 4 * OVERSAMPLE)
        ink = Image.new("L", (x2 - x1, y2 - y1))
        draw, width = ImageDraw.Draw(ink), max(1, round(seam.width * OVERSAMPLE))
        for run in dashes(line - (x1, y1), seam.dash * self.scale):
            draw.line([tuple(p) for p in run], fill=255, width=width, joint="curve")
        cover = np.asarray(ink, dtype=np.float32)[..., None] / 255 * seam.strength
        cover *= self.alpha[y1:y2, x1:x2, None]
        under = self.rgb[y1:y2, x1:x2]
        dark = under * SHADE.astype(np.float32)
        colour = seam.colour
        if colour is None and seam.dash and "thread" in self.cloths:
            colour = self.cloths["thread"].ground
        if colour is None:
            over = np.where(under.mean(axis=2, keepdims=True) < 80, under + 48, dark)
        else:
            over = np.broadcast_to(np.array(colour, np.float32), under.shape)
        under[:] = under * (1 - cover) + over * cover


def dashes(line: Points, dash: float) -> list[Points]:
    """Cut a line into dashes this long with gaps as long as 0.7 of them; one run when `dash` is 0."""
    if dash <= 0:
        return [line]
    at = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    starts = np.arange(0, at[-1], dash * 1.7)
    return [
        np.stack([np.interp([start, start + dash], at, line[:, axis]) for axis in (0, 1)], axis=1) for start in starts
    ]


def painted(drawing: Drawing, cloths: Mapping[str, Cloth], room: tuple[float, float]) -> Sprite:
    """Paint a drawing to fit `room` picture pixels (width, height), OVERSAMPLE times as large."""
    easel = Easel(drawing, cloths, room)
    for mark in drawing.marks:
        if isinstance(mark, Piece):
            easel.paint(mark)
        else:
            easel.stitch(mark)
    pixels = np.dstack([np.clip(easel.rgb, 0, 255), easel.alpha * 255]).astype(np.uint8)
    coarse = 4
    small = Image.fromarray(pixels[..., 3]).reduce(coarse)
    contour = outer_contour(np.asarray(small) > 100)
    outline = simplified((contour + 0.5) * coarse, 1.2 * OVERSAMPLE)
    return Sprite(Image.fromarray(pixels), easel.scale, easel.origin, outline)


def gathers(x1: float, x2: float, y: float, length: float, count: int, rng: np.random.Generator) -> list[Fold]:
    """Return short folds that fall from a gathered seam."""
    folds = []
    for x in np.linspace(x1, x2, count + 2)[1:-1]:
        reach, lean = length * rng.uniform(0.5, 1.2), (x - (x1 + x2) / 2) * 0.12
        folds.append(Fold(as_points([(x, y - 0.5), (x + lean / 2, y + reach / 2), (x + lean, y + reach)]), 1.0, 0.42))
    return folds


def creases(at: Sequence[tuple[Pair, Pair, float, float]], rng: np.random.Generator) -> list[Fold]:
    """Return curved folds from a table of (start, end, sag, width), each moved a little so no two garments match."""
    folds = []
    for start, end, sag, width in at:
        a, b = np.array(start) + rng.normal(0, 0.5, 2), np.array(end) + rng.normal(0, 0.9, 2)
        middle = (a + b) / 2 + np.array([-(b - a)[1], (b - a)[0]]) * sag
        folds.append(Fold(smooth([tuple(a), tuple(middle), tuple(b)], 5), width * rng.uniform(0.8, 1.25), 0.55))
    return folds


def swatch(print_tile: Tile, ground: Colour, gloss: float = 0.5) -> Cloth:
    """Return a cloth for a tile of print."""
    return Cloth(print_tile, ground, gloss)


def solid(colour: Colour, gloss: float = 0.5) -> Cloth:
    """Return a cloth in one colour."""
    return Cloth(np.full((4, 4, 3), colour, np.uint8), colour, gloss)


def lining_of(ground: Colour) -> Cloth:
    """Return the inside of a garment: its colour in shade."""
    return solid(mixed(ground, (60, 50, 62), 0.42), 0.1)
