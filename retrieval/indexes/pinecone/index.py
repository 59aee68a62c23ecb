"""Vectors in Pinecone: a namespace of a serverless index, in the contract of every index; all calls are here."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from retrieval.core import AppError, Attributes, Filter, Hit
from retrieval.indexes.pinecone import records
from retrieval.indexes.rows import checked, fitted

if TYPE_CHECKING:
    from pinecone import Pinecone
    from pinecone.index import Index

log = logging.getLogger(__name__)

MOST_HITS = 10_000
"""Pinecone gives no more results to one query."""
AT_ONCE = 8
TRIES = 6
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
READY_SECONDS, SETTLE_SECONDS = 300, 180.0
_FETCHED = 100
_REMEMBERED = 20_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """Where vectors go: `index` is the name of the index; `host` is another address of the service, for tests."""

    key: str = field(repr=False)
    index: str
    cloud: str = "aws"
    region: str = "us-east-1"
    host: str = ""


class PineconeIndex:
    """One namespace, counted when it is opened; threads may share it. No query gives more than MOST_HITS."""

    def __init__(self, account: Account, dim: int, namespace: str, create: bool = False) -> None:
        """Reach the index; with `create` it is made where it is missing, and waited for. Raises AppError.

        Who creates also writes, and waits minutes for a busy service; who only searches is told within seconds.
        """
        self._tries = TRIES if create else 1
        self.dim, self.namespace, self._account = dim, namespace, account
        self._remembered: OrderedDict[str, None] = OrderedDict()
        client = _client(account)
        self.host = self._described(client, create)
        self._index: Index = client.index(host=self.host)
        self._count = self.count()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._remembered or bool(self._fetched([records.key_of(item_id)]))

    def add(self, ids: Sequence[str], vectors: np.ndarray, attributes: Sequence[Attributes] | None = None) -> None:
        """Insert or replace rows, and wait until searches see them."""
        vectors = checked(ids, vectors, attributes, self.dim)
        notes = attributes if attributes is not None else [{}] * len(ids)
        known = len(self._fetched([records.key_of(item_id) for item_id in ids]))
        rows = [records.record(*row) for row in zip(ids, vectors, notes, strict=True)]
        self._settle(self._count + len(ids) - known, self._each(self.upsert, list(records.requests(rows))))

    def remove(self, ids: Sequence[str]) -> None:
        """Drop rows, and wait until searches do not see them; an id that is not there is no error."""
        known = list(self._fetched([records.key_of(item_id) for item_id in set(ids)]))
        for item_id in ids:
            self._remembered.pop(item_id, None)
        self._settle(self._count - len(known), self._each(self.delete, [known] if known else []))

    def query(self, vectors: np.ndarray, k: int, filter: Filter | None = None) -> list[list[Hit]]:
        """Return, for each row of `vectors`, the nearest items that pass `filter`."""
        vectors = fitted(vectors, self.dim)
        many = min(k, self._count, MOST_HITS)
        return [self._nearest(vector, many, filter) if many > 0 else [] for vector in vectors]

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return float32 (n, dim), the stored vectors of `ids`."""
        rows = [np.asarray(each.values, np.float32) for each in self._held(ids)]
        return np.stack(rows) if rows else np.empty((0, self.dim), np.float32)

    def attributes(self, ids: Sequence[str]) -> list[Attributes]:
        """Return the attributes of `ids`."""
        return [records.attributes(each.metadata or {}) for each in self._held(ids)]

    def _held(self, ids: Sequence[str]) -> list[Any]:
        """Return the service's record of each of `ids`; raises AppError naming an unknown id."""
        found = self._fetched([records.key_of(item_id) for item_id in dict.fromkeys(ids)])
        for item_id in ids:
            if records.key_of(item_id) not in found:
                raise AppError(f"'{item_id}' is not in this catalogue's index.")
        return [found[records.key_of(item_id)] for item_id in ids]

    def upsert(self, sent: Sequence[dict[str, Any]]) -> int:
        """Send what one request takes; returns how far the service's log then is, 0 where it does not say."""
        answer = self._call(lambda: self._index.upsert(vectors=sent, namespace=self.namespace, show_progress=False))
        if answer.upserted_count != len(sent):
            raise AppError(f"Pinecone took {answer.upserted_count} of {len(sent)} vectors. Index again to go on.")
        return (answer.response_info and answer.response_info.lsn_committed) or 0

    def delete(self, keys: Sequence[str]) -> int:
        """Delete vectors by their keys, a thousand at most to a request."""
        for start in range(0, len(keys), records.REQUEST_ROWS):
            some = list(keys[start : start + records.REQUEST_ROWS])
            self._call(lambda some=some: self._index.delete(ids=some, namespace=self.namespace))  # type: ignore[misc]
        return 0

    def keys(self) -> Iterator[list[str]]:
        """Yield the keys of everything in the namespace, a page at a time."""
        token: str | None = None
        while True:
            page = self._call(
                lambda token=token: self._index.list_paginated(  # type: ignore[misc]
                    namespace=self.namespace, limit=_FETCHED, pagination_token=token
                )
            )
            yield [each.id for each in page.vectors if each.id]
            token = page.pagination.next if page.pagination else None
            if not token:
                return

    def namespaces(self) -> list[str]:
        """Return the names of all namespaces of the index."""
        return list(self._call(self._index.describe_index_stats).namespaces)

    def drop(self, namespace: str) -> None:
        """Delete a whole namespace; none is no error."""
        if namespace in self.namespaces():
            self._call(lambda: self._index.delete(delete_all=True, namespace=namespace))

    def count(self) -> int:
        """Return how many vectors the service counts in the namespace now."""
        stats = self._call(self._index.describe_index_stats).namespaces.get(self.namespace)
        return stats.vector_count if stats else 0

    def settle(self, count: int) -> None:
        """Wait until the service counts `count` vectors: what was written shows a little later. Raises AppError."""
        self._settle(count, [])

    def _nearest(self, vector: np.ndarray, many: int, filter: Filter | None) -> list[Hit]:
        answer = self._call(
            lambda: self._index.query(
                vector=vector.tolist(), top_k=many, namespace=self.namespace, filter=records.translated(filter),
                include_metadata=True,
            )
        )  # fmt: skip
        length = float(np.linalg.norm(vector))
        hits = []
        for match in answer.matches:
            beside = match.metadata or {}
            score = float(np.clip(match.score * length, -1.0, 1.0))
            hits.append(Hit(beside.get("id", match.id), score, records.attributes(beside)))
            self._remembered[hits[-1].id] = None
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return sorted(hits, key=lambda hit: -hit.score)

    def _fetched(self, keys: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for start in range(0, len(keys), _FETCHED):
            some = list(keys[start : start + _FETCHED])
            answer = self._call(lambda some=some: self._index.fetch(ids=some, namespace=self.namespace))  # type: ignore[misc]
            found |= answer.vectors
        return found

    def _each(self, job: Callable[[Any], int], parts: Sequence[Any]) -> list[int]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(job, parts))

    def _settle(self, count: int, written: Sequence[int]) -> None:
        deadline, wait = time.monotonic() + SETTLE_SECONDS, FIRST_WAIT
        while (counted := self.count()) != count or self._behind(max(written, default=0)):
            if time.monotonic() > deadline:
                raise AppError(
                    f"Pinecone counts {counted:,} vectors in the namespace {self.namespace}, {count:,} were written. "
                    "Index the catalogue again; what is there is kept."
                )
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        self._count = count

    def _behind(self, written: int) -> bool:
        """Return whether reads do not see yet what the log held at `written`."""
        if not written:
            return False
        info = self._call(lambda: self._index.fetch(ids=["none"], namespace=self.namespace)).response_info
        return bool(info and info.lsn_reconciled is not None and info.lsn_reconciled < written)

    def _described(self, client: Pinecone, create: bool) -> str:
        """Return the address of the index, which is made where that is wanted; raises AppError."""
        name = self._account.index
        if not self._call(lambda: client.indexes.exists(name)):
            if not create:
                raise AppError(f"There is no index '{name}' at Pinecone. Index the catalogue with --index pinecone.")
            log.info("making the index %s at Pinecone", name)
            self._call(
                lambda: client.indexes.create(
                    name=name, dimension=self.dim, metric="cosine", timeout=-1,
                    deployment={
                        "deployment_type": "managed", "cloud": self._account.cloud, "region": self._account.region,
                    },
                )
            )  # fmt: skip
        held = self._call(lambda: client.indexes.describe(name))
        if held.dimension != self.dim or held.metric != "cosine":
            raise AppError(
                f"The index '{name}' at Pinecone holds vectors of {held.dimension} numbers, compared by {held.metric}; "
                f"this engine makes {self.dim}, compared by cosine. Name another: VISUAL_SEARCH_PINECONE_INDEX."
            )
        deadline = time.monotonic() + READY_SECONDS
        while not held.status.ready or not held.host:
            if time.monotonic() > deadline or held.status.state in ("InitializationFailed", "Terminating", "Disabled"):
                raise AppError(f"The index '{name}' at Pinecone is not ready ({held.status.state}). Try again later.")
            time.sleep(FIRST_WAIT)
            held = self._call(lambda: client.indexes.describe(name))
        return held.host

    def _call(self, job: Callable[[], T]) -> T:
        return patiently(job, self._account, self._tries)


