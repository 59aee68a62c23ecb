"""CLIP and SigLIP: the same numbers as transformers, from a folder and from the Hub's cache, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import socket
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel

import engines
from engines.clip import checkpoints, network
from engines.clip.encoder import FIDELITY, Clip
from engines.runtime.cpu import has_bfloat16, has_int8
from retrieval.core import AppError, EncoderSpec
from tests.conftest import ROOT, blocks
from tests.fakes.checkpoint_hub import COMMIT, FakeHub

TEXTS = ["a red dress", "RED", "a " * 40, "", "платье 👗 赤い", "red, dress!"]
PICTURES = [blocks(1), blocks(2, (90, 33)), blocks(3, (32, 32)), blocks(4, (20, 70)), blocks(5, (301, 200))]
WORDS = [*string.ascii_lowercase, "red", "dress", "blue"]


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Return family -> (folder as save_pretrained writes it, transformers' own model)."""
    # transformers imports torchvision, whose import this mends where it has to be.
    from engines.runtime import torchvision_compat  # noqa: F401

    return {family: _saved(family, tmp_path_factory.mktemp("checkpoints") / f"tiny-{family}") for family in FAMILIES}


FAMILIES = ("clip", "siglip")


def _saved(family: str, folder: Path) -> tuple[Path, Any]:
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, SiglipConfig, SiglipModel, TokenizersBackend
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    torch.manual_seed(0)
    model: Any
    text = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "vocab_size": 96, "max_position_embeddings": 16, "eos_token_id": 1, "bos_token_id": 0}  # fmt: skip
    vision = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 3,
              "image_size": 32, "patch_size": 8}  # fmt: skip
    if family == "clip":
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24))
        vocabulary = ["<|startoftext|>", "<|endoftext|>", *WORDS[:26], *(f"{word}</w>" for word in WORDS[:26]), "re"]
        CLIPTokenizer(
            vocab={word: n for n, word in enumerate([*vocabulary, "red</w>"])}, model_max_length=16,
            merges=[("r", "e"), ("re", "d</w>")],  # type: ignore[list-item]  # it takes pairs, whatever it says
        ).save_pretrained(folder)  # fmt: skip
        CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32).save_pretrained(folder)
    else:
        model = SiglipModel(SiglipConfig(text_config=text | {"projection_size": 48}, vision_config=vision))
        own = Tokenizer(WordLevel({word: n for n, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}, "<unk>"))
        own.normalizer, own.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
        own.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
        TokenizersBackend(
            tokenizer_object=own, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=16,
            model_input_names=["input_ids"],
        ).save_pretrained(folder)  # fmt: skip
        SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    with torch.no_grad():  # biases that are not zero, norms that are not one: else a forgotten one would not show
        for name, values in model.named_parameters():
            if "norm" in name or name.endswith("bias"):
                values.add_(torch.randn_like(values) * 0.1)
    model.eval().save_pretrained(folder)
    return folder, model


@pytest.fixture
def offered() -> Iterator[None]:
    yield
    engines.REGISTRY.offer_clip(None)


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(references: dict[str, tuple[Path, Any]], family: str, tmp_path: Path) -> Path:
    """Return a copy of the checkpoint's folder that a test may damage."""
    return Path(shutil.copytree(references[family][0], tmp_path / f"tiny-{family}"))


def row(checkpoint: Path | str, *trusted: str) -> EncoderSpec:
    return checkpoints.rows([str(checkpoint)], trusted)[0]


def reference_images(folder: Path, model: Any) -> np.ndarray:  # noqa: ANN401 - either family's model
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    own = CLIPImageProcessorPil if "tiny-clip" in folder.name else SiglipImageProcessorPil
    pixels = own.from_pretrained(folder)(PICTURES, return_tensors="pt")
    with torch.no_grad():
        return unit(model.get_image_features(**pixels).pooler_output)


def reference_texts(folder: Path, model: Any) -> np.ndarray:  # noqa: ANN401 - either family's model
    from transformers import CLIPTokenizer, TokenizersBackend

    clip = "tiny-clip" in folder.name
    tokenizer = (CLIPTokenizer if clip else TokenizersBackend).from_pretrained(folder)
    tokens = tokenizer(
        TEXTS, padding=True if clip else "max_length", truncation=True, max_length=16, return_tensors="pt"
    )
    with torch.no_grad():
        return unit(model.get_text_features(**tokens).pooler_output)


