"""The nouns that every way of searching shares: items, hits, the protocols of the parts, and the errors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from PIL import Image

Attributes = Mapping[str, str]
Filter = Mapping[str, Sequence[str]]
"""Attribute -> values that are let through: any of the values, for every one of the attributes."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the oriented picture; right and bottom are outside."""


class AppError(Exception):
    """Something a person can act on: what failed, the actual value, how to mend it."""


class BadPictureError(AppError):
    """A file that cannot be shown as a picture."""


class UnreadableError(BadPictureError):
    """A file that cannot be read now but may be later: no permission, a folder that is gone, a failing disk."""


class AwayError(AppError):
    """A catalogue whose place is not there now and may come back: a disk that is not connected, a folder renamed."""


class StaleIndexError(AppError):
    """An index that was made by other weights, another preprocessing or other pictures."""


class MissingIndexError(AppError):
    """No finished index for this catalogue and engine."""


class Stopped(Exception):
    """Work that somebody asked to stop; what was finished before is kept."""


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a catalogue, or one region of a picture.

    `stamp` is a cheap sign of change (size and modification time of a file, a dataset's fingerprint).
    """

    id: str
    attributes: Attributes = field(default_factory=dict)
    stamp: str = ""
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a catalogue's pictures come from, in words or as an address, and their licence where it is known."""

    source: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer to a query; `score` is the cosine similarity, higher is better."""

    id: str
    score: float
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VectorPart:
    """A stretch of an encoder's vector that says one thing: `dim` numbers, and its share of a cosine, 0 to 1."""

    name: str
    dim: int
    share: float


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """The facts of one engine with one set of weights, readable without loading either.

    `digest` names the weights' content, `preprocessing` counts the versions of what is done to a picture before the
    network sees it: an index made under other values of either is stale. `checkpoint` is the name on the Hub or the
    folder of an engine that reads one; `remote_code` says that the settings let that checkpoint's own code run. `parts`
    are what the vector is joined of, each a unit vector times the square root of its share
    (see retrieval/search/parts.py). `purposes` are keys of what the engine is for, the main one first; `files` names
    the object, as `module:NAME`, that knows where its weights lie and how they are got. A new index of at most
    `regions_up_to` pictures holds several regions of each, unless the settings or a command say otherwise.
    """

    engine: str
    weights: str
    title: str
    dim: int
    image_size: int
    licence: str
    source: str
    load: str
    file: str | None = None
    digest: str = ""
    preprocessing: int = 1
    accepts_text: bool = False
    checkpoint: str = ""
    remote_code: bool = False
    parts: tuple[VectorPart, ...] = ()
    purposes: tuple[str, ...] = ()
    files: str = "engines.files:SHIPPED"
    regions_up_to: int = 0

    @property
    def name(self) -> str:
        """The one name of an engine with its weights, `engine:weights`."""
        return f"{self.engine}:{self.weights}"


def printable(text: str) -> str:
    """Return `text` with what is no Unicode, as in names of files from other systems, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def fingerprint(items: Iterable[Item]) -> str:
    """Return a digest of `items` that changes when one is added, changed, relabelled, moved or gone."""
    digest = hashlib.blake2b(digest_size=16)
    for _ in fingerprinted(items, digest):
        pass
    return digest.hexdigest()


def fingerprinted(items: Iterable[Item], digest: hashlib.blake2b) -> Iterator[Item]:
    """Yield `items`, adding each to what becomes their fingerprint."""
    for item in items:
        row = (item.id, item.stamp, item.box, sorted(item.attributes.items()))
        digest.update(json.dumps(row).encode())
        yield item


class Encoder(Protocol):
    """A network that turns pictures into unit vectors."""

    spec: EncoderSpec

    def encode_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 (n, dim), every row of length 1."""
        ...


class TextEncoder(Encoder, Protocol):
    """An encoder that turns words into vectors of the same space as pictures."""

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dim), every row of length 1."""
        ...

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Tell of each text whether only its beginning is read."""
        ...


class Catalog(Protocol):
    """Where pictures come from; an id is a stable relative path or key, never a position."""

    name: str
    title: str

    def __iter__(self) -> Iterator[Item]: ...

    def fingerprint(self) -> str:
        """Return a digest that changes when an item is added, changed, relabelled or gone."""
        ...

    def read(self, item_id: str) -> bytes:
        """Return the encoded picture file that holds the item; raises BadPictureError when it cannot be read."""
        ...

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        """Return the item decoded, upright, RGB; with `shorter_side`, possibly reduced but no smaller than that."""
        ...


@runtime_checkable
class Detachable(Protocol):
    """A catalogue parts of which may be away for a while: on a disk that is not mounted, in a folder without rights."""

    def away(self, item_ids: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Yield (id, problem) of those items that were listed before, are not now, and may come back.

        Raises AppError where the whole catalogue is away.
        """
        ...


class VectorIndex(Protocol):
    """Where vectors live. One score everywhere: cosine similarity, sorted from the best, never padded."""

    dim: int

    def __len__(self) -> int: ...

    def __contains__(self, item_id: str) -> bool: ...

    def add(self, ids: Sequence[str], vectors: np.ndarray, attributes: Sequence[Attributes] | None = None) -> None:
        """Insert or replace rows; `vectors` is float32 (n, dim) of unit length."""
        ...

    def remove(self, ids: Sequence[str]) -> None:
        """Drop rows; an id that is not there is no error."""
        ...

    def query(self, vectors: np.ndarray, k: int, filter: Filter | None = None) -> list[list[Hit]]:
        """Return, for each row of `vectors` (n, dim), the min(k, matching rows) nearest items."""
        ...

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dim), the stored vectors of `ids`; raises AppError naming an unknown id."""
        ...

    def attributes(self, ids: Sequence[str]) -> list[Attributes]:
        """Return the attributes of `ids`, one for each; raises AppError naming an unknown id."""
        ...