def patiently(job: Callable[[], T], account: Account, tries: int) -> T:
    """Do `job`, up to `tries` times with longer waits while the service is busy or away; raises AppError.

    Each time the client itself asks three times more, within seconds.
    """
    from pinecone import errors

    passing = (errors.RateLimitError, errors.ServiceError, errors.PineconeConnectionError, errors.PineconeTimeoutError)
    wait = FIRST_WAIT
    for number in range(tries):
        try:
            return job()
        except passing as error:
            if number == tries - 1:
                raise _explained(error, account) from None
            asked = (getattr(error, "headers", None) or {}).get("retry-after", "")
            time.sleep(min(float(asked) if asked.replace(".", "", 1).isdigit() else wait, LONGEST_WAIT))
            wait = min(2 * wait, LONGEST_WAIT)
        except errors.PineconeError as error:
            raise _explained(error, account) from None
    raise AssertionError("unreachable")


def _explained(error: Exception, account: Account) -> AppError:
    from pinecone import errors

    said = str(getattr(error, "message", error)).replace(account.key, "…")[:300]
    if isinstance(error, errors.UnauthorizedError):
        return AppError("Pinecone does not accept the key in PINECONE_API_KEY. Set the one of your project.")
    if isinstance(error, (errors.ForbiddenError, errors.PaymentRequiredError)):
        return AppError(f"Pinecone refuses: {said} See the plan and the quotas of your project; what was sent is kept.")
    if isinstance(error, errors.RateLimitError):
        return AppError(f"Pinecone is asked too often ({said}). Index again later; what was sent is kept.")
    if isinstance(error, errors.ServiceError):
        return AppError(f"Pinecone fails on its side ({said}). Index again later; what was sent is kept.")
    if isinstance(error, (errors.PineconeConnectionError, errors.PineconeTimeoutError)):
        return AppError("Pinecone cannot be reached. Look at the network and try again; what was sent is kept.")
    return AppError(f"Pinecone refuses: {said}")


def _client(account: Account) -> Pinecone:
    if not account.key:
        raise AppError("Pinecone needs a key. Set PINECONE_API_KEY to that of your project.")
    try:
        from pinecone import Pinecone
    except ImportError:
        raise AppError("The package pinecone is not here. Run: pip install -r requirements-scale.txt") from None
    try:
        return Pinecone(api_key=account.key, host=account.host or None)
    except ValueError as error:
        raise AppError(f"PINECONE_API_KEY cannot be used ({str(error).replace(account.key, '…')}).") from None
