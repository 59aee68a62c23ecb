"""Checkpoints in open_clip's own layout, said in the words of transformers: config, preprocessing and tensor names.

The layout is `open_clip_config.json` beside a safetensors file, as open_clip's push_to_hf_hub writes it. Vision
transformers of open_clip itself and SigLIP's from timm are known, which Marqo-FashionSigLIP and LAION's CLIPs are.
"""

from __future__ import annotations

import html
import re
import string
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from retrieval.core import AppError

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
KEY = "open_clip"
"""What a config holds that was translated here: the text side's own settings."""

_SIGLIP = re.compile(r"vit_(base|large|so400m|giantopt)_patch(\d+)_siglip_(\d+)")
_SHAPES = {"base": (12, 12), "large": (24, 16), "so400m": (27, 16), "giantopt": (40, 16)}
"""Layers and heads of SigLIP's towers in timm."""

_TANH = re.compile(r"vit_(base_patch32|large_patch16_siglip_512|so400m_patch16|giantopt)")
"""Those towers of timm whose GELU is the approximation by a tanh."""

_PLAIN: dict[str, Any] = {
    "ls_init_value": None, "attentional_pool": False, "no_ln_pre": False, "pos_embed_type": "learnable",
    "final_ln_after_pool": False, "block_type": None, "embed_cls": False, "hf_model_name": None, "proj_type": "linear",
    "qk_norm": False, "scaled_cosine_attn": False, "scale_heads": False, "scale_attn_inner": False,
    "scale_attn": False, "scale_fc": False,
}  # fmt: skip
"""Settings of open_clip under which a tower is the plain one; any other value is another network."""

_POOLED = {True: [("last", False)], False: [("argmax", True), ("eos", True)]}
"""How words are pooled, and whether a word sees only those before it, in SigLIP (True) and in CLIP."""

_RENAMED = {
    "ln_1.": "layer_norm1.", "ln_2.": "layer_norm2.", "norm1.": "layer_norm1.", "norm2.": "layer_norm2.",
    "mlp.c_fc.": "mlp.fc1.", "mlp.c_proj.": "mlp.fc2.", "attn.out_proj.": "self_attn.out_proj.",
    "attn.proj.": "self_attn.out_proj.",
}  # fmt: skip
_NAMES = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.trunk.patch_embed.proj.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.trunk.patch_embed.proj.bias": "vision_model.embeddings.patch_embedding.bias",
    "visual.trunk.pos_embed": "vision_model.embeddings.position_embedding.weight",
    "visual.trunk.attn_pool.latent": "vision_model.head.probe",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
}
_PREFIXES = {
    "visual.ln_pre.": "vision_model.pre_layrnorm.", "visual.ln_post.": "vision_model.post_layernorm.",
    "visual.trunk.norm.": "vision_model.post_layernorm.", "ln_final.": "text_model.final_layer_norm.",
    "visual.trunk.attn_pool.proj.": "vision_model.head.attention.out_proj.",
    "visual.trunk.attn_pool.norm.": "vision_model.head.layernorm.",
    "visual.trunk.attn_pool.mlp.": "vision_model.head.mlp.",
}  # fmt: skip
_BLOCK = re.compile(r"(visual\.transformer\.resblocks|visual\.trunk\.blocks|transformer\.resblocks)\.(\d+)\.(.+)")


