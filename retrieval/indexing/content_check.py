"""Looking whether files still hold what was indexed, though size and time say so: some disks count in steps of 2 s."""

from __future__ import annotations

import time
from pathlib import Path

from retrieval.core import BadPictureError, Catalog
from retrieval.indexing.encoding import content_digest
from retrieval.indexing.storage import Manifest, VectorTable

_AT_ONCE = 64


def recheck(catalog: Catalog, table: Path, manifest: Manifest, after: str, seconds: float) -> tuple[list[str], str]:
    """Read indexed files again, in order of id from the one `after`, for so many seconds at most.

    Returns the ids of those with another content, and the id to go on after; "" when all have been looked at.
    """
    changed: list[str] = []
    deadline = time.monotonic() + seconds
    with VectorTable(table, manifest.dim) as held:
        while rows := held.contents(after, _AT_ONCE):
            for item_id, digest in rows:
                after = item_id
                try:
                    if content_digest(catalog.read(item_id), None) != digest:
                        changed.append(item_id)
                except BadPictureError:
                    pass  # the next build says what is wrong with it
                if time.monotonic() > deadline:
                    return changed, after
    return changed, ""
