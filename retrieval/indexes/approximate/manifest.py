"""The record of a finished approximate index: its files, what they were made from, and how well it was measured."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from retrieval.disk import write_atomically
from retrieval.indexes.approximate.shard import Files

VERSION = 1


@dataclass(frozen=True, slots=True)
class ShardManifest:
    """What a finished approximate index is made of; written last, so that without one there is none.

    `table` is the state of the table that it was made from. `recall` is the recall@10 of a sample of its own vectors,
    measured against all of them, with `probes` lists of every part looked through. `size` is in bytes, `seconds` is
    what the last build took.
    """

    version: int
    dim: int
    table: str
    pictures: int
    parts: list[Files]
    postings: str
    probes: int = 0
    recall: float = 0.0
    size: int = 0
    seconds: float = 0.0

    @property
    def files(self) -> list[str]:
        """The names of all files but the manifest's own."""
        return [*(name for part in self.parts for name in part.names), self.postings]


def read(table: Path) -> ShardManifest | None:
    """Return the manifest of the finished index of a table, or None when there is none or a file of it is gone."""
    try:
        held = json.loads(_path(table).read_bytes())
        manifest = ShardManifest(**held | {"parts": [Files(**each) for each in held["parts"]]})
        there = all((table.parent / name).is_file() for name in manifest.files)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return manifest if there and manifest.version == VERSION else None


def write(table: Path, manifest: ShardManifest) -> None:
    """Write a manifest atomically, then delete what killed builds and the index before left behind; raises AppError."""
    write_atomically(_path(table), json.dumps(asdict(manifest), indent=1).encode())
    for path in table.parent.glob(f"{table.name}.*"):
        if path.suffix in (".lists", ".codes", ".slots", ".postings") and path.name not in manifest.files:
            with suppress(OSError):  # where another process reads it, on Windows
                path.unlink()


def drop(table: Path) -> None:
    """Delete the manifest: there is no finished index any more."""
    _path(table).unlink(missing_ok=True)


def locked(table: Path) -> FileLock:
    """Return the lock that whoever builds the index of a table holds."""
    return FileLock(table.with_name(f"{table.name}.lock"))


def _path(table: Path) -> Path:
    return table.with_name(f"{table.name}.approximate.json")
