"""A picture under way: its size, what can be drawn on it, how light falls, walls and boards to build places from."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.corpus.paths import Grid, Points, as_points, homography
from training.corpus.prints import Colour, mixed

WIDTH, HEIGHT = 300, 400
FINE = 2
"""Pixels drawn per picture pixel in each direction."""

STUDIO = (
    (244, 241, 236),
    (239, 236, 231),
    (243, 236, 230),
    (233, 238, 236),
    (235, 238, 243),
    (244, 234, 230),
    (241, 238, 232),
    (236, 233, 240),
)


WOODS: tuple[Colour, ...] = ((176, 134, 94), (150, 108, 74), (196, 164, 126), (120, 88, 66), (206, 184, 154))
WALLS: tuple[Colour, ...] = (
    (222, 214, 202),
    (206, 214, 208),
    (216, 202, 190),
    (196, 204, 214),
    (228, 222, 206),
    (188, 196, 180),
    (214, 190, 178),
)


class Place:
    """A picture under way, addressed in picture pixels and drawn FINE times as large."""

    def __init__(self, ground: Colour) -> None:
        """Start from one colour."""
        self.image = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), ground)

    def fill(self, polygon: Points, colour: Colour, alpha: float = 1.0) -> None:
        """Fill a polygon."""
        draw = ImageDraw.Draw(self.image, "RGBA")
        draw.polygon([tuple(p) for p in polygon * FINE], fill=(*colour, round(alpha * 255)))

    def line(self, points: Points, colour: Colour, width: float = 1.0, alpha: float = 1.0) -> None:
        """Draw a line."""
        draw = ImageDraw.Draw(self.image, "RGBA")
        draw.line(
            [tuple(p) for p in as_points(points) * FINE],
            (*colour, round(alpha * 255)),
            max(1, round(width * FINE)),
            "curve",
        )

    def soft(self, polygon: Points, colour: Colour, alpha: float, radius: float) -> None:
        """Fill a polygon with a blurred edge: a shadow or a patch of light."""
        mask = Image.new("L", (WIDTH, HEIGHT))
        ImageDraw.Draw(mask).polygon([tuple(p) for p in polygon], fill=round(alpha * 255))
        mask = mask.filter(ImageFilter.GaussianBlur(radius)).resize(self.image.size, Image.Resampling.BILINEAR)
        self.image.paste(colour, mask=mask)

    def shade(self, light: Grid) -> None:
        """Multiply the picture by a (HEIGHT, WIDTH) or (HEIGHT, WIDTH, 3) map of light."""
        large = np.repeat(np.repeat(light, FINE, axis=0), FINE, axis=1)
        if large.ndim == 2:
            large = large[..., None]
        self.image = Image.fromarray(np.clip(np.asarray(self.image, np.float32) * large, 0, 255).astype(np.uint8))

    def soften(self, radius: float) -> None:
        """Put what has been drawn so far a little out of focus."""
        self.image = self.image.filter(ImageFilter.GaussianBlur(radius * FINE))

    def lay(self, tile: NDArray[np.uint8], corners: Points, repeat: float) -> None:
        """Spread a tile of print over a four-cornered patch, `repeat` tiles across it."""
        side = 480
        index = (np.arange(side) * repeat * tile.shape[0] / side).astype(np.int64) % tile.shape[0]
        cloth = Image.fromarray(tile[index][:, index % tile.shape[1]])
        back = homography(corners * FINE, as_points([(0, 0), (side, 0), (side, side), (0, side)]))
        warped = cloth.transform(
            self.image.size, Image.Transform.PERSPECTIVE, tuple(back.ravel()[:8]), Image.Resampling.BICUBIC
        )
        mask = Image.new("L", self.image.size)
        ImageDraw.Draw(mask).polygon([tuple(p) for p in corners * FINE], fill=255)
        self.image.paste(warped, mask=mask)


def ramp(angle: float, low: float, high: float) -> Grid:
    """Return light that falls off across the picture in one direction."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    along = (x / WIDTH - 0.5) * np.cos(angle) + (y / HEIGHT - 0.5) * np.sin(angle)
    return (low + (high - low) * (along + 0.5)).astype(np.float32)


def clouds(rng: np.random.Generator, cell: int, strength: float) -> Grid:
    """Return smooth uneven light around 1."""
    small = rng.normal(0, 1, (HEIGHT // cell + 2, WIDTH // cell + 2)).astype(np.float32)
    image = Image.fromarray(small).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return 1 + np.asarray(image) * strength


def pool(x: float, y: float, radius: float, depth: float) -> Grid:
    """Return a pool of light: 1 at (x, y), falling by `depth` at `radius`."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    far = np.hypot(columns - x, rows - y) / radius
    return (1 - depth * np.clip(far, 0, 1.6) ** 2).astype(np.float32)


def pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """Return one of the colours."""
    return colours[int(rng.integers(len(colours)))]


def lay_planks(place: Place, rng: np.random.Generator, y0: float, wood: Colour) -> None:
    """Lay floorboards from `y0` down, their lines running to a point far above."""
    far = np.array([WIDTH * rng.uniform(0.3, 0.7), -HEIGHT * rng.uniform(0.8, 2.4)])
    edges = np.linspace(-240, WIDTH + 240, 17)
    for left, right in zip(edges, edges[1:], strict=False):
        cut = sorted(rng.uniform(y0, HEIGHT, 2))
        bottom_l, bottom_r = np.array([left, HEIGHT]), np.array([right, HEIGHT])
        levels = [y0, *cut, HEIGHT]
        for top, low in zip(levels, levels[1:], strict=False):
            tone = mixed(wood, (40, 24, 14) if rng.random() < 0.5 else (255, 240, 220), rng.uniform(0, 0.16))
            quad = []
            for corner, y in ((bottom_l, top), (bottom_r, top), (bottom_r, low), (bottom_l, low)):
                quad.append(tuple(far + (corner - far) * ((y - far[1]) / (HEIGHT - far[1]))))
            place.fill(as_points(quad), tone)
            place.line(as_points([*quad, quad[0]]), mixed(wood, (30, 18, 10), 0.55), 0.8, 0.6)
            for share in rng.uniform(0.1, 0.9, 3):
                a = as_points(quad)
                start, stop = a[0] + (a[1] - a[0]) * share, a[3] + (a[2] - a[3]) * share
                place.line(as_points([tuple(start), tuple(stop)]), mixed(wood, (50, 30, 18), 0.4), 0.7, 0.25)
