"""The sets of ../shared/data and of assets/, as the scoreboard measures them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from benchmarks.embedding_quality import COPIES, Copying, copy_photo
from benchmarks.scoreboard.bench import CHUNK, Bench, Figures, MeasuredSet, ranking
from benchmarks.shop_quality import SHOP
from retrieval.evaluation import measures
from retrieval.evaluation.consumer_to_shop import consumer_to_shop
from retrieval.evaluation.measures import Collection
from retrieval.evaluation.protocol import EvaluationProtocol
from training.squeezenet.photos import NOT_A_CLASS, TEN_CLASSES, Photos, read_photos, split_photos
from training.vae.fashion_mnist import Pictures, load

COPIED = 500
"""So many photos are copied and looked for, a seeded sample of those that training leaves out."""
ASKED, KNOWN = 1000, 5000
_SEED = 20261128
_LABELS = {"p_at_1": "P@1", "p_at_10": "P@10", "map": "mAP"}
_SHOP = {"p_at_1": "P@1", "hit_at_10": "one in ten", "map": "mAP"}
_FOUND = {"r_at_1": "R@1", "r_at_10": "R@10"}
_FIRST = {"top_1": "top-1", "top_10": "top-10", "top_20": "top-20"}
_CLOTHING = "Clothing Dataset"


def shop(bench: Bench) -> Figures:
    """Back and detail views ask for a shop's front views of the same product."""
    return ranking(measures.evaluate(bench.collection(f"folder:{bench.data / 'shop'}"), None, SHOP))


def pairs(bench: Bench) -> Figures:
    """Garments of drawn people's photos ask for the drawn shop's."""
    found = consumer_to_shop(bench.collection("sample"))
    return {name: float(found[name]) for name in ("queries", "gallery", *_FIRST)}


def classes(wanted: Sequence[str] | None, seen: bool) -> Callable[[Bench], Figures]:
    """Return what measures photos that training leaves out, of some classes, of `seen` senders too or of new alone."""

    def measure(bench: Bench) -> Figures:
        photos, held = _clothing(bench)
        split = split_photos(photos)
        rows = np.concatenate([split.unseen_senders, split.seen_senders]) if seen else split.unseen_senders
        labels = photos.labels[rows]
        kept = np.isin(labels, list(wanted)) if wanted else ~np.isin(labels, list(NOT_A_CLASS))
        return ranking(measures.evaluate(held.part(np.sort(rows[kept])), None, EvaluationProtocol()))

    return measure


def copies(how: Copying) -> Callable[[Bench], Figures]:
    """Return what looks for photos, among all that have a class, by distorted copies of them."""

    def measure(bench: Bench) -> Figures:
        photos, held = _clothing(bench)
        split = split_photos(photos)
        real = ~np.isin(photos.labels, list(NOT_A_CLASS))
        left_out = np.sort(np.concatenate([split.unseen_senders, split.seen_senders]))
        left_out = left_out[real[left_out]]
        generator = np.random.default_rng(_SEED)
        asked = np.sort(generator.permutation(left_out)[:COPIED])
        gallery = np.flatnonzero(real)
        found = []
        for start in range(0, len(asked), CHUNK):
            images = [Image.open(photos.paths[row]).convert("RGB") for row in asked[start : start + CHUNK]]
            found.append(bench.encoder.encode_images([copy_photo(image, how, generator) for image in images]))
        scores = held.part(gallery).scores(np.concatenate(found))
        own = scores[np.arange(len(asked)), np.searchsorted(gallery, asked)]
        ranks = (scores > own[:, None]).sum(axis=1)
        recall = {f"r_at_{k}": float((ranks < k).mean()) for k in (1, 10)}
        return {"queries": float(len(asked)), "gallery": float(len(gallery)), **recall}

    return measure


def paintings(bench: Bench) -> Figures:
    """Thirty-two paintings of two styles, named in their files, each asks the others."""
    held = bench.collection(f"folder:{bench.data / 'images-by-style'}")
    styles = [match.group(1) if (match := re.search(r"s_([a-z]+)-", name)) else "" for name in held.ids]
    labelled = replace(held, attributes=[{"label": style} for style in styles])
    return ranking(measures.evaluate(labelled, None, EvaluationProtocol()))


