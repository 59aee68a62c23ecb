"""The page's table of contents: one row per tab, and how the page is launched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from services import Services
from ui.search import catalog_map, tab_page
from ui.search.searching_tab import SearchingTab
from ui.shell import event_queue, event_stream, gradio_patches, head, header, modules, picture_route, session, theme
from ui.shell.hosts import Hosts
from ui.shell.visitors import Visitors
from ui.tabs.catalogs import tab as catalogs
from ui.tabs.compare import tab as compare
from ui.tabs.edit import tab as edit
from ui.tabs.latent import tab as latent
from ui.tabs.look_alike import tab as look_alike
from ui.tabs.product import tab as product
from ui.tabs.style import tab as style

Create = Callable[[Services, header.Header, gr.Tab], None]

TABS: tuple[tuple[str, str, SearchingTab | Create], ...] = (
    ("look-alike", "Look-alike", look_alike.TAB),
    ("style", "Artistic style", style.TAB),
    ("product", "Product type", product.TAB),
    ("latent", "Latent space", latent.TAB),
    ("edit", "Edit and search", edit.create),
    ("compare", "Compare engines", compare.create),
    ("catalogs", "Catalogues", catalogs.create),
)
"""Key in the page's address, title, and what is there: a way of searching, or a function that lays out a tab."""

KEPT = (600, 3600)
"""Every so many seconds, delete what visitors sent so many seconds ago; all of it when the app ends."""

TELL_SECONDS = 1.0
"""How often those who wait hear of their place in the queue."""


def build(services: Services) -> gr.Blocks:
    """Lay out the page: the header, the visitor's question, and beside it one tab per row of TABS."""
    gradio_patches.prepare()
    with gr.Blocks(title=head.TITLE, analytics_enabled=False, fill_width=True, delete_cache=KEPT) as demo:
        top = header.create(services)
        with gr.Row(elem_classes="page"):
            with gr.Column(scale=0, min_width=0, elem_classes="ask"):
                asked = tab_page.create_question(services)
            with gr.Column(scale=1, min_width=0, elem_classes="lenses"), gr.Tabs() as tabs:
                for key, title, content in TABS:
                    with gr.Tab(title, id=key) as tab:
                        if isinstance(content, SearchingTab):
                            tab_page.create(services, (top, asked), tab, content)
                        else:
                            content(services, top, tab)
        session.link(services, top, demo, tabs)
    gradio_patches.apply(demo)
    lines = sorted({spec.engine for spec in services.engines.specs()})
    event_queue.install(demo, services.settings.max_queue, TELL_SECONDS, lines)
    return demo


def launch_options(services: Services) -> dict[str, Any]:
    """Return the arguments of `launch` that belong to the page: look, picture route, limits."""
    return {
        **theme.options(),
        "head": modules.preloads(),
        "app_kwargs": {
            "routes": [
                picture_route.route(services),
                catalog_map.route(services),
                event_stream.route(),
                modules.route(),
            ],
            "middleware": [
                Middleware(Hosts, services.settings.host, services.settings.hosts),
                Middleware(Visitors, services),
                Middleware(head.PageHead, head.script()),
            ],
        },
        "auth": list(services.settings.auth) or None,
        "max_file_size": services.settings.max_archive_bytes,
        "favicon_path": str(head.ICON),
        "footer_links": ["api"],
        "run_history": False,
        "ssr_mode": False,
        "mcp_server": services.settings.mcp and not services.settings.auth,
    }
