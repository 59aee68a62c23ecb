"""Getting a checkpoint from the Hub into its own cache, resuming where an earlier download broke off."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

from engines.clip import checkpoints
from retrieval.core import AppError

SECONDS = 5.0
"""How long the Hub may take to answer at all."""

_lock = threading.Lock()


def fetch(checkpoint: str) -> None:
    """Download what is missing of a checkpoint of the Hub, with progress; raises AppError at once without a network."""
    if checkpoints.is_folder(checkpoint) or checkpoints.is_here(checkpoint):
        return
    with _lock:
        _fetch(checkpoint)


def _fetch(checkpoint: str) -> None:
    import huggingface_hub as hub
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    from huggingface_hub.utils import httpx

    try:
        api = hub.HfApi()
        info = api.model_info(checkpoint, revision=_revision(api, checkpoint), timeout=SECONDS)
        names = [file.rfilename for file in info.siblings or []]
        for name in names:
            if name.endswith(".safetensors") and "/" not in name:
                _download(checkpoint, name, str(info.sha))
        hub.snapshot_download(
            checkpoint, revision=_revision(api, checkpoint), allow_patterns=list(checkpoints.WANTED),
            ignore_patterns=["*/*"], etag_timeout=SECONDS,
        )  # fmt: skip
    except (OfflineModeIsEnabled, OSError, HfHubHTTPError, httpx.HTTPError) as error:
        raise AppError(
            f"The CLIP checkpoint {checkpoint} is not whole on this machine and the Hub did not give it "
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


def _download(checkpoint: str, name: str, commit: str) -> None:
    """Put one large file into the cache's blobs; huggingface_hub itself begins a broken-off file anew."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(checkpoint, name, revision=commit)
    facts = get_hf_file_metadata(url, timeout=SECONDS)
    blobs = Path(constants.HF_HUB_CACHE) / f"models--{checkpoint.replace('/', '--')}" / "blobs"
    if facts.etag is None or (blobs / facts.etag).exists():
        return
    blobs.mkdir(parents=True, exist_ok=True)
    partial = blobs / f"{facts.etag}.partial"
    with partial.open("ab") as file:
        if facts.size is None or file.tell() < facts.size:
            http_get(
                url, file, resume_size=file.tell(), headers=build_hf_headers(), expected_size=facts.size,
                displayed_filename=name,
            )  # fmt: skip
    if len(facts.etag) == 64 and _sha256(partial) != facts.etag:
        partial.unlink()
        raise OSError(f"{name} arrived damaged and was deleted")
    partial.replace(blobs / facts.etag)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _one_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
