"""The line to a picture-editing service: an HTTP client that can be stopped at any moment and reads only so much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import httpx2

from engines.editing.requests import CancelToken
from retrieval.core import AppError

CONNECT_SECONDS = 10.0


def client(cancel: CancelToken, seconds: float, most_bytes: int) -> httpx2.Client:
    """Return a client whose each answer is at most `most_bytes` long, and which `cancel` stops; it follows no redirect.

    `seconds` is the longest silence. What is too long raises AppError, perhaps as the cause of another error.
    """

    def asked(request: httpx2.Request) -> None:
        cancel.check()
        request.headers["Accept-Encoding"] = "identity"  # a few packed bytes could unfold to any length
        request.extensions = {**request.extensions, "trace": cancel.watch}

    def answered(response: httpx2.Response) -> None:
        length = response.headers.get("content-length", "")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise AppError("The service answered in a form that was not asked for.")
        if length.isdecimal() and int(length) > most_bytes:
            raise _too_long(most_bytes)
        response.stream = _Bounded(cast(httpx2.SyncByteStream, response.stream), most_bytes)

    return httpx2.Client(
        timeout=httpx2.Timeout(seconds, connect=CONNECT_SECONDS),
        event_hooks={"request": [asked], "response": [answered]},
        follow_redirects=False,
    )


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, most: int) -> None:
        self._stream, self._most = stream, most

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for chunk in self._stream:
            seen += len(chunk)
            if seen > self._most:
                raise _too_long(self._most)
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _too_long(most: int) -> AppError:
    return AppError(f"The service answered with more than {most >> 20} MB, which is no picture of this size.")
