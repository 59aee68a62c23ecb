"""How a garment looks, as an encoder: textures, shapes and colours, whatever class it is of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from engines.files import weights_path
from engines.look.network import load_network
from engines.look.preprocessing import colours, view
from engines.runtime.cpu import has_bfloat16
from engines.runtime.parallel import encode_in_chunks
from retrieval.core import EncoderSpec

CHUNK = 8


class Look:
    """Turns pictures into unit vectors: 512 numbers for how a garment looks, 17 for its kind."""

    def __init__(self, spec: EncoderSpec) -> None:
        """Load the network of `spec.weights`; raises AppError, with the command that mends it, when it is missing."""
        self.spec = spec
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = load_network(weights_path(spec)).to(self._device)
        # bfloat16 halves the time where the processor multiplies it, and would be emulated where it does not.
        if self._device.type == "cpu" and has_bfloat16():
            network.trunk.use_bfloat16()
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.weights_bytes = sum(each.nbytes for each in network.state_dict().values())

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Embed upright RGB pictures of any size as float32 (n, dim), every row of length 1; n may be 0."""
        return encode_in_chunks(self._embed, images, CHUNK, self.spec.dim)

    def _embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        views = [view(image, self.spec.image_size) for image in images]
        vectors = np.empty((len(views), self.spec.dim), np.float32)
        for shape in {each.shape for each in views}:
            rows = [row for row, each in enumerate(views) if each.shape == shape]
            pixels = torch.from_numpy(np.stack([views[row] for row in rows])).to(self._device)
            spread = torch.from_numpy(np.stack([colours(views[row]) for row in rows])).to(self._device)
            with torch.inference_mode():
                found = self._network(pixels.permute(0, 3, 1, 2).float(), spread)
            vectors[rows] = found.cpu().numpy()
        return vectors
