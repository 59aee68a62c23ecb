"""The board of the tab Edit and search: pictures on their way, finished ones beside their original, what was before."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from retrieval.pictures.decoding import thumbnail
from services.edits import Failed, PartialImage, RetryAfter, Step, Variant
from ui.shell import modules, theme

SKETCH_SIDE = 640
KEPT = 24
EXAMPLE = theme.STYLE.parent / "edit"
EXAMPLE_WORDS = "the same dress in green"
STEPS = (
    "1. Choose a picture: your own, an example, or “Edit” on any result.",
    "2. The garment is marked already. Touch the marks up with the brush, or mark something else.",
    "3. Say what should change. The picture comes back changed there, and you can look for who sells it.",
)


@dataclass
class Making:
    """An edit under way: what is seen of each variant so far. Pictures are data URLs, notes are for a shopper."""

    variants: int
    sketches: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    finished: dict[int, Image.Image] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def take(self, step: Step) -> None:
        """Take note of a step."""
        if isinstance(step, PartialImage | Variant):
            self.sketches[step.variant] = _data_url(thumbnail(step.image, SKETCH_SIDE), "jpeg")
        if isinstance(step, Variant):
            self.finished[step.variant] = step.image
            self.notes[step.variant] = "done"
        elif isinstance(step, PartialImage):
            self.notes[step.variant] = "a first rough picture" if step.step == 0 else "getting clearer"
        elif isinstance(step, RetryAfter):
            self.notes[step.variant] = f"the service is busy; the next try is in {max(1, round(step.seconds))} s"
        elif isinstance(step, Failed):
            self.failures.append(step.reason)
            self.notes[step.variant] = "did not come"


def create() -> gr.HTML:
    """Return the board; its `submit` event asks for look-alikes of the value's `chosen` in the history."""
    return gr.HTML(**modules.component("tabs/edit/board"))


def start() -> dict[str, Any]:
    """Return the board of a visit in which nothing was edited yet: how it goes, and a drawn example."""
    pictures = {name: _data_url((EXAMPLE / f"{name}.jpg").read_bytes(), "jpeg") for name in ("before", "after")}
    return {
        "state": "start", "title": "Change a garment, then find it", "steps": list(STEPS),
        "example": {**pictures, "words": EXAMPLE_WORDS}, "history": [],
    }  # fmt: skip


def making(under_way: Making, history: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """Return the board of an edit under way for `seconds`."""
    coming = [
        {"sketch": under_way.sketches.get(i, ""), "note": under_way.notes.get(i, "being made")}
        for i in range(under_way.variants)
    ]
    text = "This usually takes half a minute to two minutes." if seconds < 1 else f"{seconds:.0f} s so far."
    return {
        "state": "making", "title": "Making it", "text": text, "coming": coming, "history": list(history),
    }  # fmt: skip


def made(history: Sequence[Mapping[str, Any]], places: Sequence[int], failures: Sequence[str]) -> dict[str, Any]:
    """Return the board with the finished pictures at `places` of the history."""
    return {
        "state": "made", "title": "" if not failures else f"{len(failures)} did not come", "text": " ".join(failures),
        "made": list(places), "history": list(history),
    }  # fmt: skip


def problem(text: str, history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the board of an edit that failed; what was made before stays, or how it goes where nothing was."""
    told = {"state": "problem", "title": "Nothing was changed", "text": text, "history": list(history)}
    return told if history else {**start(), **told}


def kept(image: Image.Image, before: str, words: str, number: int) -> dict[str, Any]:
    """Return an entry of the history: the picture as a file that the browser may fetch, and where its original is."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=4)
    name = f"edited-{number}.png"
    path = save_bytes_to_cache(out.getvalue(), name, get_upload_folder())
    url = f"gradio_api/file={Path(path).as_posix()}"
    picture = {"path": path, "url": url, "orig_name": name, "meta": {"_type": "gradio.FileData"}}
    return {"before": before, "after": url, "words": words, "picture": picture}


def _data_url(data: bytes, form: str) -> str:
    return f"data:image/{form};base64,{base64.b64encode(data).decode()}"
