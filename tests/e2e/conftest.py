"""The real app in a process of its own and a real browser that visits it, for every test of a page."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

CHROMIUM = next(
    (p for p in ("/usr/bin/chromium", *map(shutil.which, ("chromium", "google-chrome"))) if p and Path(p).exists()),
    None,
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream",
         "--use-fake-device-for-media-stream"]  # fmt: skip
SLOW = int(120_000 * float(os.environ.get("VISUAL_SEARCH_TEST_PATIENCE", "1")))
"""Milliseconds that a page is waited for: a network may have to be loaded first, on cores that others use.

Every wait of the browser tests is this one: a test says what has to come about, never how soon.
"""

LEFT = ("AbortError: signal is aborted", "Connection errored out")
"""What Gradio's client says when a page is left, or reloaded, while an answer is on its way; trouble at any other time.
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return one Chromium for all tests of the module; skip them where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (requirements-dev.txt)")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    sync_api.expect.set_options(timeout=SLOW)
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@contextmanager
def running(log: Path, *arguments: str, **environment: str) -> Iterator[str]:
    """Start the real app, its cache and what is sent to it beside `log`, and yield where it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"VISUAL_SEARCH_CACHE": str(log.parent / "cache"), "GRADIO_TEMP_DIR": str(log.parent / "uploads")}
    command = [sys.executable, "app.py", "--host", "127.0.0.1", "--port", str(port), *arguments]
    with log.open("w") as out:
        app = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **places, **environment}, stdout=out, stderr=subprocess.STDOUT
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        _await_answer(url, app, log)
        yield url
    finally:
        app.terminate()
        app.wait(SLOW / 1000)


def _await_answer(url: str, app: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 2 * SLOW / 1000
    while time.monotonic() < deadline:
        assert app.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=20).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"no answer from {url}:\n{log.read_text()}")


@contextmanager
def visiting(browser: Browser, **options: Any) -> Iterator[Page]:  # noqa: ANN401 - Playwright's own options
    """Yield a page of a fresh visitor; afterwards fail on any script error or dialog."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    page = context.new_page()
    page.set_default_timeout(SLOW)
    watch = Watch()
    page.on("request", watch.request)
    page.on("domcontentloaded", watch.opened)
    page.on("console", watch.console)
    page.on("pageerror", lambda error: watch.troubles.append(str(error)))
    page.on("dialog", lambda dialog: watch.troubles.append(f"dialog: {dialog.message}"))
    yield page
    watch.leaving = True
    context.close()
    assert not watch.troubles


class Watch:
    """What went wrong on a page; what it says between the request for another page and that one's arrival is let go."""

    def __init__(self) -> None:
        self.troubles: list[str] = []
        self.leaving = False

    def request(self, request: Request) -> None:
        """Note that a page is about to be left."""
        self.leaving = self.leaving or request.is_navigation_request()

    def opened(self, page: Page) -> None:
        """Note that another page has arrived."""
        self.leaving = False

    def console(self, message: ConsoleMessage) -> None:
        """Keep an error, unless it is just that the page is being left."""
        if message.type == "error" and not (self.leaving and any(words in message.text for words in LEFT)):
            self.troubles.append(message.text)


def unfold(page: Page, title: str) -> None:
    """Open the fold called `title` of the tab that is shown."""
    page.locator("button.label-wrap:visible").filter(has_text=title).click()


def grave(page: Page) -> list[tuple[str, list[Any]]]:
    """Return what axe finds serious or critical on the page: rule and elements."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(page).response["violations"]
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")]


def width(page: Page) -> int:
    """Return how wide the page is, in CSS pixels: more than the screen when something sticks out."""
    return int(page.evaluate("document.documentElement.scrollWidth"))
