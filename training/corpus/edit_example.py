"""Draws the before and after that the tab Edit and search shows while nothing was edited: `assets/edit/*.jpg`.

python -m training.corpus.edit_example

A garment of the drawn sample gets another colour inside its own outline; no model takes part.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from settings import ROOT

PICTURE = "000404"
COLOUR = (46, 125, 90)


def main() -> None:
    """Write before.jpg and after.jpg into --out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=Path, default=ROOT / "assets" / "sample")
    parser.add_argument("--picture", default=PICTURE)
    parser.add_argument("--out", type=Path, default=ROOT / "assets" / "edit")
    given = parser.parse_args()
    before = Image.open(given.sample / "image" / f"{given.picture}.jpg").convert("RGB")
    note = json.loads((given.sample / "annos" / f"{given.picture}.json").read_bytes())
    given.out.mkdir(parents=True, exist_ok=True)
    for name, image in (("before", before), ("after", dyed(before, note["item1"]["segmentation"], COLOUR))):
        image.save(given.out / f"{name}.jpg", quality=82)


def dyed(image: Image.Image, polygons: list[list[int]], colour: tuple[int, int, int]) -> Image.Image:
    """Return an RGB picture whose part inside `polygons` (x, y, x, y, …) has `colour` and its own light and shade."""
    outline = Image.new("L", image.size)
    for polygon in polygons:
        ImageDraw.Draw(outline).polygon(polygon, fill=255)
    inside = (
        np.asarray(outline.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.GaussianBlur(0.8)), np.float32)[
            ..., None
        ]
        / 255
    )
    pixels = np.asarray(image, np.float32)
    light = pixels.mean(axis=2, keepdims=True)
    usual = float(np.median(light[inside > 0.5]))
    cloth = np.clip(np.array(colour, np.float32) * (light / max(usual, 1.0)), 0, 255)
    return Image.fromarray((pixels * (1 - inside) + cloth * inside + 0.5).astype(np.uint8))


if __name__ == "__main__":
    main()
