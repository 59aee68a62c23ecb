"""Checkpoints in open_clip's layout: the same vectors as open_clip gives, without its package, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import engines
from engines.clip import checkpoints, network
from engines.clip.encoder import Clip
from retrieval.core import AppError
from tests.conftest import blocks
from tests.fakes import tiny_models

open_clip: Any = pytest.importorskip("open_clip", reason="open_clip_torch, of requirements-dev.txt, is not installed")

PLAIN = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 40, "width": 32, "heads": 4, "layers": 2},
}
SIGLIP = {
    "embed_dim": 768,
    "custom_text": True,
    "vision_cfg": {"image_size": 256, "timm_model_name": "vit_base_patch32_siglip_256", "timm_pool": "map",
                   "timm_proj": "none"},
    "text_cfg": {"context_length": 16, "vocab_size": 40, "width": 32, "heads": 4, "layers": 2, "pool_type": "last",
                 "no_causal_mask": True, "proj_bias": True, "norm_kwargs": {"eps": 1e-6},
                 "act_kwargs": {"approximate": "tanh"}, "tokenizer_kwargs": {"clean": "canonicalize"}},
}  # fmt: skip
SQUASHED = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear", "resize_mode": "squash"}
TEXTS = ["a red dress", "b", "RED blue"]


def saved(folder: Path, model_cfg: dict[str, Any], preprocess: dict[str, Any]) -> Any:  # noqa: ANN401 - either class
    """Save a model of open_clip with random weights as its push_to_hf_hub does, in half precision; return it."""
    torch.manual_seed(0)
    given = {key: value for key, value in model_cfg.items() if key != "custom_text"}
    kind = open_clip.CustomTextCLIP if model_cfg.get("custom_text") else open_clip.CLIP
    model = tiny_models.randomised(kind(**given)).half().eval()
    tiny_models.save_tokenizer(folder, ["input_ids"])
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / "model.safetensors")
    (folder / "model.safetensors").rename(folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_cfg, "preprocess_cfg": preprocess}))
    return model.float()


def pictures() -> list[Image.Image]:
    """Return twenty pictures of odd sizes, some narrower than the network's side, each of several colours."""
    sizes = np.random.default_rng(3).integers(21, 331, (20, 2))
    return [blocks(n, (int(width) | 1, int(height) | 1)) for n, (width, height) in enumerate(sizes)]


def reference(model: Any, size: int, preprocess: dict[str, Any]) -> np.ndarray:  # noqa: ANN401 - either class
    transform = open_clip.transform.image_transform_v2(
        open_clip.transform.PreprocessCfg(size=size, **preprocess), is_train=False
    )
    with torch.inference_mode():
        return model.encode_image(torch.stack([transform(p) for p in pictures()]), normalize=True).numpy()


def reference_texts(model: Any, folder: Path, clean: str) -> np.ndarray:  # noqa: ANN401 - either class
    tokens = open_clip.tokenizer.HFTokenizer(str(folder), context_length=16, clean=clean)(TEXTS)
    with torch.inference_mode():
        return model.encode_text(tokens, normalize=True).numpy()


@pytest.mark.parametrize("changed", [{}, {"quick_gelu": True}, {"custom_text": True}], ids=["gelu", "quick", "custom"])
def test_open_clips_own_vision_transformer(tmp_path: Path, changed: dict[str, Any]) -> None:
    model = saved(tmp_path, PLAIN | changed, {})
    encoder = Clip(checkpoints.rows([str(tmp_path)])[0], network.FP32)
    assert (encoder.spec.dim, encoder.spec.image_size, encoder.spec.accepts_text) == (24, 32, True)
    np.testing.assert_allclose(encoder.encode_images(pictures()), reference(model, 32, {}), atol=1e-4)
    with torch.inference_mode():  # the highest token ends a text for open_clip: here the longest word's
        tokens = [torch.tensor([encoder._tokenizer.encode(text).ids]) for text in TEXTS]
        wanted = [model.encode_text(torch.nn.functional.pad(t, (0, 16 - t.shape[1])), normalize=True) for t in tokens]
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), torch.cat(wanted).numpy(), atol=1e-4)
    assert engines.missing(encoder.spec) is None


def test_siglip_of_open_clip_with_a_tower_of_timm(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    model = saved(tmp_path, SIGLIP, SQUASHED)
    encoder = Clip(checkpoints.rows([str(tmp_path)])[0], network.FP32)
    assert (encoder.spec.dim, encoder.spec.image_size) == (768, 256)
    np.testing.assert_allclose(encoder.encode_images(pictures()), reference(model, 256, SQUASHED), atol=1e-4)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), reference_texts(model, tmp_path, "canonicalize"), atol=1e-4)
    (tmp_path / "open_clip_model.safetensors").unlink()  # 190 MB, which pytest would keep


def test_a_checkpoint_in_both_layouts_is_read_by_open_clips_when_the_other_needs_code(tmp_path: Path) -> None:
    saved(tmp_path, PLAIN, {})
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "siglip", "auto_map": {"AutoModel": "evil.Model"}}))
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert Clip(checkpoints.rows([str(tmp_path)])[0]).encode_images(pictures()[:2]).shape == (2, 24)
    assert not (tmp_path / "ran").exists()


def test_a_tokenizer_that_open_clip_leaves_to_another_checkpoint_is_looked_for_there(tmp_path: Path) -> None:
    text = PLAIN["text_cfg"] | {"hf_tokenizer_name": str(tmp_path / "words")}  # type: ignore[operator]  # a dict
    saved(tmp_path / "model", PLAIN | {"text_cfg": text}, {})
    (tmp_path / "words").mkdir()
    (tmp_path / "model" / "tokenizer.json").rename(tmp_path / "words" / "tokenizer.json")
    found = checkpoints.rows([str(tmp_path / "model")])[0]
    assert Clip(found).encode_texts(["red"]).shape == (1, 24)
    (tmp_path / "words" / "tokenizer.json").unlink()
    assert "tokenizer.json" in str(engines.missing(found))


@pytest.mark.parametrize(
    ("part", "changed", "named"),
    [
        ("vision_cfg", {"timm_model_name": "convnext_base"}, "convnext_base"),
        ("vision_cfg", {"layers": [3, 4, 6, 3]}, "a ResNet"),
        ("vision_cfg", {"no_ln_pre": True}, "no_ln_pre"),
        ("text_cfg", {"hf_model_name": "roberta-base"}, "roberta-base"),
        ("text_cfg", {"pool_type": "last"}, "pools its words by 'last'"),
    ],
)
def test_an_open_clip_network_of_another_kind_is_refused_by_name(
    tmp_path: Path, part: str, changed: dict[str, Any], named: str
) -> None:
    saved(tmp_path, PLAIN, {})
    other = PLAIN | {part: PLAIN[part] | changed}  # type: ignore[operator]  # both are dicts
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": other, "preprocess_cfg": {}}))
    with pytest.raises(AppError, match=named):
        Clip(checkpoints.rows([str(tmp_path)])[0])
