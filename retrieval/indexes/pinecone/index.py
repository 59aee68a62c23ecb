"""Vectors in Pinecone: a namespace of a serverless index, in the contract of every index; all calls are here."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
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
ANSWER_BYTES = 3_000_000
"""Pinecone's answers end at four megabytes; what is asked for at once is expected to stay below this."""
_FETCHED = 100
_MATCH_BYTES = 120
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
        self._metadata_bytes = 1_000
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
        written = self._each(self.upsert, list(records.requests(rows)))
        self.settle(self._count + len(ids) - known, max(written, default=0), rows[-1] if rows else None)

    def remove(self, ids: Sequence[str]) -> None:
        """Drop rows, and wait until searches do not see them; an id that is not there is no error."""
        known = list(self._fetched([records.key_of(item_id) for item_id in set(ids)]))
        for item_id in ids:
            self._remembered.pop(item_id, None)
        self.delete(known)
        self.settle(self._count - len(known))

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

    def delete(self, keys: Sequence[str]) -> None:
        """Delete vectors by their keys, a thousand at most to a request."""
        for start in range(0, len(keys), records.REQUEST_ROWS):
            some = list(keys[start : start + records.REQUEST_ROWS])
            self._call(lambda some=some: self._index.delete(ids=some, namespace=self.namespace))  # type: ignore[misc]

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

    def settle(self, count: int, written: int = 0, last: Mapping[str, Any] | None = None) -> None:
        """Wait until the service counts `count` vectors and searches see what was written. Raises AppError.

        `written` is how far the service's log was after the last write, 0 where it does not say; then a search has to
        find `last`, a vector as it was sent, unchanged.
        """
        deadline, wait = time.monotonic() + SETTLE_SECONDS, FIRST_WAIT
        while (counted := self.count()) != count or self._behind(written, last):
            if time.monotonic() > deadline:
                late = "" if counted != count else ", and searches do not see all of them yet"
                raise AppError(
                    f"Pinecone counts {counted:,} vectors in the namespace {self.namespace}, {count:,} were written"
                    f"{late}. Index the catalogue again; what is there is kept."
                )
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        self._count = count

    def _nearest(self, vector: np.ndarray, many: int, filter: Filter | None) -> list[Hit]:
        length = float(np.linalg.norm(vector))
        hits = []
        for match, beside in self._matches(vector, many, filter):
            score = float(np.clip(match.score * length, -1.0, 1.0))
            hits.append(Hit(beside.get("id", match.id), score, records.attributes(beside)))
            self._remembered[hits[-1].id] = None
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return sorted(hits, key=lambda hit: -hit.score)

    def _matches(self, vector: np.ndarray, many: int, filter: Filter | None) -> list[tuple[Any, Mapping[str, Any]]]:
        """Return the service's matches with their metadata, which is fetched apart where one answer cannot hold it."""

        def ask(metadata: bool) -> list[Any]:
            found = self._call(
                lambda: self._index.query(
                    vector=vector.tolist(), top_k=many, namespace=self.namespace, filter=records.translated(filter),
                    include_metadata=metadata,
                )
            )  # fmt: skip
            return list(found.matches)

        if many * (_MATCH_BYTES + self._metadata_bytes) <= ANSWER_BYTES:
            try:
                found = [(match, match.metadata or {}) for match in ask(metadata=True)]
                self._metadata_bytes = max([self._metadata_bytes, *(len(str(beside)) for _, beside in found)])
                return found
            except AppError:
                if many == 1:
                    raise
                log.info("an answer of %d matches was refused; their metadata is fetched apart", many)
        matches = ask(metadata=False)
        held = self._fetched([match.id for match in matches])
        return [(match, held[match.id].metadata or {}) for match in matches if match.id in held]

    def _fetched(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return the service's records by key, several requests at once, each as large as an answer may be."""
        many = max(1, min(_FETCHED, ANSWER_BYTES // (records.NUMBER_BYTES * self.dim + self._metadata_bytes)))

        def fetch(some: list[str]) -> dict[str, Any]:
            return dict(self._call(lambda: self._index.fetch(ids=some, namespace=self.namespace)).vectors)

        found: dict[str, Any] = {}
        for part in self._each(fetch, [list(keys[start : start + many]) for start in range(0, len(keys), many)]):
            found |= part
        return found

    def _each(self, job: Callable[[Any], T], parts: Sequence[Any]) -> list[T]:
        if len(parts) < 2:
            return [job(part) for part in parts]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(job, parts))

    def _behind(self, written: int, last: Mapping[str, Any] | None) -> bool:
        """Return whether searches do not see yet what the log held at `written`, or `last` as it was sent."""
        if not written and last is None:
            return False
        answer = self._call(
            lambda: self._index.query(
                vector=last["values"] if last else [1.0] * self.dim, top_k=1, namespace=self.namespace,
                filter={"id": {"$in": [last["metadata"]["id"]]}} if last else None, include_values=True,
                include_metadata=True,
            )
        )  # fmt: skip
        seen = answer.response_info.lsn_reconciled if answer.response_info else None
        if written and seen is not None:
            return seen < written
        if last is None:
            return False
        found = next(iter(answer.matches), None)
        if found is None or not np.allclose(found.values, last["values"], atol=1e-6):
            return True
        return (found.metadata or {}) != last["metadata"]

    def _described(self, client: Pinecone, create: bool) -> str:
        """Return the address of the index, which is made where that is wanted; raises AppError."""
        name = self._account.index
        if not self._call(lambda: client.indexes.exists(name)):
            if not create:
                raise AppError(f"There is no index '{name}' at Pinecone. Index the catalogue with --index pinecone.")
            log.warning(
                "Making the index %s at Pinecone (%s, %s) for vectors of %d numbers: one index for each size, a "
                "namespace in it for each catalogue and engine. The starter plan allows five indexes.",
                name, self._account.cloud, self._account.region, self.dim,
            )  # fmt: skip
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
