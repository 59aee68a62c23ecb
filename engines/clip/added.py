"""The list of pretrained models that a person added; their own files lie in the Hub's cache or in a folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.core import AppError

log = logging.getLogger(__name__)


class _List(BaseModel):
    """What the file holds: Hub name or folder -> pictures per second, measured here when it was added."""

    model_config = ConfigDict(strict=True, extra="ignore")

    models: dict[str, float]


def read(file: Path) -> dict[str, float]:
    """Return name -> pictures per second, in the order in which they were added; none from a damaged file."""
    try:
        return _List.model_validate_json(file.read_bytes()).models
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        log.warning("the list of added models in %s cannot be read (%s)", file, error)
        return {}


def write(file: Path, models: Mapping[str, float]) -> None:
    """Replace the list in one step; raises AppError when the disk does not take it."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(_List(models=dict(models)).model_dump_json(), encoding="utf-8")
        os.replace(fresh, file)
    except OSError as error:
        raise AppError(f"{file} could not be written ({error.strerror}): free some space and try again.") from None
