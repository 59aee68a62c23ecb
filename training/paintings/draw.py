"""Draws the sample's paintings: `python -m training.paintings.draw --out assets/paintings --seed 7`.

Twelve subjects, each painted by eight hands of our own, so that style and subject can be told apart.
"""

from __future__ import annotations

import argparse
import csv
import io
import logging
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from training.paintings import flat, lines, strokes
from training.paintings.canvas import Canvas, lay_out
from training.paintings.scenes import LIGHTS
from training.paintings.street_and_garden import SUBJECTS

logger = logging.getLogger(__name__)

LONGER_SIDE = 380


@dataclass(frozen=True)
class Hand:
    """One way of painting; `quality` is that of its JPEGs."""

    name: str
    paint: Callable[[Canvas, np.random.Generator], Image.Image]
    quality: int


HANDS = (
    Hand("dots of colour", strokes.points, 66),
    Hand("broken touches", strokes.touches, 74),
    Hand("swirling ribbons", strokes.swirls, 70),
    Hand("cut paper", flat.cut_outs, 82),
    Hand("woodblock print", flat.woodblock, 78),
    Hand("watercolour", flat.washes, 80),
    Hand("ink hatching", lines.hatching, 60),
    Hand("broken planes", lines.facets, 76),
)

README = """# Sample paintings

Drawn by a program, not painted: `python -m training.paintings.draw --out assets/paintings --seed {seed}` makes every
one of these {count} pictures. {subjects} subjects, each in {hands} hands; `metadata.csv` names both (`label` is the
hand). Licence: CC0. `examples.txt`: six queries.
"""


def paint(hand: int, subject: int, seed: int) -> Image.Image:
    """Return one painting, its longer side LONGER_SIDE pixels; light, mirroring and details follow from the seed."""
    random = np.random.default_rng([seed, hand, subject])
    chosen = list(SUBJECTS.values())[subject]
    light = LIGHTS[int(random.choice(len(LIGHTS), p=(0.32, 0.26, 0.3, 0.12)))]
    canvas = lay_out(chosen.shapes(light, random), chosen.aspect, bool(random.random() < 0.5))
    picture = HANDS[hand].paint(canvas, random)
    scale = LONGER_SIDE / max(picture.size)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)


def file_name(hand: int, subject: int) -> str:
    """Return where a painting lies below the folder."""
    words = HANDS[hand].name, list(SUBJECTS)[subject]
    return "/".join(name.replace(" ", "-") for name in words) + ".jpg"


def write_painting(pair: tuple[int, int], out: Path, seed: int) -> int:
    """Paint and write one picture; return its bytes."""
    path = out / file_name(*pair)
    path.parent.mkdir(parents=True, exist_ok=True)
    paint(*pair, seed).save(path, quality=HANDS[pair[0]].quality, optimize=True, progressive=True)
    return path.stat().st_size


def draw_paintings(out: Path, seed: int, jobs: int) -> None:
    """Paint everything into `out`, replacing what lies there."""
    started = time.perf_counter()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    pairs = [(hand, subject) for hand in range(len(HANDS)) for subject in range(len(SUBJECTS))]
    with ProcessPoolExecutor(jobs) as pool:
        size = sum(pool.map(partial(write_painting, out=out, seed=seed), pairs, chunksize=4))
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("file_name", "label", "subject"))
    rows.writerows((file_name(h, s), HANDS[h].name, list(SUBJECTS)[s]) for h, s in pairs)
    (out / "metadata.csv").write_text(table.getvalue(), encoding="utf-8")
    examples = "".join(f"{file_name(n, (5 * n + 2) % len(SUBJECTS))}\n" for n in (2, 0, 4, 5, 7, 3))
    (out / "examples.txt").write_text(examples, encoding="utf-8")
    text = README.format(seed=seed, count=len(pairs), subjects=len(SUBJECTS), hands=len(HANDS))
    (out / "README.md").write_text(text, encoding="utf-8")
    logger.info("%d paintings, %.2f MB, %.0f s", len(pairs), size / 1e6, time.perf_counter() - started)


def main() -> None:
    """Read the command line and paint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("assets/paintings"), help="folder to paint into")
    parser.add_argument("--seed", type=int, default=7, help="the same seed paints the same pictures")
    parser.add_argument("--jobs", type=int, default=2, help="processes to paint with")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    draw_paintings(options.out, options.seed, options.jobs)


if __name__ == "__main__":
    main()
