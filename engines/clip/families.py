"""The families of pretrained models that are read, what their configs say of them, and which code runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retrieval.core import AppError, EncoderSpec


@dataclass(frozen=True, slots=True)
class Family:
    """What is known of every model of a `model_type`; `dim` counts the numbers of a vector where a config is silent.

    `words` says whether it reads words too; `towers` whether the towers in network.py can be it.
    """

    title: str
    dim: int
    words: bool = True
    towers: bool = False


FAMILIES = {
    "clip": Family("CLIP", 512, towers=True),
    "siglip": Family("SigLIP", 768, towers=True),
    "siglip2": Family("SigLIP 2 NaFlex", 768),
    "metaclip_2": Family("MetaCLIP 2", 512),
    "altclip": Family("AltCLIP", 768),
    "chinese_clip": Family("Chinese CLIP", 512),
    "aimv2": Family("AIMv2", 512),
    "aimv2_vision_model": Family("AIMv2", 1024, words=False),
    "clip_vision_model": Family("CLIP", 768, words=False),
    "convnext": Family("ConvNeXt", 768, words=False),
    "convnextv2": Family("ConvNeXt V2", 768, words=False),
    "dinov2": Family("DINOv2", 768, words=False),
    "dinov2_with_registers": Family("DINOv2", 768, words=False),
    "dinov3_convnext": Family("DINOv3", 768, words=False),
    "dinov3_vit": Family("DINOv3", 384, words=False),
    "siglip_vision_model": Family("SigLIP", 768, words=False),
    "vit": Family("ViT", 768, words=False),
}
"""By the `model_type` of their config.json, as transformers writes it."""

ACTIVATIONS = ("quick_gelu", "gelu", "gelu_pytorch_tanh")
"""What the towers in network.py have between the two layers of a block."""

NATIVE = "engines.clip.encoder:Clip"
THROUGH_TRANSFORMERS = "engines.clip.through_transformers:"
REMOTE = "engines.clip.remote_code:RemoteClip"


def family(spec: EncoderSpec, config: Mapping[str, Any]) -> Family:
    """Return the family of a config; raises AppError for a checkpoint that brings its own code, or is of none."""
    if needs_code(config):
        raise AppError(
            f"{spec.checkpoint} runs Python code of its own when it is loaded, so it is refused. If you trust its "
            f"authors: export VISUAL_SEARCH_TRUST_REMOTE_CODE={spec.checkpoint}"
        )
    found = config.get("model_type")
    if found not in FAMILIES:
        raise AppError(
            f"{spec.checkpoint} is a '{found}', not a CLIP or another model that is read here (model_type "
            f"{', '.join(FAMILIES)}). Choose one of those that `python cli.py models list` knows."
        )
    return FAMILIES[found]


def needs_code(config: Mapping[str, Any]) -> bool:
    """Tell whether a config asks for Python code that the checkpoint brings along."""
    return "AutoModel" in (config.get("auto_map") or {})


def runs(config: Mapping[str, Any]) -> str:
    """Return, as `module:Class`, what runs a model of this config: our towers where they know its shape."""
    known = FAMILIES.get(str(config.get("model_type")), FAMILIES["clip"])
    if not known.words:
        return THROUGH_TRANSFORMERS + "Pictures"
    return NATIVE if known.towers and _fits_towers(config) else THROUGH_TRANSFORMERS + "PicturesAndWords"


def dim(config: Mapping[str, Any]) -> int:
    """Return how many numbers a vector of such a model has."""
    known = FAMILIES.get(str(config.get("model_type")), FAMILIES["clip"])
    text = config.get("text_config") or {}
    if not known.words:
        return int((config.get("hidden_sizes") or [config.get("hidden_size") or known.dim])[-1])
    if str(config.get("model_type")).startswith("siglip"):
        return int(text.get("projection_size") or text.get("hidden_size") or known.dim)
    return int(config.get("projection_dim") or known.dim)


def picture_side(config: Mapping[str, Any], preprocessor: Mapping[str, Any]) -> int:
    """Return to how many pixels the shorter side of a picture is resized before the network sees it."""
    if preprocessor.get("max_num_patches"):  # NaFlex: as many patches as that, whatever the shape
        return round(preprocessor["max_num_patches"] ** 0.5 * preprocessor.get("patch_size", 16))
    sides = [_side(preprocessor.get(name)) for name in ("size", "crop_size")]
    side = max(sides) / float(preprocessor.get("crop_pct") or 1)
    vision = config.get("vision_config") or config
    return round(side) or int(_side(vision.get("image_size")) or 224)


def _side(size: Any) -> int:  # noqa: ANN401 - configs give a number, a pair or an object
    if isinstance(size, Mapping):
        return max((int(value) for value in size.values() if value), default=0)
    if isinstance(size, (list, tuple)):
        return max(map(int, size), default=0)
    return int(size or 0)


def _fits_towers(config: Mapping[str, Any]) -> bool:
    towers = [config.get("vision_config") or {}, config.get("text_config") or {}]
    return (
        all(tower.get("hidden_act") in (None, *ACTIVATIONS) for tower in towers)
        and all(isinstance(towers[0].get(name, 1), int) for name in ("image_size", "patch_size"))
        and towers[0].get("num_channels") in (None, 3)
        and towers[0].get("vision_use_head") is not False
    )
