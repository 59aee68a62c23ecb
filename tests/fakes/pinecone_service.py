"""A service on this machine that speaks Pinecone's routes, keeps vectors, and refuses what the real one refuses.

Control and data routes, headers and bodies as pinecone 10.2.0 sends and reads them (API 2026-07), read by a person:
nothing here comes from the index that it tests. The data routes of an index lie under /data/NAME of the same address.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

KEY = "pcsk_test_0123456789abcdef"
VERSION = "2026-07"


ANSWER_BYTES = 4 << 20
CODES = {"INVALID_ARGUMENT": 3, "NOT_FOUND": 5, "RESOURCE_EXHAUSTED": 8, "OUT_OF_RANGE": 11, "UNAVAILABLE": 14,
         "UNAUTHENTICATED": 16, "QUOTA_EXCEEDED": 8, "ALREADY_EXISTS": 6}  # fmt: skip
"""The numbers of gRPC by which the data routes name an error."""


class Refused(Exception):
    """An answer with an error body: the control routes' ErrorResponse, or the data routes' rpcStatus."""

    def __init__(self, status: int, message: str, code: str = "INVALID_ARGUMENT") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code

    def body(self, control: bool) -> dict[str, Any]:
        """Return what is sent."""
        if control:
            return {"error": {"code": self.code, "message": self.message}, "status": self.status}
        return {"code": CODES[self.code], "message": self.message, "details": []}


FAULTS = {
    "throttled": Refused(429, "Request rate exceeded.", "RESOURCE_EXHAUSTED"),
    "failing": Refused(503, "The service is unavailable.", "UNAVAILABLE"),
    "quota": Refused(403, "You've reached the max storage of project shop.", "QUOTA_EXCEEDED"),
    "echo": Refused(400, f"Bad header {KEY}."),
}


@dataclass
class Held:
    """One index: its facts, and its namespaces of key -> (float32 vector, metadata)."""

    facts: dict[str, Any]
    dim: int
    made: float = field(default_factory=time.monotonic)
    namespaces: dict[str, dict[str, tuple[np.ndarray, dict[str, Any]]]] = field(default_factory=dict)
    log: int = 0
    behind: int = 0
    seen: dict[str, dict[str, tuple[np.ndarray, dict[str, Any]]]] = field(default_factory=dict)
    seen_log: int = 0


@dataclass
class Service:
    """What a test says and sees.

    `faults` are (name, route) used up in order by requests whose path ends in the route; `down` closes connections;
    an index is ready after `ready_seconds`; counts lag behind by `lag` requests for them, and
    queries see what was there before the last write for `query_lag` more of them. Without `logs` no header says how far
    the log is. `answered` lists method, route, status and both bodies.
    """

    url: str = ""
    faults: deque[tuple[str, str]] = field(default_factory=deque)
    down: bool = False
    ready_seconds: float = 0.0
    lag: int = 0
    query_lag: int = 0
    logs: bool = True
    answered: list[tuple[str, str, int, Any, Any]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    indexes: dict[str, Held] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _lagging: dict[str, int] = field(default_factory=dict)

    def namespace(self, name: str) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
        """Return what lies in a namespace of whatever index."""
        return next((held.namespaces[name] for held in self.indexes.values() if name in held.namespaces), {})

    def control(self, method: str, path: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        """Answer a request about indexes."""
        if method == "POST" and len(path) == 1:
            return 201, self._create(body)
        if method == "GET" and len(path) == 1:
            return 200, {"indexes": [self._facts(name) for name in self.indexes]}
        if path[1] not in self.indexes:
            raise Refused(404, f"Resource {path[1]} not found", "NOT_FOUND")
        if method == "DELETE":
            del self.indexes[path[1]]
            return 202, {}
        return 200, self._facts(path[1])

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        name, fields = body["name"], body["schema"]["fields"]
        if name in self.indexes:
            raise Refused(409, "Resource already exists", "ALREADY_EXISTS")
        ((_, vector),) = fields.items()
        if vector["type"] != "dense_vector" or vector["metric"] not in ("cosine", "dotproduct", "euclidean"):
            raise Refused(400, f"Bad schema {fields}")
        if body["deployment"]["deployment_type"] != "managed" or not body["deployment"]["region"]:
            raise Refused(400, f"Bad deployment {body['deployment']}")
        facts = {
            "name": name, "schema": body["schema"], "deployment": body["deployment"],
            "deletion_protection": "disabled", "host": f"{self.url}/data/{name}",
        }  # fmt: skip
        self.indexes[name] = Held(facts, vector["dimension"])
        return self._facts(name)

    def _facts(self, name: str) -> dict[str, Any]:
        held = self.indexes[name]
        ready = time.monotonic() - held.made >= self.ready_seconds
        return held.facts | {"status": {"ready": ready, "state": "Ready" if ready else "Initializing"}}

    def data(self, name: str, route: str, body: dict[str, Any], query: dict[str, list[str]]) -> Any:  # noqa: ANN401
        """Answer a request about vectors."""
        held = self.indexes.get(name)
        if held is None:
            raise Refused(404, "Index not found", "NOT_FOUND")
        namespace = body.get("namespace") or query.get("namespace", [""])[0]
        kept = held.namespaces.get(namespace, {})
        if route == "describe_index_stats":
            return self._stats(held)
        if route == "vectors/upsert":
            return self._upsert(held, namespace, body["vectors"])
        if route == "vectors/delete":
            return self._delete(held, namespace, body)
        if route == "query":
            if held.behind:
                held.behind -= 1
                kept = held.seen.get(namespace, {})
            return {"matches": _nearest(kept, held.dim, body), "namespace": namespace, "usage": {"readUnits": 1}}
        if route == "vectors/fetch":
            found = {key: kept[key] for key in query["ids"] if key in kept}
            vectors = {key: {"id": key, "values": v.tolist(), "metadata": m} for key, (v, m) in found.items()}
            return {"vectors": vectors, "namespace": namespace, "usage": {"readUnits": 1}}
        if route == "vectors/list":
            limit, after = int(query.get("limit", ["100"])[0]), query.get("paginationToken", [""])[0]
            page = sorted(key for key in kept if key > after)[: limit + 1]
            more = {"pagination": {"next": page[limit - 1]}} if len(page) > limit else {}
            return {"vectors": [{"id": key} for key in page[:limit]], "namespace": namespace, **more}
        raise Refused(404, f"No route {route}", "NOT_FOUND")

    def _stats(self, held: Held) -> dict[str, Any]:
        counts = {name: len(kept) for name, kept in held.namespaces.items()}
        for name in counts:
            if self._lagging.get(name, 0) > 0:
                self._lagging[name] -= 1
                counts[name] = 0
        return {
            "namespaces": {name: {"vectorCount": count} for name, count in counts.items() if held.namespaces[name]},
            "dimension": held.dim, "indexFullness": 0.0, "totalVectorCount": sum(counts.values()),
            "metric": "cosine", "vectorType": "dense",
        }  # fmt: skip

    def _log(self, held: Held) -> None:
        """Note a write: queries see for a while what was there before it."""
        if not held.behind:
            held.seen, held.seen_log = {name: dict(kept) for name, kept in held.namespaces.items()}, held.log
        held.behind = self.query_lag
        held.log += 1

    def headers(self, name: str, route: str) -> dict[str, str]:
        """Return what says how far an index's log is: a write where it ends, a query how much of it is searched."""
        held = self.indexes[name]
        if not self.logs:
            return {}
        if route in ("vectors/upsert", "vectors/delete"):
            return {"x-pinecone-request-lsn": str(held.log)}
        return (
            {"x-pinecone-max-indexed-lsn": str(held.seen_log if held.behind else held.log)} if route == "query" else {}
        )

    def _upsert(self, held: Held, namespace: str, vectors: list[dict[str, Any]]) -> dict[str, Any]:
        if len(vectors) > 1000:
            raise Refused(400, f"{len(vectors)} vectors are more than 1000.")
        for each in vectors:
            if len(each["values"]) != held.dim:
                raise Refused(400, f"Vector dimension {len(each['values'])} does not match the index's {held.dim}")
            if not each["id"].isascii() or not 0 < len(each["id"]) <= 512:
                raise Refused(400, f"Bad id {each['id'][:20]}")
            if len(json.dumps(each.get("metadata", {})).encode()) > 40_960:
                raise Refused(400, "Metadata size exceeds the limit of 40960 bytes per vector")
            if not np.any(each["values"]):
                raise Refused(400, "Dense vectors must contain at least one non-zero value.")
        self._log(held)
        kept = held.namespaces.setdefault(namespace, {})
        kept.update({v["id"]: (np.array(v["values"], np.float32), v.get("metadata", {})) for v in vectors})
        self._lagging[namespace] = self.lag
        return {"upsertedCount": len(vectors)}

    def _delete(self, held: Held, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        if namespace not in held.namespaces:
            raise Refused(404, "Namespace not found", "NOT_FOUND")
        self._log(held)
        if body.get("deleteAll"):
            del held.namespaces[namespace]
        elif len(body["ids"]) > 1000:
            raise Refused(400, "more than 1000 ids")
        else:
            for key in body["ids"]:
                held.namespaces[namespace].pop(key, None)
        return {}


def _nearest(kept: dict[str, tuple[np.ndarray, dict[str, Any]]], dim: int, body: dict[str, Any]) -> list[dict]:
    vector = np.array(body["vector"], np.float64)
    if len(vector) != dim or not 1 <= body["topK"] <= 10_000:
        raise Refused(400, f"Bad query: {len(vector)} numbers, topK {body['topK']}")
    passing = {key: row for key, row in kept.items() if _passes(row[1], body.get("filter") or {})}
    if not passing:
        return []
    rows = np.stack([row[0] for row in passing.values()]).astype(np.float64)
    scores = rows @ vector / np.linalg.norm(rows, axis=1) / np.linalg.norm(vector)
    best = np.argsort(-scores, kind="stable")[: body["topK"]]
    keys = list(passing)
    beside = [{"metadata": passing[keys[n]][1]} if body.get("includeMetadata") else {} for n in best]
    values = [passing[keys[n]][0].tolist() if body.get("includeValues") else [] for n in best]
    return [
        {"id": keys[n], "score": float(scores[n]), "values": given, **more}
        for n, given, more in zip(best, values, beside, strict=True)
    ]


def _passes(beside: dict[str, Any], filter: dict[str, Any]) -> bool:
    for name, test in filter.items():
        if name == "$and":
            if not all(_passes(beside, each) for each in test):
                return False
        elif name.startswith("$") or set(test) != {"$in"} or not isinstance(test["$in"], list) or not test["$in"]:
            raise Refused(400, f"Bad filter {filter}")
        elif beside.get(name) not in test["$in"]:
            return False
    return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        service, parts = self.service, urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(size)
        path = [part for part in parts.path.split("/") if part]
        with service.lock:
            service.asked["/".join(path[2:] if path[0] == "data" else path[:1])] += 1
            if service.down:
                self.close_connection = True
                return
            status, headers, found = 200, {}, {}
            body, route = json.loads(data) if data else {}, "/".join(path[2:])
            try:
                self._check(size, parts.path)
                if path[0] == "data":
                    found = service.data(path[1], route, body, parse_qs(parts.query))
                    if len(json.dumps(found)) > ANSWER_BYTES:
                        raise Refused(400, "Response size exceeds the limit of 4 MB", "OUT_OF_RANGE")
                    headers = service.headers(path[1], route)
                else:
                    status, found = service.control(self.command, path, body)
            except Refused as refused:
                status, found = refused.status, refused.body(control=path[0] != "data")
                headers = {"Retry-After": "0.01"} if status == 429 else {}
            place = f"/{route}" if path[0] == "data" else "/" + "/".join([path[0], *["{index_name}"] * len(path[1:])])
            service.answered.append((self.command.lower(), place, status, body, found))
        text = json.dumps(found).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def _check(self, size: int, path: str) -> None:
        if self.headers.get("Api-Key") != KEY:
            raise Refused(401, "Invalid API Key", "UNAUTHENTICATED")
        if self.headers.get("X-Pinecone-Api-Version") != VERSION:
            raise Refused(400, "Bad version")
        if size > 2 << 20:
            raise Refused(413, "Request larger than 2 MB", "OUT_OF_RANGE")
        faults = self.service.faults
        if faults and path.endswith(faults[0][1]):
            raise FAULTS[faults.popleft()[0]]

    do_GET = do_POST = do_DELETE = _answer


@contextmanager
def running() -> Iterator[Service]:
    """Serve on a free port while inside."""
    service = Service()
    handler = type("Handler", (_Handler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
