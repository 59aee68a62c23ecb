"""Hands that paint with single touches: dots, short broken strokes, long swirling ones."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.paintings.canvas import Canvas, as_image, noise, saturated, soft

Random = np.random.Generator


def _shifted(colours: np.ndarray, amount: float, random: Random) -> np.ndarray:
    """Vary each colour of float (n, 3) a little in lightness and in its own direction."""
    light = random.normal(0, amount, (len(colours), 1))
    return np.clip(colours + light + random.normal(0, amount * 0.6, colours.shape), 0, 1)


def _bytes(colours: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(row) for row in (colours * 255).astype(int).tolist()]


def points(canvas: Canvas, random: Random) -> Image.Image:
    """Small round dots of pure colours and their complements, on a pale ground: the eye mixes them."""
    width, height = canvas.size
    picture = Image.new("RGB", canvas.size, (238, 230, 212))
    draw = ImageDraw.Draw(picture)
    reference = saturated(soft(canvas.colour, 2), 1.5)
    step = 8.2
    for layer in range(3):
        down, across = np.mgrid[0:height:step, 0:width:step]
        x = (across + random.uniform(-4.5, 4.5, across.shape)).ravel().clip(0, width - 1)
        y = (down + random.uniform(-4.5, 4.5, down.shape)).ravel().clip(0, height - 1)
        colours = reference[y.astype(int), x.astype(int)]
        pure = saturated(_shifted(colours, 0.075, random), 1.25)
        other = random.random(len(x)) < (0.09 if layer else 0.06)
        pure[other] = np.clip(0.55 * (1 - pure[other][:, [1, 2, 0]]) + 0.45 * pure[other][:, [2, 0, 1]], 0, 1)
        size = random.uniform(3.0, 4.9, len(x))
        for px, py, r, colour in zip(x, y, size, _bytes(pure), strict=True):
            draw.ellipse((px - r, py - r, px + r, py + r), fill=colour)
    return picture


def _stroke(x: float, y: float, angle: float, long: float, thick: float) -> list[tuple[float, float]]:
    """Return the outline of one touch of a flat brush, its ends a little pointed."""
    cos, sin = np.cos(angle), np.sin(angle)
    shape = ((-1, -0.35), (-0.75, -1), (0.8, -0.9), (1, 0.1), (0.7, 1), (-0.8, 0.85))
    return [(x + long * a * cos - thick * b * sin, y + long * a * sin + thick * b * cos) for a, b in shape]


def touches(canvas: Canvas, random: Random) -> Image.Image:
    """Short broken strokes of light colour, large ones below small ones, edges lost between them."""
    width, height = canvas.size
    light = saturated(np.clip(soft(canvas.colour, 3) * 0.9 + 0.09, 0, 1), 1.2)
    picture = as_image(soft(light, 12) * 0.9)
    draw = ImageDraw.Draw(picture)
    busy = soft(canvas.edges().astype(np.float32), 7) > 0.06
    for long, thick, count in ((26, 8, 1900), (17, 5, 4200), (11, 3.4, 5200)):
        x, y = random.uniform(0, width, count), random.uniform(0, height, count)
        if long < 15:
            keep = busy[y.astype(int), x.astype(int)] | (random.random(count) < 0.3)
            x, y = x[keep], y[keep]
        row, column = y.astype(int), x.astype(int)
        colours = _bytes(_shifted(light[row, column], 0.055, random))
        angles = canvas.flow[row, column] + random.normal(0, 0.3, len(x))
        lengths = long * random.uniform(0.6, 1.15, len(x))
        for px, py, angle, length, colour in zip(x, y, angles, lengths, colours, strict=True):
            draw.polygon(_stroke(px, py, angle, length, thick), fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(0.7))


def swirls(canvas: Canvas, random: Random) -> Image.Image:
    """Long thick ribbons of paint that flow along the forms and wheel through the sky, lit as relief."""
    width, height = canvas.size
    reference = saturated(soft(canvas.colour, 2), 1.45)
    picture, relief = as_image(reference * 0.55), Image.new("L", canvas.size, 60)
    draw, raised = ImageDraw.Draw(picture), ImageDraw.Draw(relief)
    turn = canvas.flow + 1.5 * noise(canvas.size, 170, random) * np.where(canvas.things[canvas.label], 0.35, 1.0)
    for thick, steps, count in ((9, 11, 2000), (6, 10, 3800), (4, 8, 2600)):
        x, y = random.uniform(0, width - 1, count), random.uniform(0, height - 1, count)
        start = canvas.label[y.astype(int), x.astype(int)]
        colours = _shifted(reference[y.astype(int), x.astype(int)], 0.085, random)
        path = [(x, y)]
        for _ in range(steps):
            row, column = path[-1][1].astype(int), path[-1][0].astype(int)
            angle = turn[row, column]
            nx = (path[-1][0] + 5.5 * np.cos(angle)).clip(0, width - 1)
            ny = (path[-1][1] + 5.5 * np.sin(angle)).clip(0, height - 1)
            stays = canvas.label[ny.astype(int), nx.astype(int)] == start
            path.append((np.where(stays, nx, path[-1][0]), np.where(stays, ny, path[-1][1])))
        lines = np.stack([np.stack(point, axis=1) for point in path], axis=1)
        for line, colour, high in zip(lines, _bytes(colours), random.integers(90, 255, count), strict=True):
            way = [tuple(point) for point in line.tolist()]
            draw.line(way, fill=colour, width=int(thick), joint="curve")
            raised.line(way, fill=int(high), width=max(1, int(thick) - 2))
    bumps = np.asarray(relief.filter(ImageFilter.GaussianBlur(1.4)), np.float32) / 255
    down, across = np.gradient(bumps)
    lit = 1 - 1.9 * (across + down)
    return as_image(np.asarray(picture, np.float32) / 255 * np.clip(lit, 0.6, 1.4)[..., None])
