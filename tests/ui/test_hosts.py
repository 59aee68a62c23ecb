"""Names under which the page answers, and pages elsewhere that would like to use it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from settings import Settings
from ui.shell.hosts import Hosts


def status(settings: Settings, method: str, share: str | None = None, **headers: str) -> int:
    """Return how a request with these headers is answered."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    app = SimpleNamespace(blocks=SimpleNamespace(share_url=share))
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": "/", "headers": raw, "app": app, "query_string": b""}
    asyncio.run(Hosts(PlainTextResponse("in"), settings.host, settings.hosts)(scope, receive, send))
    return int(sent[0]["status"])


LOCAL = Settings()
EVERYWHERE = Settings(host="0.0.0.0", hosts=("shop.example",))


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "localhost", "[::1]:7860", "LOCALHOST:1"])
def test_a_laptop_answers_to_its_own_names(host: str) -> None:
    assert status(LOCAL, "GET", host=host) == 200
    assert status(LOCAL, "POST", host=host, origin=f"http://{host}") == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "192.168.1.5:7860", "", "[", "a b"]
)
def test_a_laptop_answers_to_no_other_name(host: str) -> None:
    assert status(LOCAL, "GET", host=host) == 403


def test_the_share_link_and_the_names_of_the_settings_are_answered() -> None:
    link = "https://abc123.gradio.live"
    assert status(LOCAL, "GET", share=link, host="abc123.gradio.live") == 200
    assert status(LOCAL, "GET", host="abc123.gradio.live") == 403
    assert status(EVERYWHERE, "GET", host="shop.example") == 200
    assert status(EVERYWHERE, "GET", host="192.168.1.5:7860") == 200
    assert status(EVERYWHERE, "GET", host="evil.example") == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8888", "http://localhost:7860"])
def test_a_page_elsewhere_reads_but_sends_nothing(origin: str) -> None:
    assert status(LOCAL, "POST", host="127.0.0.1:7860", origin=origin) == 403
    assert status(LOCAL, "GET", host="127.0.0.1:7860", origin=origin) == 200


def test_programs_and_proxies_that_are_named_may_send() -> None:
    assert status(LOCAL, "POST", host="127.0.0.1:7860") == 200
    assert status(EVERYWHERE, "POST", host="10.0.0.7:7860", origin="https://shop.example") == 200
    assert status(EVERYWHERE, "POST", host="10.0.0.7:7860", origin="https://evil.example") == 403


def test_the_environment_names_hosts_and_a_space_its_own() -> None:
    named = Settings.from_environment({"VISUAL_SEARCH_HOSTS": "a.example, b.example", "SPACE_HOST": "me-x.hf.space"})
    assert named.hosts == ("a.example", "b.example", "me-x.hf.space")
