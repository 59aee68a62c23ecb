"""The two towers of CLIP and SigLIP in plain torch: the same numbers as transformers, sooner there and faster.

transformers' own model takes seconds to import and runs in fp32; tests hold these towers to its results.
CLIP: Radford et al. 2021, arXiv:2103.00020. SigLIP: Zhai et al. 2023, arXiv:2303.15343.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from torch import Tensor

Weights = Mapping[str, Tensor]
FP32, BF16, INT8 = "fp32", "bf16", "int8"

_DEFAULTS: dict[str, dict[str, Any]] = {
    "clip_text": {"num_hidden_layers": 12, "num_attention_heads": 8, "hidden_act": "quick_gelu",
                  "layer_norm_eps": 1e-5, "eos_token_id": 49407},
    "clip_vision": {"num_hidden_layers": 12, "num_attention_heads": 12, "hidden_act": "quick_gelu",
                    "layer_norm_eps": 1e-5, "image_size": 224, "patch_size": 32},
    "siglip_text": {"num_hidden_layers": 12, "num_attention_heads": 12, "hidden_act": "gelu_pytorch_tanh",
                    "layer_norm_eps": 1e-6},
    "siglip_vision": {"num_hidden_layers": 12, "num_attention_heads": 12, "hidden_act": "gelu_pytorch_tanh",
                      "layer_norm_eps": 1e-6, "image_size": 224, "patch_size": 16, "vision_use_head": True},
}  # fmt: skip
"""What transformers assumes where a config is silent."""

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "quick_gelu": lambda x: F.silu(x * 1.702).div_(1.702),
    "gelu": F.gelu,
    "gelu_pytorch_tanh": lambda x: F.gelu(x, approximate="tanh"),
}


def settings(family: str, tower: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of one tower ("text" or "vision") of `family` ("clip" or "siglip"), defaults filled in."""
    given = {name: value for name, value in (config.get(f"{tower}_config") or {}).items() if value is not None}
    return _DEFAULTS[f"{family}_{tower}"] | given


