"""Fits the heads of the engine `look` on the trunk that `training.look.train` trained.

python -m training.look.fit --photos ../shared/data/clothing --shop ../shared/data/shop

The axes, what copies of a photo share, and the kinds come from photos of clothes. The metric comes from views of
products of a shop and from photos of one kind; to the kinds those views and our drawings are what is unlike the photos
they were learnt from, since a back or a detail is too often taken for another kind. The figures that are logged are of
products which none of that had seen (five folds), and of photos that training leaves out.
What the trunk says of the pictures is kept in `--work`, so that a second fit takes a minute.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from engines.look.network import KIND_DIM, PARTS, LookNetwork, Trunk
from engines.runtime.margins import without_margins
from training.copies import Copying, copy_photo
from training.look.describe import Features, describe, read
from training.look.heads import fit_kinds, fit_part, inverse_root, scatter_within
from training.squeezenet.photos import NOT_A_CLASS, TEN_CLASSES, read_photos, split_photos

logger = logging.getLogger("look.fit")

COPIES = {
    "turned": Copying(mirror=0.5),
    "quarter": Copying(degrees=0, quarter_turns=True),
}
REGIONS = ((0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 1.0, 0.6), (0.0, 0.4, 1.0, 1.0), (0.2, 0.2, 0.8, 0.8))
"""Left, top, right, bottom in parts of the picture inside its margins: whole, upper, lower, middle."""


@dataclass(frozen=True)
class LookFit:
    """Every number of the fit; written into the metadata of the weights."""

    seed: int = 7
    copies_seed: int = 55
    side: int = 176
    photos: int = 1500
    copies_count: float = 0.25
    scatter_count: float = 0.3
    kinds_scatter: float = 0.1
    kind_decay: float = 0.01
    temperature: float = 2.0
    kind_share: float = 0.6
    shares: tuple[float, ...] = (0.25, 0.25, 0.0625, 0.36, 0.11)
    folds: int = 5


class Describer:
    """Describes sets of pictures once, and keeps what it found in a folder."""

    def __init__(self, trunk: Trunk, folder: Path, side: int) -> None:
        """Describe with `trunk`, at `side`; the folder is of this trunk alone."""
        self.trunk, self.folder, self.side = trunk, folder, side

    def __call__(self, name: str, pictures: Iterable[Image.Image]) -> Features:
        """Return what the heads read of pictures, or what was kept of the set called `name`."""
        path = self.folder / f"{name}.npz"
        if not path.exists():
            found = describe(self.trunk, pictures, self.side)
            self.folder.mkdir(parents=True, exist_ok=True)
            with open(path.with_suffix(".partial"), "wb") as file:
                np.savez(file, **found)  # type: ignore[arg-type]
            path.with_suffix(".partial").rename(path)
        with np.load(path) as kept:
            logger.info("%s: %d pictures", name, len(kept["top"]))
            return {each: kept[each] for each in kept.files}


@dataclass(frozen=True)
class Clothes:
    """What the trunk says of the training photos, of copies of them, and of photos that training leaves out."""

    train: Features
    copies: list[Features]
    targets: np.ndarray
    held_out: Features
    labels: np.ndarray
    unseen: np.ndarray

    @classmethod
    def of(cls, folder: Path, describer: Describer, recipe: LookFit) -> Clothes:
        """Describe the photos of the Clothing Dataset in `folder`."""
        known = read_photos(folder)
        split = split_photos(known)
        held_out = np.concatenate([split.unseen_senders, split.seen_senders])
        copies = []
        for number, (name, how) in enumerate(COPIES.items()):
            generator = np.random.default_rng(recipe.copies_seed + number)
            pictures = (copy_photo(read(known.paths[row]), how, generator) for row in split.train)
            copies.append(describer(name, pictures))
        return cls(
            describer("train", (read(known.paths[row]) for row in split.train)),
            copies,
            known.targets()[split.train],
            describer("held-out", (read(known.paths[row]) for row in held_out)),
            known.labels[held_out],
            np.isin(held_out, split.unseen_senders),
        )


@dataclass(frozen=True)
class Shop:
    """What the trunk says of four regions of every picture of a shop, and what the pictures show."""

    regions: list[Features]
    products: np.ndarray
    main: np.ndarray
    asked: np.ndarray

    @classmethod
    def of(cls, folder: Path, describer: Describer) -> Shop:
        """Describe the pictures that `folder`/metadata.csv lists."""
        with open(folder / "metadata.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        pictures = [read(folder / row["file_name"]) for row in rows]
        regions = [
            describer(f"shop-{number}", (cut(each, region) for each in pictures))
            for number, region in enumerate(REGIONS)
        ]
        products = np.array([row["product"] for row in rows])
        main = np.array([row["view"] == "main" for row in rows])
        asked = np.array([row["view"] in ("back", "alt1") for row in rows]) & np.isin(products, products[main])
        return cls(regions, products, main, asked)


def cut(picture: Image.Image, region: tuple[float, float, float, float]) -> Image.Image:
    """Cut a region out of what lies inside the margins of an RGB picture."""
    left, top, right, bottom = without_margins(picture)
    width, height = right - left, bottom - top
    x0, y0, x1, y1 = region
    return picture.crop(
        (round(left + x0 * width), round(top + y0 * height), round(left + x1 * width), round(top + y1 * height))
    )


def fit_parts(network: LookNetwork, clothes: Clothes, recipe: LookFit) -> None:
    """Set the heads of the look by training photos and their copies."""
    chosen = np.random.default_rng(recipe.seed).permutation(len(clothes.targets))[: recipe.photos]
    for name, size in PARTS.items():
        # Colours that light changed are still the garment's: of the copies' colours nothing is learnt.
        copies = np.stack([each[name][chosen] for each in clothes.copies], axis=1).astype(np.float32)
        share = 0.0 if name == "colour" else recipe.copies_count
        network.set_head(name, *fit_part(clothes.train[name][chosen].astype(np.float32), copies, size, share))


class Fitter:
    """Sets metric and kinds of a network whose parts are fitted, with a shop's products or without some of them."""

    def __init__(self, network: LookNetwork, clothes: Clothes, unlike: list[Features], recipe: LookFit) -> None:
        """Take what does not depend on the shop from the clothes; `unlike` are no photos of clothes."""
        self.network, self.recipe = network, recipe
        labelled = clothes.targets >= 0
        seen = [clothes.train, *clothes.copies]
        self.inputs = np.concatenate([each["kind"][labelled] for each in seen]).astype(np.float32)
        self.targets = np.tile(clothes.targets[labelled], len(seen))
        self.unlike = [each["kind"] for each in unlike]
        self.scatter = scatter_within(looks(network, clothes.train)[labelled], clothes.targets[labelled])

    def fit(self, shop: Shop | None, kept: np.ndarray) -> None:
        """Fit with the pictures `kept`, bool (n,), of the shop."""
        unlike, scatter = list(self.unlike), self.scatter
        if shop is not None:
            unlike += [each["kind"][kept] for each in shop.regions]
            views = np.concatenate([looks(self.network, each)[kept] for each in shop.regions])
            of_products = scatter_within(views, np.tile(shop.products[kept], len(shop.regions)))
            share = self.recipe.kinds_scatter
            scatter = (1 - share) * of_products + share * self.scatter
        none = np.concatenate(unlike).astype(np.float32)
        kinds = fit_kinds(
            np.concatenate([self.inputs, none]),
            np.concatenate([self.targets, np.full(len(none), KIND_DIM)]),
            self.recipe.kind_decay,
            self.recipe.temperature,
        )
        metric = inverse_root(scatter, self.recipe.scatter_count)
        for name, value in (("metric", metric), ("kind_weights", kinds[0]), ("kind_biases", kinds[1])):
            self.network.get_buffer(name).copy_(torch.from_numpy(value.astype(np.float32)))


