"""The arithmetic of the page's scripts, under node's own test runner."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.conftest import ROOT

NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_scripts_reckon_as_their_own_tests_say() -> None:
    done = subprocess.run([NODE or "", "--test", "tests/ui/js/"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
