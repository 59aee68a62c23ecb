"""Photographs of garments: lays sprites into a scene with perspective, shadow and light, and keeps true outlines."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from training.corpus.fabric import OVERSAMPLE, Sprite
from training.corpus.garments import Garment, sprite_of
from training.corpus.paths import Grid, Points, as_points, ellipse, homography, project, turned
from training.corpus.place import FINE, HEIGHT, WIDTH, Place, clouds, ramp
from training.corpus.props import clip_on, drop_prop, hang, peg, stand_form
from training.corpus.scenes import CONSUMER, SHOP, Scene
from training.corpus.uppers import Pose

CELL = 40
"""Side of the mesh cells a sprite is warped by, in fine pixels."""
CASTS = (
    (1.05, 1.0, 0.91),
    (1.03, 0.99, 0.95),
    (0.96, 1.0, 1.05),
    (0.98, 1.02, 0.99),
    (1.02, 0.98, 1.01),
    (1.0, 1.0, 1.0),
)
"""Colour casts of consumers' cameras: tungsten, evening, shade, fluorescent, rosy, none."""


@dataclass
class Laid:
    """A garment in a picture: its outline in picture pixels (it may leave the frame) and its map from centimetres."""

    garment: Garment
    outline: Points
    to_picture: Callable[[Points], Points]


@dataclass
class Picture:
    """A finished picture with the garments in it and the outlines of what covers them."""

    image: Image.Image
    laid: list[Laid]
    covers: list[Points]
    scene: Scene


@dataclass(frozen=True)
class Spot:
    """Where a garment goes: centre and size in picture pixels, turn in degrees, corner shift, ripple in pixels."""

    x: float
    y: float
    zoom: float = 1.0
    turn: float = 0.0
    tilt: float = 0.0
    ripple: float = 0.0


class Warp:
    """The one transform that both the pixels and the outline of a sprite go through."""

    def __init__(self, sprite: Sprite, spot: Spot, rng: np.random.Generator) -> None:
        """Build a homography onto the spot and a gentle ripple of the cloth."""
        width, height = sprite.image.size
        corners = as_points([(0, 0), (width, 0), (width, height), (0, height)])
        target = turned((corners - (width / 2, height / 2)) * (spot.zoom / OVERSAMPLE), spot.turn)
        reach = spot.tilt * np.array([width, height]) / OVERSAMPLE
        self.matrix = homography(corners, target + (spot.x, spot.y) + rng.uniform(-1, 1, (4, 2)) * reach)
        self.inverse = np.linalg.inv(self.matrix)
        self.ripple = spot.ripple * OVERSAMPLE
        self.waves = rng.uniform(0.6, 1.5, (2, 2)) * 2 * np.pi / max(width, height)
        self.phases = rng.uniform(0, 2 * np.pi, 4)

    def rippled(self, points: Points) -> Points:
        """Shift points of the flat sprite to where the rippled cloth is read from."""
        x, y = points.T
        dx = np.sin(y * self.waves[0, 0] + self.phases[0]) + 0.5 * np.sin(x * self.waves[0, 1] * 1.7 + self.phases[1])
        dy = np.sin(x * self.waves[1, 0] + self.phases[2]) + 0.5 * np.sin(y * self.waves[1, 1] * 1.7 + self.phases[3])
        return points + self.ripple * np.stack([dx, dy], axis=1)

    def forward(self, points: Points) -> Points:
        """Take sprite pixels to picture pixels (the ripple is undone by iteration)."""
        flat = points
        for _ in range(6):
            flat = points - (self.rippled(flat) - flat)
        return project(self.matrix, flat)

    def apply(self, sprite: Sprite) -> Image.Image:
        """Return the sprite as the picture sees it, RGBA, FINE times the picture's size."""
        size = (WIDTH * FINE, HEIGHT * FINE)
        mesh = []
        for top in range(0, size[1], CELL):
            for left in range(0, size[0], CELL):
                cell = (left, top, left + CELL, top + CELL)
                corners = as_points([(left, top), (left, top + CELL), (left + CELL, top + CELL), (left + CELL, top)])
                source = self.rippled(project(self.inverse, corners / FINE))
                mesh.append((cell, tuple(source.ravel())))
        return sprite.image.transform(size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)


def cast_shadow(place: Place, cover: Image.Image, dx: float, dy: float, radius: float, alpha: float) -> None:
    """Darken a picture by the blurred shape of what lies on it."""
    small = cover.resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    moved = ImageChops.offset(small, round(dx), round(dy)).filter(ImageFilter.GaussianBlur(radius))
    mask = moved.point(lambda v: round(v * alpha)).resize(place.image.size, Image.Resampling.BILINEAR)
    place.image.paste((46, 38, 44), mask=mask)


