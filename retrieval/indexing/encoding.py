"""From items to rows of an index: read -> decode -> encode, here in one process, the first two ahead of the third."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from retrieval.core import AppError, BadPictureError, Box, Catalog, Encoder, Item, UnreadableError, printable
from retrieval.indexing.storage import UNREAD, StoredRow, VectorTable
from retrieval.pictures import decoding

BATCH = 32
READERS = 2
AHEAD = 3 * BATCH


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows ready to be stored; the vectors of `encoded` of them are new."""

    rows: list[StoredRow]
    encoded: int


Encode = Callable[[Iterable[Item], VectorTable], Iterator[Batch]]
"""Turns items into batches of rows, in any order; the table knows the vectors of pictures that were encoded before."""


@dataclass(slots=True)
class Read:
    """A row as far as reading goes, and the picture that has to be encoded to finish it, if one has."""

    row: StoredRow
    image: Image.Image | None = None


def in_process(catalog: Catalog, image_size: int, load: Callable[[], Encoder]) -> Encode:
    """Return the way of one process: some threads read ahead while the encoder, loaded when first needed, works.

    A catalogue that has to wait for a network may say, as `readers`, how many should read at once.
    """
    readers = getattr(catalog, "readers", READERS)

    def encode(items: Iterable[Item], table: VectorTable) -> Iterator[Batch]:
        def read(item: Item) -> Read:
            return read_item(item, catalog, image_size, table.by_digest)

        with ThreadPoolExecutor(readers, thread_name_prefix="read") as pool:
            waiting: deque[Future[Read]] = deque()
            todo = iter(items)
            try:
                while True:
                    for item in itertools.islice(todo, AHEAD - len(waiting)):
                        waiting.append(pool.submit(read, item))
                    if not waiting:
                        return
                    yield encode_batch([waiting.popleft().result() for _ in range(min(BATCH, len(waiting)))], load)
            finally:
                for future in waiting:
                    future.cancel()

    return encode


def read_item(item: Item, catalog: Catalog, image_size: int, known: Callable[[str], np.ndarray | None]) -> Read:
    """Return the item's row with the vector of a known picture, or the decoded picture to encode, or the problem.

    `known` gives the vector of a content's digest, if there is one. Raises AppError for what is wrong with more than
    this picture.
    """
    row = StoredRow(printable(item.id), full_stamp(item), text(item))
    try:
        if not storable(item):
            raise BadPictureError("The file's name is not valid Unicode; rename it.")
        data = catalog.read(item.id)
        digest = content_digest(data, item.box)
        vector = known(digest)
        if vector is None and (older := known(of_version_1(digest))) is not None:
            vector = older if decoding.decodes_as_in_version_1(data) else None
        image = decoding.decode(data, image_size, item.box) if vector is None else None
        return Read(replace(row, digest=digest, vector=vector), image)
    except UnreadableError as error:
        return Read(replace(row, stamp=UNREAD, problem=str(error)))
    except BadPictureError as error:
        return Read(replace(row, problem=str(error)))


def encode_batch(batch: Sequence[Read], load: Callable[[], Encoder]) -> Batch:
    """Return the rows of `batch`, those that have a picture with its vector."""
    fresh = [read.image for read in batch if read.image is not None]
    try:
        vectors = iter(load().encode_images(fresh).astype(np.float32, copy=False)) if fresh else iter(())
    except MemoryError:
        raise AppError(
            "There was not enough memory to encode the pictures. What is done is kept: close other programs and index "
            "again."
        ) from None
    rows = [read.row if read.image is None else replace(read.row, vector=next(vectors)) for read in batch]
    return Batch(rows, len(fresh))


def content_digest(data: bytes, box: Box | None) -> str:
    """Return the digest under which the vector of a file's content, or of a part of the picture, is known."""
    return hashlib.blake2b(data + repr(box).encode(), digest_size=16).hexdigest()


def of_version_1(digest: str) -> str:
    """Return the digest under which the vector lies that a picture had before it was decoded by version 2."""
    return hashlib.blake2b(f"{digest} by version 1".encode(), digest_size=16).hexdigest()


def storable(item: Item) -> bool:
    """Return whether the id can be written as UTF-8."""
    return printable(item.id) == item.id


def full_stamp(item: Item) -> str:
    """Return the stamp that a row keeps: another one means another picture or another part of it."""
    return f"{item.stamp} {item.box}" if item.box else item.stamp


def text(item: Item) -> str:
    """Return the attributes as a row keeps them."""
    return json.dumps(dict(sorted(item.attributes.items())))
