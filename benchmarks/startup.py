"""How long from `python app.py` until the page answers, beside a bare Gradio app with the same widgets."""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_BARE = """
import json, sys
import gradio as gr
with gr.Blocks() as demo:
    for name, count in json.loads(sys.argv[2]).items():
        for _ in range(count):
            getattr(gr, name)()
demo.launch(server_port=int(sys.argv[1]), ssr_mode=False)
"""
_COUNT = """
import json
from collections import Counter
import gradio as gr
import ui
from services import Services
from settings import Settings
blocks = ui.build(Services(Settings.from_environment())).blocks.values()
known = Counter(type(b).__name__ for b in blocks if isinstance(b, gr.components.Component))
print(json.dumps({n if hasattr(gr, n) else "HTML": c for n, c in known.items()}))
"""


def main() -> None:
    """Start both in turn, `--rounds` times, and print medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    counted = subprocess.run([sys.executable, "-c", _COUNT], cwd=ROOT, capture_output=True, text=True, check=True)
    widgets = Counter(json.loads(counted.stdout.strip().splitlines()[-1]))
    with tempfile.TemporaryDirectory() as scratch:
        bare = Path(scratch) / "bare.py"
        bare.write_text(_BARE, encoding="utf-8")
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(_seconds_to_answer([str(ROOT / "app.py"), "--port", "{port}"]))
            theirs.append(_seconds_to_answer([str(bare), "{port}", json.dumps(widgets)]))
    result = {
        "rounds": rounds,
        "widgets": widgets.total(),
        "app_s": round(statistics.median(ours), 2),
        "bare_gradio_s": round(statistics.median(theirs), 2),
        "ratio": round(statistics.median(ours) / statistics.median(theirs), 3),
    }
    sys.stdout.write(json.dumps(result) + "\n")


def _seconds_to_answer(arguments: list[str]) -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, *(a.format(port=port) if a == "{port}" else a for a in arguments)]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    answer.read()
                    return time.perf_counter() - started
            except (urllib.error.URLError, ConnectionError):
                if process.poll() is not None:
                    raise RuntimeError(f"{command[1]} ended with {process.returncode}") from None
                time.sleep(0.02)
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
