"""How vectors and filters look to Pinecone, and how many fit one request.

Pinecone takes ASCII ids of up to 512 characters: a vector's key is a digest of its item's id, which stands in the
metadata beside the attributes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from retrieval.core import AppError, Attributes, Filter

REQUEST_BYTES = 1_900_000
REQUEST_ROWS = 1000
"""Pinecone takes two megabytes and a thousand vectors in one request."""
NUMBER_BYTES = 22
METADATA_BYTES = 40_000
_PLAIN = "_"


def key_of(item_id: str) -> str:
    """Return the key under which an item lies."""
    return hashlib.blake2b(item_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def metadata(item_id: str, attributes: Attributes) -> dict[str, str]:
    """Return what lies beside a vector: the id, and the attributes under names that nothing else has."""
    return {"id": item_id, **{_PLAIN + name: value for name, value in attributes.items()}}


def translated(filter: Filter | None) -> dict[str, Any] | None:
    """Return a filter in Pinecone's language; None lets everything through."""
    terms = [{_PLAIN + name: {"$in": sorted(set(values))}} for name, values in (filter or {}).items() if values]
    return None if not terms else terms[0] if len(terms) == 1 else {"$and": terms}


def record(item_id: str, vector: np.ndarray, attributes: Attributes) -> dict[str, Any]:
    """Return a vector as it is sent; raises AppError when its attributes are longer than Pinecone takes."""
    beside = metadata(item_id, attributes)
    size = len(json.dumps(beside).encode())
    if size > METADATA_BYTES:
        raise AppError(
            f"The attributes of '{item_id[:80]}' are {size:,} bytes; Pinecone keeps {METADATA_BYTES:,}. Shorten them."
        )
    return {"id": key_of(item_id), "values": vector.tolist(), "metadata": beside}


def requests(records: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield `records` in as many as one request takes."""
    taken: list[dict[str, Any]] = []
    size = 0
    for each in records:
        more = NUMBER_BYTES * len(each["values"]) + len(json.dumps(each["metadata"]).encode()) + 80
        if taken and (size + more > REQUEST_BYTES or len(taken) == REQUEST_ROWS):
            yield taken
            taken, size = [], 0
        taken.append(each)
        size += more
    if taken:
        yield taken


def attributes(beside: Mapping[str, Any]) -> dict[str, str]:
    """Return the attributes out of what lies beside a vector."""
    return {name[len(_PLAIN) :]: value for name, value in beside.items() if name.startswith(_PLAIN)}
