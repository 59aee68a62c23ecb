"""Grounds a consumer lays a garment on, and places out of doors: floors, a bed, a blanket, a street, a washing line."""

import numpy as np

from training.corpus.paths import as_points, band, box, ellipse, homography, project, smooth, tapered
from training.corpus.place import HEIGHT, WIDTH, WOODS, Place, clouds, lay_planks, pick, ramp
from training.corpus.prints import PRINTS, Colour, mixed, rgb


def wooden_floor(rng: np.random.Generator) -> Place:
    """Return a floor of boards, sometimes with the corner of a rug."""
    wood = pick(rng, WOODS)
    place = Place(wood)
    lay_planks(place, rng, -2, wood)
    if rng.random() < 0.6:
        rug(place, rng)
    return place


def rug(place: Place, rng: np.random.Generator) -> None:
    """Lay a fringed rug with bands into one side of the picture."""
    name = ("ecru", "terracotta", "navy", "sage", "blush", "charcoal")[int(rng.integers(6))]
    colour, other = rgb(name), mixed(rgb(name), (250, 244, 232), 0.6)
    x, turn = rng.uniform(100, 210), rng.uniform(-0.16, 0.16)
    for i in range(46):
        y = -30 + i * 10.0
        place.line(as_points([(x + turn * y, y), (x - 9 + turn * y, y + 2)]), other, 1.4)
    for i, (start, tone) in enumerate(((0, colour), (12, other), (18, colour), (30, other), (33, colour))):
        place.fill(
            as_points(
                [
                    (x + start - turn * 30, -30),
                    (WIDTH + 60, -30),
                    (WIDTH + 60, HEIGHT + 30),
                    (x + start + turn * (HEIGHT + 30), HEIGHT + 30),
                ]
            ),
            tone,
            1.0 if i else 1.0,
        )


def bed(rng: np.random.Generator) -> Place:
    """Return a bed from above: a cover in folds, pillows at the head."""
    name = ("white", "sky", "blush", "sage", "ecru", "lilac", "slate", "mustard")[int(rng.integers(8))]
    cover = mixed(rgb(name), (245, 242, 238), 0.35)
    place = Place(cover)
    style = rng.random()
    if style < 0.35:
        tile = PRINTS[
            ("gingham", "ditsy floral", "pin dot", "deckchair stripe", "windowpane")[int(rng.integers(5))]
        ].make(cover, [mixed(cover, (90, 96, 120), 0.22), mixed(cover, (190, 120, 110), 0.3)], rng, 1.4)
        place.lay(tile, as_points([(-70, -40), (WIDTH + 60, -60), (WIDTH + 40, HEIGHT + 60), (-40, HEIGHT + 40)]), 8)
    elif style < 0.6:
        for x in np.arange(-400.0, 700.0, 46.0):
            for lean in (-1, 1):
                place.line(
                    as_points([(x, -10), (x + lean * 300, HEIGHT + 10)]), mixed(cover, (70, 66, 80), 0.25), 1.3, 0.7
                )
                place.line(as_points([(x + 2, -10), (x + 2 + lean * 300, HEIGHT + 10)]), (255, 255, 255), 1.3, 0.5)
    flow = rng.uniform(0.2, 1.3) * (1 if rng.random() < 0.5 else -1)
    for _ in range(8):
        x, y, turn = rng.uniform(-20, WIDTH + 20), rng.uniform(40, HEIGHT), flow + rng.normal(0, 0.22)
        reach = rng.uniform(130, 260)
        step = np.array([np.cos(turn), np.sin(turn)]) * reach
        bend = np.array([-step[1], step[0]]) * rng.normal(0, 0.12)
        wave = smooth([(x, y), tuple(np.array([x, y]) + step * 0.5 + bend), (x + step[0], y + step[1])], 8)
        for width, colour, alpha in ((16.0, mixed(cover, (70, 62, 84), 0.6), 0.3), (-12.0, (255, 254, 250), 0.45)):
            ridge = tapered(wave, abs(width)) + (width * 0.35, width * 0.2)
            place.soft(ridge, colour, alpha, 4)
    if rng.random() < 0.7:
        for x in (rng.uniform(20, 70), rng.uniform(200, 260)):
            pillow = smooth(
                [(x - 88, -40), (x - 92, 22), (x - 78, 46), (x, 40), (x + 80, 48), (x + 92, 20), (x + 86, -40)]
            )
            place.soft(pillow + (4, 8), (60, 54, 70), 0.35, 6)
            place.fill(pillow, mixed(cover, (255, 255, 255), 0.55))
            place.soft(band(pillow[8:-8], -9.0), mixed(cover, (80, 72, 96), 0.5), 0.35, 5)
    return place


def tiles(rng: np.random.Generator) -> Place:
    """Return a tiled floor in perspective: chequered, or of one stone with speckles."""
    a = pick(rng, ((232, 226, 216), (214, 220, 222), (226, 214, 200)))
    b = pick(rng, ((150, 160, 160), (196, 176, 156), (124, 132, 140), (178, 146, 128), (152, 168, 150)))
    chequered = rng.random() < 0.45
    if not chequered:
        a = b = mixed(a, b, rng.uniform(0.1, 0.7))
    place = Place(a)
    target = [(-30, -20), (WIDTH + 20, -30), (WIDTH + 110, HEIGHT + 40), (-120, HEIGHT + 20)]
    columns, rows = (8, 10) if chequered else (4, 5)
    grid = as_points([(0, 0), (columns, 0), (columns, rows), (0, rows)])
    far = homography(grid, as_points(target))
    for row in range(rows):
        for column in range(columns):
            corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)]
            quad = project(far, as_points(corners))
            place.fill(quad, mixed(b if (row + column) % 2 else a, (255, 255, 255), rng.uniform(0, 0.1)))
            place.line(np.vstack([quad, quad[:1]]), mixed(b, (90, 84, 80), 0.35), 1.3)
    if not chequered:
        chips = ((240, 236, 228), (120, 112, 108), (190, 140, 112), (132, 150, 142))
        for x, y in rng.uniform(0, 1, (260, 2)) * (WIDTH, HEIGHT):
            size = 1.2 + 3.0 * y / HEIGHT * rng.random()
            place.fill(ellipse(x, y, size * 1.5, size, rng.uniform(0, 180), 7), pick(rng, chips), 0.8)
    return place


