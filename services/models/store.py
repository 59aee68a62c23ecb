"""Models that users trained: one directory each, put in place whole, listed as rows of the table of engines."""

from __future__ import annotations

import glob
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import engines
from retrieval.core import AppError, EncoderSpec
from retrieval.disk import disk_error

log = logging.getLogger(__name__)

FACTS = "facts.json"
WEIGHTS = "weights.safetensors"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MADE = re.compile(r"\.[0-9a-f]+")
_MOST_BYTES = 64 << 20


def check_name(name: str, taken: frozenset[str] = frozenset()) -> str:
    """Return a model's name as it is kept; raises AppError for one that cannot be, or that is a shipped model's."""
    tidy = name.strip().lower().replace(" ", "-")
    if not _NAME.fullmatch(tidy):
        raise AppError(f"A model cannot be called '{name[:60]}'. Use up to 40 letters, digits, - and _ .")
    if tidy in taken:
        raise AppError(f"'{tidy}' is the name of a model that came with the app. Choose another one.")
    return tidy


class ModelStore:
    """A folder of models: `folder/engine/name.digest/` holds `facts.json`, `weights.safetensors` and what else belongs.

    A directory is written under another name and renamed, and the model it replaces is removed only after that: a full
    disk or a crash leaves the earlier model as it was.
    """

    def __init__(
        self,
        folder: Path,
        offer: Callable[[Sequence[EncoderSpec]], None] = lambda rows: None,
        private_too: bool = True,
    ) -> None:
        """Use `folder`, which need not exist yet; `offer` gets the rows, now and whenever they have changed.

        Without `private_too` models that were saved as private are in no answer.
        """
        self.folder, self._offer, self._private_too = folder, offer, private_too
        offer(self.rows())

    def save(
        self,
        facts: EncoderSpec,
        files: Mapping[str, bytes],
        about: Any = None,  # noqa: ANN401 - any JSON
        private: bool = False,
    ) -> None:
        """Keep a model and offer it; `files` must hold `weights.safetensors`, `facts` describe all but file and digest.

        `about` is any JSON of the engine's own; a `private` model was taught from what is for its owner's eyes only.
        Raises AppError when the disk does not take it.
        """
        engine, name = facts.engine, facts.weights
        digest = hashlib.sha256(files[WEIGHTS]).hexdigest()[:16]
        made = time.time_ns()
        held = {"spec": asdict(facts) | {"digest": digest, "file": WEIGHTS}, "made": made, "private": private}
        text = json.dumps(held | {"about": about})
        place = self.folder / engine
        scratch = None
        try:
            place.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(dir=place, prefix=".new-"))
            for file, content in {**files, FACTS: text.encode()}.items():
                with open(scratch / file, "wb") as out:
                    out.write(content)
                    out.flush()
                    os.fsync(out.fileno())
            target = place / f"{name}.{made:x}"
            os.rename(scratch, target)
        except OSError as error:
            if scratch is not None:
                shutil.rmtree(scratch, ignore_errors=True)
            raise disk_error(
                place, error, f"did not take the model '{name}'", "Earlier models are as they were"
            ) from None
        for older in self._directories(engine, name):
            if older != target:
                shutil.rmtree(older, ignore_errors=True)
        self._offer(self.rows())

    def rows(self) -> tuple[EncoderSpec, ...]:
        """Return the facts of every model that can be read, the oldest first; `file` is where its weights lie."""
        newest: dict[tuple[str, str], tuple[int, EncoderSpec]] = {}
        for path in self.folder.glob(f"*/*/{FACTS}"):
            if path.parent.name.startswith("."):
                continue
            try:
                held = _Facts.read(path)
                if held.private and not self._private_too:
                    continue
                row = _row(held.spec, path.with_name(WEIGHTS).resolve())
                made = held.made
            except (AppError, OSError, ValueError) as error:
                log.warning("the model in %s cannot be read (%s)", path.parent, error)
                continue
            key = (row.engine, row.weights)
            if key not in newest or newest[key][0] < made:
                newest[key] = (made, row)
        return tuple(row for _, row in sorted(newest.values(), key=lambda pair: pair[0]))

    def has(self, engine: str, name: str) -> bool:
        """Return whether there is a model of this name, whoever may use it."""
        return bool(self._directories(engine, name))

    def about(self, engine: str, name: str) -> Any:  # noqa: ANN401 - any JSON
        """Return what was kept with a model as `about`; raises AppError for one that is not there."""
        directories = self._directories(engine, name)
        if not directories:
            raise AppError(f"There is no model '{name}' of the engine {engine}.")
        try:
            return _Facts.read(directories[-1] / FACTS).about
        except (OSError, ValueError) as error:
            raise AppError(f"What is kept of the model '{name}' cannot be read ({error}). Train it again.") from None

    def remove(self, engine: str, name: str) -> None:
        """Delete a model; one that is not there is no error."""
        for directory in self._directories(engine, name):
            shutil.rmtree(directory, ignore_errors=True)
        self._offer(self.rows())

    def _directories(self, engine: str, name: str) -> list[Path]:
        """Return where a model lies, the latest last."""
        found = [
            path for path in (self.folder / engine).glob(f"{glob.escape(name)}.*")
            if path.stem == name and _MADE.fullmatch(path.suffix)
        ]  # fmt: skip
        return sorted(found, key=lambda path: int(path.suffix[1:], 16))


class _Own(BaseModel):
    """What a model's file may say of it; everything else, the code that loads it above all, is its engine's own."""

    model_config = ConfigDict(strict=True, extra="ignore")

    engine: str = Field(max_length=40)
    weights: str = Field(pattern=f"^{_NAME.pattern}$")
    title: str = Field(max_length=4000)
    dim: int = Field(ge=1, le=65536)
    image_size: int = Field(ge=1, le=4096)
    licence: str = Field(default="", max_length=4000)
    source: str = Field(default="", max_length=4000)
    digest: str = Field(pattern=r"^[0-9a-f]{16}$")
    preprocessing: int | None = None


class _Facts(BaseModel):
    """The file of facts of one model."""

    model_config = ConfigDict(strict=True, extra="ignore")

    spec: _Own
    made: int
    private: bool = False
    about: Any = None

    @classmethod
    def read(cls, path: Path) -> _Facts:
        """Read a file; raises OSError, or ValueError for what is no such file, too large or too deeply nested."""
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it is larger than {_MOST_BYTES >> 20} MB")
        try:
            return cls.model_validate(json.loads(path.read_bytes()))
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _row(facts: _Own, weights: Path) -> EncoderSpec:
    """Return the row of a model: that of its engine, with what its own file says; raises AppError or ValueError."""
    base = engines.REGISTRY.base(facts.engine)
    own = {name: value for name, value in facts.model_dump(exclude={"engine"}).items() if value is not None}
    return replace(base, **own, file=str(weights), files="engines.files:SHIPPED")
