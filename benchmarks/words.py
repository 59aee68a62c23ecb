"""How well words find garments, by pictures alone and with a shop's table: share right by colour and kind of the first.

python -m benchmarks.words --shop ../shared/data/shop

    python -m benchmarks.words --shop ../shared/data/shop --times 12

A question joins a colour and a kind of the shop's own columns, in plain words ("gray" Tanks: "grey tank top"); one is
asked where at least `--first` pictures are right. With pictures alone the files have names that say nothing. With
`--times` the speed is measured over as many pictures as the shop has, so many times, all known under other names. JSON.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from retrieval.core import Item
from retrieval.words import question
from retrieval.words.answer import Pictures, Scope
from retrieval.words.table import Looked, WordTable
from services import Services
from settings import Settings

KINDS = {
    "Hoodies & Sweatshirts": "hoodie", "Jackets": "jacket", "Pants": "pants", "Shorts": "shorts", "Tees": "t-shirt",
    "Tanks": "tank top", "Bras & Tanks": "tank top",
}  # fmt: skip
COLOURS = {"gray": "grey"}
QUESTIONS = (
    "blue jacket", "striped hoodie under 60", "black tank top, no stripes", "fleece", "women's yoga pants",
    "navy:0.5 shorts, cotton", '"full zip"', "jack*",
)  # fmt: skip
_REPEATED = 5


def main() -> None:
    """Measure the shop's main views both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shop", type=Path, required=True)
    parser.add_argument("--first", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--times", type=int, default=0)
    given = parser.parse_args()
    with (given.shop / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["view"] == "main" and row["category"] in KINDS]
    order = np.random.default_rng(given.seed).permutation(len(rows))
    rows = [rows[number] for number in order]
    with tempfile.TemporaryDirectory() as place:
        for way in ("pictures", "table"):
            folder = Path(place) / way
            names = copied(given.shop, rows, folder, way == "table")
            print_line({"way": way, **measured(folder, Path(place) / "cache", names, given.first)})
        if given.times:
            print_line({"way": "speed", **timed(Path(place), given.times)})


def copied(shop: Path, rows: list[dict[str, str]], folder: Path, table: bool) -> dict[str, tuple[str, str]]:
    """Copy the pictures under numbers, with the shop's table if wanted; return name -> its colour and kind in words."""
    folder.mkdir()
    names = {}
    for number, row in enumerate(rows):
        name = f"{number:04}.jpg"
        shutil.copyfile(shop / row["file_name"], folder / name)
        names[name] = COLOURS.get(row["colour"], row["colour"]), KINDS[row["category"]]
    if table:
        with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, "file_name": f"{number:04}.jpg"} for number, row in enumerate(rows))
    return names


def measured(folder: Path, cache: Path, names: dict[str, tuple[str, str]], first: int) -> dict[str, object]:
    """Ask every colour and kind that enough pictures have; return the shares that are right of the first answers."""
    services = Services(replace(Settings.from_environment(), index_cache=cache), [f"folder:{folder}"])
    key = services.catalogs.key(f"folder:{folder}")
    started = time.perf_counter()
    services.words.prepare(key)
    looking = time.perf_counter() - started
    shares: list[float] = []
    chances: list[float] = []
    spent: list[float] = []
    by_kind: dict[str, list[float]] = {}
    for (colour, kind), count in sorted(Counter(names.values()).items()):
        if count < first:
            continue
        begun = time.perf_counter()
        found = services.words.search(key, f"{colour} {kind}", Scope(first)).found
        spent.append(time.perf_counter() - begun)
        right = sum(names[each.id] == (colour, kind) for each in found) / first
        shares.append(right)
        chances.append(count / len(names))
        by_kind.setdefault(kind, []).append(right)
    return {
        "pictures": len(names),
        "questions": len(shares),
        "right": round(float(np.mean(shares)), 3),
        "chance": round(float(np.mean(chances)), 3),
        "by_kind": {kind: round(float(np.mean(each)), 2) for kind, each in by_kind.items()},
        "ms_median": round(1000 * float(np.median(spent)), 1),
        "seconds_looking": round(looking, 1),
    }


def timed(place: Path, times: int) -> dict[str, object]:
    """Ask QUESTIONS over what is known of the last folder's pictures, `times` times; return milliseconds, warm."""
    (made,) = [path.parent for path in (place / "cache").glob("*/words.sqlite") if "table" in path.parent.name]
    known = WordTable(made)
    described = known.described([row for row, _, _ in known.rows()])
    many = WordTable(place / "many")
    started = time.perf_counter()
    many.update(
        Item(f"{number}/{item_id}", attributes) for number in range(times) for item_id, attributes in described.values()
    )
    writing = time.perf_counter() - started
    seen = [seen for _, _, seen in known.rows()] * times
    many.note_seen("benchmark", [Looked(row, "", each) for (row, _, _), each in zip(many.rows(), seen, strict=True)])
    pictures = Pictures(many)
    spent = []
    for text in QUESTIONS:
        pictures.answer(question.read(text), Scope(24))
        begun = time.perf_counter()
        for _ in range(_REPEATED):
            pictures.answer(question.read(text), Scope(24))
        spent.append(1000 * (time.perf_counter() - begun) / _REPEATED)
    return {
        "pictures": len(pictures),
        "ms_median": round(float(np.median(spent)), 1),
        "ms_most": round(max(spent), 1),
        "rows_a_second": round(len(pictures) / writing),
    }


def print_line(value: dict[str, object]) -> None:
    """Print one line of JSON at once."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
