"""What a garment is, and kinds of one's own, on the real command line with the real weights."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

import engines
from tests.conftest import CLOTHING
from tests.e2e.test_cli import answer, cli

KINDS = ("Dress", "Pants", "Shoes")
TAUGHT, ASKED = 10, 3
pytestmark = [
    pytest.mark.skipif(not CLOTHING.is_dir(), reason="the Clothing Dataset is not in ../shared"),
    pytest.mark.skipif(
        engines.missing(engines.spec("product", "fashion")) is not None, reason="our product weights are not here"
    ),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a place with two folders of photos, shop/ and asked/, that have a folder for each of three kinds."""
    root = tmp_path_factory.mktemp("product")
    counts = dict.fromkeys(KINDS, 0)
    with (CLOTHING / "images.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            kind = row["label"]
            if counts.get(kind, TAUGHT + ASKED) < TAUGHT + ASKED:
                folder = root / ("shop" if counts[kind] < TAUGHT else "asked") / kind
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(CLOTHING / "images" / f"{row['image']}.jpg", folder)
                counts[kind] += 1
    return root


def test_one_photo_is_one_line_of_json(place: Path) -> None:
    photo = min((place / "shop" / "Shoes").iterdir())
    told = answer(place, "classify", "--image", photo)
    assert list(told) == ["id", "label", "confidence", "sure", "probabilities", "colours", "pattern"]
    assert (told["id"], told["label"]) == (str(photo), "Shoes")
    assert told["confidence"] == max(told["probabilities"].values()) == told["probabilities"]["Shoes"]
    assert len(told["probabilities"]) == 17
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert sum(colour["share"] for colour in told["colours"]) == pytest.approx(1)


def test_a_catalogue_is_a_line_for_each_picture_and_says_what_it_skipped(place: Path) -> None:
    (place / "asked" / "Dress" / "notes.jpg").write_text("no picture")
    done = cli(place, "classify", "--catalog", f"folder:{place / 'asked'}", "--jsonl")
    document = cli(place, "classify", "--catalog", f"folder:{place / 'asked'}", "--json")
    (place / "asked" / "Dress" / "notes.jpg").unlink()
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert json.loads(document.stdout) == lines
    assert len(lines) == len(KINDS) * ASKED
    assert sum(line["id"].split("/")[0] == line["label"] for line in lines) >= len(lines) - 2
    assert "skipped Dress/notes.jpg" in done.stderr


def test_kinds_of_ones_own_are_taught_searched_by_and_measured(place: Path) -> None:
    shop = f"folder:{place / 'shop'}"
    done = cli(place, "train", "product", "--catalog", shop, "--out", "My kinds", "--epochs", 3, "--json")
    assert done.returncode == 0, done.stderr
    trained = json.loads(done.stdout)
    assert (trained["weights"], trained["classes"]) == ("my-kinds", list(KINDS))
    assert trained["bytes"] < 10_000_000
    told = [line.split(":")[0] for line in done.stderr.splitlines() if line.startswith("epoch")]
    assert told == [f"epoch {n} of 3" for n in (1, 2, 3)]
    model = ("--engine", "product", "--weights", "my-kinds", "--catalog", shop)
    photo = min((place / "shop" / "Pants").iterdir())
    hits = answer(place, "search", *model, "--image", photo, "-k", 5)
    assert (hits[0]["id"], f"{hits[0]['score']:.3f}") == (f"Pants/{photo.name}", "1.000")
    measured = answer(place, "evaluate", *model, "--queries", f"folder:{place / 'asked'}", "--match", "label")
    assert (measured["weights"], measured["queries"], measured["gallery"]) == ("my-kinds", 9, 30)
    assert measured["p_at_1"] >= 7 / 9
    assert measured["knn_accuracy"] >= 7 / 9
    told = answer(place, "classify", "--weights", "my-kinds", "--image", photo)
    assert set(told["probabilities"]) == set(KINDS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("classify",), "Say what to classify"),
        (("classify", "--image", "{place}/shop", "--catalog", "sample"), "Say what to classify"),
        (("classify", "--image", "cli.py"), "not a picture"),
        (("classify", "--image", "{photo}", "--weights", "imagined"), "Choose one of: fashion, imagenet"),
        (("train", "product", "--catalog", "folder:{place}/shop/Dress", "--out", "x"), "no labels to learn from"),
        (("train", "product", "--catalog", "folder:{place}/one", "--out", "x"), "of one kind, 'Dress'"),
        (("train", "product", "--catalog", "folder:{place}/shop", "--out", "fashion"), "came with the app"),
        (("train", "product", "--catalog", "folder:{place}/shop", "--out", "x", "--epochs", "0"), "0 epochs"),
    ],
    ids=lambda value: None if isinstance(value, str) else " ".join(value[-2:]),
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(
    place: Path, arguments: tuple[str, ...], says: str
) -> None:
    if not (place / "one").exists():
        shutil.copytree(place / "shop" / "Dress", place / "one" / "Dress")
    photo = min((place / "shop" / "Dress").iterdir())
    done = cli(place, *(each.replace("{place}", str(place)).replace("{photo}", str(photo)) for each in arguments))
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
