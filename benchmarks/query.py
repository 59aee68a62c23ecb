"""First and warm query, end to end through the app's API, beside a bare Gradio endpoint that takes the same photo."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileDataDict
from gradio_client import Client, handle_file
from PIL import Image

import ui
from services import Services
from settings import Settings


def main() -> None:
    """Serve the app in this process, ask it `--queries` times and print milliseconds as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", default="sample", help="for example folder:../shared/data/clothing")
    parser.add_argument("--queries", type=int, default=50)
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    services = Services(Settings.from_environment(), [given.catalog])
    key = services.catalogs.key(given.catalog)
    services.indexes.build(key, services.engines.spec("squeezenet"))
    with gr.Blocks() as bare:
        gr.api(nothing, api_name="look_alike")
    bare.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    demo = ui.build(services)
    demo.launch(prevent_thread_lock=True, quiet=True, **ui.launch_options(services))
    blocks = np.random.default_rng(0).integers(0, 256, (24, 18, 3), dtype=np.uint8)
    with TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        Image.fromarray(blocks).resize((400, 533), Image.Resampling.BICUBIC).save(photo, quality=90)
        ours, theirs = (Client(page.local_url, verbose=False) for page in (demo, bare))
        asked = [_ask(ours, photo, key) for _ in range(given.queries + 1)]
        baseline = [_ask(theirs, photo, key)[0] for _ in range(given.queries + 1)]
    milliseconds = [seconds * 1e3 for seconds, _ in asked]
    p50, p95 = np.percentile(milliseconds[1:], [50, 95])
    result = {"first_ms": milliseconds[0], "warm_p50_ms": p50, "warm_p95_ms": p95}
    result["bare_gradio_p50_ms"] = np.median(baseline[1:]) * 1e3
    for step in ("decode", "encode", "search"):
        result[f"{step}_ms"] = np.median([answer["seconds"][step] for _, answer in asked[1:]]) * 1e3
    sys.stdout.write(json.dumps({name: round(float(value), 1) for name, value in result.items()}) + "\n")
    demo.close()
    bare.close()


def nothing(picture: FileDataDict, catalog: str, k: int) -> dict[str, Any]:
    """Take what the app's endpoint takes, and do nothing with it."""
    return {"results": [{"rank": rank} for rank in range(k)]}


def _ask(client: Client, photo: Path, catalog: str) -> tuple[float, dict[str, Any]]:
    started = time.perf_counter()
    answer = client.predict(handle_file(str(photo)), catalog, 24, api_name="/look_alike")
    return time.perf_counter() - started, answer


if __name__ == "__main__":
    main()