def wikiart(bench: Bench) -> Figures:
    """Seven styles of a hundred paintings, none of them taught to any weights."""
    held = bench.collection(f"folder:{bench.data / 'wikiart7-sample'}")
    return ranking(measures.evaluate(held, None, EvaluationProtocol()))


def fashion_mnist(bench: Bench) -> Figures:
    """Held-out pictures of Fashion-MNIST ask some of those that latent spaces are trained on."""
    train, held_out = load(bench.data / "fashion-mnist")
    generator = np.random.default_rng(_SEED)
    known, asked = (
        _garments(bench, part.take(generator.permutation(len(part))[:count]))
        for part, count in ((train, KNOWN), (held_out, ASKED))
    )
    figures = ranking(measures.evaluate(known, asked, EvaluationProtocol()))
    return figures | {"knn_accuracy": measures.knn_accuracy(known, asked, EvaluationProtocol())}


def _garments(bench: Bench, pictures: Pictures) -> Collection:
    images = [Image.fromarray(pixels).convert("RGB") for pixels in pictures.pixels]
    return bench.encoded(images, [str(label) for label in pictures.labels])


def _clothing(bench: Bench) -> tuple[Photos, Collection]:
    """Return the photos of the Clothing Dataset and their vectors in the same order."""
    photos = read_photos(bench.data / "clothing")
    held = bench.collection(f"folder:{bench.data / 'clothing'}")
    places = {item_id.rpartition("/")[2]: row for row, item_id in enumerate(held.ids)}
    return photos, held.part([places[path.name] for path in photos.paths])


SETS = (
    MeasuredSet(
        "shop", "A shop's products by other views",
        "Studio photos of 86 sports garments, worn: back and detail views ask for front views of the same product "
        "(`../shared/data/shop`). They chose between ways of training; the last step of † was fitted on them, and the "
        "model card (assets/weights/README.md) has its figures with the products held out.",
        _SHOP, shop, "sample shop",
    ),
    MeasuredSet(
        "clothing-10", "Ten classes of clothes",
        "Photos of the Clothing Dataset that the training's own split leaves out, leave one out.",
        _LABELS, classes(TEN_CLASSES, seen=True), _CLOTHING,
    ),
    MeasuredSet(
        "clothing-17", "Seventeen classes, unseen senders",
        "The same, only photos of people whose other photos the split leaves out too.",
        _LABELS, classes(None, seen=False), _CLOTHING,
    ),
    MeasuredSet(
        "copies", "Cropped, turned, recoloured copies",
        f"{COPIED} copies, half of them mirrored, are looked for among all photos that have a class.",
        _FOUND, copies(COPIES["the same, often mirrored, white corners"]), _CLOTHING,
    ),
    MeasuredSet(
        "quarter-turns", "Copies turned by a quarter or a half",
        "The same with copies that stand on their side or their head.",
        _FOUND, copies(COPIES["turned by a quarter or a half"]), _CLOTHING,
    ),
    MeasuredSet(
        "pairs", "Drawn consumers' garments in the drawn shop",
        "The sample that ships: consumer-to-shop retrieval as DeepFashion2 measures it, on drawings. Weights have seen "
        "drawings of the same kind.",
        _FIRST, pairs,
    ),
    MeasuredSet(
        "paintings-32", "Thirty-two paintings in two styles",
        "The paintings of the TensorHouse notebook, leave one out.", _LABELS, paintings,
    ),
    MeasuredSet(
        "wikiart-7", "Seven styles of painting",
        "A hundred paintings of each of seven styles, leave one out.", _LABELS, wikiart,
    ),
    MeasuredSet(
        "fashion-mnist", "Fashion-MNIST",
        f"{ASKED:,} held-out pictures ask {KNOWN:,} of those that are trained on.",
        {"p_at_10": "P@10", "knn_accuracy": "10-NN accuracy", "map": "mAP"}, fashion_mnist, "Fashion-MNIST",
    ),
)  # fmt: skip
