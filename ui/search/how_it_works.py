"""The figure of "How it works": what the network saw, what it made of it, and where the results turn weak."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from PIL import Image, ImageOps

from retrieval.search.cutoff import strong_results

COLUMNS = 48
LEVELS = 8
CELL = 6
_SAID = 200
WIDTH, HEIGHT, MARGIN = 420, 150, 34


def figure(seen: str, vector: np.ndarray, curve: np.ndarray, shown: int, size: int, said: str = "") -> str:
    """Return the three panels of one query as HTML.

    `seen` is the address of the picture at the network's input, unless only words were `said`; `vector` float32 (dim,);
    `curve` float32 (n,), scores from the best, of which `shown` are on the page; `size` in pixels.
    """
    strong = strong_results(curve) if len(curve) else 0
    numbers = f"2. It makes {len(vector)} numbers of them: the embedding"
    looked_for = "2. They are looked for in names and descriptions, and in what is seen of each picture"
    return (
        '<div class="figures">'
        + (_said(said) if said else _seen(seen, size))
        + (_panel(strip(vector), numbers) if vector.size else _panel("", looked_for))
        + _panel(score_curve(curve, strong, shown), f"3. The scores of the nearest {len(curve)} pictures, best first")
        + "</div>"
    )


def input_picture(image: Image.Image, size: int) -> str:
    """Return `image` (RGB) as a data address: its shorter side scaled to `size` pixels, the middle cut out."""
    out = io.BytesIO()
    ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR).save(out, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def strip(vector: np.ndarray) -> str:
    """Return an embedding, float32 (dim,), as an SVG of one cell per number: the stronger, the darker."""
    top = float(np.abs(vector).max()) or 1.0
    levels = np.ceil(np.abs(vector) / top * LEVELS).astype(int)
    paths = []
    for sign, name in ((1, "plus"), (-1, "minus")):
        for level in range(1, LEVELS + 1):
            places = np.flatnonzero((levels == level) & (np.sign(vector) == sign))
            cells = "".join(f"M{p % COLUMNS * CELL} {p // COLUMNS * CELL}h5v5h-5z" for p in places)
            if cells:
                paths.append(f'<path class="{name}" opacity="{level / LEVELS:.2f}" d="{cells}"/>')
    height = -(-len(vector) // COLUMNS) * CELL
    label = f"{len(vector)} numbers from {float(vector.min()):.2f} to {float(vector.max()):.2f}"
    box = f"0 0 {COLUMNS * CELL} {height}"
    return f'<svg class="strip" viewBox="{box}" role="img" aria-label="{label}">{"".join(paths)}</svg>'


def score_curve(curve: np.ndarray, strong: int, shown: int) -> str:
    """Return the scores of the nearest, float32 (n,), as an SVG line with the cut-off and the shown part marked."""
    if len(curve) < 2:
        return '<p class="none">There are too few pictures to draw a curve.</p>'
    low, high = float(curve.min()), float(curve.max())
    span = max(high - low, 1e-6)
    across = MARGIN + np.arange(len(curve)) / (len(curve) - 1) * (WIDTH - MARGIN - 8)
    down = 12 + (high - curve) / span * (HEIGHT - 40)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down, strict=True))
    cut = float(across[min(strong, len(curve) - 1)])
    end = float(across[min(shown, len(curve)) - 1]) if shown else MARGIN
    floor = HEIGHT - 28
    side, anchor = (6, "start") if cut < WIDTH * 0.6 else (-6, "end")
    label = f"Scores fall from {high:.2f} to {low:.2f}; the first {strong} are close matches; {shown} are shown"
    return (
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMinYMin" role="img" '
        f'aria-label="{label}">'
        f'<rect class="shown" x="{MARGIN}" y="12" width="{end - MARGIN:.1f}" height="{floor - 12}"/>'
        f'<polyline points="{points}"/>'
        f'<line class="cut" x1="{cut:.1f}" x2="{cut:.1f}" y1="6" y2="{floor}"/>'
        f'<text x="{cut + side:.1f}" y="16" text-anchor="{anchor}">cut-off after {strong}</text>'
        f'<text x="{MARGIN - 5}" y="16" text-anchor="end">{high:.2f}</text>'
        f'<text x="{MARGIN - 5}" y="{floor}" text-anchor="end">{low:.2f}</text>'
        f'<text x="{MARGIN}" y="{HEIGHT - 10}">rank 1 · shaded: the {shown} shown</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 10}" text-anchor="end">{len(curve)}</text></svg>'
    )


def _seen(address: str, size: int) -> str:
    picture = f'<img src="{escape(address)}" alt="The query as the network receives it" width="168" height="168"/>'
    return _panel(picture, f"1. The network sees {size} x {size} pixels")


def _said(text: str) -> str:
    short = text if len(text) <= _SAID else f"{text[:_SAID]} …"
    return _panel(f'<p class="said">{escape(short)}</p>', "1. Your words")


def _panel(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"
