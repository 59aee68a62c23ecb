"""Hands that draw: hatching in ink, the broken planes of a cubist, stones of a mosaic."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.paintings.canvas import Canvas, as_image, noise, saturated, soft

Random = np.random.Generator


def hatching(canvas: Canvas, random: Random) -> Image.Image:
    """Black ink on cream paper: the darker a place, the more directions of parallel lines cross there."""
    width, height = canvas.size
    tone = soft(canvas.colour, 2) @ np.array([0.3, 0.55, 0.15], np.float32)
    low, high = np.percentile(tone, [2, 98])
    tone = np.clip((tone - low) / max(float(high - low), 0.05), 0, 1) ** 0.75
    picture = Image.new("L", canvas.size, 255)
    draw = ImageDraw.Draw(picture)
    reach = int(np.hypot(width, height))
    for limit, degrees, gap in ((0.74, 45, 11.5), (0.46, -40, 11), (0.26, 8, 10), (0.12, 80, 9)):
        angle = np.radians(degrees)
        along, side = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        for offset in np.arange(-reach, reach, gap):
            steps = np.arange(-reach, reach, 5.0)
            spot = np.array([width / 2, height / 2]) + side * offset + steps[:, None] * along
            spot += random.normal(0, 0.45, spot.shape) + 1.3 * np.sin(steps / 60 + offset)[:, None] * side
            within = (spot >= 0).all(1) & (spot[:, 0] < width) & (spot[:, 1] < height)
            column, row = spot[:, 0].clip(0, width - 1).astype(int), spot[:, 1].clip(0, height - 1).astype(int)
            inked = (
                within & (tone[row, column] < limit + 0.06 * np.sin(offset * 7.1)) & (random.random(len(steps)) < 0.985)
            )
            for start, end in _runs(inked):
                draw.line([tuple(p) for p in spot[start:end].tolist()], fill=30, width=2)
    for outline in canvas.outlines:
        if min(outline.max(0) - outline.min(0)) < 6:
            continue
        for _ in range(2):
            line = np.concatenate([outline, outline[:1]]) + random.normal(0, 1.0, (len(outline) + 1, 2))
            hidden = _hidden(line, canvas, outline)
            for start, end in _runs(~hidden):
                draw.line([tuple(p) for p in line[start:end].tolist()], fill=22, width=2)
    ink = np.asarray(picture.filter(ImageFilter.GaussianBlur(0.6)), np.float32)[..., None] / 255
    sheet = np.array([0.965, 0.94, 0.88], np.float32) * (1 + 0.012 * noise(canvas.size, 5, random)[..., None])
    return as_image(sheet * ink + (1 - ink) * np.array([0.09, 0.08, 0.11], np.float32))


def _hidden(line: np.ndarray, canvas: Canvas, outline: np.ndarray) -> np.ndarray:
    """Return bool (n,): the points of an outline near which none of its own shape is to be seen."""
    numbers = [n for n, other in enumerate(canvas.outlines) if other is outline]
    seen = soft((canvas.label == numbers[0]).astype(np.float32), 2) > 0.02
    width, height = canvas.size
    out = (line < 1).any(1) | (line[:, 0] > width - 2) | (line[:, 1] > height - 2)
    column, row = line[:, 0].clip(0, width - 1).astype(int), line[:, 1].clip(0, height - 1).astype(int)
    return out | ~seen[row, column]


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Return (start, end) of each stretch of at least two true values."""
    padded = np.concatenate([[False], flags, [False]])
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    return [(s, e) for s, e in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True) if e - s > 1]


_OCHRES = np.array(
    [[0.86, 0.78, 0.60], [0.66, 0.52, 0.34], [0.42, 0.33, 0.25], [0.56, 0.58, 0.52], [0.30, 0.36, 0.38],
     [0.74, 0.70, 0.62]],
    np.float32,
)  # fmt: skip


