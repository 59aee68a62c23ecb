"""What the command line prints: any name a file can have, on any terminal or pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands import out as console
from commands import results
from commands.results import Results
from retrieval.words.answer import Found
from tests.conftest import ROOT


@pytest.mark.parametrize("name", ["[/S/M]/1.jpg", "[dress]/2.jpg", ":smile:.jpg", "[bold]x.jpg"])
def test_a_name_with_markup_is_printed_as_it_is(name: str) -> None:
    with console.capture() as printed:
        results.show(Results([Found(name, 1.0, {"label": name})], 1), as_json=False)
    assert printed.get().count(name) == 2
    assert "\\" not in printed.get()


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "ascii"])
def test_json_of_any_name_passes_any_pipe_and_comes_back(encoding: str, tmp_path: Path) -> None:
    names = ["Łódź/1.jpg", "👗.jpg", os.fsdecode(b"Ro\xe9be.jpg")]
    program = "import json, sys; from commands import print_json; print_json(json.loads(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(names)], cwd=ROOT, capture_output=True, check=True,
        env=os.environ | {"PYTHONIOENCODING": f"{encoding}:strict", "VISUAL_SEARCH_CACHE": str(tmp_path)},
    )  # fmt: skip
    assert json.loads(done.stdout.decode(encoding)) == names
