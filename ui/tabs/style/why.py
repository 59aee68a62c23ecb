"""The panel "what makes this style", and the figure of the tab's "How it works"."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from services.models.style import StyleMatch
from ui.search import how_it_works
from ui.shell import modules

PATCHES = 3
LAYERS = {
    "block1_conv1": "grain and edges",
    "block2_conv1": "strokes",
    "block2_conv2": "strokes side by side",
    "block3_conv1": "patterns of strokes",
    "block3b": "shapes",
    "block4c": "shapes side by side",
}
"""What a layer's filters see, in words, by the layer's name."""

_CELL = 3


def create() -> gr.HTML:
    """Return the panel; a "why" event on the `.mode` element ({id} of a result) makes it ask, by `submit`."""
    return gr.HTML(**modules.component("tabs/style/why"))


def value(catalog: str, hit: Mapping[str, Any], rank: int, match: StyleMatch) -> dict[str, Any]:
    """Return the panel's value for one result."""
    layers = [{"name": LAYERS.get(name, name), "layer": name, "cosine": round(c, 4)} for name, c in match.layers]
    name = ", ".join(hit["attributes"].values()) or hit["id"]
    return {
        "state": "match", "at": time.time(), "catalog": catalog, "id": hit["id"], "rank": rank, "name": name,
        "layers": layers, "places": [list(place) for place in match.places],
    }  # fmt: skip


def figure(picture: Image.Image, gram: np.ndarray, curve: np.ndarray, strong: int) -> str:
    """Return three panels as HTML: picture, Gram matrix, float32 (c, c), and scores, of which `strong` stand out."""
    seen = picture.copy()
    seen.thumbnail((336, 336), Image.Resampling.BILINEAR)
    panels = (
        (_image(seen, "Your picture as it is looked at"), "1. The network looks at the whole picture, not squashed"),
        (
            _image(gram_picture(gram), "Gram matrix of your picture"),
            f"2. How often two of its {len(gram)} finest filters answer together: the Gram matrix, brighter for more",
        ),
        (how_it_works.score_curve(curve, strong, len(curve)), f"3. The scores of the {len(curve)} results, best first"),
    )
    drawn = "".join(f"<figure>{part}<figcaption>{escape(text)}</figcaption></figure>" for part, text in panels)
    return f'<div class="figures">{drawn}</div>'


def gram_picture(gram: np.ndarray) -> Image.Image:
    """Return a Gram matrix as a picture: logarithms, the filters in order of how much they answer."""
    order = np.argsort(-np.diag(gram), kind="stable")
    logs = np.log1p(10 * gram[np.ix_(order, order)])
    part = (logs / max(float(logs.max()), 1e-8))[..., None]
    dark, middle, light = (np.array(c, np.float32) for c in ((24, 22, 60), (99, 102, 241), (254, 243, 199)))
    colours = np.where(part < 0.5, dark + (middle - dark) * part * 2, middle + (light - middle) * (part * 2 - 1))
    side = len(gram) * _CELL
    return Image.fromarray(colours.astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)


def _image(image: Image.Image, alt: str) -> str:
    out = io.BytesIO()
    image.save(out, "PNG" if image.width == image.height else "JPEG", quality=85)
    data = base64.b64encode(out.getvalue()).decode("ascii")
    return f'<img src="data:image;base64,{data}" alt="{escape(alt)}" width="168" height="168"/>'
