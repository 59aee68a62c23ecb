"""How long do visitors wait who all ask at once, each with another picture, and does each get the own answer?

Example: python -m benchmarks.visitors --catalog folder:../shared/data/clothing --visitors 50
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from gradio_client import Client, handle_file

import ui
from services import Services
from settings import Settings


def main() -> None:
    """Serve the page in this process, let every visitor ask once at the same moment, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", default="sample")
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    services = Services(Settings.from_environment(), [given.catalog])
    key = services.key(given.catalog)
    services.build(key, "squeezenet")
    services.searcher(key, "squeezenet")
    ids = random.Random(given.seed).sample([item.id for item in services.catalog(key)], given.visitors)
    demo = ui.build(services)
    _, url, _ = demo.launch(quiet=True, prevent_thread_lock=True, **ui.launch_options(services))
    gate = threading.Barrier(given.visitors)

    def visit(place: int) -> tuple[float, bool]:
        client = Client(str(url), verbose=False, httpx_kwargs={"timeout": 120})
        gate.wait()
        started = time.perf_counter()
        found = client.predict(handle_file(str(files[place])), key, 1, api_name="/look_alike")
        return time.perf_counter() - started, found["results"][0]["score"] > 0.9

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.visitors) as crowd:
        files = [Path(folder) / f"{place}.png" for place in range(given.visitors)]
        for file, item in zip(files, ids, strict=True):
            services.catalog(key).open(item).save(file)
        visits = list(crowd.map(visit, range(given.visitors)))
    seconds = [spent for spent, _ in visits]
    p50, p95 = np.percentile(seconds, (50, 95))
    demo.close()
    services.close()
    answers = {"visitors": given.visitors, "found_their_own": sum(right for _, right in visits)}
    waits = {"p50_s": round(float(p50), 2), "p95_s": round(float(p95), 2), "slowest_s": round(max(seconds), 2)}
    sys.stdout.write(json.dumps(answers | waits) + "\n")


if __name__ == "__main__":
    main()
