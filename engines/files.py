"""Where the weights of an engine lie, what names their content, what to do where they are missing."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from retrieval.core import AppError, EncoderSpec

WEIGHTS_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "weights"


class Files(Protocol):
    """What a row of the registry names in `files`: how the weights of that row are found and got."""

    def missing(self, spec: EncoderSpec) -> str | None:
        """Return what is known to be missing, and how to get it, or None."""
        ...

    def found(self, spec: EncoderSpec) -> str:
        """Return in a few words what is on this machine; raises AppError when a search would fail."""
        ...

    def remedy(self, spec: EncoderSpec) -> str:
        """Return the command that gets the weights."""
        ...

    def digest(self, spec: EncoderSpec) -> str:
        """Return what names the content of the weights; raises AppError when they are not here."""
        ...

    def fetch(self, spec: EncoderSpec) -> None:
        """Bring weights that come over the network to this machine; raises AppError when that fails."""
        ...


class Shipped:
    """Weights in a file of their own: in `assets/weights`, or where a user's own model lies."""

    def missing(self, spec: EncoderSpec) -> str | None:
        """Return that the file is missing, and how to restore it, or None."""
        if spec.file is None:
            return None
        try:
            weights_path(spec)
        except AppError as error:
            return str(error)
        return None

    def found(self, spec: EncoderSpec) -> str:
        """Return the file and its size."""
        if spec.file is None:
            return f"needs none, {spec.dim} numbers a picture"
        return f"{spec.file}, {weights_path(spec).stat().st_size / 1e6:.1f} MB"

    def remedy(self, spec: EncoderSpec) -> str:
        """Return the command that restores the file."""
        return "git checkout -- assets/weights"

    def digest(self, spec: EncoderSpec) -> str:
        """Return the row's own digest, or the SHA-256 of the file."""
        return spec.digest or _file_digest(weights_path(spec))

    def fetch(self, spec: EncoderSpec) -> None:
        """Do nothing: the file is here, or it is gone."""


@dataclass(frozen=True, slots=True)
class Published:
    """Weights that a framework's own loader downloads into its cache, `spec.file` of it, when they are first used."""

    variable: str
    """The environment variable that moves the cache."""

    home: str
    """Where the cache is without it, below the user's home."""

    def missing(self, spec: EncoderSpec) -> str | None:
        """Return None: these weights are looked for when they are loaded."""
        return None

    def found(self, spec: EncoderSpec) -> str:
        """Return where the file lies."""
        path = self._path(spec)
        if not path.is_file():
            raise AppError("not downloaded")
        return str(path)

    def remedy(self, spec: EncoderSpec) -> str:
        """Return the command that downloads the file."""
        path = self._path(spec)
        load = f"python -c \"import engines; engines.load(engines.spec('{spec.name}'))\""
        return f"{load}   (needs a network; or put {path.name} into {path.parent})"

    def digest(self, spec: EncoderSpec) -> str:
        """Return the row's digest, which names the published weights."""
        return spec.digest

    def fetch(self, spec: EncoderSpec) -> None:
        """Do nothing: the framework downloads what it loads."""

    def _path(self, spec: EncoderSpec) -> Path:
        home = os.environ.get(self.variable)
        if not home and self.home.startswith(".cache/") and os.environ.get("XDG_CACHE_HOME"):
            home = str(Path(os.environ["XDG_CACHE_HOME"]) / self.home.removeprefix(".cache/"))
        return Path(home or Path.home() / self.home) / str(spec.file)


SHIPPED = Shipped()
TORCH = Published("TORCH_HOME", ".cache/torch")
KERAS = Published("KERAS_HOME", ".keras")


def weights_path(spec: EncoderSpec) -> Path:
    """Return where the weights of `spec`, shipped or a user's, lie; raises AppError when they are not there."""
    path = WEIGHTS_FOLDER / str(spec.file)
    if spec.file and Path(spec.file).is_absolute() and not path.is_file():
        raise AppError(f"The model '{spec.weights}' is gone: its file was deleted. Choose or train another one.")
    if spec.file is None or not path.is_file():
        raise AppError(
            f"The weights of {spec.title} are missing: {path.name}. Restore them: git checkout -- assets/weights"
        )
    return path


@cache
def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