def config(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a config in the words of transformers; raises AppError for an architecture that is not known here."""
    model = given.get("model_cfg") or {}
    vision, text = model.get("vision_cfg") or {}, model.get("text_cfg") or {}
    trunk = _SIGLIP.fullmatch(str(vision.get("timm_model_name")))
    strange = [
        f"{key} {cfg[key]}" for cfg in (vision, text) for key, plain in _PLAIN.items() if cfg.get(key, plain) != plain
    ]
    if strange or (vision.get("timm_model_name") and not trunk) or not isinstance(vision.get("layers", 12), int):
        what = vision.get("timm_model_name") or ", ".join(strange) or "a ResNet"
        raise AppError(
            f"{name} has an open_clip architecture that is not read here ({what}): only plain vision transformers and "
            "timm's SigLIP are. Choose one of those that `python cli.py models list` knows."
        )
    pooled, masked = text.get("pool_type", "argmax"), not text.get("no_causal_mask")
    if vision.get("pool_type", "tok") != "tok" or (pooled, masked) not in _POOLED[bool(trunk)]:
        raise AppError(
            f"{name} pools its words by '{pooled}' beside such pictures, which is not read here. Choose one of those "
            "that `python cli.py models list` knows."
        )
    acts = _activations(model)
    words = {
        "num_hidden_layers": text.get("layers", 12), "num_attention_heads": text.get("heads", 8),
        "max_position_embeddings": text.get("context_length", 77), "hidden_act": acts[1],
        "hidden_size": text.get("width", 512), "layer_norm_eps": (text.get("norm_kwargs") or {}).get("eps", 1e-5),
        "projection_size": model.get("embed_dim", 512),
        "eos_token_id": text.get("eos_id", 2) if text.get("pool_type") == "eos" else 2,
    }  # fmt: skip
    if trunk:
        layers, heads = _SHAPES[trunk[1]]
        eyes = {"num_attention_heads": heads, "patch_size": int(trunk[2]), "image_size": int(trunk[3]),
                "num_hidden_layers": layers, "layer_norm_eps": 1e-6, "hidden_act": acts[0]}  # fmt: skip
    else:
        width = vision.get("width", 768)
        eyes = {
            "num_attention_heads": width // vision.get("head_width", 64), "patch_size": vision.get("patch_size", 16),
            "image_size": vision.get("image_size", 224), "num_hidden_layers": vision.get("layers", 12),
            "layer_norm_eps": (vision.get("norm_kwargs") or {}).get("eps", 1e-5), "hidden_act": acts[0],
        }  # fmt: skip
    return {
        "model_type": "siglip" if trunk else "clip", "projection_dim": model.get("embed_dim", 512),
        "vision_config": eyes, "text_config": words,
        KEY: {"tokenizer": text.get("hf_tokenizer_name"), "clean": (text.get("tokenizer_kwargs") or {}).get("clean")},
    }  # fmt: skip


def preprocessor(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what is done to a picture as a preprocessor_config.json would say it; raises AppError for a rare way."""
    said = given.get("preprocess_cfg") or {}
    side = said.get("size") or ((given.get("model_cfg") or {}).get("vision_cfg") or {}).get("image_size", 224)
    height, width = side if isinstance(side, (list, tuple)) else (side, side)
    mode = said.get("resize_mode") or "shortest"
    if mode == "longest" or (mode == "shortest" and height != width):
        raise AppError(f"{name} fits pictures into {width} x {height} by '{mode}', which is not read here.")
    facts = {name: said[key] for name, key in (("image_mean", "mean"), ("image_std", "std")) if said.get(key)}
    facts["resample"] = 2 if said.get("interpolation") == "bilinear" else 3
    square = {"height": height, "width": width}
    if mode == "squash":
        return facts | {"size": square, "do_center_crop": False}
    return facts | {"size": {"shortest_edge": height}, "crop_size": square, "crop_rounds": True}


def tensors(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of an open_clip model under transformers' names."""
    import torch

    found: dict[str, Tensor] = {}
    for name, value in given.items():
        name = name.removeprefix("text.")
        block = _BLOCK.fullmatch(name)
        prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)
        if block:
            tower = "vision_model" if block[1].startswith("visual") else "text_model"
            found |= _in_block(f"{tower}.encoder.layers.{block[2]}.", block[3], value)
        elif name in _NAMES:
            found[_NAMES[name]] = value[0] if name == "visual.trunk.pos_embed" else value
        elif prefix:
            found[_PREFIXES[prefix] + name.removeprefix(prefix)] = value
        elif name == "visual.proj":
            found["visual_projection.weight"] = value.t()
        elif name == "text_projection":
            found["text_projection.weight"] = value.t()
        elif name.startswith("text_projection."):
            found["text_model.head." + name.removeprefix("text_projection.")] = value
    for kind in ("weight", "bias"):
        names = [f"visual.trunk.attn_pool.{part}.{kind}" for part in ("q", "kv")]
        if all(name in given for name in names):
            found[f"vision_model.head.attention.in_proj_{kind}"] = torch.cat([given[name] for name in names])
    return found


def canonical(text: str) -> str:
    """Return `text` as SigLIP's tokenizer of open_clip cleans it: lower case, no punctuation, single spaces."""
    kept = html.unescape(html.unescape(text)).replace("_", " ").translate(str.maketrans("", "", string.punctuation))
    return " ".join(kept.lower().split())


def _activations(model: Mapping[str, Any]) -> tuple[str, str]:
    """Return the activation of the picture tower and of the word tower."""
    found = []
    for tower in ("vision_cfg", "text_cfg"):
        cfg = model.get(tower) or {}
        tanh = (cfg.get("act_kwargs") or {}).get("approximate") == "tanh"
        if cfg.get("timm_model_name"):
            tanh = bool(_TANH.match(cfg["timm_model_name"]))
        elif model.get("quick_gelu"):
            found.append("quick_gelu")
            continue
        found.append("gelu_pytorch_tanh" if tanh else "gelu")
    return found[0], found[1]


def _in_block(place: str, name: str, value: Tensor) -> dict[str, Tensor]:
    if name.startswith(("attn.in_proj_", "attn.qkv.")):
        kind = "bias" if name.endswith("bias") else "weight"
        return {f"{place}self_attn.{p}_proj.{kind}": part for p, part in zip("qkv", value.chunk(3), strict=True)}
    start = next((start for start in _RENAMED if name.startswith(start)), "")
    return {place + _RENAMED.get(start, "") + name.removeprefix(start): value}
