"""What Gradio would do again for every visitor and every answer, and need not: many may come at once."""

from __future__ import annotations

import inspect
import os

import gradio as gr

SUMMARY = "GRADIO_ANALYTICS_CACHE_FREQUENCY"
"""After how many answers Gradio sums up the last 10,000 anew, for a page of its own that we do not show."""


def prepare() -> None:
    """Let the queues that are made from now on leave that summary out, unless the environment says otherwise."""
    os.environ.setdefault(SUMMARY, str(10**9))


def ease(demo: gr.Blocks) -> None:
    """Keep the signature of every kind of component.

    Gradio describes all components anew for each visitor, and most of that time went into reading these signatures:
    `python -m benchmarks.visitors`.
    """
    for kind in {type(block) for block in demo.blocks.values()}:
        kind.__init__.__signature__ = inspect.signature(kind.__init__)  # type: ignore[attr-defined]
