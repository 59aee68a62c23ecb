"""What the product engine says of one picture, as plain values that a script turns into a chart, shares and a map."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from retrieval.search.association import Association
from services.models.appearance import Appearance
from services.models.product import Prediction
from ui.shell import modules

SHOWN = 6
SIDE = 224
HOT = np.array([255, 96, 24], np.float32)


def create() -> gr.HTML:
    """Return the reading of the picture that was asked."""
    return gr.HTML(
        **modules.component("tabs/product/prediction", '<section class="pro-reading" aria-live="polite"></section>')
    )


def value(image: Image.Image, prediction: Prediction, seen: Appearance, found: Sequence[Association]) -> dict[str, Any]:
    """Return the reading's value."""
    probabilities = sorted(prediction.probabilities.items(), key=lambda pair: -pair[1])
    return {
        "label": prediction.label,
        "sure": prediction.confident,
        "probabilities": [[name, round(chance, 4)] for name, chance in probabilities[:SHOWN]],
        "kinds": len(probabilities),
        "heat": heat(image, prediction.heat_map),
        "colours": [[each.name, round(each.share, 3), each.shade] for each in seen.colours],
        "pattern": seen.pattern,
        "goes": [
            {
                "attribute": each.attribute, "value": each.value, "near": each.near, "of": each.neighbours,
                "lift": round(each.lift, 1),
            }
            for each in found[:8]
        ],
    }  # fmt: skip


def heat(image: Image.Image, where: np.ndarray) -> str:
    """Return a picture as a data address, the places that spoke for its kind in full colour, the rest faint."""
    small = image.convert("RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    over = Image.fromarray((where * 255).astype(np.uint8)).resize(small.size, Image.Resampling.BICUBIC)
    share = np.asarray(over, np.float32)[..., None] / 255
    pixels = np.asarray(small, np.float32)
    grey = pixels.mean(axis=2, keepdims=True) * 0.5 + 110
    mixed = grey * (1 - share) + (0.75 * pixels + 0.25 * HOT) * share
    out = io.BytesIO()
    Image.fromarray(mixed.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"
