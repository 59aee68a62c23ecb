"""Edit and search on the real command line: what was edited is what is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.conftest import ROOT
from tests.e2e.test_cli import cli
from tests.fakes import images_service
from tests.fakes.images_service import KEY, Service

SAMPLE = ROOT / "assets" / "sample"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with images_service.running() as running:
        yield running


@pytest.fixture(scope="module")
def garment(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Return a drawn shop picture of a plain navy garment, the mask that its outline gives, and its category."""
    for note_path in sorted((SAMPLE / "annos").glob("*.json")):
        note: dict[str, Any] = json.loads(note_path.read_bytes())
        item = note["item1"]
        if note["source"] == "shop" and (item["colour"], item["pattern"]) == ("navy", "plain"):
            break
    picture = SAMPLE / "image" / f"{note_path.stem}.jpg"
    mask = Image.new("L", Image.open(picture).size)
    for polygon in item["segmentation"]:
        ImageDraw.Draw(mask).polygon(polygon, fill=255)
    path = tmp_path_factory.mktemp("mask") / "mask.png"
    mask.save(path)
    return picture, path, item["category_name"]


def run(service: Service, place: Path, *arguments: object, key: str = KEY) -> Any:  # noqa: ANN401 - what a process did
    where = {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": service.url}
    return cli(place, "edit", *arguments, environment=where)


def test_the_edited_garment_is_red_and_red_ones_are_found(
    service: Service, garment: tuple[Path, Path, str], tmp_path: Path
) -> None:
    picture, mask, category = garment
    out = tmp_path / "red.png"
    done = run(service, tmp_path, "--image", picture, "--mask", mask, "--prompt", "the same in red", "--out", out,
               "--search", "squeezenet", "--catalog", "sample", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)["pictures"]
    assert answer["file"] == str(out)
    before, after, marked = (np.asarray(Image.open(path).convert("RGB"), np.float32) for path in (picture, out, mask))
    assert after.shape == before.shape
    garment_only = marked[..., 0] > 127
    red, green, blue = after[garment_only].mean(axis=0)
    assert red > 1.8 * max(green, blue)
    assert np.abs(before - after)[~garment_only].mean() < 8
    assert len(answer["results"]) == 10
    first = answer["results"][0]["attributes"]
    assert (first["colour"], first["category"]) == ("red", category)
    assert sum(hit["attributes"]["colour"] == "navy" for hit in answer["results"][:5]) == 0


def test_variants_get_numbers_and_the_garment_is_found_without_a_mask_file(
    service: Service, garment: tuple[Path, Path, str], tmp_path: Path
) -> None:
    out = tmp_path / "green.jpg"
    done = run(service, tmp_path, "--image", garment[0], "--mask", "garment", "--prompt", "green", "--variants", 2,
               "--out", out)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.glob("*.jpg")) == ["green-2.jpg", "green.jpg"]
    right = np.asarray(Image.open(garment[1])) > 127
    alpha = service.seen[-1].mask
    assert alpha is not None
    sent = np.asarray(alpha.getchannel("A").resize((300, 400))) < 128
    assert (sent & right).sum() / (sent | right).sum() > 0.8


@pytest.mark.parametrize(
    ("arguments", "key", "told"),
    [
        ({"--out": "x.pdf"}, KEY, "ends in '.pdf'"),
        ({"--out": "nowhere/x.png"}, KEY, "There is no folder"),
        ({"--mask": "absent.png"}, KEY, "absent.png cannot be read"),
        ({"--model": "dall-e-3"}, KEY, "never edited pictures"),
        ({}, "", "OPENAI_API_KEY"),
        ({}, "sk-wrong-0123456789", "The key was not accepted"),
    ],
)
def test_what_fails_is_one_line_without_the_key_and_leaves_no_file(
    service: Service, garment: tuple[Path, Path, str], tmp_path: Path, arguments: dict[str, str], key: str, told: str
) -> None:
    given = {"--image": str(garment[0]), "--prompt": "red", "--out": str(tmp_path / "x.png"), **arguments}
    done = run(service, tmp_path, *[part for pair in given.items() for part in pair], key=key)
    assert done.returncode == 2
    assert told in done.stderr
    assert not key or key not in done.stderr + done.stdout
    assert not list(tmp_path.glob("*.png"))
