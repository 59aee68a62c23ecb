"""Every environment variable and default, read in one place."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from retrieval.core import AppError

ROOT = Path(__file__).resolve().parent
CHECKOUT = (ROOT / "pyproject.toml").is_file()
"""Whether this runs from the project's own folder; else it is installed among other packages, where nothing is kept."""

INDEX_CACHE = ROOT / "index_cache" if CHECKOUT else platformdirs.user_data_path("visual-search", appauthor=False)
"""Where indexes lie unless told otherwise, and models that a user trained: a cleaner of caches must leave those."""

NO_KEY = "none"
"""What is sent to an image server of one's own in place of a key: it asks for none, but the client for some word."""

LOCALHOST = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
S3_CACHE_MB = 2048
INDEXES = ("auto", "flat", "approximate", "pinecone")
PERSISTENT = Path("/data")
"""Where a Space keeps what outlives a restart, if it has paid for it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation may choose; sizes in bytes, pixels or counts as named.

    `downloads` is where the frameworks keep what they fetch, None for their own choice. `auth` lets in only these
    (name, password). `clip` names the pretrained models to offer, None the default one. `hosts` are names to which
    the page answers besides those of what it listens on. `manage` lets a visitor delete what other visitors use
    too; `mcp` serves the endpoints as MCP tools. `s3_cache_bytes` bounds the pictures of buckets that are kept on
    disk; with `s3_links` browsers get thumbnails from the bucket itself, by signed links. `regions` lets new
    indexes hold several regions of each picture, None leaves it to the engine.
    """

    index_cache: Path = INDEX_CACHE
    downloads: Path | None = None
    sample: Path = ROOT / "assets" / "sample"
    prepared: Path = ROOT / "assets" / "prepared"
    host: str = LOCALHOST
    hosts: tuple[str, ...] = ()
    port: int | None = None
    auth: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    manage: bool = True
    mcp: bool = True
    max_upload_bytes: int = 32 * 1024 * 1024
    max_archive_bytes: int = 512 * 1024 * 1024
    max_archive_files: int = 5000
    max_uploads_bytes: int = 4 * 1024**3
    max_hub_rows: int = 20_000
    max_hub_catalogs: int = 20
    max_queue: int = 64
    clip: tuple[str, ...] | None = None
    trusted: tuple[str, ...] = ()
    openai_key: str = field(default="", repr=False)
    openai_base_url: str = ""
    edit_model: str = ""
    edit_seconds: float = 300.0
    s3_cache_bytes: int = S3_CACHE_MB << 20
    s3_links: bool = False
    index: str = "auto"
    regions: bool | None = None
    pinecone_key: str = field(default="", repr=False)
    pinecone_index: str = ""
    pinecone_cloud: str = "aws"
    pinecone_region: str = "us-east-1"
    pinecone_host: str = ""

    def __post_init__(self) -> None:
        """Raise AppError where a choice is none of those that there are."""
        if self.index not in INDEXES:
            raise AppError(f"There is no index '{self.index}'. Choose one of: {', '.join(INDEXES)}.")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, persistent: Path = PERSISTENT) -> Settings:
        """Read VISUAL_SEARCH_CACHE, _CLIP, _TRUST_REMOTE_CODE (both a,b,c), _AUTH (name:password,…), _MANAGE, _MCP.

        _INDEX says how vectors are searched: auto, flat, approximate or pinecone; for that PINECONE_API_KEY and
        _PINECONE_INDEX, _CLOUD and _REGION of the index to make. _REGIONS (0 or 1) lets new indexes hold several
        regions of each picture, which finds details and takes four times as long.
        For buckets _S3_CACHE_MB and _S3_LINKS (0 or 1), beside what boto3 reads itself.
        For edits in words OPENAI_API_KEY, OPENAI_BASE_URL and VISUAL_SEARCH_EDIT_MODEL; a server of one's own needs no
        key (an empty one asks visitors for theirs).
        VISUAL_SEARCH_HOSTS (a,b,c) names the hosts under which others reach the page, behind a proxy of your own, say.
        GRADIO_SERVER_NAME and _PORT say where to listen; a Space listens to every address, and keeps its caches in its
        persistent storage where it has one. Who may be a stranger deletes nothing: `manage` is on by itself only on an
        address that others cannot reach, and so is `mcp`.
        """
        space = "SPACE_ID" in environment
        host = environment.get("GRADIO_SERVER_NAME") or (EVERYWHERE if space else LOCALHOST)
        port = environment.get("GRADIO_SERVER_PORT")
        if port and not (port.isdecimal() and int(port) < 1 << 16):
            raise AppError(f"GRADIO_SERVER_PORT is '{port}', not a number below 65536. Give a port such as 7860.")
        base_url = environment.get("OPENAI_BASE_URL", "").strip()
        if base_url and not base_url.startswith(("http://", "https://")):
            raise AppError(f"OPENAI_BASE_URL is '{base_url}'. Give an address such as https://api.openai.com/v1.")
        own_server = NO_KEY if base_url and "openai.com" not in base_url else ""
        cache = environment.get("VISUAL_SEARCH_CACHE")
        kept = persistent / "visual-search" if space and os.access(persistent, os.W_OK) else None
        manage = environment.get("VISUAL_SEARCH_MANAGE")
        mcp = environment.get("VISUAL_SEARCH_MCP")
        kept_mb = environment.get("VISUAL_SEARCH_S3_CACHE_MB") or str(S3_CACHE_MB)
        if not kept_mb.isdecimal():
            raise AppError(f"VISUAL_SEARCH_S3_CACHE_MB is '{kept_mb}'. Give a whole number of megabytes; 0 keeps none.")
        return cls(
            index_cache=Path(cache).expanduser() if cache else (kept / "index_cache" if kept else INDEX_CACHE),
            downloads=kept / "downloads" if kept else None,
            host=host,
            hosts=_names(environment.get("VISUAL_SEARCH_HOSTS")) + _names(environment.get("SPACE_HOST")),
            port=int(port) if port else None,
            auth=_pairs(environment.get("VISUAL_SEARCH_AUTH")),
            manage=manage == "1" if manage else host == LOCALHOST,
            mcp=mcp == "1" if mcp else host == LOCALHOST,
            clip=_names(environment.get("VISUAL_SEARCH_CLIP")) or None,
            trusted=_names(environment.get("VISUAL_SEARCH_TRUST_REMOTE_CODE")),
            openai_key=environment.get("OPENAI_API_KEY", own_server).strip(),
            openai_base_url=base_url,
            edit_model=environment.get("VISUAL_SEARCH_EDIT_MODEL", "").strip(),
            s3_cache_bytes=int(kept_mb) << 20,
            index=environment.get("VISUAL_SEARCH_INDEX", "").strip() or "auto",
            regions={"0": False, "1": True}.get(environment.get("VISUAL_SEARCH_REGIONS", "")),
            pinecone_key=environment.get("PINECONE_API_KEY", "").strip(),
            pinecone_index=environment.get("VISUAL_SEARCH_PINECONE_INDEX", "").strip(),
            pinecone_cloud=environment.get("VISUAL_SEARCH_PINECONE_CLOUD", "").strip() or "aws",
            pinecone_region=environment.get("VISUAL_SEARCH_PINECONE_REGION", "").strip() or "us-east-1",
            pinecone_host=environment.get("PINECONE_CONTROLLER_HOST", "").strip(),
            s3_links=environment.get("VISUAL_SEARCH_S3_LINKS") == "1",
        )

    @property
    def public(self) -> Settings:
        """The same without what is secret, for other machines."""
        return replace(self, openai_key="", pinecone_key="", auth=())

    @property
    def hub(self) -> Path:
        """Where the chosen parts of data sets from the Hub lie."""
        return self.index_cache / "hub"

    @property
    def s3(self) -> Path:
        """Where listings of buckets lie, and those of their pictures that were read last."""
        return self.index_cache / "s3"

    @property
    def uploads(self) -> Path:
        """Where visitors' pictures lie while they are here."""
        return self.index_cache / "uploads"

    @property
    def registry(self) -> Path:
        """The file that names the catalogues which every start opens."""
        return self.index_cache / "catalogs.json"

    @property
    def added_models(self) -> Path:
        """The file that names the pretrained models which a person added."""
        return self.index_cache / "added_models.json"

    def place_downloads(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Send what the frameworks download to `downloads`, unless the environment says where; before they load."""
        if self.downloads:
            for name, folder in (("HF_HOME", "huggingface"), ("TORCH_HOME", "torch"), ("KERAS_HOME", "keras")):
                environment.setdefault(name, str(self.downloads / folder))


def _names(value: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())


def _pairs(value: str | None) -> tuple[tuple[str, str], ...]:
    """Read name:password, several with a comma between; in double quotes a pair may itself have commas."""
    try:
        rows = list(csv.reader([value or ""], skipinitialspace=True, strict=True))
    except csv.Error:
        rows = [[":"]]
    texts = [text.strip() for row in rows for text in row]
    pairs = [text.partition(":")[::2] for text in texts if text]
    if not all(name and password for name, password in pairs):
        raise AppError(
            "VISUAL_SEARCH_AUTH is not written as name:password, several with a comma between them. Put a pair whose "
            'password has a comma in double quotes: "ann:one,two",bob:three'
        )
    return tuple(pairs)
