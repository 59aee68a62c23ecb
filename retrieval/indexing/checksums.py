"""Telling a row of a table of vectors from what a bad disk or a killed copy made of it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

COLUMNS = "id, stamp, attributes, digest, vector, problem, checksum"
"""What `sound` needs of a row, in this order."""

_LOW = 0xFFFFFFFF
_HIGH = 0x7FFFFFFF


def checksum(values: Sequence[Any]) -> int:
    """Return the number kept with a row: the CRC-32 of its vector below 31 bits of that of its text.

    `values` begins with id, stamp, attributes, digest (text), vector (bytes or None) and problem (text or None).
    """
    item_id, stamp, attributes, digest, vector, problem = values[:6]
    text = "\0".join((item_id, stamp, attributes, digest, problem or ""))
    return (zlib.crc32(text.encode()) & _HIGH) << 32 | vector_checksum(vector)


def vector_checksum(vector: bytes | None) -> int:
    """Return the part of the number that belongs to the vector."""
    return zlib.crc32(vector or b"")


def sound(values: Sequence[Any], dim: int) -> bool:
    """Return whether a row, its columns in the order of COLUMNS, is as it was written.

    One that was written before there were checksums is sound when text, JSON and the length of the vector make sense.
    """
    *texts, vector, problem, number = values
    if not all(isinstance(text, str) for text in (*texts, "" if problem is None else problem)):
        return False
    if vector is None:
        fits = problem is not None
    else:
        fits = sound_vector(vector, None, dim)
    if not fits or (number is not None and number != checksum(values)):
        return False
    try:
        held = json.loads(values[2])
    except ValueError:
        return False
    return isinstance(held, dict)


def sound_vector(vector: object, number: object, dim: int) -> bool:
    """Return whether a vector has the right length, is finite, and fits its row's checksum if there is one."""
    if not isinstance(vector, bytes) or len(vector) != 4 * dim:
        return False
    if number is not None:
        return isinstance(number, int) and number & _LOW == vector_checksum(vector)
    return bool(np.isfinite(np.frombuffer(vector, np.float32)).all())
