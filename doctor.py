"""What works on this machine, and the command that mends what doesn't."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import engines
from retrieval.core import AppError
from settings import Settings

_PACKAGES = (
    "gradio",
    "torch",
    "torchvision",
    "faiss-cpu",
    "pillow",
    "tensorflow-cpu",
    "transformers",
    "datasets",
    "openai",
)
_SCALE = {"boto3": "pictures in S3", "ray": "index --workers ray"}
_KEYS = {
    "OPENAI_API_KEY": "edits in words",
    "PINECONE_API_KEY": "an index in Pinecone",
    "HF_TOKEN": "gated datasets and models of the Hugging Face Hub",
    "AWS_ACCESS_KEY_ID": "pictures in S3",
}
_PROCESSOR = {
    "avx2": "avx2",
    "avx512f": "avx512",
    "avx512_bf16": "bf16",
    "avx512_vnni": "int8 (VNNI)",
    "amx_bf16": "AMX",
}
_LOW_DISK = 1 << 30


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `remedy` is a command or None; a key's value is never in `found`."""

    name: str
    ok: bool
    found: str
    remedy: str | None = None


def examine(settings: Settings, environment: Mapping[str, str] = os.environ) -> list[Check]:
    """Return every check, quick ones only: no framework is imported and no network asked."""
    engines.REGISTRY.offer_clip(settings.clip, settings.trusted, settings.added_models)
    return [
        _python(),
        *_packages(),
        *_weights(),
        *_datasets(settings),
        *_keys(environment),
        _processor(),
        _gpu(),
        _disk(settings),
    ]


def _python() -> Check:
    version = platform.python_version()
    fits = sys.version_info >= (3, 11)
    return Check("python", fits, version, None if fits else "install Python 3.11 and run: make install")


def _packages() -> Iterator[Check]:
    for name in _PACKAGES:
        try:
            yield Check(f"package {name}", True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            if name == "tensorflow-cpu" and importlib.util.find_spec("tensorflow"):
                continue
            yield Check(f"package {name}", False, "not installed", "pip install -r requirements.txt")
    for name, purpose in _SCALE.items():
        try:
            yield Check(f"package {name}", True, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            found = f"not installed; only needed for {purpose}"
            yield Check(f"package {name}", False, found, "pip install -r requirements-scale.txt")


def _weights() -> Iterator[Check]:
    for row in engines.specs():
        name, held = f"weights {row.engine} {row.weights}", engines.files(row)
        try:
            yield Check(name, True, held.found(row))
        except AppError as error:
            yield Check(name, False, str(error), held.remedy(row))


def _datasets(settings: Settings) -> Iterator[Check]:
    pictures = sum(1 for _ in (settings.sample / "image").glob("*.jpg"))
    yield Check(
        "catalogue sample", pictures > 0, f"{pictures} drawn pictures",
        None if pictures else "git checkout -- assets/sample",
    )  # fmt: skip
    hub = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cached = sorted(p.name.removeprefix("datasets--") for p in (hub / "hub").glob("datasets--*"))
    yield Check("datasets of the Hub", True, ", ".join(cached) or "none cached; not needed for your own folders")


def _keys(environment: Mapping[str, str]) -> Iterator[Check]:
    for name, purpose in _KEYS.items():
        there = bool(environment.get(name))
        yield Check(f"key {name}", there, "present" if there else f"absent; only needed for {purpose}",
                    None if there else f"export {name}=…")  # fmt: skip


def _processor() -> Check:
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        flags = set()
    features = [title for flag, title in _PROCESSOR.items() if flag in flags]
    return Check("processor", True, f"{os.cpu_count()} cores, {platform.machine()} {' '.join(features)}".strip())


def _gpu() -> Check:
    if shutil.which("nvidia-smi"):
        return Check("gpu", True, "NVIDIA driver found")
    return Check("gpu", True, "none; everything runs on the processor")


def _disk(settings: Settings) -> Check:
    place = settings.index_cache if settings.index_cache.exists() else settings.index_cache.parent
    free = shutil.disk_usage(place).free
    writable = os.access(place, os.W_OK)
    found = f"{free / 1e9:.1f} GB free for indexes in {place.name}/" + ("" if writable else ", which is not writable")
    fits = writable and free > _LOW_DISK
    return Check("disk", fits, found, None if fits else "export VISUAL_SEARCH_CACHE=/a/folder/with/space")
