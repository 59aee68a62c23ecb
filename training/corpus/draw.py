"""Draws the sample corpus in DeepFashion2's layout, and the paintings beside it.

`python -m training.corpus.draw --out assets/sample --seed 7`
"""

import argparse
import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from training.corpus.garments import Garment, garments
from training.corpus.paths import Points, area, as_points, clip_to_frame, simplified
from training.corpus.pictures import (
    Laid,
    Picture,
    consumer_picture,
    consumer_scene,
    is_bottom,
    outfit_picture,
    shop_picture,
    shop_scene,
)
from training.corpus.place import HEIGHT, WIDTH
from training.corpus.scenes import Scene
from training.paintings.draw import draw_paintings

logger = logging.getLogger(__name__)

OUTFITS = 16
"""Tops paired with a bottom: they share a pair_id, and one more consumer picture shows them together."""
QUALITY = {"shop": 68, "user": 63}
"""JPEG quality by source, for a corpus under 6 MB."""
LANDMARKS = (25, 33, 31, 39, 15, 15, 10, 14, 8, 29, 37, 19, 19)
"""How many landmarks DeepFashion2 gives each category."""
EXAMPLES = ("denim", "floral", "striped", "checked", "knitted", "plain")
"""One example query for each of these patterns, each of another category and colour."""

README = """# Sample fashion corpus

Drawn, not photographed: `python -m training.corpus.draw --out assets/sample --seed {seed}` draws every picture.
{garments} garments in DeepFashion2's 13 categories, {pictures} pictures ({shop} shop, {user} consumer). Licence: CC0.
Layout is DeepFashion2's: `image/NNNNNN.jpg` and `annos/NNNNNN.json` (boxes, polygons, `pair_id`, `style`, `source`);
each item also has our own `colour`, `pattern` and, where they apply, `neckline` and `length`. Two items are the same
garment when `pair_id` and `style` are equal. Landmarks lie evenly along the outline. `examples.txt`: six queries.
"""


@dataclass(frozen=True)
class Model:
    """A garment's identity in the corpus."""

    garment: Garment
    pair_id: int
    style: int


@dataclass(frozen=True)
class Shot:
    """One picture to take: who is in it, shop or user, which scene in turn, and its own seed."""

    number: int
    models: tuple[Model, ...]
    source: str
    scene: int
    seed: int


def identities(everything: Sequence[Garment], rng: np.random.Generator) -> list[tuple[Model, ...]]:
    """Give each garment a pair_id, in a shuffled order; an outfit's two garments share one and differ in style."""
    tops = [g for g in everything if g.cut.category in (1, 2, 5, 6) and g.cut.length <= 62]
    bottoms = [g for g in everything if is_bottom(g)]
    top_order, bottom_order = rng.permutation(len(tops))[:OUTFITS], rng.permutation(len(bottoms))[:OUTFITS]
    groups: list[tuple[Garment, ...]] = [(tops[i], bottoms[j]) for i, j in zip(top_order, bottom_order, strict=True)]
    taken = {g.number for group in groups for g in group}
    groups += [(g,) for g in everything if g.number not in taken]
    order = rng.permutation(len(groups))
    return [
        tuple(Model(garment, pair_id, style) for style, garment in enumerate(groups[i], start=1))
        for pair_id, i in enumerate(order, start=1)
    ]


def shots(groups: Sequence[tuple[Model, ...]], seed: int) -> list[Shot]:
    """List every picture: each garment in the shop and at a consumer's, each outfit once more as a whole."""
    listed: list[Shot] = []

    def add(models: tuple[Model, ...], source: str, scene: int) -> None:
        number = len(listed) + 1
        listed.append(Shot(number, models, source, scene, seed * 100_003 + number))

    turn = 0
    for group in groups:
        for model in group:
            add((model,), "shop", turn)
            add((model,), "user", turn)
            turn += 1
        if len(group) > 1:
            add(group, "user", turn)
    return listed


def take(shot: Shot, seed: int) -> Picture:
    """Draw one picture."""
    print_seeds = [seed * 1_009 + model.garment.number for model in shot.models]
    if len(shot.models) > 1:
        pair = (shot.models[0].garment, shot.models[1].garment)
        return outfit_picture(pair, flat_scene(shot.scene), shot.seed, (print_seeds[0], print_seeds[1]))
    garment = shot.models[0].garment
    if shot.source == "shop":
        return shop_picture(garment, shop_scene(shot.scene), shot.seed, print_seeds[0])
    return consumer_picture(garment, consumer_scene(shot.scene), shot.seed, print_seeds[0])


def flat_scene(number: int) -> Scene:
    """Return the next consumer scene, from a number on, where things lie flat."""
    return next(scene for k in range(number, number + 99) if (scene := consumer_scene(k)).held == "flat")


def hidden_share(shape: Points, covers: Sequence[Points]) -> float:
    """Return the share of a shape inside the picture that lies under the covers."""
    canvas = Image.new("L", (WIDTH, HEIGHT))
    ImageDraw.Draw(canvas).polygon([tuple(p) for p in shape], fill=1)
    mine = np.asarray(canvas).astype(bool)
    draw = ImageDraw.Draw(canvas)
    for cover in covers:
        draw.polygon([tuple(p) for p in cover], fill=0)
    return 1.0 - float(np.asarray(canvas)[mine].sum()) / max(1, int(mine.sum()))


