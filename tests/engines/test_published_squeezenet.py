"""The published SqueezeNet weights are read as weights alone: a file in their place runs no code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.squeezenet import encoder
from retrieval.core import AppError


class Harmful:
    """A pickle that makes a folder when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def test_a_file_that_holds_more_than_weights_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(Harmful(tmp_path / "ran"), cache / "squeezenet1_1-b8a52dc0.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(AppError, match="holds more than weights"):
        encoder._published_network()
    assert not (tmp_path / "ran").exists()
