"""What the page tells of itself before it runs: to search engines and to sites that show a preview of a link."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.shell import head

GRADIOS = """<html><head><meta property="og:title" content="Gradio" />
<meta property="og:description" content="Click to try out the app!" /><meta name="twitter:title" content="Gradio" />
<meta name="twitter:creator" content="@Gradio" /></head><body></body></html>"""


def test_a_preview_of_the_page_says_what_it_is() -> None:
    app = Starlette(
        routes=[Route("/", lambda request: HTMLResponse(GRADIOS))],
        middleware=[Middleware(head.PageHead, head.script())],
    )
    page = TestClient(app).get("/").text
    assert f'property="og:title" content="{head.TITLE}"' in page
    assert f'name="twitter:title" content="{head.TITLE}"' in page
    assert page.count(head.DESCRIPTION) == 2
    assert 'content="Gradio"' not in page
    assert "@Gradio" not in page
    assert "<script>" in page


def test_the_icon_is_our_own() -> None:
    assert head.ICON.read_text(encoding="utf-8").startswith("<svg")
