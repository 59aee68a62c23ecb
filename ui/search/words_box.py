"""The words box: phrases with a slider each, and a slider between the words and the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ui.shell import modules


def create(absent: str = "") -> gr.HTML:
    """Return the words box; its `submit` event says that its value holds a new question.

    `absent` says what is missing where no engine of this machine reads words. The value is {"text", "balance"}; the
    box puts weights into the text itself, as retrieval.search.words reads them.
    """
    return gr.HTML(
        {"text": "", "balance": 0, "absent": absent}, **modules.component("search/words_box"),
    )  # fmt: skip


def question(asked: Mapping[str, Any] | None, said: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return one question of the picture input's value and that of the words box."""
    said = said or {}
    text = said.get("text")
    worded = {"text": text, "balance": said.get("balance", 0)} if isinstance(text, str) and text.strip() else {}
    return {**(asked or {}), **worded}
