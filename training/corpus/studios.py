"""The shop's studio: seamless paper, a sweep, a painted arch and a disc."""

import numpy as np

from training.corpus.paths import box, ellipse, join
from training.corpus.place import HEIGHT, STUDIO, WIDTH, Place, pool
from training.corpus.prints import mixed, rgb


def paper(rng: np.random.Generator) -> Place:
    """Return seamless paper with a soft pool of light."""
    place = Place(STUDIO[int(rng.integers(len(STUDIO)))])
    place.shade(pool(WIDTH * rng.uniform(0.35, 0.65), HEIGHT * 0.42, 360, 0.07))
    return place


def sweep(rng: np.random.Generator) -> Place:
    """Return a wall and a floor that meet in a soft line low in the picture."""
    ground = STUDIO[int(rng.integers(len(STUDIO)))]
    place = Place(ground)
    y = HEIGHT * rng.uniform(0.84, 0.9)
    place.soft(box(-60, y, WIDTH + 60, HEIGHT + 80), mixed(ground, (150, 138, 130), 0.22), 1.0, 5)
    place.shade(pool(WIDTH * 0.45, HEIGHT * 0.4, 380, 0.07))
    return place


def arch(rng: np.random.Generator) -> Place:
    """Return a tinted arch painted on a pale wall."""
    ground = STUDIO[int(rng.integers(len(STUDIO)))]
    place = Place(ground)
    tint = mixed(
        ground, rgb(("blush", "sage", "sand", "sky", "butter", "lilac", "apricot")[int(rng.integers(7))]), 0.34
    )
    half = WIDTH * 0.4
    angle = np.linspace(np.pi, 0, 40)
    dome = np.stack([WIDTH / 2 + np.cos(angle) * half, HEIGHT * 0.43 - np.sin(angle) * half], axis=1)
    place.fill(join(dome, [(WIDTH / 2 + half, HEIGHT + 2), (WIDTH / 2 - half, HEIGHT + 2)]), tint)
    place.shade(pool(WIDTH * 0.45, HEIGHT * 0.4, 400, 0.07))
    return place


def disc(rng: np.random.Generator) -> Place:
    """Return a large pale disc behind the garment."""
    ground = STUDIO[int(rng.integers(len(STUDIO)))]
    place = Place(ground)
    tint = mixed(ground, rgb(("blush", "sage", "sand", "sky", "butter", "lilac", "mint")[int(rng.integers(7))]), 0.36)
    place.fill(ellipse(WIDTH / 2, HEIGHT * 0.5, 134, 134, steps=90), tint)
    place.shade(pool(WIDTH * 0.45, HEIGHT * 0.4, 400, 0.07))
    return place
