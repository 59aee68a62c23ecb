"""What Gradio does otherwise than this page needs it: work and memory for every visitor, answers of MCP tools."""

from __future__ import annotations

import inspect
import json
import os
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
from gradio import state_holder
from gradio.mcp import GradioMCPServer
from gradio.state_holder import SessionState
from gradio_client.utils import is_file_obj_with_meta

SUMMARY = "GRADIO_ANALYTICS_CACHE_FREQUENCY"
"""After how many answers Gradio sums up the last 10,000 anew, for a page of its own that we do not show."""


def prepare() -> None:
    """Put these changes into use, for pages that are built from now on."""
    os.environ.setdefault(SUMMARY, str(10**9))
    GradioMCPServer.postprocess_output_data = _as_json  # type: ignore[method-assign]
    state_holder.SessionState = SlimSession  # type: ignore[misc]


class SlimSession(SessionState):
    """What Gradio holds of one session, without a second copy of the whole page and of everything shown on it.

    That copy, a third of a megabyte and growing, is for Gradio's deep links, which this page does without: its own
    addresses name what is open. `python -m benchmarks.soak` shows the difference.
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        """Begin as the page is laid out."""
        super().__init__(cast(gr.Blocks, SimpleNamespace(default_config=blocks.default_config, blocks={})))

    def __setitem__(self, key: int, value: Any) -> None:  # noqa: ANN401 - Gradio's own signature
        """Keep the value of a state, or a component that was updated."""
        super().__setitem__(key, value)
        self.config_values.clear()

    def _update_config(self, key: int) -> None:
        """Keep no copy."""

    def _update_value_in_config(self, key: int, value: Any) -> None:  # noqa: ANN401 - Gradio's own signature
        """Keep no copy."""


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
