"""What Gradio does otherwise than this page needs it: work done anew for every visitor, answers of MCP tools."""

from __future__ import annotations

import inspect
import json
import os
from typing import Any

import gradio as gr
from gradio.mcp import GradioMCPServer
from gradio_client.utils import is_file_obj_with_meta

SUMMARY = "GRADIO_ANALYTICS_CACHE_FREQUENCY"
"""After how many answers Gradio sums up the last 10,000 anew, for a page of its own that we do not show."""


def prepare() -> None:
    """Let the queues that are made from now on leave that summary out, unless the environment says otherwise."""
    os.environ.setdefault(SUMMARY, str(10**9))
    GradioMCPServer.postprocess_output_data = _as_json  # type: ignore[method-assign]


_as_text = GradioMCPServer.postprocess_output_data


def _as_json(self: GradioMCPServer, data: Any, root_url: str) -> list[Any]:  # noqa: ANN401 - Gradio's own signature
    """Answer an MCP tool's call with JSON; Gradio itself would print Python's own notation of it."""
    plain = [
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, dict | list) and not is_file_obj_with_meta(value)
        else value
        for value in data
    ]
    return _as_text(self, plain, root_url)


def apply(demo: gr.Blocks) -> None:
    """Keep the signature of every kind of component.

    Gradio describes all components anew for each visitor, and most of that time went into reading these signatures:
    `python -m benchmarks.visitors`.
    """
    for kind in {type(block) for block in demo.blocks.values()}:
        kind.__init__.__signature__ = inspect.signature(kind.__init__)  # type: ignore[attr-defined]