def facets(canvas: Canvas, random: Random) -> Image.Image:
    """Planes between straight cuts, each showing the scene from a little elsewhere, in ochres and greys."""
    width, height = canvas.size
    cells = np.zeros((height, width), np.int64)
    down, across = np.mgrid[0:height, 0:width]
    for bit in range(17):
        x, y, angle = random.uniform(0, width), random.uniform(0, height), random.choice([0.5, 1.1, 1.6, 2.2, 2.7])
        angle += random.normal(0, 0.14)
        cells |= ((across - x) * np.sin(angle) > (down - y) * np.cos(angle)).astype(np.int64) << bit
    _, cells = np.unique(cells, return_inverse=True)
    cells = cells.reshape(height, width)
    count = int(cells.max()) + 1
    shift = random.normal(0, 11, (count, 2))
    row = (down + shift[cells, 0]).astype(int).clip(0, height - 1)
    column = (across + shift[cells, 1]).astype(int).clip(0, width - 1)
    source = canvas.colour[row, column]
    source = np.clip(source * (0.5 / max(float(source.mean()), 0.2)) ** 0.8, 0, 1)
    tone = source.mean(axis=2, keepdims=True)
    ochre = _OCHRES[random.integers(0, len(_OCHRES), count)][cells]
    picture = 0.34 * saturated(source, 0.8) + 0.32 * tone + 0.34 * ochre * (0.55 + 0.75 * tone)
    angle = random.uniform(0, 2 * np.pi, count)[cells]
    middle = np.stack([np.bincount(cells.ravel(), v.ravel()) for v in (across, down)]) / np.bincount(cells.ravel())
    spread = np.sqrt(np.bincount(cells.ravel()))[cells] + 12
    lean = ((across - middle[0][cells]) * np.cos(angle) + (down - middle[1][cells]) * np.sin(angle)) / spread
    picture = np.clip(picture * (1 + 0.42 * np.clip(lean, -1, 1)[..., None]), 0, 1)
    cut = np.zeros(cells.shape, bool)
    cut[:, 1:] |= cells[:, 1:] != cells[:, :-1]
    cut[1:] |= cells[1:] != cells[:-1]
    line = np.maximum(
        soft(cut.astype(np.float32), 1.1) * 0.55, soft((canvas.edges()[row, column]).astype(np.float32), 1.3) * 0.95
    )
    picture = picture * (1 - np.clip(line, 0, 0.8)[..., None])
    brush = noise(canvas.size, 5, random) * 0.035 + noise(canvas.size, 2.5, random) * 0.02
    return as_image(picture + brush[..., None])


def mosaic(canvas: Canvas, random: Random) -> Image.Image:
    """Small stones of glass and gold laid in rows along the forms, dark mortar between them."""
    width, height = canvas.size
    colours = saturated(soft(canvas.colour, 3), 1.35)
    picture = Image.new("RGB", canvas.size, (52, 46, 44))
    draw = ImageDraw.Draw(picture)
    size = 15.0
    for number in np.unique(canvas.label):
        mask = canvas.label == number
        angle = float(np.median(canvas.flow[mask]))
        cos, sin = np.cos(angle), np.sin(angle)
        reach = np.arange(-max(width, height) * 1.5, max(width, height) * 1.5, size)
        u, v = np.meshgrid(reach, reach)
        u = u + np.where((np.arange(len(reach)) % 2)[:, None], size / 2, 0) + random.normal(0, 1, u.shape)
        x, y = width / 2 + u * cos - v * sin, height / 2 + u * sin + v * cos
        fits = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        x, y = x[fits], y[fits]
        keep = mask[y.astype(int), x.astype(int)]
        x, y = x[keep], y[keep]
        stones = (
            colours[y.astype(int), x.astype(int)]
            + random.normal(0, 0.05, (len(x), 1))
            + random.normal(0, 0.02, (len(x), 3))
        )
        gold = random.random(len(x)) < 0.05
        stones[gold] = np.array([0.86, 0.68, 0.28]) * random.uniform(0.8, 1.15, (int(gold.sum()), 1))
        half = size * 0.42
        for px, py, stone in zip(x, y, (np.clip(stones, 0, 1) * 255).astype(int).tolist(), strict=True):
            jitter = random.normal(0, 0.7, 8)
            corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
            draw.polygon(
                [
                    (px + a * cos - b * sin + jitter[2 * n], py + a * sin + b * cos + jitter[2 * n + 1])
                    for n, (a, b) in enumerate(corners)
                ],
                fill=tuple(stone),
            )
    shine = 1 + 0.05 * noise(canvas.size, 8, random)
    return as_image(np.asarray(picture.filter(ImageFilter.GaussianBlur(0.6)), np.float32) / 255 * shine[..., None])
