"""The line between a page in a real browser and its server, when it breaks, when nobody answers, and under haste."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import gradio as gr
import pytest
from starlette.middleware import Middleware

from tests.e2e.conftest import SLOW, browser  # noqa: F401 - a fixture
from ui.shell import event_queue, event_stream, head

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")
expect = sync_api.expect


class Wire:
    """A TCP proxy that can be cut: every connection ends at once, and none is taken until it is mended."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.whole = True
        self._pairs: set[socket.socket] = set()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """Break all connections."""
        self.whole = False
        for each in list(self._pairs):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            near, _ = self._door.accept()
            if not self.whole:
                near.close()
                continue
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        far = socket.create_connection(("127.0.0.1", self._target))
        self._pairs |= {near, far}
        with near, far, selectors.DefaultSelector() as ready, suppress(OSError):
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not data:
                        return
                    key.data.sendall(data)
        self._pairs -= {near, far}


class App:
    """A page on which one button answers when `gate` opens and another at once."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.calls = 0
        with gr.Blocks(analytics_enabled=False) as demo:
            told, quick, count = gr.Textbox(label="told"), gr.Textbox(label="quick"), gr.State(0)
            gr.Button("Ask").click(self.work, None, told, show_progress="hidden")
            gr.Button("Haste").click(lambda n: (n + 1, str(n + 1)), count, [count, quick], show_progress="hidden")
            quick.change(lambda text: text, quick, gr.Textbox(label="echo"), show_progress="hidden")
        event_queue.install(demo, 64, 1.0)
        self.demo = demo
        demo.launch(
            server_name="127.0.0.1", quiet=True, prevent_thread_lock=True,
            app_kwargs={"routes": [event_stream.route()], "middleware": [Middleware(head.PageHead, head.script())]},
        )  # fmt: skip
        self.wire = Wire(demo.server_port)

    def work(self) -> str:
        """Wait for the gate."""
        self.calls += 1
        assert self.gate.wait(60)
        return f"answer {self.calls}"


@pytest.fixture
def app() -> Iterator[App]:
    running = App()
    yield running
    running.gate.set()
    running.demo.close()


@pytest.fixture
def page(browser: Browser, app: App) -> Iterator[Page]:  # noqa: F811
    context = browser.new_context()
    opened = context.new_page()
    opened.set_default_timeout(SLOW)
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.goto(f"http://127.0.0.1:{app.wire.port}/")
    expect(opened.get_by_role("button", name="Ask")).to_be_visible(timeout=SLOW)
    opened.evaluate("window.first = true")
    yield opened
    assert opened.evaluate("window.first"), "the page was read anew"
    context.close()
    assert not [text for text in said if "AbortError" in text or "errored out" in text]


def until_called(app: App) -> None:
    deadline = time.monotonic() + 60
    while not app.calls:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_line_that_breaks_while_a_question_waits_is_taken_up_and_the_answer_arrives(page: Page, app: App) -> None:
    page.get_by_role("button", name="Ask").click()
    until_called(app)
    app.wire.cut()
    expect(page.locator(".connection")).to_contain_text("Your question is kept", timeout=SLOW)
    app.gate.set()
    app.wire.whole = True
    expect(page.get_by_label("told")).to_have_value("answer 1", timeout=SLOW)
    expect(page.locator(".connection")).to_be_hidden()


def test_a_question_asked_while_nobody_answers_is_asked_once_and_later(page: Page, app: App) -> None:
    app.gate.set()
    app.wire.cut()
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".connection")).to_contain_text("the page tries again", timeout=SLOW)
    app.wire.whole = True
    expect(page.get_by_label("told")).to_have_value("answer 1", timeout=SLOW)
    assert app.calls == 1


def test_in_haste_every_question_is_answered(page: Page) -> None:
    for number in range(1, 31):
        page.get_by_role("button", name="Haste").click()
        expect(page.get_by_label("quick")).to_have_value(str(number), timeout=SLOW)
    expect(page.get_by_label("echo")).to_have_value("30", timeout=SLOW)