def grade(value: float, second: float, third: float) -> int:
    """Return 1, 2 or 3: below `second`, below `third`, or above."""
    return 1 if value < second else 2 if value < third else 3


def landmarks(laid: Laid, covers: Sequence[Points]) -> list[int]:
    """Return x, y, v for points evenly spaced along the outline: v 2 seen, 1 covered, 0 out of the picture."""
    outline = np.vstack([laid.outline, laid.outline[:1]])
    at = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(outline, axis=0).T))])
    count = LANDMARKS[laid.garment.cut.category - 1]
    stops = np.linspace(0, at[-1], count, endpoint=False)
    listed: list[int] = []
    for stop in stops:
        x, y = (float(np.interp(stop, at, outline[:, axis])) for axis in (0, 1))
        if not (0 <= x < WIDTH and 0 <= y < HEIGHT):
            listed += [0, 0, 0]
            continue
        dot = as_points([(x - 1, y - 1), (x + 1, y - 1), (x + 1, y + 1), (x - 1, y + 1)])
        listed += [round(x), round(y), 1 if hidden_share(dot, covers) > 0.5 else 2]
    return listed


def annotate(laid: Laid, model: Model, picture: Picture) -> dict[str, object]:
    """Return one item in DeepFashion2's words, with our own attributes after them."""
    seen = clip_to_frame(laid.outline, WIDTH, HEIGHT)
    x1, y1 = np.floor(seen.min(axis=0)).astype(int).tolist()
    x2, y2 = np.ceil(seen.max(axis=0)).astype(int).tolist()
    polygon = np.round(simplified(np.vstack([seen, seen[:1]]), 1.1)[:-1]).astype(int)
    return {
        "bounding_box": [x1, y1, x2, y2],
        "category_id": model.garment.cut.category,
        "category_name": model.garment.category_name,
        "style": model.style,
        "scale": grade(area(seen) / (WIDTH * HEIGHT), 0.12, 0.35),
        "occlusion": grade(hidden_share(seen, picture.covers), 0.02, 0.25),
        "zoom_in": grade(1 - area(seen) / area(laid.outline), 0.02, 0.25),
        "viewpoint": 2 if picture.scene.held in ("ghost", "form") else 1,
        "landmarks": landmarks(laid, picture.covers),
        "segmentation": [polygon.ravel().tolist()],
        **model.garment.attributes(),
    }


def write_shot(shot: Shot, out: Path, seed: int) -> int:
    """Draw, annotate and write one picture; return its bytes."""
    picture = take(shot, seed)
    path = out / "image" / f"{shot.number:06d}.jpg"
    picture.image.save(path, quality=QUALITY[shot.source], optimize=True, progressive=True)
    note: dict[str, object] = {"source": shot.source, "pair_id": shot.models[0].pair_id}
    for place, (laid, model) in enumerate(zip(picture.laid, shot.models, strict=True), start=1):
        note[f"item{place}"] = annotate(laid, model, picture)
    text = json.dumps(note, separators=(",", ":"))
    (out / "annos" / f"{shot.number:06d}.json").write_text(text + "\n", encoding="utf-8")
    return path.stat().st_size + len(text) + 1


def example_shots(listed: Sequence[Shot], out: Path) -> list[Shot]:
    """Choose the example queries: whole, uncovered consumer pictures that differ in category, colour and pattern."""
    chosen: list[Shot] = []
    used: set[object] = set()
    for pattern in EXAMPLES:
        for shot in listed:
            if shot.source != "user" or len(shot.models) > 1:
                continue
            note = json.loads((out / "annos" / f"{shot.number:06d}.json").read_text(encoding="utf-8"))["item1"]
            whole = note["occlusion"] == note["zoom_in"] == 1 and note["scale"] > 1
            fresh = not used & {note["category_name"], note["colour"], consumer_scene(shot.scene).stage}
            if whole and fresh and note["pattern"] == pattern:
                chosen.append(shot)
                used |= {note["category_name"], note["colour"], consumer_scene(shot.scene).stage}
                break
    return chosen


def draw_corpus(out: Path, seed: int, jobs: int) -> None:
    """Draw the whole corpus into `out`, replacing the pictures and annotations there."""
    started = time.perf_counter()
    for name in ("image", "annos"):
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir(parents=True)
    listed = shots(identities(garments(), np.random.default_rng(seed)), seed)
    work: Callable[[Shot], int] = partial(write_shot, out=out, seed=seed)
    with ProcessPoolExecutor(jobs) as pool:
        size = sum(pool.map(work, listed, chunksize=8))
    examples = example_shots(listed, out)
    (out / "examples.txt").write_text("".join(f"{s.number:06d}/item1\n" for s in examples), encoding="utf-8")
    shop = sum(shot.source == "shop" for shot in listed)
    text = README.format(seed=seed, garments=len(garments()), pictures=len(listed), shop=shop, user=len(listed) - shop)
    (out / "README.md").write_text(text, encoding="utf-8")
    logger.info("%d pictures, %.2f MB, %.0f s", len(listed), size / 1e6, time.perf_counter() - started)


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("assets/sample"), help="folder to draw into")
    parser.add_argument("--seed", type=int, default=7, help="the same seed draws the same corpus")
    parser.add_argument("--jobs", type=int, default=2, help="processes to draw with")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    draw_corpus(options.out, options.seed, options.jobs)
    draw_paintings(options.out.with_name("paintings"), options.seed, options.jobs)


if __name__ == "__main__":
    main()
