"""Every family of pretrained models, made small with random weights, in the layout that its library writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from torch import nn

from engines.runtime import torchvision_compat  # noqa: F401 (transformers imports torchvision)

SIDE = 32
TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 40,
        "max_position_embeddings": 16, "eos_token_id": 1, "bos_token_id": 0, "pad_token_id": 0}  # fmt: skip
VISION = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 3,
          "image_size": SIDE, "patch_size": 8}  # fmt: skip
WORDS = ["<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz", "red", "dress", "blue"]


def save(model_type: str, folder: Path, **vision: Any) -> Any:  # noqa: ANN401 - a model of any family
    """Save a tiny model of `model_type` with its processors, `vision` changing its picture side; return the model."""
    from transformers import AutoConfig, AutoModel
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES as processors_of

    torch.manual_seed(0)
    model = randomised(AutoModel.from_config(AutoConfig.for_model(model_type, **_config(model_type, vision))))
    model.eval().save_pretrained(folder)
    like = {"dinov3_convnext": "dinov3_vit", "clip_vision_model": "clip", "siglip_vision_model": "siglip",
            "dinov2_with_registers": "dinov2", "convnextv2": "convnext"}  # fmt: skip
    names = processors_of[like.get(model_type, model_type)]
    import transformers

    processor = getattr(transformers, names["torchvision"])
    processor(**_preprocessing(model_type, vision.get("image_size", SIDE))).save_pretrained(folder)
    if model_type.endswith(("clip", "clip_2", "siglip2", "siglip")) or model_type == "aimv2":
        inputs = ["input_ids"] if model_type.startswith("siglip") else ["input_ids", "attention_mask"]
        save_tokenizer(folder, inputs)
    return model


def save_tokenizer(folder: Path, inputs: Sequence[str], places: int = 16) -> None:
    """Save a tokenizer of a few words that ends a text by </s> and gives the network `inputs`."""
    from transformers import TokenizersBackend

    own = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, "<unk>"))
    own.normalizer, own.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    own.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    TokenizersBackend(
        tokenizer_object=own, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=places,
        model_input_names=list(inputs),
    ).save_pretrained(folder)  # fmt: skip


def randomised(model: nn.Module) -> Any:  # noqa: ANN401 - a model of any family
    """Move biases and norms off zero and one: a forgotten one would not show otherwise."""
    with torch.no_grad():
        for name, values in model.named_parameters():
            if "norm" in name or "ln_" in name or name.endswith("bias"):
                values.add_(torch.randn_like(values) * 0.1)
    return model


def _config(model_type: str, vision: dict[str, Any]) -> dict[str, Any]:
    eyes = VISION | vision
    if model_type in ("clip", "metaclip_2"):
        return {"text_config": TEXT, "vision_config": eyes, "projection_dim": 24}
    if model_type in ("siglip", "siglip2"):
        if model_type == "siglip2":
            eyes = eyes | {"num_patches": 16}
        return {"text_config": TEXT | {"projection_size": 48}, "vision_config": eyes}
    if model_type == "altclip":
        text = TEXT | {"project_dim": 32, "max_position_embeddings": 20, "pad_token_id": 1}
        return {"text_config": text, "vision_config": eyes, "projection_dim": 24}
    if model_type == "chinese_clip":
        return {"text_config": TEXT, "vision_config": eyes, "projection_dim": 24}
    if model_type == "aimv2":
        return {"text_config": TEXT, "vision_config": eyes | {"num_attention_heads": 4}, "projection_dim": 24}
    if "convnext" in model_type:
        return {"hidden_sizes": [8, 12, 16, 24], "depths": [1, 1, 1, 1], "image_size": SIDE}
    if model_type == "aimv2_vision_model":
        return eyes | {"num_attention_heads": 4}
    return eyes


def _preprocessing(model_type: str, side: int) -> dict[str, Any]:
    if model_type == "siglip2":
        return {"patch_size": 8, "max_num_patches": 16}
    if model_type == "vit" or "dinov3" in model_type or "siglip" in model_type:
        return {"size": {"height": side, "width": side}}
    if "convnext" in model_type:
        return {"size": {"shortest_edge": side}}
    return {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}