def picnic(rng: np.random.Generator) -> Place:
    """Return a checked blanket on grass."""
    place = Place((112, 146, 84))
    for _ in range(900):
        x, y = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        place.line(
            as_points([(x, y), (x + rng.uniform(-4, 4), y - rng.uniform(5, 11))]),
            mixed((112, 146, 84), (50, 92, 50) if rng.random() < 0.5 else (190, 206, 120), rng.uniform(0.2, 0.6)),
            0.9,
        )
    name = ("tomato", "cornflower", "mustard", "rose", "forest")[int(rng.integers(5))]
    tile = PRINTS["large gingham"].make(rgb("white"), [mixed(rgb(name), (255, 255, 255), 0.15)], rng, 1.0)
    lean = rng.uniform(-24, 24)
    corners = as_points(
        [
            (16 + lean, 22 - lean * 0.4),
            (WIDTH - 10 + lean, 10 + lean * 0.4),
            (WIDTH + 60, HEIGHT + 50),
            (-70, HEIGHT + 30),
        ]
    )
    place.soft(corners + (3, 6), (30, 44, 24), 0.5, 5)
    place.lay(tile, corners, 11)
    place.shade(clouds(rng, 60, 0.03))
    return place


def lay_bricks(place: Place, rng: np.random.Generator, low: float, brick: Colour) -> None:
    """Lay courses of brick down to `low`."""
    place.fill(box(0, 0, WIDTH, low), mixed(brick, (214, 206, 196), 0.55))
    for row, y in enumerate(np.arange(-4, low, 15.0)):
        for x in np.arange(-40 + (row % 2) * 21, WIDTH + 40, 42.0):
            tone = mixed(brick, (40, 26, 24) if rng.random() < 0.5 else (250, 226, 206), rng.uniform(0, 0.2))
            place.fill(box(x, y, x + 39.6, min(y + 12.8, low)), tone)


def street(rng: np.random.Generator) -> Place:
    """Return a brick or plastered wall over a pavement."""
    low = HEIGHT * rng.uniform(0.84, 0.93)
    place = Place((164, 160, 156))
    kind = rng.random()
    if kind < 0.65:
        lay_bricks(place, rng, low, pick(rng, ((168, 92, 70), (190, 178, 166), (136, 104, 92), (204, 160, 132))))
    else:
        wall = pick(rng, ((216, 186, 148), (150, 176, 180), (206, 154, 138), (226, 214, 190)))
        place.fill(box(0, 0, WIDTH, low), wall)
        place.shade(clouds(rng, 50, 0.025))
        place.fill(box(0, low - 44, WIDTH, low), mixed(wall, (60, 54, 52), 0.35))
    for x in np.arange(-20, WIDTH + 60, 66.0):
        place.line(as_points([(x, HEIGHT), (150 + (x - 150) * 0.86, low)]), (112, 108, 106), 1)
    place.soft(box(-30, low - 3, WIDTH + 30, low + 9), (50, 46, 50), 0.5, 4)
    if rng.random() < 0.5:
        poster(place, rng)
    return place


def poster(place: Place, rng: np.random.Generator) -> None:
    """Paste a faded poster on a wall."""
    x, y = (rng.uniform(-30, 20) if rng.random() < 0.5 else rng.uniform(230, 262)), rng.uniform(20, 150)
    colours = [rgb(n) for n in ("butter", "tomato", "teal", "white", "cobalt", "apricot")]
    ground, ink = colours[int(rng.integers(6))], colours[int(rng.integers(6))]
    place.fill(box(x, y, x + 78, y + 104), ground)
    place.fill(ellipse(x + 39, y + 42, 24, 24), ink)
    for k in range(3):
        place.fill(box(x + 12, y + 76 + k * 8, x + 66 - k * 12, y + 79 + k * 8), mixed(ground, (40, 36, 40), 0.7))


def clothesline(rng: np.random.Generator) -> Place:
    """Return a washing line against the sky, leaves at the edges."""
    place = Place((170, 204, 228))
    place.shade(ramp(np.pi / 2, 0.9, 1.16))
    for _ in range(4):
        x, y = rng.uniform(0, WIDTH), rng.uniform(30, 300)
        for _ in range(5):
            place.soft(
                ellipse(x + rng.normal(0, 34), y + rng.normal(0, 7), rng.uniform(24, 50), rng.uniform(9, 17)),
                (255, 255, 255),
                0.5,
                8,
            )
    for x in np.arange(-20.0, WIDTH + 30.0, 24.0):
        top = HEIGHT - rng.uniform(26, 70)
        place.fill(ellipse(x, top + 60, 34, 62), mixed((94, 132, 88), (48, 84, 64), rng.uniform(0, 0.8)))
    place.line(smooth([(-5, 20), (WIDTH / 2, 28), (WIDTH + 5, 18)]), (92, 84, 78), 1.8)
    return place
