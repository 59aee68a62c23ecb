"""The nouns of editing a picture in words: what is wished, what comes of it step by step, and how it is stopped."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from engines.editing.models import AUTO, DEFAULT
from retrieval.core import AppError

OPENAI = "https://api.openai.com/v1"
SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Access:
    """Where the service is and the key to it; `own` is false for a key that belongs to a visitor."""

    key: str = field(repr=False)
    base_url: str = OPENAI
    own: bool = True
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class EditRequest:
    """What is to become of an RGB picture: `change` (mode L, 255 where) may change, all of it where None."""

    image: Image.Image
    prompt: str
    change: Image.Image | None = None
    model: str = DEFAULT
    variants: int = 1
    size: str = AUTO
    quality: str = AUTO


@dataclass(frozen=True, slots=True)
class PartialImage:
    """A picture on the way: `step` counts from 0."""

    variant: int
    step: int
    image: Image.Image


@dataclass(frozen=True, slots=True)
class Variant:
    """A finished picture, in the size of the one that was sent."""

    variant: int
    image: Image.Image


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """The service asked for patience: the next try comes in `seconds`."""

    variant: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """One of several variants did not come; the others may."""

    variant: int
    reason: str


Step = PartialImage | Variant | RetryAfter | Failed


class StoppedError(AppError):
    """An edit that was stopped, by a person or by its time limit; the text says which."""


class CancelToken:
    """Stops what waits on a service, at once: it shuts the sockets that were opened since."""

    def __init__(self) -> None:
        """Start unstopped."""
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._lines: list[Any] = []
        self.reason = ""

    def set(self, reason: str = "You stopped this edit.") -> None:
        """Stop, and say why; the first reason stays."""
        with self._lock:
            self.reason = self.reason or reason
            self._event.set()
            for line in self._lines:
                _shut(line)

    def wait(self, seconds: float) -> None:
        """Wait; raises StoppedError when stopped before or meanwhile."""
        self._event.wait(seconds)
        self.check()

    def check(self) -> None:
        """Raise StoppedError when stopped."""
        if self._event.is_set():
            raise StoppedError(self.reason)

    def watch(self, name: str, info: dict[str, Any]) -> None:
        """Take note of a connection that httpcore's trace reports as opened."""
        if not name.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        with self._lock:
            self._lines.append(info["return_value"])
            if self._event.is_set():
                _shut(info["return_value"])


def _shut(line: Any) -> None:  # noqa: ANN401 - httpcore's stream has no public type
    with suppress(OSError, TypeError):
        socket.socket.shutdown(line.get_extra_info("socket"), socket.SHUT_RDWR)
