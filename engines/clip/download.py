"""Getting a checkpoint from the Hub into its own cache, resuming where an earlier download broke off."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engines.clip import checkpoints
from retrieval.core import AppError

SECONDS = 5.0
"""How long the Hub may take to answer at all."""

_lock = threading.Lock()


def fetch(checkpoint: str, on_progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Download what is missing of a checkpoint of the Hub; raises AppError at once without a network.

    `on_progress` is told how many bytes of the weights are here, and how many there are.
    """
    if checkpoints.is_folder(checkpoint) or checkpoints.is_here(checkpoint):
        return
    with _lock:
        _fetch(checkpoint, on_progress)


def _fetch(checkpoint: str, on_progress: Callable[[int, int], None]) -> None:
    import huggingface_hub as hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
    from huggingface_hub.utils import httpx

    def take(repository: str, wanted: Sequence[str], revision: str) -> None:
        hub.snapshot_download(
            repository, revision=revision, allow_patterns=list(wanted), ignore_patterns=["*/*"], etag_timeout=SECONDS
        )

    try:
        api = hub.HfApi()
        revision = _revision(api, checkpoint)
        info = api.model_info(checkpoint, revision=revision, timeout=SECONDS)
        take(checkpoint, checkpoints.SMALL_FILES, revision)
        weights = checkpoints.wanted_weights(checkpoint, [file.rfilename for file in info.siblings or []])
        _download(checkpoint, weights, str(info.sha), on_progress)
        take(checkpoint, weights, revision)
        words = checkpoints.tokenizer_home(checkpoint, checkpoints.config(checkpoint))
        if words != checkpoint and not checkpoints.is_folder(words):
            take(words, checkpoints.TOKENIZER_FILES, "main")
    except HFValidationError:
        raise AppError(
            f"'{checkpoint}' names no model. Give OWNER/NAME of the Hugging Face Hub, or the path of a folder."
        ) from None
    except (OfflineModeIsEnabled, OSError, HfHubHTTPError, httpx.HTTPError) as error:
        raise AppError(
            f"The checkpoint {checkpoint} is not whole on this machine and the Hub did not give it "
            f"({_one_line(error)}). With a network, run: {checkpoints.command(checkpoint)} — what has arrived is kept."
        ) from error


def _revision(api: Any, checkpoint: str) -> str:  # noqa: ANN401 - the Hub's client is imported late
    """Return the revision with safetensors: main, a known one, or the pull request of the Hub's own converter."""
    if checkpoint in checkpoints.REVISIONS:
        return checkpoints.REVISIONS[checkpoint]
    names = [file.rfilename for file in api.model_info(checkpoint, timeout=SECONDS).siblings or []]
    if any(name.endswith(".safetensors") for name in names):
        return "main"
    for talk in api.get_repo_discussions(checkpoint, author="SFconvertbot", discussion_type="pull_request"):
        if talk.author == "SFconvertbot" and talk.git_reference:
            return str(talk.git_reference)
    return "main"


def _download(checkpoint: str, names: Sequence[str], commit: str, on_progress: Callable[[int, int], None]) -> None:
    """Put large files into the cache's blobs; huggingface_hub 2.4 itself begins a broken-off file anew."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    blobs = Path(constants.HF_HUB_CACHE) / f"models--{checkpoint.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    urls = [hf_hub_url(checkpoint, name, revision=commit) for name in names]
    known = [get_hf_file_metadata(url, timeout=SECONDS) for url in urls]
    total, before = sum(facts.size or 0 for facts in known), 0

    def partial_progress(earlier: int) -> Callable[[int], None]:
        return lambda here: on_progress(earlier + here, total)

    for name, url, facts in zip(names, urls, known, strict=True):
        if facts.etag is not None and not (blobs / facts.etag).exists():
            partial = blobs / f"{facts.etag}.partial"
            with _Counted(partial, partial_progress(before)) as file:
                if facts.size is None or file.tell() < facts.size:
                    http_get(
                        url, file, resume_size=file.tell(), headers=build_hf_headers(), expected_size=facts.size,
                        displayed_filename=name,
                    )  # fmt: skip
            if len(facts.etag) == 64 and _sha256(partial) != facts.etag:
                partial.unlink()
                raise OSError(f"{name} arrived damaged and was deleted")
            partial.replace(blobs / facts.etag)
        before += facts.size or 0


class _Counted(io.FileIO):
    """A file that tells after each piece how long it is."""

    def __init__(self, path: Path, on_length: Callable[[int], None]) -> None:
        """Open `path` at its end."""
        super().__init__(path, "ab")
        self._on_length = on_length

    def write(self, piece: Any, /) -> int:  # noqa: ANN401 - any buffer
        """Append `piece` whole."""
        rest = memoryview(piece)
        while rest:
            rest = rest[super().write(rest) :]
        self._on_length(self.tell())
        return len(piece)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _one_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
