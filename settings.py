"""Every environment variable and default, read in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.core import AppError

ROOT = Path(__file__).resolve().parent
LOCALHOST = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
DEFAULT_CLIP = ("openai/clip-vit-base-patch32",)


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation may choose; sizes in bytes, pixels or counts as named."""

    index_cache: Path = ROOT / "index_cache"
    sample: Path = ROOT / "assets" / "sample"
    prepared: Path = ROOT / "assets" / "prepared"
    host: str = LOCALHOST
    port: int | None = None
    max_upload_bytes: int = 32 * 1024 * 1024
    clip: tuple[str, ...] = DEFAULT_CLIP
    trusted: tuple[str, ...] = ()
    openai_key: str = field(default="", repr=False)
    openai_base_url: str = ""
    edit_model: str = ""
    edit_seconds: float = 300.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read VISUAL_SEARCH_CACHE, _CLIP, _TRUST_REMOTE_CODE (both a,b,c), GRADIO_SERVER_NAME and _PORT.

        For edits in words OPENAI_API_KEY, OPENAI_BASE_URL and VISUAL_SEARCH_EDIT_MODEL.
        On a Space listen to every address.
        """
        host = environment.get("GRADIO_SERVER_NAME") or (EVERYWHERE if "SPACE_ID" in environment else LOCALHOST)
        port = environment.get("GRADIO_SERVER_PORT")
        if port and not port.isdecimal():
            raise AppError(f"GRADIO_SERVER_PORT is '{port}', not a number. Give a port such as 7860.")
        base_url = environment.get("OPENAI_BASE_URL", "").strip()
        if base_url and not base_url.startswith(("http://", "https://")):
            raise AppError(f"OPENAI_BASE_URL is '{base_url}'. Give an address such as https://api.openai.com/v1.")
        cache = environment.get("VISUAL_SEARCH_CACHE")
        return cls(
            index_cache=Path(cache).expanduser() if cache else ROOT / "index_cache",
            host=host,
            port=int(port) if port else None,
            clip=_names(environment.get("VISUAL_SEARCH_CLIP")) or DEFAULT_CLIP,
            trusted=_names(environment.get("VISUAL_SEARCH_TRUST_REMOTE_CODE")),
            openai_key=environment.get("OPENAI_API_KEY", "").strip(),
            openai_base_url=base_url,
            edit_model=environment.get("VISUAL_SEARCH_EDIT_MODEL", "").strip(),
        )


def _names(value: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())
