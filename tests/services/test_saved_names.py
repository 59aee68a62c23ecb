"""The file of saved catalogues, which several processes may change at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.core import AppError
from services.catalogs.saved_names import SavedNames
from tests.conftest import ROOT

ADD = """
import sys
from pathlib import Path
from services.catalogs.saved_names import SavedNames
names = SavedNames(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(5):
    names.add(f"folder:/{sys.argv[2]}/{number}")
"""


def test_four_processes_that_add_five_names_each_leave_twenty(tmp_path: Path) -> None:
    path = tmp_path / "catalogs.json"
    running = [
        subprocess.Popen([sys.executable, "-c", ADD, str(path), str(n)], cwd=ROOT, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True) for n in range(4)
    ]  # fmt: skip
    for each in running:
        assert each.stdout
        assert each.stdout.readline() == "ready\n"
    for each in running:
        each.communicate("go\n", timeout=120)
        assert each.returncode == 0
    assert sorted(SavedNames(path).names()) == [f"folder:/{n}/{m}" for n in range(4) for m in range(5)]


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"catalogs": [1]}', "{", "null"])
def test_a_file_that_is_none_of_ours_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "catalogs.json").write_text(text)
    with pytest.raises(AppError, match=r"catalogs\.json cannot be read"):
        SavedNames(tmp_path / "catalogs.json").names()