class Linear:
    """x W' + b over rows, (n, k) to float32 (n, m), in fp32, in bf16, or in bytes.

    In bytes, a row of W and a row of x each have their own scale (absmax), and sums are exact 32-bit integers.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, precision: str) -> None:
        """Hold `weight` (m, k) and `bias` (m,) in the given precision."""
        self._precision = precision
        self._bias = torch.zeros(len(weight), device=weight.device) if bias is None else bias.float()
        if precision == INT8:
            scale = weight.float().abs().amax(1).clamp_min_(1e-12) / 127
            self._weight = (weight.float() / scale[:, None]).round_().to(torch.int8).t().contiguous()
            self._scale = scale
        else:
            self._weight = weight.to(torch.bfloat16 if precision == BF16 else torch.float32)
            self._bias = self._bias.to(self._weight.dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """Return float32 (n, m)."""
        if self._precision != INT8:
            return F.linear(x.to(self._weight.dtype), self._weight, self._bias).float()
        low, high = torch.aminmax(x, dim=1, keepdim=True)
        scale = torch.maximum(high, -low).clamp_min_(1e-12).mul_(1 / 127)
        # A private name, but the one door to oneDNN's byte product; the torch version is pinned, tests hold the result.
        sums = torch._int_mm((x / scale).round_().to(torch.int8), self._weight)
        return torch.addcmul(self._bias, sums * scale, self._scale)


class _Block:
    """A pre-norm transformer layer over (n, places, width)."""

    def __init__(self, weights: Weights, name: str, facts: Mapping[str, Any], precision: str) -> None:
        def linear(part: str) -> Linear:
            return Linear(weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"], precision)

        parts = [f"{name}.self_attn.{p}_proj" for p in "qkv"]
        self._qkv = Linear(
            torch.cat([weights[f"{p}.weight"] for p in parts]),
            torch.cat([weights[f"{p}.bias"] for p in parts]),
            precision,
        )
        self._out, self._up, self._down = linear("self_attn.out_proj"), linear("mlp.fc1"), linear("mlp.fc2")
        self._norm1, self._norm2 = (_norm(weights, f"{name}.layer_norm{n}", facts) for n in (1, 2))
        self._heads, self._activate = facts["num_attention_heads"], _ACTIVATIONS[facts["hidden_act"]]

    def __call__(self, x: Tensor, causal: bool) -> Tensor:
        n, places, width = x.shape
        flat = x.reshape(-1, width)
        qkv = self._qkv(self._norm1(flat)).view(n, places, 3, self._heads, width // self._heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        flat = flat + self._out(seen.transpose(1, 2).reshape(-1, width))
        flat = flat + self._down(self._activate(self._up(self._norm2(flat))))
        return flat.view(n, places, width)


class VisionTower:
    """Normalised pixels, float32 (n, 3, side, side), to features (n, dim), not yet of unit length."""

    def __init__(self, family: str, config: Mapping[str, Any], weights: Weights, precision: str = FP32) -> None:
        """Build from the checkpoint's tensors; a missing one raises KeyError."""
        facts = settings(family, "vision", config)
        self._patch: int = facts["patch_size"]
        outer = BF16 if precision != FP32 else FP32
        kernel = weights["vision_model.embeddings.patch_embedding.weight"]
        self._embed = Linear(kernel.flatten(1), weights.get("vision_model.embeddings.patch_embedding.bias"), outer)
        self._places = weights["vision_model.embeddings.position_embedding.weight"].float()
        first = weights.get("vision_model.embeddings.class_embedding")
        self._first = None if first is None else first.float()
        self._pre = _norm(weights, "vision_model.pre_layrnorm", facts) if family == "clip" else None
        names = [f"vision_model.encoder.layers.{n}" for n in range(facts["num_hidden_layers"])]
        self._blocks = [_Block(weights, name, facts, precision) for name in names]
        self._post = _norm(weights, "vision_model.post_layernorm", facts)
        self._head = _PoolingHead(weights, facts) if family == "siglip" else None
        self._project = None if self._head else Linear(weights["visual_projection.weight"], None, outer)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return float32 (n, dim)."""
        n, channels, height, width = pixels.shape
        down, across = height // self._patch, width // self._patch
        # Pixels beyond the last whole patch are not seen, as by a convolution: SigLIP so400m has 27 of 14 in 384.
        pixels = pixels[:, :, : down * self._patch, : across * self._patch]
        tiles = pixels.unflatten(3, (across, self._patch)).unflatten(2, (down, self._patch)).permute(0, 2, 4, 1, 3, 5)
        x = self._embed(tiles.reshape(n * down * across, -1)).view(n, down * across, -1)
        if self._first is not None:
            x = torch.cat([self._first.expand(n, 1, -1), x], 1)
        x = x + self._places
        if self._pre:
            x = self._pre(x)
        for block in self._blocks:
            x = block(x, causal=False)
        if self._head:
            return self._head(self._post(x))
        assert self._project is not None
        return self._project(self._post(x[:, 0]))


class _PoolingHead:
    """SigLIP's attention pooling: one learned probe looks at every place."""

    def __init__(self, weights: Weights, facts: Mapping[str, Any]) -> None:
        name = "vision_model.head"
        self._probe = weights[f"{name}.probe"].float()
        self._in = Linear(weights[f"{name}.attention.in_proj_weight"], weights[f"{name}.attention.in_proj_bias"], FP32)
        self._out, self._up, self._down = (
            Linear(weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"], FP32)
            for part in ("attention.out_proj", "mlp.fc1", "mlp.fc2")
        )
        self._norm = _norm(weights, f"{name}.layernorm", facts)
        self._heads, self._activate = facts["num_attention_heads"], _ACTIVATIONS[facts["hidden_act"]]

    def __call__(self, x: Tensor) -> Tensor:
        n, places, width = x.shape
        both = torch.cat([self._probe.expand(n, 1, -1), x], 1).reshape(-1, width)
        qkv = self._in(both).view(n, places + 1, 3, self._heads, width // self._heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query[:, :, :1], key[:, :, 1:], value[:, :, 1:])
        pooled = self._out(seen.transpose(1, 2).reshape(n, width))
        return pooled + self._down(self._activate(self._up(self._norm(pooled))))


class TextTower:
    """Token numbers, int64 (n, places), to features (n, dim), not yet of unit length."""

    def __init__(self, family: str, config: Mapping[str, Any], weights: Weights, precision: str = FP32) -> None:
        """Build from the checkpoint's tensors; a missing one raises KeyError."""
        facts = settings(family, "text", config)
        self._tokens = weights["text_model.embeddings.token_embedding.weight"]
        self._places = weights["text_model.embeddings.position_embedding.weight"].float()
        names = [f"text_model.encoder.layers.{n}" for n in range(facts["num_hidden_layers"])]
        self._blocks = [_Block(weights, name, facts, precision) for name in names]
        self._last = _norm(weights, "text_model.final_layer_norm", facts)
        self._clip = family == "clip"
        self._end: int = facts.get("eos_token_id", -1)
        name = "text_projection" if self._clip else "text_model.head"
        self._project = Linear(weights[f"{name}.weight"], weights.get(f"{name}.bias"), FP32)

    def __call__(self, tokens: Tensor) -> Tensor:
        """Return float32 (n, dim). CLIP reads the first end mark, SigLIP the last place, which may be padding."""
        x = F.embedding(tokens, self._tokens).float() + self._places[: tokens.shape[1]]
        for block in self._blocks:
            x = block(x, causal=self._clip)
        # A config that says 2 is older than the right number; there the end mark is the highest token.
        ends = tokens if self._end == 2 else torch.eq(tokens, self._end).int()
        place = ends.argmax(1) if self._clip else torch.full((len(x),), -1, device=x.device)
        return self._project(self._last(x[torch.arange(len(x), device=x.device), place]))


def _norm(weights: Weights, name: str, facts: Mapping[str, Any]) -> Callable[[Tensor], Tensor]:
    gain, bias, eps = weights[f"{name}.weight"].float(), weights[f"{name}.bias"].float(), facts["layer_norm_eps"]
    return lambda x: F.layer_norm(x, gain.shape, gain, bias, eps)
