"""cli.py models: a model is fetched, is offered to every command, and is forgotten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, blocks
from tests.fakes import tiny_models
from tests.fakes.checkpoint_hub import FakeHub


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small DINOv2."""
    folder = tmp_path_factory.mktemp("tiny") / "dino"
    tiny_models.save("dinov2", folder)
    return folder


def run(tmp_path: Path, *arguments: str, endpoint: str = "http://127.0.0.1:9") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "VISUAL_SEARCH_CACHE": str(tmp_path / "cache"), "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_ENDPOINT": endpoint,
        "HF_HUB_DISABLE_TELEMETRY": "1", "VISUAL_SEARCH_CLIP": "",
    }  # fmt: skip
    environment.pop("HF_HUB_OFFLINE", None)
    command = [sys.executable, "cli.py", "-q", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_a_model_of_the_hub_is_added_used_and_removed(tiny: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for n in range(3):
        blocks(n).save(photos / f"{n}.png")
    with FakeHub(tiny, "acme/dino") as hub:
        added = json.loads(run(tmp_path, "models", "add", "acme/dino", "--json", endpoint=hub.url).stdout)
    assert (added["engine"], added["reads_words"], added["added"]) == ("vision:acme--dino", False, True)
    assert added["pictures_per_second"] > 0
    listed = {each["name"]: each for each in json.loads(run(tmp_path, "models", "list", "--json").stdout)}
    assert listed["acme/dino"] == added
    assert Path(added["where"]).is_relative_to(tmp_path / "hub")
    assert not listed["google/siglip2-base-patch32-256"]["where"]
    assert listed["google/siglip2-base-patch32-256"]["licence"] == "Apache-2.0"
    asked = ("search", "--image", str(photos / "1.png"), "--catalog", f"folder:{photos}", "--json")
    found = run(tmp_path, *asked, "--engine", "vision", "--weights", "acme--dino")
    assert json.loads(found.stdout)[0]["id"] == "1.png"
    assert "weights vision acme--dino" in run(tmp_path, "doctor").stdout
    assert run(tmp_path, "models", "remove", "vision:acme--dino").returncode == 0
    assert "acme/dino" not in run(tmp_path, "models", "list", "--json").stdout
    assert Path(added["where"]).is_dir()


def test_a_folder_is_added_and_a_wrong_one_is_told(tiny: Path, tmp_path: Path) -> None:
    added = run(tmp_path, "models", "add", str(tiny))
    assert added.returncode == 0, added.stderr
    assert "--engine vision --weights dino" in added.stdout
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    wrong = run(tmp_path, "models", "add", str(tmp_path / "bert"))
    assert wrong.returncode == 2
    assert "'bert'" in wrong.stderr
    assert "bert" not in run(tmp_path, "models", "list", "--json").stdout
    unknown = run(tmp_path, "models", "remove", "nobody/nothing")
    assert unknown.returncode == 2
    assert str(tiny) in unknown.stderr