def lay(
    place: Place,
    garment: Garment,
    sprite: Sprite,
    spot: Spot,
    depth: float,
    rng: np.random.Generator,
    before: Callable[[Laid], None],
) -> Laid:
    """Lay a sprite into a picture with its shadow; `before` draws what is behind it."""
    warp = Warp(sprite, spot, rng)

    def to_picture(points: Points) -> Points:
        return project(warp.matrix, (points - sprite.origin) * sprite.scale)

    laid = Laid(garment, warp.forward(sprite.outline), to_picture)
    before(laid)
    pixels = warp.apply(sprite)
    cover = pixels.getchannel("A")
    cast_shadow(place, cover, 5, 8, 10, 0.20 * depth)
    cast_shadow(place, cover, 2, 3, 2.5, 0.30 * depth)
    place.image.paste(pixels, mask=cover)
    return laid


def is_bottom(garment: Garment) -> bool:
    """Say whether a garment hangs from the waist."""
    return garment.cut.category in (7, 8, 9)


def shop_picture(garment: Garment, scene: Scene, seed: int, print_seed: int) -> Picture:
    """Return a clean studio picture of one garment."""
    rng = np.random.default_rng(seed)
    place = scene.stage(rng)
    hung = scene.held == "hanger"
    room = (WIDTH * 0.83, HEIGHT * (0.76 if hung else 0.84))
    sprite = sprite_of(garment, Pose(), seed, print_seed, room)
    middle = HEIGHT * (0.535 if hung else 0.495)
    spot = Spot(WIDTH / 2, middle, 1.0, rng.uniform(-1, 1) * scene.turn, 0.004, 0.25)

    def behind(laid: Laid) -> None:
        if hung:
            hang(place, laid.to_picture, is_bottom(garment), hook_reach(garment, sprite), rng)

    laid = lay(place, garment, sprite, spot, 0.62 if scene.held == "ghost" else 0.8, rng, behind)
    if hung and is_bottom(garment):
        clip_on(place, laid.to_picture)
    return Picture(place.image.reduce(FINE), [laid], [], scene)


def hook_reach(garment: Garment, sprite: Sprite) -> float:
    """Return how many centimetres a hanger's hook stands above the garment so that it shows."""
    above = 20.0 if garment.cut.neck == "hood" else 9.5 if garment.cut.neck == "roll" else 4.0
    return above + 24 * OVERSAMPLE / sprite.scale


def consumer_spot(scene: Scene, sprite: Sprite, rng: np.random.Generator) -> Spot:
    """Choose where a consumer's garment goes: turned, off centre, now and then cut by the frame."""
    turn = rng.normal(0, 0.5) * scene.turn
    turn = float(np.clip(turn, -scene.turn, scene.turn))
    flat = scene.held == "flat"
    zoom = rng.uniform(0.84, 1.0) if rng.random() < 0.66 else rng.uniform(1.08, 1.38)
    width, height = np.array(sprite.image.size) / OVERSAMPLE * zoom
    lean = abs(np.sin(np.radians(turn)))
    across, down = width + height * lean, height + width * lean
    if zoom < 1.0:
        zoom *= min(1.0, WIDTH * 0.97 / across, HEIGHT * 0.96 / down)
        slack_x, slack_y = max(0.0, WIDTH - across) / 2, max(0.0, HEIGHT - down) / 2
        x, y = WIDTH / 2 + rng.uniform(-0.8, 0.8) * slack_x, HEIGHT / 2 + rng.uniform(-0.8, 0.8) * slack_y
    else:
        x, y = WIDTH / 2 + rng.uniform(-34, 34), HEIGHT / 2 + rng.uniform(-38, 38)
    if not flat:
        top = {"pegs": 26.0, "hanger": 62.0, "form": 74.0}[scene.held]
        x, y = WIDTH / 2 + rng.uniform(-24, 24), top + height / 2 + rng.uniform(-4, 8)
    return Spot(x, y, zoom, turn, rng.uniform(0.012, 0.045), rng.uniform(1.2, 3.2) if flat else rng.uniform(0.5, 1.5))


def consumer_picture(garment: Garment, scene: Scene, seed: int, print_seed: int) -> Picture:
    """Return a consumer's picture of one garment."""
    rng = np.random.default_rng(seed)
    place = scene.stage(rng)
    place.soften(rng.uniform(0.6, 1.2))
    held = "hanger" if scene.held == "form" and is_bottom(garment) else scene.held
    spread = 12.0 if scene.held == "flat" else 4.0
    pose = Pose(*(rng.uniform(-0.25, 1.0, 2) * spread))
    sprite = sprite_of(garment, pose, seed, print_seed, (WIDTH * 0.86, HEIGHT * (0.8 if held == "flat" else 0.74)))
    spot = consumer_spot(scene, sprite, rng)
    low = sprite.image.height / sprite.scale + sprite.origin[1]

    def behind(laid: Laid) -> None:
        if held == "hanger":
            hang(place, laid.to_picture, is_bottom(garment), hook_reach(garment, sprite) + 6, rng)
        elif held == "form":
            stand_form(place, laid.to_picture, max(low, 66))

    laid = lay(place, garment, sprite, spot, 1.0 if held != "pegs" else 0.15, rng, behind)
    finish(place, laid, held)
    covers = [drop_prop(place, rng)] if scene.props and rng.random() < 0.48 else []
    return Picture(photographed(place, rng), [laid], covers, scene)


