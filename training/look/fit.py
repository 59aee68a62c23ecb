"""Fits the heads of the engine `look` on the trunk that `training.look.train` trained.

python -m training.look.fit --photos ../shared/data/clothing --shop ../shared/data/shop

The axes and what copies of a
photo share come from photos of clothes, as do the kinds; the metric comes from views of products of a shop, and the
figures that are logged for it are of products which it had not seen (five folds).
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from engines.look.network import KIND_DIM, PARTS, LookNetwork
from engines.runtime.margins import without_margins
from training.copies import Copying, copy_photo
from training.look.describe import describe, read
from training.look.heads import fit_kinds, fit_metric, fit_part
from training.squeezenet.photos import read_photos, split_photos

logger = logging.getLogger("look.fit")

COPIES = (Copying(mirror=0.5), Copying(degrees=0, quarter_turns=True))
REGIONS = ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 0.6), (0.0, 0.4, 1.0, 1.0), (0.2, 0.2, 0.8, 0.8))
"""Left, top, right, bottom in parts of the picture inside its margins: whole, upper, lower, middle."""


@dataclass(frozen=True)
class LookFit:
    """Every number of the fit; written into the metadata of the weights."""

    seed: int = 7
    side: int = 176
    photos: int = 1500
    copies_count: float = 0.4
    views_count: float = 0.2
    kind_share: float = 0.06
    shares: tuple[float, ...] = (0.25, 0.25, 0.0625, 0.36, 0.11)
    folds: int = 5


def cut(picture: Image.Image, region: tuple[float, float, float, float]) -> Image.Image:
    """Cut a region out of what lies inside the margins of an RGB picture."""
    left, top, right, bottom = without_margins(picture)
    width, height = right - left, bottom - top
    x0, y0, x1, y1 = region
    return picture.crop(
        (round(left + x0 * width), round(top + y0 * height), round(left + x1 * width), round(top + y1 * height))
    )


def fit_clothes(network: LookNetwork, photos: Path, recipe: LookFit) -> None:
    """Set the heads by the training photos of the Clothing Dataset; the held-out ones are not looked at."""
    known = read_photos(photos)
    generator = np.random.default_rng(recipe.seed)
    rows = generator.permutation(split_photos(known).train)
    clean = describe(network.trunk, (read(known.paths[row]) for row in rows), recipe.side)
    logger.info("described %d photos", len(rows))
    chosen = rows[: recipe.photos]
    copied = []
    for how in COPIES:
        pictures = (copy_photo(read(known.paths[row]), how, generator) for row in chosen)
        copied.append(describe(network.trunk, pictures, recipe.side))
        logger.info("described copies: %s", how)
    for name, size in PARTS.items():
        # Colours that light changed are still the garment's: of the copies' colours nothing is learnt.
        copies = np.stack([each[name] for each in copied], axis=1).astype(np.float32)
        share = 0.0 if name == "colour" else recipe.copies_count
        network.set_head(name, *fit_part(clean[name][: len(chosen)].astype(np.float32), copies, size, share))
    targets = known.targets()
    labelled = targets[rows] >= 0
    reads = [clean["kind"][labelled], *(each["kind"][labelled[: len(chosen)]] for each in copied)]
    classes = [targets[rows][labelled], *([targets[chosen][labelled[: len(chosen)]]] * len(copied))]
    kinds = fit_kinds(np.concatenate(reads).astype(np.float32), np.concatenate(classes), KIND_DIM)
    network.set_head("kind", *kinds)


def fit_shop(network: LookNetwork, shop: Path, recipe: LookFit) -> dict[str, dict[str, float]]:
    """Set the metric by views of a shop's products; return figures of products that were held out of the fit."""
    with open(shop / "metadata.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pictures = [read(shop / row["file_name"]) for row in rows]
    regions = [describe(network.trunk, (cut(each, region) for each in pictures), recipe.side) for region in REGIONS]
    tensors = [{name: torch.from_numpy(value) for name, value in each.items()} for each in regions]
    looks = np.stack([network.parts(each).numpy() for each in tensors], axis=1)
    kinds = np.stack([network.part("kind", each).numpy() for each in tensors], axis=1)
    products = np.array([row["product"] for row in rows])
    main = np.array([row["view"] == "main" for row in rows])
    asked = np.array([row["view"] in ("back", "alt1") for row in rows]) & np.isin(products, products[main])
    names = np.random.default_rng(recipe.seed).permutation(np.unique(products))
    report = {}
    for title, count in (("without the metric", 0.0), ("products held out", recipe.views_count)):
        scores = np.zeros((2, int(asked.sum()), int(main.sum())))
        for fold in range(recipe.folds):
            held = np.isin(products, names[fold :: recipe.folds])
            metric = fit_metric(looks[~held], products[~held], count)
            vectors = np.concatenate(
                [(1 - recipe.kind_share) ** 0.5 * _units(looks @ metric), recipe.kind_share**0.5 * kinds], axis=2
            )
            found = np.einsum("qd,gvd->qgv", vectors[asked, 0], vectors[main])
            here = held[asked]
            scores[0, here] = found[here][..., 0]
            scores[1, here] = np.sort(found[here], axis=2)[..., -2:].mean(axis=2)
        for which, each in zip(("whole", "four regions"), scores, strict=True):
            report[f"{title}, {which}"] = score(each, products[main] == products[asked][:, None])
    network.get_buffer("metric").copy_(torch.from_numpy(fit_metric(looks, products, recipe.views_count)))
    return report


def _units(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def score(similarity: np.ndarray, relevant: np.ndarray) -> dict[str, float]:
    """Return P@1, the share of queries with a right one in ten, and mAP of similarities (queries, gallery)."""
    order = np.argsort(-similarity, axis=1, kind="stable")
    hits = np.take_along_axis(relevant, order, axis=1)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    return {
        "p_at_1": float(hits[:, 0].mean()),
        "hit_at_10": float(hits[:, :10].any(axis=1).mean()),
        "map": float(((precision * hits).sum(axis=1) / hits.sum(axis=1)).mean()),
    }


def main() -> None:
    """Read the command line, fit, and write the weights as fp16 safetensors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="the Clothing Dataset")
    parser.add_argument("--trunk", type=Path, default=Path("index_cache/training/look_trunk.safetensors"))
    parser.add_argument("--shop", type=Path, help="photos of products in several views, with metadata.csv")
    parser.add_argument("--out", type=Path, default=Path("assets/weights/look_fashion.safetensors"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = LookFit()
    network = LookNetwork().eval().requires_grad_(False)
    network.trunk.load_state_dict({name: value.float() for name, value in load_file(options.trunk).items()})
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.get_buffer("shares").copy_(torch.tensor(recipe.shares) / sum(recipe.shares))
    network.get_buffer("kind_share").fill_(recipe.kind_share)
    fit_clothes(network, options.photos, recipe)
    about = {name: str(value) for name, value in asdict(recipe).items()} | {"data": "Clothing Dataset (CC0), training"}
    if options.shop:
        report = fit_shop(network, options.shop, recipe)
        logger.info("shop: %s", json.dumps(report, indent=2))
        about["held_out"] = json.dumps(report)
    save_file({name: value.half().contiguous() for name, value in network.state_dict().items()}, options.out, about)


if __name__ == "__main__":
    main()
