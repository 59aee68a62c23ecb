"""What the server tells each session, kept until it has certainly arrived: a broken line loses nothing."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from gradio.server_messages import EstimationMessage, EventMessage, ProcessCompletedMessage, ProgressMessage

KEPT_UNFETCHED = 500
"""How many messages wait for a client at most; of those that only tell a place in the queue the last one does."""

KEPT_FETCHED = 8
"""How many of those that were sent are kept, as they may not have arrived when the line broke."""

_PASSING = (EstimationMessage, ProgressMessage)


class Mailbox:
    """The messages to one session, numbered from 1; in place of the asyncio.Queue that Gradio would make.

    `left` is when the last listener went, on the clock of time.monotonic; before one ever came, when it was made.
    """

    def __init__(self) -> None:
        """Begin empty; has to be made on the thread of the event loop."""
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._messages: deque[tuple[int, EventMessage]] = deque(maxlen=KEPT_UNFETCHED)
        self._last = 0
        self._fetched = 0
        self.listeners = 0
        self.left = time.monotonic()

    @property
    def fetched(self) -> int:
        """Return the number of the last message that anyone fetched."""
        return self._fetched

    def put_nowait(self, message: EventMessage) -> None:
        """Add a message, from any thread."""
        self._last += 1
        while self._messages and self._messages[0][0] <= self._fetched - KEPT_FETCHED:
            self._messages.popleft()
        if isinstance(message, _PASSING):
            old = next((each for each in self._messages if each[0] > self._fetched and _same(each[1], message)), None)
            if old:
                self._messages.remove(old)
        self._messages.append((self._last, message))
        self._loop.call_soon_threadsafe(self._changed.set)

    async def put(self, message: EventMessage) -> None:
        """Add a message."""
        self.put_nowait(message)

    async def get(self) -> EventMessage:
        """Return the next message that nobody fetched, for the routes of Gradio that listen to one event."""
        with self.listening():
            while True:
                if found := await self.after(self._fetched, 60.0):
                    return found[1]

    async def after(self, number: int, seconds: float) -> tuple[int, EventMessage] | None:
        """Return the next message after `number` with its own, waiting at most `seconds` for one."""
        found = self._next(number)
        if found is None:
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)
            found = self._next(number)
        if found:
            self._fetched = max(self._fetched, found[0])
        return found

    def _next(self, number: int) -> tuple[int, EventMessage] | None:
        return next((each for each in self._messages if each[0] > number), None)

    def completed(self, event_id: str) -> bool:
        """Return whether the end of an event is among the kept messages."""
        return any(isinstance(m, ProcessCompletedMessage) and m.event_id == event_id for _, m in self._messages)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count as a listener for as long as this lasts."""
        self.listeners += 1
        try:
            yield
        finally:
            self.listeners -= 1
            self.left = time.monotonic()

    def unheard(self, since: float) -> float:
        """Return for how many seconds nobody has listened, counted from `since` at the earliest."""
        return 0.0 if self.listeners else time.monotonic() - max(since, self.left)


def _same(message: EventMessage, other: EventMessage) -> bool:
    return type(message) is type(other) and message.event_id == other.event_id


class Mailboxes(dict[str, Mailbox]):
    """The mailboxes by session. Gradio drops a session's at the first broken line; here only `discard` does."""

    def __delitem__(self, session: str) -> None:
        """Keep it: the session may come back."""

    def discard(self, session: str) -> None:
        """Drop a session's mailbox; none is no error."""
        self.pop(session, None)
