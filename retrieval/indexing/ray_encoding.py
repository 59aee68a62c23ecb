"""Reading, decoding and encoding with Ray Data, on the cores of this machine or the cluster that RAY_ADDRESS names."""

from __future__ import annotations

import itertools
import json
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from retrieval.core import AppError, Box, Catalog, Encoder, Item
from retrieval.indexing.encoding import BATCH, Batch, Encode, Read, encode_batch, in_process, read_item
from retrieval.indexing.storage import StoredRow, VectorTable

if TYPE_CHECKING:
    import pyarrow as pa

WAVE = 1 << 16
"""So many items are handed to Ray at a time: their ids and attributes are all of them that is held."""

_BLOCK = 4 * BATCH
_READERS = 8
_CONNECT_SECONDS = 5.0
_KEPT_BYTES = 256 << 20
_KEPT_BYTES_PER_ENCODER = 64 << 20
_KNOWN = np.empty(0, np.float32)
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # by itself Ray gives way to everything else on the machine
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
_LEFT_HERE = (".git", ".venv", "index_cache", "docs", "tests", "*.damaged")


@dataclass(frozen=True)
class Work:
    """What a worker needs to begin, as functions that it can import: to open the catalogue, to load the encoder."""

    open: Callable[[], Catalog]
    load: Callable[[], Encoder]
    image_size: int


def on_ray(work: Work, root: Path, cores: int | None = None) -> Encode:
    """Return the way over Ray, with a pool of actors that load the encoder once.

    Where there are GPUs each has an actor, and tasks on all cores read and decode for it. Else each core has one, which
    does all of it as one process would, so that no pixels are sent. An actor that dies is replaced and its batches are
    done again. On a cluster the project below `root` goes to every worker; else Ray is started here, to use
    `cores`, all by itself.
    Raises AppError where Ray is not installed, does not start, or a worker cannot open the catalogue or the encoder.
    """
    _imported()

    def encode(items: Iterable[Item], table: VectorTable) -> Iterator[Batch]:
        todo = iter(items)
        first = list(itertools.islice(todo, WAVE))
        if not first:
            return
        with _running(root, cores) as ray:
            known = ray.put(np.sort(np.array([bytes.fromhex(each) for each in table.digests()], "S16")))
            while first:
                again: set[str] = set()
                for batch, lost in _encoded(ray, first, work, known, table):
                    yield batch
                    again.update(lost)
                nothing = ray.put(np.empty(0, "S16"))
                rest = [item for item in first if item.id in again]
                for batch, _ in _encoded(ray, rest, work, nothing, table) if rest else ():
                    yield batch
                first = list(itertools.islice(todo, WAVE))

    return encode


def _imported() -> Any:  # noqa: ANN401 - a module
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError:
        raise AppError("--workers ray needs Ray. Run: pip install -r requirements-scale.txt") from None
    return ray


@contextmanager
def _running(root: Path, cores: int | None) -> Iterator[Any]:
    """Join the cluster that RAY_ADDRESS names, or start one on this machine and stop it in the end."""
    ray = _imported()
    address = os.environ.get("RAY_ADDRESS")
    already = ray.is_initialized()
    if not already:
        _check(address)
        shipped = {"working_dir": str(root), "excludes": list(_LEFT_HERE)} if address else None
        try:
            ray.init(
                runtime_env=shipped, log_to_driver=False, logging_level=logging.ERROR,
                **({} if address else {"include_dashboard": False, "num_cpus": cores}),
            )  # fmt: skip
        except (RuntimeError, ValueError, OSError) as error:
            where = f"The cluster at {address}" if address else "Ray on this machine"
            raise AppError(f"{where} cannot be used ({str(error).splitlines()[0]}). Check RAY_ADDRESS.") from None
    try:
        yield ray
    finally:
        if not already:
            ray.shutdown()


