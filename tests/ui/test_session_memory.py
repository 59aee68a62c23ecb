"""What the server holds of a session: no copy of the page, and nothing once the page has been gone for long."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest
from gradio.state_holder import StateHolder

from services import Services, sessions
from ui.shell.gradio_patches import SlimSession
from ui.shell.session import tidy


def page() -> tuple[gr.Blocks, gr.State, gr.Textbox]:
    with gr.Blocks() as demo:
        return demo, gr.State(1), gr.Textbox("x" * 1000)


def test_a_session_keeps_its_values_and_no_copy_of_the_page() -> None:
    demo, state, box = page()
    held = SlimSession(demo)
    assert (held[state._id], held[box._id]) == (1, box)
    other = gr.Textbox("another", render=False)
    held[state._id], held[box._id] = 5, other
    held._update_value_in_config(box._id, "y" * 1000)
    held._update_config(box._id)
    assert (held[state._id], held[box._id]) == (5, other)
    assert not list(held.components)


def test_what_is_held_of_a_page_goes_once_it_has_been_gone_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    demo, _, _ = page()
    holder = StateHolder()
    holder.set_blocks(demo)
    for name in ("new", "old", "here"):
        assert holder[name]
    long_ago = datetime.now() - timedelta(seconds=sessions.GRACE_SECONDS + 1)
    holder.time_last_used |= {"old": long_ago, "here": long_ago}
    empty, sent = tmp_path / "tmpabc", tmp_path / "tmpdef"
    empty.touch()
    sent.write_bytes(b"a picture")
    for path in (empty, sent):
        os.utime(path, (time.time() - 60, time.time() - 60))
    present: Any = SimpleNamespace(sessions=SimpleNamespace(here=lambda name: name == "here"))
    tidy(cast(Services, present), demo)
    assert set(holder.session_data) == set(holder.time_last_used) == {"new", "here"}
    assert (empty.exists(), sent.exists()) == (False, True)
