"""The real command line, the real library and the Hub's real client, over HTTP, against a Hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.catalogs.hub import catalog as huggingface
from retrieval.catalogs.hub.names import parse
from tests.conftest import ROOT, jpeg

pytest.importorskip("datasets")
from tests.fakes import hub  # noqa: E402 - it needs the library
from tests.fakes.data_hub import DataHub  # noqa: E402

NAME = "shop/clothes"
ROWS = 400


@pytest.fixture
def served(tmp_path: Path) -> Iterator[DataHub]:
    with DataHub(hub.write_repo(tmp_path / "repo", train=hub.rows(ROWS), test=hub.rows(6, 1000)), NAME) as server:
        yield server


def ran(served: DataHub, place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `cli.py …` with a Hub client that knows only our Hub, and caches of this test alone."""
    environment = {
        **os.environ, "HF_ENDPOINT": served.url, "HF_HOME": str(place / "hf"),
        "VISUAL_SEARCH_CACHE": str(place / "ours"),
        "HF_HUB_OFFLINE": "0", "HF_TOKEN": "", "HF_HUB_DISABLE_TELEMETRY": "1", "VISUAL_SEARCH_CLIP": "",
    }  # fmt: skip
    command = [sys.executable, "cli.py", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)


def pictures(place: Path, name: str) -> list[bytes]:
    """Return what is kept of a data set, without a network."""
    catalog = huggingface.open_hub(parse(name), place / "ours" / "hub")
    return [catalog.read(item.id) for item in catalog]


def test_the_chosen_part_of_a_data_set_comes_over_http_and_is_indexed(served: DataHub, tmp_path: Path) -> None:
    name = f"hf:{NAME}#30"
    done = ran(served, tmp_path, "catalogs", "add", name, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pictures"] == 30
    assert pictures(tmp_path, name) == [jpeg(n) for n in range(30)]
    before = served.sent
    done = ran(served, tmp_path, "--quiet", "index", "--catalog", name, "--engine", "vae", "--json")
    assert json.loads(done.stdout)["pictures"] == 30, done.stderr
    assert served.sent == before
    shown = json.loads(ran(served, tmp_path, "catalogs", "show", name, "--json").stdout)
    assert shown["licence"] == "cc0-1.0"


def test_a_connection_that_breaks_half_way_is_said_and_the_next_try_goes_on(served: DataHub, tmp_path: Path) -> None:
    name, files = f"hf:{NAME}", sorted((served.folder / "data").glob("train-*"))
    served.break_after = files[0].stat().st_size + 50_000
    broken = ran(served, tmp_path, "catalogs", "add", name)
    assert broken.returncode == 2, broken.stderr
    assert "The connection broke in the middle of shop/clothes" in broken.stderr
    assert "open it again and it goes on from there" in broken.stderr
    assert "Traceback" not in broken.stderr
    (kept,) = (json.loads(path.read_bytes())["kept"] for path in (tmp_path / "ours" / "hub").rglob("state.json"))
    assert 100 <= kept < ROWS
    (part,) = (tmp_path / "ours" / "hub").rglob("part-*.arrow")
    before, served.break_after = part.stat(), 1 << 62
    done = ran(served, tmp_path, "catalogs", "add", name, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pictures"] == ROWS
    assert pictures(tmp_path, name) == [jpeg(n) for n in range(ROWS)]
    assert (part.stat().st_ino, part.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_the_hub_does_not_have_or_keeps_back_is_said(served: DataHub, tmp_path: Path) -> None:
    misspelt = ran(served, tmp_path, "catalogs", "add", "hf:shop/cloths#5")
    assert misspelt.returncode == 2
    assert "no data set 'shop/cloths'" in misspelt.stderr
    served.gated = True
    gated = ran(served, tmp_path, "catalogs", "add", f"hf:{NAME}#5")
    assert gated.returncode == 2
    assert "is gated" in gated.stderr
