"""The page's colours and type: a Gradio theme on fonts of the visitor's own machine, and our style sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

STYLE = Path(__file__).resolve().parents[2] / "assets" / "style.css"


def options() -> dict[str, Any]:
    """Return the look's arguments of `launch`; nothing in them is fetched from another host."""
    theme = gr.themes.Base(
        primary_hue="indigo", neutral_hue="zinc", font=["Inter", "sans-serif"], font_mono=["monospace"]
    )
    theme.set(block_border_width="0px", block_padding="0px", block_info_text_size="*text_sm")
    return {"theme": theme, "css_paths": STYLE}