def outfit_picture(pair: tuple[Garment, Garment], scene: Scene, seed: int, print_seeds: tuple[int, int]) -> Picture:
    """Return a consumer's picture of a top and a bottom laid out together, in the same scale and turned together."""
    rng = np.random.default_rng(seed)
    place = scene.stage(rng)
    place.soften(0.8)
    sprites = [
        sprite_of(garment, Pose(), seed + i, print_seed, (WIDTH * 0.8, HEIGHT * 0.8))
        for i, (garment, print_seed) in enumerate(zip(pair, print_seeds, strict=True))
    ]
    tall = [sprite.image.height / sprite.scale for sprite in sprites]
    wide = max(sprite.image.width / sprite.scale for sprite in sprites)
    scale = min(HEIGHT * 0.9 / sum(tall), WIDTH * 0.82 / wide)
    turn = rng.uniform(-7, 7)
    centres = (-(sum(tall) - tall[0]) / 2 * scale, (sum(tall) - tall[1]) / 2 * scale)
    laid = []
    for garment, sprite, centre in zip(pair, sprites, centres, strict=True):
        at = turned(as_points([(0.0, centre)]), turn)[0] + (WIDTH / 2, HEIGHT / 2)
        spot = Spot(
            float(at[0]), float(at[1]), scale * OVERSAMPLE / sprite.scale, turn + rng.uniform(-2, 2), 0.015, 1.2
        )
        laid.append(lay(place, garment, sprite, spot, 1.0, rng, lambda _laid: None))
    return Picture(photographed(place, rng), laid, [], scene)


def finish(place: Place, laid: Laid, held: str) -> None:
    """Add what holds the garment from in front: clips or pegs."""
    garment, to_picture = laid.garment, laid.to_picture
    if held == "hanger" and is_bottom(garment):
        clip_on(place, to_picture)
    elif held == "pegs":
        reach = 11.0 if is_bottom(garment) or garment.cut.fit.startswith(("strappy", "tank", "racer")) else 15.0
        for x in (-reach, reach):
            peg(place, to_picture(as_points([(x, 1.2)]))[0])


def photographed(place: Place, rng: np.random.Generator) -> Image.Image:
    """Return the picture as a consumer's camera takes it: uneven light, a colour cast, slight blur and noise."""
    light = ramp(rng.uniform(0, 2 * np.pi), rng.uniform(0.74, 0.9), rng.uniform(1.04, 1.2)) * clouds(rng, 110, 0.03)
    place.shade(light)
    if rng.random() < 0.3:
        sun_patch(place, rng)
    image = place.image.reduce(FINE)
    if rng.random() < 0.6:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.25, 0.75)))
    cast = np.array(CASTS[int(rng.integers(len(CASTS)))]) * rng.uniform(0.9, 1.05)
    pixels = np.asarray(image, np.float32) * cast
    pixels += rng.normal(0, rng.uniform(0.3, 1.1), (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def sun_patch(place: Place, rng: np.random.Generator) -> None:
    """Let a window's light, or the shadow of leaves, fall across the picture."""
    mask = Image.new("L", (WIDTH, HEIGHT), 0)
    draw = ImageDraw.Draw(mask)
    x, lean = rng.uniform(-60, 120), rng.uniform(40, 130)
    if rng.random() < 0.55:
        for pane in range(2):
            left = x + pane * 92
            draw.polygon(
                [(left, -5), (left + 80, -5), (left + 80 + lean, HEIGHT + 5), (left + lean, HEIGHT + 5)], fill=255
            )
        light: Grid = 0.9 + 0.2 * np.asarray(mask.filter(ImageFilter.GaussianBlur(5)), np.float32) / 255
    else:
        for _ in range(16):
            at = (rng.uniform(0, WIDTH * 0.7), rng.uniform(0, HEIGHT * 0.6))
            draw.polygon(
                [tuple(p) for p in ellipse(*at, rng.uniform(22, 48), rng.uniform(5, 11), rng.uniform(0, 180))], fill=255
            )
        light = 1.04 - 0.18 * np.asarray(mask.filter(ImageFilter.GaussianBlur(5)), np.float32) / 255
    place.shade(light)


def shop_scene(number: int) -> Scene:
    """Return a shop scene by number, in turn."""
    return SHOP[number % len(SHOP)]


def consumer_scene(number: int) -> Scene:
    """Return a consumer scene by number, in turn."""
    return CONSUMER[number % len(CONSUMER)]
