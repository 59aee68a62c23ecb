"""What the latent space promises beyond a vector: garments, reconstructions, points, strangeness."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

import engines
from engines.vae.encoder import VariationalAutoencoder
from engines.vae.preprocessing import garment_pixels
from retrieval.catalogs.local.idx import IdxCatalog
from retrieval.core import AppError
from tests.conftest import SHARED, blocks
from training.corpus.glyphs import draw

FASHION_MNIST = SHARED / "data" / "fashion-mnist"
needs_fashion_mnist = pytest.mark.skipif(not FASHION_MNIST.is_dir(), reason="Fashion-MNIST is not on this machine")


@pytest.fixture(scope="module", params=["fashion", "map"])
def encoder(request: pytest.FixtureRequest) -> VariationalAutoencoder:
    loaded = engines.load(engines.spec("vae", request.param))
    assert isinstance(loaded, VariationalAutoencoder)
    return loaded


@pytest.fixture(scope="module")
def clothes() -> np.ndarray:
    """Return uint8 (200, 28, 28) of Fashion-MNIST."""
    catalog = IdxCatalog(str(FASHION_MNIST))
    return np.stack([np.asarray(catalog.open(f"train/{n:05}"))[..., 0] for n in range(200)])


def garment(ground: int = 250, ink: int = 40, size: tuple[int, int] = (300, 400)) -> Image.Image:
    """Return a T-shape on a flat ground, half as wide as it is high."""
    picture = Image.new("RGB", size, (ground,) * 3)
    shape = ImageDraw.Draw(picture)
    shape.rectangle((120, 100, 179, 299), fill=(ink,) * 3)
    shape.rectangle((100, 100, 199, 149), fill=(ink,) * 3)
    return picture


def test_a_dark_garment_on_a_light_ground_is_bright_on_black_centred_and_in_its_aspect() -> None:
    pixels = garment_pixels(garment())
    assert pixels[:, 14].min() > 200  # 200 high of 100 wide: from top to bottom
    columns = np.flatnonzero(pixels.max(axis=0) > 100)
    assert (columns[0], columns[-1]) == (7, 20)  # 14 of 28 wide, in the middle
    assert pixels[20, :9].max() < 40
    assert pixels[3, 8] > 200  # the sleeves, at the top


def test_a_light_garment_on_a_dark_ground_looks_the_same() -> None:
    assert np.abs(garment_pixels(garment(10, 220)).astype(int) - garment_pixels(garment())).mean() < 12


def test_an_outline_is_filled_and_specks_do_not_count() -> None:
    picture = Image.new("RGB", (280, 280), "white")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((80, 40, 199, 239), outline="black", width=6)
    pen.point([(5, 5), (270, 12)], fill="black")
    pixels = garment_pixels(picture)
    assert pixels[14, 14] > 60
    assert pixels[[0, -1], 14].min() > 150  # the outline, from top to bottom
    assert pixels[14, :4].max() == 0


@pytest.mark.parametrize("colour", ["white", "black", "#808080"])
def test_a_picture_with_nothing_on_it_gives_nothing(colour: str) -> None:
    assert not garment_pixels(Image.new("RGB", (300, 200), colour)).any()


@needs_fashion_mnist
def test_fashion_mnist_passes_unchanged_and_a_negative_of_it_is_turned_back(clothes: np.ndarray) -> None:
    for pixels in clothes[:50]:
        assert np.array_equal(garment_pixels(Image.fromarray(pixels).convert("RGB")), pixels)
    assert np.array_equal(garment_pixels(Image.fromarray(255 - clothes[1]).convert("RGB")), clothes[1])


def test_any_picture_is_read_reconstructed_and_judged(encoder: VariationalAutoencoder) -> None:
    images = [blocks(n, size) for n, size in enumerate([(300, 400), (1, 1), (1, 900), (28, 28)])] + [garment()]
    examined = encoder.examine(encoder.garments(images))
    assert examined.latents.shape == (5, encoder.latent)
    assert examined.decoded.shape == (5, 28, 28)
    assert 0 <= examined.decoded.min() <= examined.decoded.max() <= 1
    for values in (examined.evidence, examined.anomaly_scores):
        assert values.shape == (5,)
        assert np.isfinite(values).all()
    assert encoder.examine(np.empty((0, 28, 28), np.uint8)).decoded.shape == (0, 28, 28)


@needs_fashion_mnist
def test_what_comes_back_is_nearer_to_its_picture_than_to_the_others(
    encoder: VariationalAutoencoder, clothes: np.ndarray
) -> None:
    back = encoder.examine(clothes).decoded.reshape(len(clothes), -1)
    squared = ((back[:, None] - clothes.reshape(1, len(clothes), -1) / 255) ** 2).sum(axis=2)
    ranks = (squared < np.diag(squared)[:, None]).sum(axis=1)
    assert np.median(ranks) <= (0 if encoder.latent > 2 else 20)


@needs_fashion_mnist
def test_evidence_is_the_elbo_of_a_bernoulli_by_hand(encoder: VariationalAutoencoder, clothes: np.ndarray) -> None:
    some = clothes[:20]
    x = some / 255.0
    means, variances, _ = (each.numpy() for each in encoder._encode((x[..., None]).astype(np.float32)))
    p = np.clip(encoder.decode(means), 1e-7, 1 - 1e-7)
    likelihood = (x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=(1, 2))
    divergence = 0.5 * (means**2 + np.exp(variances) - variances - 1).sum(axis=1)
    # At the mean the likelihood is a little better than on average over q(z|x), from which `evidence` draws.
    gap = (likelihood - divergence) - encoder.examine(some).evidence
    assert -1 < gap.mean() < 15


@needs_fashion_mnist
def test_letters_and_digits_are_strange(encoder: VariationalAutoencoder, clothes: np.ndarray) -> None:
    usual, strange = (encoder.examine(each).anomaly_scores for each in (clothes, draw(200)))
    assert (strange[:, None] > usual[None]).mean() > (0.97 if encoder.latent > 2 else 0.8)


def test_nearer_points_have_larger_cosines(encoder: VariationalAutoencoder) -> None:
    start, step = encoder.axes.centre, encoder.axes.spread[0] * encoder.axes.directions[0]
    points = np.stack([start + step * t for t in (1.0, 1.2, 2.0, -1.0)])
    cosines = encoder.vectors(points) @ encoder.vectors(points)[0]
    assert cosines[0] == pytest.approx(1, abs=1e-6)
    assert cosines[1] >= cosines[2] - 1e-6 > cosines[3]


def test_directions_are_at_right_angles_and_of_unit_length(encoder: VariationalAutoencoder) -> None:
    directions = encoder.axes.directions
    assert directions @ directions.T == pytest.approx(np.eye(len(directions)), abs=1e-4)
    assert (np.diff(encoder.axes.spread) <= 1e-6).all()


def test_a_damaged_file_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("weights")
    (folder / "vae_map.safetensors").write_bytes((engines.WEIGHTS_FOLDER / "vae_map.safetensors").read_bytes()[:5000])
    monkeypatch.setattr(importlib.import_module("engines.files"), "WEIGHTS_FOLDER", folder)
    with pytest.raises(AppError, match=r"vae_map\.safetensors holds no latent space"):
        VariationalAutoencoder(engines.spec("vae", "map"))
