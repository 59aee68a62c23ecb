"""Hands that paint with surfaces: cut paper, woodblock prints, watercolour washes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.paintings.canvas import Canvas, as_image, noise, saturated, soft

Random = np.random.Generator

_PAPERS = np.array(
    [[228, 64, 58], [246, 190, 47], [32, 110, 182], [24, 62, 110], [40, 150, 112], [244, 238, 224], [236, 128, 158],
     [240, 128, 44], [122, 190, 220], [110, 76, 140], [28, 28, 34], [160, 200, 90]], np.float32
) / 255  # fmt: skip


def cut_outs(canvas: Canvas, random: Random) -> Image.Image:
    """Pieces of painted paper, cut freely and laid one over another, each with a thin shadow."""
    picture = Image.new("RGB", canvas.size, (244, 238, 224))
    papers = _PAPERS[random.permutation(len(_PAPERS))[:9]]
    before: list[int] = []
    for outline, flat in zip(canvas.outlines, canvas.flat, strict=True):
        extent = outline.max(0) - outline.min(0)
        if min(extent) < 9:
            continue
        vivid = saturated(flat[None], 1.6)
        far = np.linalg.norm(papers - vivid, axis=1)
        far[before[-3:]] += 0.45
        chosen = int(far.argmin())
        before.append(chosen)
        paper = papers[chosen]
        corners = outline[:: max(1, len(outline) // 14)]
        wobble = corners + random.normal(0, 0.012 * min(*extent, 300) + 1.2, corners.shape)
        points = [tuple(p) for p in wobble]
        shadow = Image.new("L", canvas.size)
        ImageDraw.Draw(shadow).polygon([(x + 4, y + 5) for x, y in points], fill=95)
        picture.paste((24, 22, 40), mask=shadow.filter(ImageFilter.GaussianBlur(3)))
        draw = ImageDraw.Draw(picture)
        draw.polygon(points, fill=tuple((paper * 255).astype(int).tolist()))
    fibre = 1 + 0.012 * noise(canvas.size, 2.2, random) + 0.02 * noise(canvas.size, 40, random)
    return as_image(np.asarray(picture, np.float32) / 255 * fibre[..., None])


def woodblock(canvas: Canvas, random: Random) -> Image.Image:
    """Few flat inks that fade towards an edge, the grain of the block in them, and a dark drawn outline."""
    width, height = canvas.size
    paper = np.array([0.95, 0.90, 0.79], np.float32)
    inks = 0.84 * saturated(np.clip(canvas.flat * 1.08 + 0.05, 0, 1), 1.15) + 0.16 * paper
    blue = np.array([0.16, 0.27, 0.45], np.float32)
    inks = np.where(canvas.things[:, None], inks, 0.8 * inks + 0.2 * paper)
    picture = np.round(inks * 9)[canvas.label] / 9
    fade = np.linspace(0.75, 0, height, dtype=np.float32)[:, None, None] ** 2.2
    picture = picture * (1 - fade) + blue * fade
    down = np.mgrid[0:height, 0:width][0]
    rings = np.sin(down * 0.55 + 5 * noise((width, height), 260, random) + noise((width, height), 30, random))
    picture = (
        picture * (1 - 0.035 * np.clip(rings, 0, 1)[..., None]) + 0.012 * noise((width, height), 2, random)[..., None]
    )
    # The line swells and thins as the knife was pressed.
    pressed = 0.17 + 0.09 * noise((width, height), 45, random)
    line = np.clip((soft(canvas.edges().astype(np.float32), 1.5) - pressed) * 7, 0, 1)[..., None]
    picture = picture * (1 - line) + np.array([0.14, 0.14, 0.24], np.float32) * line
    block = as_image(picture)
    draw = ImageDraw.Draw(block)
    seal = (width * 0.9, height * 0.84)
    draw.rectangle((*seal, seal[0] + 26, seal[1] + 40), fill=(178, 44, 38))
    for n in range(3):
        draw.line(
            (seal[0] + 5, seal[1] + 9 + 11 * n, seal[0] + 21, seal[1] + 7 + 11 * n), fill=(240, 226, 200), width=3
        )
    return _framed(block.filter(ImageFilter.GaussianBlur(0.8)), 16, (242, 230, 204))


def _framed(image: Image.Image, margin: int, colour: tuple[int, int, int]) -> Image.Image:
    inner = image.resize((image.width - 2 * margin, image.height - 2 * margin), Image.Resampling.LANCZOS)
    framed = Image.new("RGB", image.size, colour)
    framed.paste(inner, (margin, margin))
    return framed


def washes(canvas: Canvas, random: Random) -> Image.Image:
    """Thin washes on rough white paper: they pool at their edges, bleed into one another and leave paper bare."""
    width, height = canvas.size
    paper = 0.965 + 0.018 * noise(canvas.size, 3, random) + 0.012 * noise(canvas.size, 7, random)
    picture = np.repeat(paper[..., None], 3, 2) * np.array([1, 0.99, 0.965], np.float32)
    warp = 5 * np.stack([noise(canvas.size, 24, random), noise(canvas.size, 24, random)])
    down, across = np.mgrid[0:height, 0:width]
    row = (down + warp[0]).round().astype(int).clip(0, height - 1)
    column = (across + warp[1]).round().astype(int).clip(0, width - 1)
    label = canvas.label[row, column]
    for number in np.unique(label):
        mask = (label == number).astype(np.float32)
        wet = soft(mask, 2.2 if canvas.things[number] else 7)
        pool = np.clip(wet - soft(mask, 7), 0, 1) * (wet > 0.4)
        strength = 0.62 + 0.24 * noise(canvas.size, 90, random) + 0.09 * noise(canvas.size, 4, random)
        density = np.clip(wet * strength + 1.1 * pool, 0, 1.2)[..., None]
        tint = np.clip(saturated(canvas.flat[number][None], 1.25)[0], 0.06, 0.98)
        picture = picture * tint ** (density * 0.95)
    border = soft(np.pad(np.ones((height - 60, width - 60), np.float32), 30), 5) + 0.35 * noise(canvas.size, 14, random)
    bare = np.clip((border - 0.35) * 4, 0, 1)[..., None]
    white = np.repeat(paper[..., None], 3, 2) * np.array([1, 0.99, 0.965], np.float32)
    blooms = np.clip(noise(canvas.size, 120, random) - 0.75, 0, 1)[..., None] * 0.6
    mixed = picture * bare + white * (1 - bare)
    return as_image(mixed * (1 - blooms) + white * blooms)
