"""The wheel that `pip install .` makes: everything is in it, and it runs where no checkout is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest

from tests.conftest import ROOT

SHIPPED = ("assets", "commands", "engines", "retrieval", "services", "ui", "visual_search")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of a copy, so that the checkout stays as it is."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    left = shutil.ignore_patterns(".*", "__pycache__", "index_cache", "tests", "training", "docs", "build")
    shutil.copytree(ROOT, source, ignore=left)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", place]
    done = subprocess.run([*map(str, command), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the wheel lies unpacked, as an installer unpacks it."""
    place = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place)
    return place


def test_the_wheel_holds_every_file_of_every_room_and_nothing_besides(site: Path) -> None:
    here = {
        str(path.relative_to(ROOT))
        for room in SHIPPED
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {str(path.relative_to(site)) for room in SHIPPED for path in (site / room).rglob("*") if path.is_file()}
    assert packed == here
    assert not {"tests", "training", "benchmarks", "docs"} & {path.name for path in site.iterdir()}


def test_what_it_requires_is_what_the_requirements_pin(site: Path) -> None:
    (info,) = site.glob("*.dist-info")
    facts = BytesParser().parsebytes((info / "METADATA").read_bytes())
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("#")[0].partition(";")[0].strip() for line in lines} - {""}
    required = {
        line.partition(";")[0].strip() for line in facts.get_all("Requires-Dist") or [] if "extra ==" not in line
    }
    assert required == pinned
    assert facts.get_all("Provides-Extra") == ["scale"]
    assert "visual-search = cli:run" in (info / "entry_points.txt").read_text(encoding="utf-8")


def run(site: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as its entry point does, far from any checkout, for a user whose home is `home`."""
    code = "import sys; sys.argv[0] = 'visual-search'; from cli import run; run()"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VISUAL_SEARCH", "XDG"))}
    environment |= {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=home, env=environment, capture_output=True, text=True
    )


def test_installed_it_searches_and_keeps_its_indexes_in_the_users_own_folder(site: Path, tmp_path: Path) -> None:
    before = sorted(str(path) for path in site.rglob("*"))
    picture = site / "assets" / "paintings" / "cut-paper" / "bridge.jpg"
    done = run(site, tmp_path, "search", "--catalog", "paintings", "--image", str(picture), "-k", "3", "--json")
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)[0]
    assert first["id"] == "cut-paper/bridge.jpg"
    assert first["score"] == pytest.approx(1, abs=1e-3)
    assert [path.parent.name for path in tmp_path.rglob("look-*.json")] == ["paintings"]
    assert sorted(str(path) for path in site.rglob("*")) == before


def test_installed_the_command_opens_the_page_too_and_says_its_own_name(site: Path, tmp_path: Path) -> None:
    shown = run(site, tmp_path, "app", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "--share" in shown.stdout
    lost = f"idx:{tmp_path}"
    failed = run(site, tmp_path, "index", "--catalog", lost)
    assert failed.returncode == 2
    assert "python cli.py" not in failed.stderr
