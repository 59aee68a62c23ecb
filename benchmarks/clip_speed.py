"""CLIP at its true size (ViT-B/32, random weights): pictures a second, text query, first query, fidelity.

Example: python -m benchmarks.clip_speed --photos ../shared/data/clothing/images
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from engines.clip import checkpoints
from engines.clip.encoder import Clip
from engines.runtime import torchvision_compat  # noqa: F401 (transformers imports torchvision)

ROOT = Path(__file__).resolve().parent.parent
_COLD = """
import sys, time; started = time.perf_counter()
import engines; engines.REGISTRY.offer_clip([sys.argv[1]])
from PIL import Image
clip = engines.load(engines.spec("clip"))
if sys.argv[2] == "text":
    clip.encode_texts(["a red summer dress"])
else:
    clip.encode_images([Image.new("RGB", (300, 400))])
print(time.perf_counter() - started)
"""


def main() -> None:
    """Save a checkpoint of the true size, measure it and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=96)
    parser.add_argument("--eager", type=int, default=16, help="pictures for transformers' own fp32 model")
    parser.add_argument("--photos", type=Path, help="a folder of JPEGs in place of drawn blocks")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        model = save(Path(folder))
        pictures = photos(max(given.pictures, given.eager), given.photos)
        measured = measure(Path(folder), pictures[: given.pictures]) | eager(model, folder, pictures[: given.eager])
        for kind in ("text", "picture"):
            command = [sys.executable, "-c", _COLD, folder, kind]
            run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            measured[f"first_{kind}_query_s"] = float(run.stdout)
    measured["load"] = os.getloadavg()[0]
    result = {name: round(v, 5) if isinstance(v, float) else v for name, v in measured.items()}
    sys.stdout.write(json.dumps(result) + "\n")


def save(folder: Path) -> torch.nn.Module:
    """Write ViT-B/32 with random weights as the Hub would hold it, and return transformers' own model."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig()).eval()
    model.save_pretrained(folder)
    letters = [chr(n) for n in range(97, 123)]
    words = [f"token{n}" for n in range(49408 - 2 - 2 * len(letters))]
    words += letters + [f"{c}</w>" for c in letters] + ["<|startoftext|>", "<|endoftext|>"]
    CLIPTokenizer(vocab={word: n for n, word in enumerate(words)}, merges=[]).save_pretrained(folder)
    CLIPImageProcessorPil().save_pretrained(folder)
    return model


def photos(count: int, folder: Path | None) -> list[Image.Image]:
    """Return photos spread over a folder's, or seeded pictures of 300 x 400."""
    if folder:
        paths = sorted(folder.glob("*.jpg"))
        return [Image.open(path).convert("RGB") for path in paths[:: max(1, len(paths) // count)][:count]]
    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, (count, 12, 9, 3), dtype=np.uint8)
    return [Image.fromarray(each).resize((300, 400), Image.Resampling.BICUBIC) for each in blocks]


def measure(folder: Path, pictures: list[Image.Image]) -> dict[str, float | str]:
    """Return what our encoder does: speeds, the arithmetic it chose, and its cosine with fp32."""
    row = checkpoints.rows([str(folder)])[0]
    encoder, exact = Clip(row), Clip(row, "fp32")
    encoder.encode_images(pictures[:8])
    started, busy = time.perf_counter(), time.process_time()
    found = encoder.encode_images(pictures)
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    text = "a long red summer dress"
    encoder.encode_texts([text])
    times = []
    for _ in range(20):
        started = time.perf_counter()
        encoder.encode_texts([text])
        times.append(time.perf_counter() - started)
    cosines = (found * exact.encode_images(pictures)).sum(1)
    return {
        "precision": encoder.precision,
        "pictures_per_second": len(pictures) / seconds,
        "pictures_per_cpu_second": len(pictures) / busy,
        "text_query_ms": float(np.median(times)) * 1e3,
        "cosine_with_fp32_min": float(cosines.min()),
    }


def eager(model: torch.nn.Module, folder: str, pictures: list[Image.Image]) -> dict[str, float]:
    """Return the speed of transformers' own processor and fp32 model, at torch's own number of threads."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil.from_pretrained(folder)
    started, busy = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        model.get_image_features(**processor(pictures, return_tensors="pt"))  # type: ignore[operator]
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    return {"eager_fp32_per_second": len(pictures) / seconds, "eager_fp32_per_cpu_second": len(pictures) / busy}


if __name__ == "__main__":
    main()
