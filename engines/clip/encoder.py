"""CLIP and SigLIP as an encoder of pictures and of words, from any checkpoint of either family and layout."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)
from PIL import Image
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import Tensor

from engines.clip import checkpoints, families, open_clip
from engines.clip.network import BF16, FP32, INT8, TextTower, VisionTower
from engines.clip.preprocessing import Preprocessing
from engines.runtime.cpu import has_bfloat16, has_int8
from engines.runtime.device import torch_device
from engines.runtime.parallel import encode_in_chunks
from retrieval.core import AppError, EncoderSpec

log = logging.getLogger(__name__)

CHUNK = 4
"""Pictures a thread takes at once: the activations of more do not fit a core's cache."""

FIDELITY = 0.999
"""The cosine with fp32 that a faster arithmetic must keep on every probe, or it is not used."""

_LONGEST = 10_000
_PROBE_WORDS = ("a red summer dress", "blue jeans", "a photo of a striped shirt on a white table", "hat")


class Clip:
    """Turns pictures and texts into unit vectors of one space."""

    def __init__(self, spec: EncoderSpec, precision: str | None = None) -> None:
        """Find the checkpoint's files; raises AppError, with the command that mends it, when one is missing or bad.

        `precision` ("fp32", "bf16", "int8") is for comparisons; without it the fastest that is faithful is taken.
        """
        self.spec = spec
        self._checkpoint = spec.checkpoint
        self._config = checkpoints.config(self._checkpoint)
        families.family(spec, self._config)
        self._family: str = self._config["model_type"]
        self._files = checkpoints.weight_files(self._checkpoint)
        self._prepare = Preprocessing(checkpoints.preprocessor(self._checkpoint), self._family)
        self._device = torch_device()
        self._given = precision
        self._words_home = checkpoints.tokenizer_home(self._checkpoint, self._config)
        self._tokenizer = self._read_tokenizer()

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Embed upright RGB pictures of any size as float32 (n, dim), every row of length 1; n may be 0."""
        tower = self._vision
        return encode_in_chunks(lambda chunk: self._embed(tower, chunk), images, CHUNK, self.spec.dim)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts in any script as float32 (n, dim), of length 1; what is too long is cut, see truncated."""
        if not texts:
            return np.empty((0, self.spec.dim), np.float32)
        tower = self._text
        # One by one: a short text then costs no padding, and the words of a query are few.
        batches = [torch.tensor([self._tokens(text)]) for text in texts]
        return self._all(tower, batches)

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Tell of each text whether the network reads only its beginning."""
        return [bool(self._encoding(text).overflowing) or len(text) > _LONGEST for text in texts]

    @property
    def precision(self) -> str:
        """The arithmetic of the picture tower."""
        return self._vision_choice[0]

    @property
    def _vision(self) -> Callable[[Tensor], Tensor]:
        return self._vision_choice[1]

    @cached_property
    def _vision_choice(self) -> tuple[str, Callable[[Tensor], Tensor]]:
        weights = self._weights(("vision_model.", "visual_projection.", "visual."))
        probes = [torch.from_numpy(self._prepare(image)[None]) for image in _probe_pictures()]
        faster = [name for name, there in ((INT8, has_int8()), (BF16, has_bfloat16())) if there]
        return self._choose(lambda p: VisionTower(self._family, self._config, weights, p), faster, probes)

    @cached_property
    def _text(self) -> Callable[[Tensor], Tensor]:
        text = ("text_model.", "text_projection", "text.", "token_embedding.", "positional_embedding", "transformer.")
        weights = self._weights((*text, "ln_final."))
        probes = [torch.tensor([self._tokens(text)]) for text in _PROBE_WORDS]
        faster = [BF16] if has_bfloat16() else []
        return self._choose(lambda p: TextTower(self._family, self._config, weights, p), faster, probes)[1]

    def _choose(
        self, build: Callable[[str], Callable[[Tensor], Tensor]], faster: Sequence[str], probes: Sequence[Tensor]
    ) -> tuple[str, Callable[[Tensor], Tensor]]:
        """Return the first of `faster` that agrees with fp32 on every probe, else fp32: the same choice every time."""
        try:
            if self._given or self._device.type != "cpu" or not faster:
                return self._given or FP32, build(self._given or FP32)
            exact = build(FP32)
            wanted = self._all(exact, probes)
            for precision in faster:
                tower = build(precision)
                found = self._all(tower, probes)
                agreement = float((found * wanted).sum(1).min())
                if agreement > FIDELITY:
                    return precision, tower
                log.info("%s: %s agrees with fp32 only to %.4f and is not used", self.spec.title, precision, agreement)
            return FP32, exact
        except KeyError as error:
            raise AppError(
                f"{self._checkpoint} lacks the tensor {error}: its weights are not those of the model that its "
                f"config.json describes. {checkpoints.how_to_get(self._checkpoint, checkpoints.WEIGHTS)}"
            ) from None

    def _all(self, tower: Callable[[Tensor], Tensor], batches: Sequence[Tensor]) -> np.ndarray:
        return encode_in_chunks(lambda one: self._run(tower, one[0]), batches, 1, self.spec.dim)

    def _embed(self, tower: Callable[[Tensor], Tensor], images: Sequence[Image.Image]) -> np.ndarray:
        return self._run(tower, torch.from_numpy(np.stack([self._prepare(image) for image in images])))

    def _run(self, tower: Callable[[Tensor], Tensor], batch: Tensor) -> np.ndarray:
        with torch.inference_mode():
            return F.normalize(tower(batch.to(self._device)), dim=1).cpu().numpy()

    def _weights(self, parts: tuple[str, ...]) -> dict[str, Tensor]:
        found = {}
        for path in self._files:
            with safe_open(path, framework="pt", device=str(self._device)) as file:
                for name in file.keys():  # noqa: SIM118 (safe_open is no mapping)
                    if name.startswith(parts):
                        found[name] = file.get_tensor(name)
        return open_clip.tensors(found) if open_clip.KEY in self._config else found

    def _tokens(self, text: str) -> list[int]:
        return self._encoding(text).ids

    def _encoding(self, text: str) -> Any:  # noqa: ANN401 - tokenizers ships no type for it
        text = text[:_LONGEST]
        if self._config.get(open_clip.KEY, {}).get("clean") == "canonicalize":
            text = open_clip.canonical(text)
        # SigLIP was trained on lower-case text; not every tokenizer.json of it says so.
        return self._tokenizer.encode(text.lower() if self._family == "siglip" else text)

    def _read_tokenizer(self) -> Tokenizer:
        places = self._config.get("text_config", {}).get("max_position_embeddings")
        places = places or (77 if self._family == "clip" else 64)
        tokenizer = _tokenizer(self._words_home)
        tokenizer.enable_truncation(places)
        tokenizer.no_padding()
        if self._family == "siglip":
            facts = self._tokenizer_facts()
            pad = facts.get("pad_token", "<pad>")
            pad = pad.get("content", "<pad>") if isinstance(pad, dict) else pad
            tokenizer.enable_padding(
                direction=facts.get("padding_side", "right"), pad_id=tokenizer.token_to_id(pad) or 0, pad_token=pad,
                length=places,
            )  # fmt: skip
        return tokenizer

    def _tokenizer_facts(self) -> dict[str, Any]:
        there = checkpoints.find(self._words_home, "tokenizer_config.json")
        return checkpoints.read_json(self._words_home, "tokenizer_config.json") if there else {}


def _tokenizer(checkpoint: str) -> Tokenizer:
    """Read tokenizer.json, or make it of CLIP's older vocab.json and merges.txt."""
    if not checkpoints.find(checkpoint, checkpoints.TOKENIZER) and checkpoints.find(checkpoint, "vocab.json"):
        vocabulary, merges = (checkpoints.need(checkpoint, name) for name in ("vocab.json", "merges.txt"))
        from transformers.models.clip.tokenization_clip import CLIPTokenizer

        return CLIPTokenizer.from_pretrained(str(vocabulary.parent), local_files_only=True).backend_tokenizer
    path = checkpoints.tokenizer(checkpoint)
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises a bare Exception at a damaged file
        raise AppError(
            f"{path} cannot be read ({error}). {checkpoints.how_to_get(checkpoint, checkpoints.TOKENIZER)}"
        ) from None


def _probe_pictures() -> list[Image.Image]:
    """Return four pictures of soft and hard blocks, the same every time."""
    found = []
    for seed, (side, filter) in enumerate([(3, 2), (7, 3), (28, 0), (5, 0)]):
        blocks = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
        found.append(Image.fromarray(blocks).resize((256, 256), Image.Resampling(filter)))
    return found
