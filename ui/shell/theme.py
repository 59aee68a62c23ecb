"""The page's colours and type: a Gradio theme on fonts of the visitor's own machine, and our style sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

STATIC = Path(__file__).resolve().parents[1] / "static"
STYLE = Path(__file__).resolve().parents[2] / "assets" / "style.css"


def read(name: str) -> str:
    """Return the text of ui/static/`name`."""
    return (STATIC / name).read_text(encoding="utf-8")


def script(*names: str) -> str:
    """Return the files ui/static/`names` as one script for js_on_load, what all components share before them."""
    return "".join(map(read, ("elements.js", *names)))


def options() -> dict[str, Any]:
    """Return the look's arguments of `launch`; nothing in them is fetched from another host."""
    theme = gr.themes.Base(
        primary_hue="indigo", neutral_hue="zinc", font=["Inter", "sans-serif"], font_mono=["monospace"]
    )
    theme.set(block_border_width="0px", block_padding="0px", block_info_text_size="*text_sm")
    return {"theme": theme, "css_paths": STYLE}