def unit(features: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(features, dim=1).numpy()


def test_pictures_and_texts_are_embedded_as_transformers_does(
    references: dict[str, tuple[Path, Any]], family: str
) -> None:
    folder, model = references[family]
    encoder = Clip(row(folder), network.FP32)
    np.testing.assert_allclose(encoder.encode_images(PICTURES), reference_images(folder, model), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), reference_texts(folder, model), atol=1e-5)
    assert encoder.encode_images(PICTURES).shape == (5, encoder.spec.dim)
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, encoder.spec.dim)
    assert encoder.spec.image_size == 32


@pytest.mark.parametrize("precision", [network.BF16, network.INT8, None])
def test_the_fast_path_agrees_with_fp32(
    references: dict[str, tuple[Path, Any]], family: str, precision: str | None
) -> None:
    folder, model = references[family]
    encoder = Clip(row(folder), precision)
    assert (encoder.encode_images(PICTURES) * reference_images(folder, model)).sum(1).min() > FIDELITY
    if precision != network.INT8:
        assert (encoder.encode_texts(TEXTS) * reference_texts(folder, model)).sum(1).min() > FIDELITY


def test_an_arithmetic_that_is_not_faithful_is_not_used(
    references: dict[str, tuple[Path, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (has_int8() or has_bfloat16()):
        pytest.skip("this processor has no faster arithmetic")
    monkeypatch.setattr("engines.clip.encoder.FIDELITY", 1.1)
    assert Clip(row(references["clip"][0])).precision == network.FP32
    monkeypatch.setattr("engines.clip.encoder.FIDELITY", 0.5)
    assert Clip(row(references["clip"][0])).precision != network.FP32


def test_parallel_is_serial(references: dict[str, tuple[Path, Any]], family: str) -> None:
    encoder = Clip(row(references[family][0]))
    together = encoder.encode_images(PICTURES * 3)
    for n, picture in enumerate(PICTURES):
        np.testing.assert_allclose(encoder.encode_images([picture])[0], together[n + 5], atol=1e-3)


def test_a_text_that_is_too_long_is_told(references: dict[str, tuple[Path, Any]], family: str) -> None:
    encoder = Clip(row(references[family][0]))
    assert encoder.truncated(["red dress", "a " * 40, "", "👗" * 10_001]) == [False, True, False, True]


def test_older_files_of_clip_are_read(references: dict[str, tuple[Path, Any]], tmp_path: Path) -> None:
    source, model = references["clip"]
    folder = Path(shutil.copytree(source, tmp_path / "tiny-clip"))
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(vocabulary["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in vocabulary["merges"]))
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": 32, "crop_size": 32, "resample": 3}))
    config = json.loads((folder / "config.json").read_text())
    encoder = Clip(row(folder), network.FP32)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), reference_texts(source, model), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_images(PICTURES), reference_images(source, model), atol=1e-5)
    assert config["text_config"]["eos_token_id"] == 1


def test_the_hubs_cache_is_read_without_a_network(
    references: dict[str, tuple[Path, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offered: None
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    home = tmp_path / "models--acme--tiny-clip"
    hub_layout(references["clip"][0], home, "main")
    engines.REGISTRY.offer_clip(["acme/tiny-clip"])
    found = engines.spec("clip", "acme/tiny-clip")
    assert (found.weights, found.dim, found.image_size) == ("acme--tiny-clip", 24, 32)
    assert engines.missing(found) is None
    encoder = engines.load(engines.spec("clip"))
    np.testing.assert_array_equal(
        encoder.encode_images(PICTURES), Clip(row(references["clip"][0])).encode_images(PICTURES)
    )
    before = engines.digest(found)
    (home / "refs" / "main").unlink()
    hub_layout(references["clip"][0], home, "refs/pr/15")  # where openai's own weights lie
    assert engines.digest(found) == before


def hub_layout(folder: Path, home: Path, revision: str) -> None:
    """Lay out `folder` as huggingface_hub does: blobs, a snapshot of links to them, and a ref."""
    snapshot = home / "snapshots" / ("0" * 40)
    for place in (home / "blobs", snapshot, (home / "refs" / revision).parent):
        place.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        shutil.copy(file, home / "blobs" / file.name)
        (snapshot / file.name).unlink(missing_ok=True)
        (snapshot / file.name).symlink_to(Path("../../blobs") / file.name)
    (home / "refs" / revision).write_text("0" * 40)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(AppError, match=f"{name} .*VISUAL_SEARCH_CLIP"):
        Clip(row(folder))
    assert name in str(engines.missing(row(folder)))


@pytest.mark.parametrize("kept", [0, 5, 200, 5000])
def test_truncated_weights_are_named(folder: Path, kept: int) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(AppError, match=r"model\.safetensors is truncated or damaged"):
        Clip(row(folder))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_damaged_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text('{"half": ')
    with pytest.raises(AppError, match=name):
        Clip(row(folder))


def test_a_pickle_is_refused_and_never_opened(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(AppError, match=r"pytorch_model\.bin, a pickle, which can run any code"):
        Clip(row(folder))


def test_weights_of_another_model_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["num_hidden_layers"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(AppError, match="lacks the tensor"):
        Clip(row(folder)).encode_images(PICTURES[:1])


def test_remote_code_is_refused_unless_trusted_by_name(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
    for trusted in ((), ("somebody/else",)):
        with pytest.raises(AppError, match="VISUAL_SEARCH_TRUST_REMOTE_CODE"):
            Clip(row(folder, *trusted))
    assert not (folder / "ran").exists()
    assert row(folder).load == "engines.clip.encoder:Clip"
    assert row(folder, str(folder)).load == "engines.clip.remote_code:RemoteClip"


def test_another_kind_of_model_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(AppError, match="'bert', not a CLIP"):
        Clip(row(folder))


def test_a_tokenizer_of_sentencepiece_alone_is_refused_with_the_way_to_convert_it(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "spiece.model")
    with pytest.raises(AppError, match=r"only as spiece\.model .*tokenizer\.json is needed.*save_pretrained"):
        Clip(row(folder))
    assert "spiece.model" in str(engines.missing(row(folder)))


def test_the_default_is_siglip_2_and_openais_clip_stays_where_it_is_already(
    references: dict[str, tuple[Path, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert checkpoints.chosen(None) == ("google/siglip2-base-patch32-256",)
    hub_layout(references["clip"][0], tmp_path / "models--openai--clip-vit-base-patch32", "refs/pr/15")
    assert checkpoints.chosen(None) == ("openai/clip-vit-base-patch32",)
    hub_layout(references["siglip"][0], tmp_path / "models--google--siglip2-base-patch32-256", "main")
    assert checkpoints.chosen(None) == ("google/siglip2-base-patch32-256", "openai/clip-vit-base-patch32")
    assert checkpoints.chosen(["acme/own"]) == ("acme/own",)


def test_listing_survives_a_folder_that_is_gone(tmp_path: Path) -> None:
    gone = row(tmp_path / "gone")
    assert gone.dim == 512
    assert "does not exist" in str(engines.missing(gone))


def test_two_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    names = [
        found.weights for found in checkpoints.rows([str(tmp_path / "a" / "model"), str(tmp_path / "b" / "model")])
    ]
    assert len(set(names)) == 2


def fetched(cache: Path, endpoint: str) -> tuple[str, float]:
    """Return what a fresh process says, in this environment, when it fetches acme/tiny, and after how many seconds."""
    code = (
        "import time, sys; from engines.clip.download import fetch; from retrieval.core import AppError\n"
        "import huggingface_hub.constants as c; c.DOWNLOAD_CHUNK_SIZE = 1000; time.sleep = lambda seconds: None\n"
        "started = time.perf_counter()\n"
        "try: fetch('acme/tiny')\nexcept AppError as error: print(error)\n"
        "print(time.perf_counter() - started, 'torch' in sys.modules)"
    )
    environment = os.environ | {"HF_HUB_CACHE": str(cache), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    lines = run.stdout.strip().splitlines()
    assert lines, run.stderr
    seconds, loaded = lines[-1].split()
    assert loaded == "False"
    return "\n".join(lines[:-1]), float(seconds)


def test_no_network_is_said_with_the_command(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said, _ = fetched(tmp_path, f"http://127.0.0.1:{port}")
    assert "hf download acme/tiny" in said
    assert said.count("\n") == 0


def test_a_download_that_broke_off_goes_on(tmp_path: Path) -> None:
    folder, cache = tmp_path / "there", tmp_path / "cache"
    folder.mkdir()
    save_file({"numbers": np.arange(20_000, dtype=np.float32)}, folder / "model.safetensors")
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json"):
        (folder / name).write_text("{}")
    with FakeHub(folder, "acme/tiny", break_after=30_000) as hub:
        said, _ = fetched(cache, hub.url)
        assert "what has arrived is kept" in said
        held = next((cache / "models--acme--tiny" / "blobs").glob("*.partial")).stat().st_size
        assert held == 30_000
        hub.break_after = None
        assert fetched(cache, hub.url)[0] == ""
        assert f"bytes={held}-" in hub.ranges
    weights = cache / "models--acme--tiny" / "snapshots" / COMMIT / "model.safetensors"
    assert weights.read_bytes() == (folder / "model.safetensors").read_bytes()
