"""What the engine look promises: margins and turns count little, and every head reads what the network gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

import engines
from engines.files import WEIGHTS_FOLDER
from engines.look.network import DIM, INPUTS, KIND_DIM, LOOK_DIM, PARTS, LookNetwork, Trunk, gram, load_network
from engines.look.preprocessing import colours, to_lab, view
from tests.conftest import ROOT

GARMENTS = sorted((ROOT / "assets" / "sample" / "image").glob("*.jpg"))[::60]


@pytest.fixture(scope="module")
def garments() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in GARMENTS]


def test_flat_margins_are_cut_and_the_aspect_is_kept() -> None:
    mounted = Image.new("RGB", (600, 400), "white")
    mounted.paste(Image.effect_noise((150, 300), 90).convert("RGB"), (220, 50))
    height, width, _ = view(mounted, 176).shape
    assert (height, width) == (256, 128)  # 1 : 2 with about 176 x 176 pixels, in steps of 32


def test_what_is_longer_than_two_to_one_loses_its_far_ends() -> None:
    assert view(Image.effect_noise((1000, 10), 90).convert("RGB"), 176).shape == (128, 256, 3)


def test_a_white_ground_does_not_count_as_a_colour_of_the_garment() -> None:
    pixels = np.full((64, 64, 3), 255, np.uint8)
    pixels[16:48, 16:48] = (200, 30, 40)
    red = np.full((64, 64, 3), (200, 30, 40), np.uint8)
    assert colours(pixels) == pytest.approx(colours(red), abs=1e-6)
    blue = np.full((64, 64, 3), (30, 40, 200), np.uint8)
    assert float(colours(red) @ colours(blue)) == pytest.approx(0, abs=1e-6)


def test_colours_are_those_of_the_standard() -> None:
    wanted = [[100, 0, 0], [53.24, 80.09, 67.2], [32.3, 79.19, -107.86], [53.59, 0, 0]]
    given = np.array([[255, 255, 255], [255, 0, 0], [0, 0, 255], [128, 128, 128]], np.uint8)
    assert to_lab(given) == pytest.approx(np.array(wanted), abs=0.05)


def test_gram_matrices_are_those_of_the_definition() -> None:
    maps = torch.randn(2, 3, 4, 5)
    places = maps[1].reshape(3, 20)
    wanted = (places @ places.T / 20)[tuple(torch.triu_indices(3, 3))]
    wanted = torch.sign(wanted) * torch.log1p(10 * wanted.abs())
    wanted = wanted * torch.tensor([1, 2**0.5, 2**0.5, 1, 2**0.5, 1])
    assert torch.allclose(gram(maps)[1], wanted / wanted.norm(), atol=1e-5)


def test_every_head_reads_as_many_numbers_as_the_trunk_gives() -> None:
    found = Trunk().eval()(torch.rand(1, 3, 64, 96) * 255)
    assert {name: each.shape[1] for name, each in found.items()} == {n: s for n, s in INPUTS.items() if n != "colour"}
    assert engines.spec("look").dim == DIM == LOOK_DIM + KIND_DIM
    assert sum(PARTS.values()) == LOOK_DIM


def test_where_no_kind_is_sure_only_the_look_counts() -> None:
    network = LookNetwork().requires_grad_(False)
    network.get_buffer("kind_share").fill_(0.4)
    for name in PARTS:
        network.get_buffer(f"{name}_axes").normal_()
    found = {name: torch.rand(1, size) for name, size in INPUTS.items()}
    network.get_buffer("kind_biases")[KIND_DIM] = 50.0  # a picture unlike all the kinds were learnt from
    unlike = network.join(found)[0]
    assert float(unlike[:LOOK_DIM].norm()) == pytest.approx(1, abs=1e-5)
    assert unlike[LOOK_DIM:].tolist() == pytest.approx([0] * KIND_DIM, abs=1e-6)
    network.get_buffer("kind_biases")[3] = 100.0
    sure = network.join(found)[0]
    assert float(sure[LOOK_DIM + 3]) == pytest.approx(0.4**0.5, abs=1e-5)
    assert torch.allclose(sure[:LOOK_DIM], 0.6**0.5 * unlike[:LOOK_DIM], atol=1e-5)


def test_bfloat16_says_nearly_what_float32_says(garments: list[Image.Image]) -> None:
    exact = load_network(WEIGHTS_FOLDER / "look_fashion.safetensors")
    quick = load_network(WEIGHTS_FOLDER / "look_fashion.safetensors")
    quick.trunk.use_bfloat16()
    for garment in garments:
        seen = view(garment, 176)
        pixels = torch.tensor(seen)[None].permute(0, 3, 1, 2).float()
        spread = torch.from_numpy(colours(seen))[None]
        assert float((exact(pixels, spread) * quick(pixels, spread)).sum()) > 0.997


def test_a_turned_and_mirrored_picture_finds_itself(garments: list[Image.Image]) -> None:
    encoder = engines.load(engines.spec("look"))
    gallery = encoder.encode_images(garments)
    for change in (ImageOps.mirror, lambda image: image.rotate(90, expand=True), lambda image: image.rotate(180)):
        asked = encoder.encode_images([change(image) for image in garments])
        assert (asked @ gallery.T).argmax(axis=1).tolist() == list(range(len(garments)))


def test_a_detail_finds_the_whole(garments: list[Image.Image]) -> None:
    encoder = engines.load(engines.spec("look"))
    details = [
        image.crop((image.width // 5, image.height // 5, image.width * 4 // 5, image.height * 4 // 5))
        for image in garments
    ]
    found = (encoder.encode_images(details) @ encoder.encode_images(garments).T).argmax(axis=1)
    assert (found == np.arange(len(garments))).mean() >= 0.8


def test_a_wide_white_mount_changes_little(garments: list[Image.Image]) -> None:
    encoder = engines.load(engines.spec("look"))
    plain = encoder.encode_images(garments)
    mounted = encoder.encode_images([ImageOps.expand(image, 60, "white") for image in garments])
    assert ((mounted @ plain.T).argmax(axis=1) == np.arange(len(garments))).all()
