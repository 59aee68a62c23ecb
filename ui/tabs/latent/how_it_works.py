"""The figure of "How it works" in the tab Latent space, made of the visitor's own picture."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from retrieval.core import Hit
from retrieval.pictures.sheets import grey, sheet
from retrieval.search.votes import category
from ui.search import how_it_works
from ui.tabs.latent.reading import Reading

SHOWN = 10


def figure(shown: Reading, vector: np.ndarray, nearest: Sequence[Hit]) -> str:
    """Return the steps of one question as HTML: pixels, point, picture again, neighbours."""
    seen, back = sheet(shown.pixels, 1), sheet(grey(shown.examined.decoded), 1)
    latents = shown.examined.latents[0]
    near = "".join(
        f"<li>{hit.score:.3f} {escape(category(hit) or hit.id)}</li>" for hit in nearest[:SHOWN]
    )  # fmt: skip
    return (
        '<div class="figures lat-figures">'
        + _panel(
            f'<img src="{seen}" alt="Your picture as the model sees it" width="168" height="168"/>',
            "1. Ground away, grey, bright on dark, 28 x 28 pixels",
        )
        + _panel(how_it_works.strip(latents), f"2. The first network makes {len(latents)} numbers of it: its point")
        + _panel(
            f'<img src="{back}" alt="What the second network draws" width="168" height="168"/>',
            "3. The second network draws what lies at that point",
        )
        + _panel(f"<ol>{near}</ol>", f"4. The nearest of the catalogue, by cosine of {len(vector)} numbers")
        + "</div>"
    )


def _panel(drawing: str, caption: str) -> str:
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"
