"""First and warm query, end to end through the app's API, with a 400x533 photo."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
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
    key = services.key(given.catalog)
    services.build(key, "squeezenet")
    demo = ui.build(services)
    demo.launch(prevent_thread_lock=True, quiet=True, **ui.launch_options(services))
    client = Client(demo.local_url, verbose=False)
    blocks = np.random.default_rng(0).integers(0, 256, (24, 18, 3), dtype=np.uint8)
    milliseconds = []
    with TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        Image.fromarray(blocks).resize((400, 533), Image.Resampling.BICUBIC).save(photo, quality=90)
        for _ in range(given.queries + 1):
            started = time.perf_counter()
            client.predict(handle_file(str(photo)), key, 24, api_name="/look_alike")
            milliseconds.append((time.perf_counter() - started) * 1e3)
    p50, p95 = np.percentile(milliseconds[1:], [50, 95])
    result = {"first_ms": milliseconds[0], "warm_p50_ms": p50, "warm_p95_ms": p95, "queries": given.queries}
    sys.stdout.write(json.dumps({name: round(float(value), 1) for name, value in result.items()}) + "\n")
    demo.close()


if __name__ == "__main__":
    main()