def tensors(found: Features) -> dict[str, torch.Tensor]:
    """Return what the heads read as torch has it."""
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in found.items()}


def looks(network: LookNetwork, found: Features) -> np.ndarray:
    """Return the parts of the look, float32 (n, LOOK_DIM), before the metric."""
    return network.parts(tensors(found)).numpy()


def shop_figures(fitter: Fitter, shop: Shop, recipe: LookFit) -> dict[str, dict[str, float]]:
    """Return figures of a shop's products, each held out of one of the fits."""
    names = np.random.default_rng(recipe.seed).permutation(np.unique(shop.products))
    scores = np.zeros((2, int(shop.asked.sum()), int(shop.main.sum())))
    for fold in range(recipe.folds):
        held = np.isin(shop.products, names[fold :: recipe.folds])
        fitter.fit(shop, ~held)
        vectors = np.stack([fitter.network.join(tensors(each)).numpy() for each in shop.regions], axis=1)
        here = held[shop.asked]
        found = np.einsum("qd,gvd->qgv", vectors[shop.asked, 0][here], vectors[shop.main])
        scores[0, here] = found[..., 0]
        scores[1, here] = np.sort(found, axis=2)[..., -2:].mean(axis=2)
    right = shop.products[shop.main] == shop.products[shop.asked][:, None]
    return {f"shop, {which}": score(each, right) for which, each in zip(("whole", "regions"), scores, strict=True)}


