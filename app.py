"""Open the page: settings -> services -> ui.build -> launch."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import replace

import ui
from retrieval.core import AppError
from services import Services
from services.catalogs.open_catalogs import OURS
from settings import LOCALHOST, Settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, or `arguments`, and serve until stopped."""
    parser = argparse.ArgumentParser(description="Visual Search: find pictures that look alike.")
    try:
        settings = Settings.from_environment()
        settings.place_downloads()
    except AppError as error:
        parser.error(str(error))
    parser.add_argument("--catalog", action="append", metavar="NAME", help="sample, folder:PATH, … (repeatable)")
    parser.add_argument("--share", action="store_true", help="make a public link")
    parser.add_argument(
        "--auth", action="store_true", help="let in only whom VISUAL_SEARCH_AUTH names; on by itself where it is set"
    )
    parser.add_argument("--host", default=settings.host, help=f"address to listen on (default {settings.host})")
    parser.add_argument("--port", type=_port, default=settings.port, help="port (default: the first free from 7860)")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", force=True)
    for chatty in ("faiss.loader", "httpx", "botocore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if given.auth and not settings.auth:
        parser.error("--auth needs names and passwords: set VISUAL_SEARCH_AUTH to name:password, …")
    reachable = given.share or given.host != LOCALHOST
    strangers = reachable and "VISUAL_SEARCH_MANAGE" not in os.environ
    mcp_strangers = reachable and "VISUAL_SEARCH_MCP" not in os.environ
    settings = replace(
        settings, host=given.host, manage=settings.manage and not strangers, mcp=settings.mcp and not mcp_strangers
    )
    try:
        services = Services(settings, [])
        services.saved_catalogs.open_given([*(given.catalog or ()), *OURS])
    except AppError as error:
        parser.error(str(error))
    for ending in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(ending, signal.default_int_handler)
    try:
        serve(services, given)
    except KeyboardInterrupt:
        logging.info("stopped")
    except AppError as error:
        parser.exit(2, f"{error}\n")
    finally:
        services.close()


def serve(services: Services, given: argparse.Namespace) -> None:
    """Answer until somebody stops this, and do meanwhile what a first visitor would wait for."""
    demo = ui.build(services)
    try:
        demo.launch(
            server_name=given.host, server_port=given.port, share=given.share, prevent_thread_lock=True,
            **ui.launch_options(services),
        )  # fmt: skip
    except (OSError, UnicodeError) as error:
        raise AppError(_unopened(given.host, given.port, error)) from None
    # Only now, so that the page answers first: open what was added before, index what is new, load the network.
    services.saved_catalogs.open_all()
    services.indexes.ensure(services.catalogs.infos()[0].key, services.engines.first("look-alike"))
    demo.block_thread()


def _unopened(host: str, port: int | None, error: Exception) -> str:
    """Say why the page does not listen where it was told to."""
    try:
        with socket.create_server((host, port or 0)):
            return f"The page could not be opened ({error})."
    except OSError as refused:
        if refused.errno == errno.EADDRINUSE:
            return f"The port {port} is in use. Stop what uses it, or choose another one: --port {(port or 0) + 1}"
        where = f"{host}, port {port}" if port else host
        return f"The page cannot listen on {where} ({refused.strerror or refused}). Give another --host or --port."


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"'{text}' is no port: give a number below 65536")
    return int(text)


if __name__ == "__main__":
    main()