def _check(address: str | None) -> None:
    """Raise AppError where nobody listens at HOST:PORT, for which Ray itself would look for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise AppError(f"The cluster at {address} cannot be reached ({error}). Check RAY_ADDRESS.") from None


def _encoded(
    ray: Any,  # noqa: ANN401 - a module
    items: Sequence[Item],
    work: Work,
    known: Any,  # noqa: ANN401 - a reference to an array
    table: VectorTable,
) -> Iterator[tuple[Batch, list[str]]]:
    """Yield batches as they are done, and the ids whose known vector has gone from the table meanwhile."""
    resources = ray.cluster_resources()
    gpus, cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
    blocks = [_asked(items[at : at + _BLOCK]) for at in range(0, len(items), _BLOCK)]
    pool = min(gpus or cores, len(blocks))
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.resource_limits = ray.data.ExecutionResources.for_limits(
        object_store_memory=_KEPT_BYTES + pool * _KEPT_BYTES_PER_ENCODER
    )
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    data, whole = ray.data.from_arrow(blocks), {"batch_format": "pyarrow", "zero_copy_batch": True}
    actors = ray.data.ActorPoolStrategy(size=pool)
    if gpus:
        read = data.map_batches(_read, fn_args=(work, known), batch_size=None, num_cpus=1, **whole)
        done = read.map_batches(
            _Encoder, fn_constructor_args=(work,), batch_size=BATCH, compute=actors, num_gpus=1, num_cpus=0, **whole
        )
    else:
        done = data.map_batches(
            _Process, fn_constructor_args=(work, known), batch_size=None, compute=actors, num_cpus=1, **whole
        )
    for block in done.iter_batches(batch_size=None, batch_format="pyarrow"):
        yield _answered(block.to_pylist(), table)


def _asked(items: Sequence[Item]) -> pa.Table:
    """Return items as a table, for the way to a worker."""
    import pyarrow as pa

    rows = [{"item": json.dumps([item.id, dict(item.attributes), item.stamp, item.box])} for item in items]
    return pa.Table.from_pylist(rows)


@cache
def _opened(open_catalog: Callable[[], Catalog]) -> Catalog:
    return open_catalog()


class _Known:
    """What a worker asks in the place of a table: whether it has the vector of a content, which stays where it is."""

    def __init__(self, known: Any) -> None:  # noqa: ANN401 - an array, or a reference to one
        import ray

        self._held = ray.get(known) if isinstance(known, ray.ObjectRef) else known

    def by_digest(self, digest: str) -> np.ndarray | None:
        """Return a vector without numbers for a known content."""
        wanted = np.array([bytes.fromhex(digest)], "S16")[0]  # as in the array, where zeros at the end are dropped
        at = int(np.searchsorted(self._held, wanted))
        return _KNOWN if at < len(self._held) and self._held[at] == wanted else None


class _Process:
    """An actor that does what one process does: it reads ahead and encodes; the encoder is loaded once."""

    def __init__(self, work: Work, known: Any) -> None:  # noqa: ANN401 - a reference to an array
        self._work, self._known = work, cast(VectorTable, _Known(known))
        self._load = cache(work.load)

    def __call__(self, asked: pa.Table) -> pa.Table:
        """Return the rows of items; what stops the whole build comes back as a row of its own."""
        try:
            encode = in_process(_opened(self._work.open), self._work.image_size, self._load)
            batches = encode(map(_item, asked["item"].to_pylist()), self._known)
            return _table([_as_dict(Read(row)) for batch in batches for row in batch.rows])
        except AppError as error:
            return _table([{"fatal": str(error)}])


def _read(asked: pa.Table, work: Work, known: Any) -> pa.Table:  # noqa: ANN401 - a reference to an array
    """Read and decode items on a core, for an encoder on a GPU."""
    held = _Known(known)
    try:
        catalog = _opened(work.open)
        with ThreadPoolExecutor(_READERS, thread_name_prefix="read") as pool:
            items = map(_item, asked["item"].to_pylist())
            found = pool.map(lambda item: read_item(item, catalog, work.image_size, held.by_digest), items)
            return _table([_as_dict(each) for each in found])
    except AppError as error:
        return _table([{"fatal": str(error)}])


class _Encoder:
    """An actor on a GPU that loads the encoder when the first picture comes, and keeps it."""

    def __init__(self, work: Work) -> None:
        self._load = cache(work.load)

    def __call__(self, read: pa.Table) -> pa.Table:
        """Return the rows of `read` with vectors in the place of pictures."""
        rows = read.to_pylist()
        if fatal := [row for row in rows if row["fatal"]]:
            return _table(fatal[:1])
        try:
            batch = encode_batch([_as_read(row) for row in rows], self._load)
        except AppError as error:
            return _table([{"fatal": str(error)}])
        return _table([_as_dict(Read(row)) for row in batch.rows])


def _answered(found: Sequence[dict[str, Any]], table: VectorTable) -> tuple[Batch, list[str]]:
    rows, lost, encoded = [], [], 0
    for each in found:
        if each["fatal"]:
            raise AppError(each["fatal"])
        row = _as_read(each).row
        if row.vector is not None:
            encoded += 1
        elif row.problem is None:
            row = replace(row, vector=table.by_digest(row.digest))
            if row.vector is None:
                lost.append(row.id)
                continue
        rows.append(row)
    return Batch(rows, encoded), lost


def _table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    texts = [(name, pa.string()) for name in ("fatal", "id", "stamp", "attributes", "digest", "problem")]
    columns = [*texts, ("vector", pa.binary()), ("pixels", pa.large_binary()), ("width", pa.int32())]
    return pa.Table.from_pylist(list(rows), schema=pa.schema([*columns, ("height", pa.int32())]))


def _item(asked: str) -> Item:
    item_id, attributes, stamp, box = json.loads(asked)
    corners: Box | None = tuple(box) if box else None
    return Item(item_id, attributes, stamp, corners)


def _as_dict(read: Read) -> dict[str, Any]:
    row = read.row
    shown = (
        {"pixels": read.image.tobytes(), "width": read.image.width, "height": read.image.height} if read.image else {}
    )
    vector = None if row.vector is None or not len(row.vector) else row.vector.tobytes()
    return {"id": row.id, "stamp": row.stamp, "attributes": row.attributes, "digest": row.digest,
            "problem": row.problem, "vector": vector} | shown  # fmt: skip


def _as_read(found: dict[str, Any]) -> Read:
    vector = None if found["vector"] is None else np.frombuffer(found["vector"], np.float32)
    row = StoredRow(found["id"], found["stamp"], found["attributes"], found["digest"], vector, found["problem"])
    if found["pixels"] is None:
        return Read(row)
    return Read(row, Image.frombytes("RGB", (found["width"], found["height"]), found["pixels"]))
