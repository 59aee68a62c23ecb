"""SqueezeNet 1.1 as an encoder: our fashion weights, or the published ImageNet ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from PIL import Image
from torch import Tensor, nn

from engines.files import weights_path
from engines.runtime.cpu import has_bfloat16
from engines.runtime.parallel import encode_in_chunks
from engines.runtime.resizing import squash
from engines.runtime.torchvision_compat import models
from engines.squeezenet.network import MEAN, STD, load_network
from retrieval.core import AppError, EncoderSpec

CHUNK = 8
_PUBLISHED = models.SqueezeNet1_1_Weights.DEFAULT


class SqueezeNet:
    """Turns pictures into unit vectors: 384 numbers with weights "fashion", 512 with "imagenet"."""

    def __init__(self, spec: EncoderSpec) -> None:
        """Load the network of `spec.weights`; raises AppError, with the command that mends it, when it is missing."""
        self.spec = spec
        if spec.weights == "imagenet":
            self._fit, network = pad, _published_network()
        else:
            self._fit, network = squash, load_network(weights_path(spec))
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = network.eval().requires_grad_(False).to(self._device)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        # bfloat16 halves the time where the processor multiplies it, and would be emulated where it does not.
        self._half = self._device.type == "cpu" and has_bfloat16()
        self.weights_bytes = sum(each.nbytes for each in network.parameters())
        self._mean = torch.tensor(MEAN, device=self._device).view(1, 3, 1, 1) * 255
        self._scale = 1 / (torch.tensor(STD, device=self._device).view(1, 3, 1, 1) * 255)

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Embed upright RGB pictures of any size as float32 (n, dim), every row of length 1; n may be 0."""
        return encode_in_chunks(self._embed, images, CHUNK, self.spec.dim)

    def _embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        pixels = torch.from_numpy(np.stack([self._fit(image, self.spec.image_size) for image in images]))
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            batch = pixels.to(self._device).permute(0, 3, 1, 2).float()
            vectors = self._network((batch - self._mean) * self._scale).float()
            return F.normalize(vectors, dim=1).cpu().numpy()


def pad(image: Image.Image, side: int) -> np.ndarray:
    """Fit a whole picture into uint8 (side, side, 3) in its own aspect, on ImageNet's mean colour.

    Measured on held-out clothes it serves the published network better than the usual centre crop, and than squashing.
    """
    canvas = Image.new("RGB", (side, side), tuple(round(255 * channel) for channel in MEAN))
    scale = side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = image.convert("RGB").resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    canvas.paste(small, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(canvas)


class _PooledFeatures(nn.Module):
    """The published network up to its last fire module, pooled: (n, 3, h, w) to (n, 512).

    The generalised mean of power 1.5 finds a little better than the average (power 1) and the usual 3.
    """

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: Tensor) -> Tensor:
        return (self.features(images).float().pow(1.5).mean(dim=(2, 3)) + 1e-6).pow(1 / 1.5)


def _published_network() -> nn.Module:
    try:
        network = models.squeezenet1_1()
        # Weights only: a file in the cache that somebody put there runs no code.
        network.load_state_dict(_PUBLISHED.get_state_dict(progress=True, check_hash=True, weights_only=True))
    except (OSError, RuntimeError) as error:
        name = _PUBLISHED.url.rsplit("/", 1)[-1]
        raise AppError(
            f"The published SqueezeNet weights could not be loaded: {name} is not in torch's cache and was not "
            f'downloaded ({error}). Get them with a network: python -c "import engines; '
            "engines.load(engines.spec('squeezenet:imagenet'))\" — or set TORCH_HOME to a cache that has them in "
            "hub/checkpoints/."
        ) from error
    except Exception:  # torch's refusal of anything but weights has the type of another package
        raise AppError(
            "squeezenet1_1-b8a52dc0.pth in torch's cache (hub/checkpoints/) holds more than weights, so it is not "
            "opened. Delete it; with a network the published file is fetched again."
        ) from None
    return _PooledFeatures(network.features)
