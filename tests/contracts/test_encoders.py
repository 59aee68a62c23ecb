"""What every row of the table of engines promises, with its own weights where they are."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import engines
from retrieval.core import AppError, Encoder, EncoderSpec
from tests.conftest import COLOUR_SPEC, SHARED, ColourEncoder, blocks, register

SIZES = [(400, 533), (533, 400), (224, 224), (1, 1), (1, 2000), (2000, 1), (3, 3), (1200, 90)]
GOLDEN = {
    "squeezenet-fashion": [0.0456, -0.1327, 0.0132, -0.0583, -0.0360, 0.0939],
    "squeezenet-imagenet": [0.0010, 0.0154, 0.0008, 0.0493, 0.0016, 0.0034],
    "look-fashion": [0.0351, -0.0848, 0.0194, 0.0175, -0.0092, -0.0241],  # half-way from fp32 to bfloat16
    "style-distilled": [-0.2726, 0.1479, -0.1406, 0.0865, 0.1258, -0.1039],
    "vae-fashion": [-0.1207, -0.0082, 0.0054, -0.0183, 0.0262, 0.2339],
    "product-fashion": [-0.0094, -0.036, 0.0175, -0.0023, 0.0133, -0.0141],
    "vae-map": [0.6582, -0.3014, 0.6898],
}
IDS = [f"{row.engine}-{row.weights}" for row in engines.REGISTRY.rows]


@pytest.fixture(scope="module", params=engines.REGISTRY.rows, ids=IDS)
def encoder(request: pytest.FixtureRequest) -> Iterator[Encoder]:
    row: EncoderSpec = request.param
    with pytest.MonkeyPatch.context() as patched:
        if "TORCH_HOME" not in os.environ and (SHARED / "weights" / "torch").is_dir():
            patched.setenv("TORCH_HOME", str(SHARED / "weights" / "torch"))
        try:
            yield engines.load(row)
        except AppError as error:
            pytest.skip(f"{row.engine} {row.weights}: {error}")


def pictures() -> list[Image.Image]:
    return [blocks(n, size) for n, size in enumerate(SIZES)]


def test_vectors_are_float32_rows_of_the_promised_size_and_of_unit_length(encoder: Encoder) -> None:
    vectors = encoder.encode_images(pictures())
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(SIZES), encoder.spec.dim))
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_preprocessing_and_weights_have_not_drifted(encoder: Encoder) -> None:
    vector = encoder.encode_images([blocks(7, (300, 400))])[0]
    # In fp32; where the processor has bfloat16, the third decimal may differ.
    assert vector[:6] == pytest.approx(GOLDEN[f"{encoder.spec.engine}-{encoder.spec.weights}"], abs=4e-3)


def test_no_pictures_give_no_rows(encoder: Encoder) -> None:
    vectors = encoder.encode_images([])
    assert (vectors.dtype, vectors.shape) == (np.float32, (0, encoder.spec.dim))


def test_a_batch_gives_what_its_pictures_give_one_by_one(encoder: Encoder) -> None:
    batch = encoder.encode_images(pictures())
    single = np.concatenate([encoder.encode_images([image]) for image in pictures()])
    assert batch == pytest.approx(single, abs=2e-3)
    assert (batch * single).sum(axis=1) == pytest.approx(1, abs=5e-4)


def test_more_pictures_than_one_batch_keep_their_order(encoder: Encoder) -> None:
    images = [blocks(n, (64, 64)) for n in range(35)]
    vectors = encoder.encode_images(images)
    nearest = (vectors @ encoder.encode_images(images[::-1]).T).argmax(axis=1)
    assert nearest.tolist() == list(range(35))[::-1]


def test_plain_pictures_have_vectors_too(encoder: Encoder) -> None:
    vectors = encoder.encode_images([Image.new("RGB", (50, 50), colour) for colour in ("black", "white", "#7f7f7f")])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_the_encoder_is_one_and_knows_its_row(encoder: Encoder) -> None:
    assert engines.load(encoder.spec) is encoder
    assert encoder.spec in engines.REGISTRY.rows
    assert engines.digest(encoder.spec)


def test_the_same_picture_is_nearer_than_another(encoder: Encoder) -> None:
    image = blocks(1, (300, 400))
    same = image.resize((270, 360), Image.Resampling.BICUBIC)
    one, two, other = encoder.encode_images([image, same, blocks(2, (300, 400))])
    assert float(one @ two) > float(one @ other)


def test_every_row_is_told_from_every_other() -> None:
    assert len({(row.engine, row.weights) for row in engines.REGISTRY.rows}) == len(engines.REGISTRY.rows)
    for row in engines.REGISTRY.rows:
        assert row.title
        assert row.licence
        assert row.source
        assert row.file or row.digest


def test_an_unknown_name_lists_the_valid_ones() -> None:
    with pytest.raises(AppError, match=r"no engine 'resnet'\. Choose one of: .*squeezenet"):
        engines.spec("resnet")
    with pytest.raises(AppError, match=r"no weights 'best'\. Choose one of: fashion, imagenet"):
        engines.spec("squeezenet:best")


def test_the_first_row_of_an_engine_is_its_default() -> None:
    assert engines.spec("squeezenet").weights == "fashion"


def test_many_threads_that_load_at_once_get_one_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, COLOUR_SPEC)
    made: list[ColourEncoder] = []
    begin = ColourEncoder.__init__

    def counted(self: ColourEncoder, *spec: EncoderSpec) -> None:
        made.append(self)
        begin(self, *spec)

    monkeypatch.setattr(ColourEncoder, "__init__", counted)
    together = threading.Barrier(8)
    got: list[Encoder] = []

    def load() -> None:
        together.wait(60)
        got.append(engines.load(COLOUR_SPEC))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len({id(each) for each in got}) == len(made) == 1


def test_missing_weights_name_the_file_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(COLOUR_SPEC, file="never-made.safetensors", digest="")
    with pytest.raises(AppError, match=r"never-made\.safetensors.*git checkout"):
        engines.digest(row)
