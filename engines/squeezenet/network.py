"""The network behind our SqueezeNet embedding: ImageNet's layers, a semantic head and an appearance head."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from safetensors import safe_open
from torch import Tensor, nn

from engines.runtime.torchvision_compat import models

SEMANTIC_DIM = 128
APPEARANCE_DIM = 256
EMBEDDING_DIM = SEMANTIC_DIM + APPEARANCE_DIM
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

_TAPS = {4: 128, 7: 256, 10: 384, 12: 512}  # fire3, fire5, fire7, fire9: module number -> channels
_LAST = 12
_ATTENTION_HEADS = 8


def pool_generalised_mean(maps: Tensor) -> Tensor:
    """Pool (n, c, h, w), not negative, to (n, c) by the generalised mean of power 3 (Radenovic et al., 2017)."""
    # Places side by side, as channels_last memory has them: summing over dim=(2, 3) takes four times as long.
    places = maps.permute(0, 2, 3, 1).flatten(1, 2)
    return (places.pow(3).mean(dim=1) + 1e-6).pow(1 / 3)


class AttentionPool(nn.Module):
    """Pool (n, c, h, w) to (n, c), each group of channels with its own weights over places; starts as the average."""

    def __init__(self, channels: int) -> None:
        """Make the map from `channels` to one score a place for each group."""
        super().__init__()
        self.score = nn.Conv2d(channels, _ATTENTION_HEADS, 1)
        for weight in self.score.parameters():
            nn.init.zeros_(weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Average every group of channels over the places, weighted by a softmax of the group's scores."""
        count, channels = maps.shape[:2]
        weights = self.score(maps).float().flatten(2).softmax(dim=2)
        groups = maps.float().flatten(2).view(count, _ATTENTION_HEADS, channels // _ATTENTION_HEADS, -1)
        return torch.einsum("nhcp,nhp->nhc", groups, weights).reshape(count, channels)


class FashionSqueezeNet(nn.Module):
    """SqueezeNet 1.1 (Iandola et al., 2016) without its classifier, and two heads.

    The embedding is the concatenation of two unit vectors, times sqrt(w) and sqrt(1 - w): the cosine of two embeddings
    is then w times the semantic cosine plus (1 - w) times the appearance cosine, and the two aims do not compete.
    """

    semantic_share: Tensor

    def __init__(self) -> None:
        """Make the network with random weights."""
        super().__init__()
        self.features = models.squeezenet1_1(weights=None).features
        self.attention = AttentionPool(_TAPS[_LAST])
        self.hidden = nn.Sequential(nn.Linear(2 * _TAPS[_LAST], 512), nn.LayerNorm(512), nn.GELU())
        self.semantic = nn.Linear(512, SEMANTIC_DIM)
        self.appearance = nn.Linear(sum(_TAPS.values()), APPEARANCE_DIM)
        self.register_buffer("semantic_share", torch.tensor(0.5))

    def pooled(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run normalised images (n, 3, h, w); give float32 (n, 1024) for meaning and (n, 1280) for look."""
        taps, maps = [], images
        for number, layer in enumerate(self.features):
            maps = layer(maps)
            if number in _TAPS:
                taps.append(F.normalize(pool_generalised_mean(maps.float()), dim=1))
        meaning = torch.cat([self.attention(maps), maps.float().amax(dim=(2, 3))], dim=1)
        return meaning, torch.cat(taps, dim=1)

    def heads(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give unit vectors (n, 128) for meaning and (n, 256) for look, and the hidden layer (n, 512) below meaning."""
        meaning, look = self.pooled(images)
        with torch.autocast(images.device.type, enabled=False):
            hidden = self.hidden(meaning)
            semantic = F.normalize(self.semantic(hidden), dim=1)
            return semantic, F.normalize(self.appearance(look), dim=1), hidden

    def forward(self, images: Tensor) -> Tensor:
        """Embed normalised images (n, 3, h, w) as float32 unit vectors (n, 384)."""
        semantic, appearance, _ = self.heads(images)
        share = self.semantic_share
        return torch.cat([share.sqrt() * semantic, (1 - share).sqrt() * appearance], dim=1)


def load_network(path: Path) -> FashionSqueezeNet:
    """Load a network saved by `training.squeezenet.train` (safetensors, fp16 or fp32), in float32, for inference."""
    network = FashionSqueezeNet()
    with safe_open(path, framework="pt") as file:
        network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    return network.eval().requires_grad_(False)
