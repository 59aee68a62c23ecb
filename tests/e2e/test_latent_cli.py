"""The latent space on the real command line: how strange pictures are, neighbours by files, training of one's own."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.e2e.test_cli import answer, cli
from training.corpus.glyphs import draw


def write_idx(folder: Path, pixels: np.ndarray, labels: np.ndarray, split: str = "train") -> Path:
    """Write uint8 (n, 28, 28) and their labels as MNIST's files."""
    folder.mkdir(parents=True, exist_ok=True)
    head = struct.pack(">IIII", 0x803, *pixels.shape)
    (folder / f"{split}-images-idx3-ubyte").write_bytes(head + pixels.astype(np.uint8).tobytes())
    head = struct.pack(">II", 0x801, len(labels))
    (folder / f"{split}-labels-idx1-ubyte").write_bytes(head + labels.astype(np.uint8).tobytes())
    return folder


def garments(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 (count, 28, 28) that look like trousers (class 1) and bags (class 8), and the classes."""
    rng = np.random.default_rng(seed)
    pixels, labels = np.zeros((count, 28, 28)), np.where(np.arange(count) % 2, 8, 1)
    for picture, label in zip(pixels, labels, strict=True):
        shade, wide = rng.integers(90, 240), rng.integers(0, 2)
        if label == 1:
            picture[:, 8 - wide : 12 + wide] = picture[:, 16 - wide : 20 + wide] = picture[:6, 8:20] = shade
        else:
            picture[10:26, 1:27] = picture[4:6, 9:19] = picture[4:10, 9:11] = picture[4:10, 17:19] = shade
        picture += (picture > 0) * rng.normal(scale=8, size=picture.shape)
    return pixels.clip(0, 255), labels


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a place with the files known/ and asked/, and letters/ as pictures."""
    root = tmp_path_factory.mktemp("latent")
    write_idx(root / "known", *garments(60, 1))
    write_idx(root / "asked", *garments(20, 2), "t10k")
    (root / "letters").mkdir()
    for number, glyph in enumerate(draw(6)):
        Image.fromarray(glyph).resize((112, 112)).save(root / "letters" / f"{number}.png")
    return root


def test_letters_are_stranger_than_garments(place: Path) -> None:
    (place / "letters" / "notes.png").write_text("no picture")
    done = cli(place, "anomaly", "--queries", f"folder:{place / 'letters'}", "--json")
    (place / "letters" / "notes.png").unlink()
    assert done.returncode == 0, done.stderr
    letters = json.loads(done.stdout)
    assert [each["id"] for each in letters] == [f"{n}.png" for n in range(6)]
    assert all(set(each) == {"id", "score"} for each in letters)
    assert "notes.png" in done.stderr
    clothes = answer(place, "anomaly", "--queries", f"idx:{place / 'asked'}")
    assert [each["id"] for each in clothes] == [f"test/{n:05}" for n in range(20)]
    middle = [float(np.median([each["score"] for each in found])) for found in (letters, clothes)]
    assert middle[0] > middle[1]


def test_neighbours_by_files_are_measured_with_their_vote(place: Path) -> None:
    files = ("--catalog", f"idx:{place / 'known'}", "--queries", f"idx:{place / 'asked'}")
    measured = answer(place, "evaluate", "--engine", "vae", *files, "--match", "label")
    assert (measured["engine"], measured["weights"]) == ("vae", "fashion")
    assert (measured["queries"], measured["gallery"], measured["unmatched"]) == (20, 60, 0)
    assert measured["knn_accuracy"] == 1.0
    assert measured["p_at_10"] > 0.9


def test_a_space_of_ones_own_is_trained_and_searched_by(place: Path) -> None:
    known = f"idx:{place / 'known'}"
    done = cli(place, "train", "vae", "--catalog", known, "--latent", 4, "--epochs", 3, "--out", "Tiny space", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["weights"], told["epochs"]) == ("tiny-space", 3)
    assert told["bytes"] < 3_000_000
    assert {"reconstruction", "kl", "held_out", "seconds"} <= set(told)
    assert sum(line.startswith("epoch ") for line in done.stderr.splitlines()) == 3
    photo = place / "photo.png"
    Image.fromarray(garments(1, 5)[0][0].astype(np.uint8)).resize((140, 140)).save(photo)
    model = ("--engine", "vae", "--weights", "tiny-space")
    assert len(answer(place, "search", *model, "--catalog", known, "--image", photo, "-k", 3)) == 3
    assert len(answer(place, "anomaly", "--weights", "tiny-space", "--queries", known)) == 60


def broken(place: Path, how: str) -> Path:
    """Return a folder of MNIST's files that are damaged in one way."""
    folder = write_idx(place / how, *garments(6, 3))
    images, labels = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"
    if how == "truncated":
        images.write_bytes(images.read_bytes()[:-100])
    elif how == "magic":
        images.write_bytes(b"\0\0\x0d\3" + images.read_bytes()[4:])
    elif how == "labels":
        labels.write_bytes(struct.pack(">II", 0x801, 5) + bytes(5))
    return folder


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("truncated", "is cut short: 6 x 28 x 28 need 4704 bytes, and there are 4604"),
        ("magic", "begins with 00000d03, not 00000803"),
        ("labels", "has 6 pictures but train-labels-idx1-ubyte has 5 labels"),
    ],
)
def test_damaged_files_are_told_and_nothing_is_trained(place: Path, how: str, says: str) -> None:
    folder = broken(place, how)
    for arguments in (("anomaly", "--queries"), ("train", "vae", "--out", "x", "--catalog")):
        done = cli(place, *arguments, f"idx:{folder}")
        assert done.returncode == 2
        assert says in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--latent", "0"), "latent space of 0 numbers cannot be trained. Choose 2 to 256"),
        (("--latent", "10000"), "latent space of 10000 numbers"),
        (("--epochs", "0"), "0 epochs cannot be trained"),
        (("--out", "map"), "came with the app"),
        (("--catalog", "idx:{place}/few"), "6 pictures are too few"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence_and_exit_code_2(
    place: Path, arguments: tuple[str, str], says: str
) -> None:
    write_idx(place / "few", *garments(6, 3))
    given = {"--catalog": "idx:{place}/known", "--out": "x", "--epochs": "1"} | dict([arguments])
    flat = [part.replace("{place}", str(place)) for pair in given.items() for part in pair]
    done = cli(place, "train", "vae", *flat)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
