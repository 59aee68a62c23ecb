"""A store that speaks S3 over HTTP: moto's server, in front of which a test can put faults, and which remembers."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

BUCKET = "pictures"
REGION = "us-east-1"
HANGS_SECONDS = 3.0
_ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>as the test asked</Message></Error>"
FAULTS = {
    "denied": ("403 Forbidden", "AccessDenied"),
    "expired": ("400 Bad Request", "ExpiredToken"),
    "slow down": ("503 Service Unavailable", "SlowDown"),
    "broken": ("500 Internal Server Error", "InternalError"),
    "archived": ("403 Forbidden", "InvalidObjectState"),
}
"""Refusals by name; besides, 'cut' sends half of the answer and hangs up, 'hang' sends half and says no more."""


@dataclass
class Store:
    """`faults` are pairs of a word in the address and what goes wrong there, for as many requests as it says.

    A `public` store answers requests without a signature too.
    """

    url: str = ""
    public: bool = False
    asked: list[str] = field(default_factory=list)
    faults: dict[str, tuple[str, int]] = field(default_factory=dict)
    client: Any = None

    def put(self, key: str, data: bytes) -> None:
        """Keep an object."""
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def delete(self, key: str) -> None:
        """Drop an object."""
        self.client.delete_object(Bucket=BUCKET, Key=key)

    def count(self, word: str) -> int:
        """Return how many requests had `word` in them."""
        return sum(word in each for each in self.asked)

    def _fault(self, asked: str) -> str | None:
        for word, (kind, times) in self.faults.items():
            if word in asked and times > 0:
                self.faults[word] = (kind, times - 1)
                return kind
        return None

    def answering(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """Return the WSGI application `app` with the faults in front."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
            asked = f"{environ['REQUEST_METHOD']} {path}?{environ['QUERY_STRING']}"
            self.asked.append(asked)
            kind = self._fault(asked)
            signed = "HTTP_AUTHORIZATION" in environ or "Signature=" in environ["QUERY_STRING"]
            if not (signed or self.public):
                kind = "denied"
            if kind in FAULTS:
                status, code = FAULTS[kind]
                start_response(status, [("Content-Type", "application/xml")])
                return [_ERROR.format(code).encode()]
            body = app(environ, start_response)
            return body if kind is None else self._halved(kind, b"".join(body), environ)

        return answer

    def _halved(self, kind: str, body: bytes, environ: dict[str, Any]) -> Iterator[bytes]:
        yield body[: len(body) // 2]
        if kind == "hang":
            time.sleep(HANGS_SECONDS)
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


@contextmanager
def serving() -> Iterator[Store]:
    """Run a store with one empty bucket."""
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    store = Store()
    app = store.answering(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    store.client = boto3.client(
        "s3", endpoint_url=store.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )
    store.client.create_bucket(Bucket=BUCKET)
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()


def environment(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Point boto3's own chain at the store, and at nothing of this machine."""
    given = {
        "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
