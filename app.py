"""Open the page: settings -> services -> ui.build -> launch."""

from __future__ import annotations

import argparse
import logging

import ui
from retrieval.core import AppError
from services import Services
from settings import Settings


def main() -> None:
    """Read the command line and serve until stopped."""
    parser = argparse.ArgumentParser(description="Visual Search: find pictures that look alike.")
    try:
        settings = Settings.from_environment()
    except AppError as error:
        parser.error(str(error))
    parser.add_argument("--catalog", action="append", metavar="NAME", help="sample, folder:PATH, … (repeatable)")
    parser.add_argument("--share", action="store_true", help="make a public link")
    parser.add_argument("--host", default=settings.host, help=f"address to listen on (default {settings.host})")
    parser.add_argument("--port", type=int, default=settings.port, help="port (default: the first free from 7860)")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("faiss.loader", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        services = Services(settings, [*(given.catalog or ()), "sample"])
    except AppError as error:
        parser.error(str(error))
    demo = ui.build(services)
    demo.launch(
        server_name=given.host, server_port=given.port, share=given.share, prevent_thread_lock=True,
        **ui.launch_options(services),
    )  # fmt: skip
    # Only now, so that the page answers first: index what is new, and load the network before the first question.
    services.ensure(services.catalogs()[0].key, "squeezenet")
    demo.block_thread()


if __name__ == "__main__":
    main()