def clothes_figures(network: LookNetwork, clothes: Clothes) -> dict[str, dict[str, float]]:
    """Return figures of photos that training leaves out: each asks the others for its class."""
    vectors = network.join(tensors(clothes.held_out)).numpy()
    sets = {
        "ten classes": np.isin(clothes.labels, TEN_CLASSES),
        "unseen senders": clothes.unseen & ~np.isin(clothes.labels, list(NOT_A_CLASS)),
    }
    report = {}
    for title, kept in sets.items():
        rows, labels = vectors[kept], clothes.labels[kept]
        right = labels == labels[:, None]
        np.fill_diagonal(right, False)
        scores = rows @ rows.T
        np.fill_diagonal(scores, -2)
        asking = right.any(axis=1)
        report[title] = score(scores[asking], right[asking])
    return report


def score(similarity: np.ndarray, relevant: np.ndarray) -> dict[str, float]:
    """Return P@1, P@10, the share of queries with a right one in ten, and mAP of similarities (queries, gallery)."""
    order = np.argsort(-similarity, axis=1, kind="stable")
    hits = np.take_along_axis(relevant, order, axis=1)
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    return {
        "p_at_1": float(hits[:, 0].mean()),
        "p_at_10": float(hits[:, :10].mean()),
        "hit_at_10": float(hits[:, :10].any(axis=1).mean()),
        "map": float(((precision * hits).sum(axis=1) / hits.sum(axis=1)).mean()),
    }


def main() -> None:
    """Read the command line, fit, and write the weights as fp16 safetensors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="the Clothing Dataset")
    parser.add_argument("--trunk", type=Path, default=Path("index_cache/training/look_trunk.safetensors"))
    parser.add_argument("--shop", type=Path, help="photos of products in several views, with metadata.csv")
    parser.add_argument(
        "--drawings", type=Path, default=Path("assets/sample/image"), help="pictures that are no photos"
    )
    parser.add_argument("--work", type=Path, default=Path("index_cache/training/look"), help="what the trunk says")
    parser.add_argument("--out", type=Path, default=Path("assets/weights/look_fashion.safetensors"))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    recipe = LookFit()
    network = LookNetwork().eval().requires_grad_(False)
    network.trunk.load_state_dict({name: value.float() for name, value in load_file(options.trunk).items()})
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.get_buffer("shares").copy_(torch.tensor(recipe.shares) / sum(recipe.shares))
    network.get_buffer("kind_share").fill_(recipe.kind_share)
    describer = Describer(network.trunk, options.work, recipe.side)
    clothes = Clothes.of(options.photos, describer, recipe)
    shop = Shop.of(options.shop, describer) if options.shop else None
    drawings = describer("drawings", (read(path) for path in sorted(options.drawings.glob("*.jpg"))))
    fit_parts(network, clothes, recipe)
    fitter = Fitter(network, clothes, [drawings], recipe)
    report = shop_figures(fitter, shop, recipe) if shop else {}
    fitter.fit(shop, np.ones(len(shop.products) if shop else 0, bool))
    report |= clothes_figures(network, clothes)
    logger.info("held out: %s", json.dumps(report, indent=2))
    about = {name: str(value) for name, value in asdict(recipe).items()} | {"held_out": json.dumps(report)}
    save_file({name: value.half().contiguous() for name, value in network.state_dict().items()}, options.out, about)


if __name__ == "__main__":
    main()
