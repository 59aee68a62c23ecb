"""The queue of page events, shared fairly: nobody fills it alone, and who does not listen holds no place."""

from __future__ import annotations

import asyncio
import ipaddress
import time
import uuid
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, TypeVar

import fastapi
import gradio as gr
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, EventQueue, Queue
from gradio.server_messages import EventMessage, ProcessCompletedMessage
from gradio.utils import run_coro_in_background

from retrieval.core import AppError
from ui.shell.mailboxes import Mailbox, Mailboxes

SESSION_SHARE = 16
"""How many events of one session may wait: a page that opens sends about ten at once."""

LISTEN_SECONDS = 20.0
"""After so long without a listener, a session's waiting events are dropped: a line that broke is back by then."""

KEEP_SECONDS = 120.0
"""After so long without a listener, what a session has not fetched is dropped too."""

LOADS_AT_ONCE = 32
_SWEEP_SECONDS = 2.0
_REPEATS = 2000
_MOST_MAILBOXES = 2000
REPEAT_HEADER = "x-visual-search-question"
"""Names one post of an event, so that a client that does not know whether it arrived may send it again."""

GONE = "Nobody waited for this answer any more."
CROWDED = "Many people are asking now. Ask again in a moment."

Handler = TypeVar("Handler", bound=Callable[..., Any])
Pushed = tuple[bool, str | list[dict[str, Any]], Literal["success", "error", "queue_full", "validator_error"]]


def install(demo: gr.Blocks, most: int, tell_seconds: float, engines: Sequence[str] = ()) -> FairQueue:
    """Give `demo` a queue in which at most `most` events wait; those who wait hear of their place so often.

    `engines` are the names of those that have a line of their own.
    """
    demo.queue(status_update_rate=tell_seconds)
    queue = FairQueue(
        live_updates=False,
        concurrency_count=demo.max_threads,
        update_intervals=tell_seconds,
        max_size=None,
        blocks=demo,
    )
    queue.most, queue.engines = most, engines
    demo._queue = queue
    return queue


def line(engine: str) -> str:
    """Return the line in which events that need an engine, `engine:weights`, wait for each other."""
    return f"engine-{engine.partition(':')[0]}"


def in_line(handler: Handler, engine_of: Callable[[Sequence[Any]], str]) -> Handler:
    """Have an event wait in the line of the engine that `engine_of` reads from what is sent to `handler`."""
    handler.engine_of = engine_of  # type: ignore[attr-defined]
    return handler


class FairQueue(Queue):
    """Gradio's queue with shares.

    A session and an address hold at most their shares of the places. When all are taken, who holds fewest goes first:
    a newcomer gets the place of the session that holds most. Within one kind of event sessions take turns. What a page
    sends when it opens does not wait at all. Events whose session does not listen are dropped.
    """

    most = 64
    engines: Sequence[str] = ()
    """The engines that have a line of their own, in which one question is answered at a time."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - Gradio's own arguments
        """Begin empty."""
        super().__init__(*given, **named)
        self.pending_messages_per_session = Mailboxes()  # type: ignore[assignment]
        self._repeats: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._loading: set[asyncio.Task[None]] = set()
        self._sweeper: object = None

    @property
    def mailboxes(self) -> Mailboxes:
        """Return the mailboxes by session."""
        boxes = self.pending_messages_per_session
        assert isinstance(boxes, Mailboxes)
        return boxes

    def start(self) -> None:
        """Begin to work, and to drop what nobody listens for."""
        super().start()
        for engine in self.engines:
            self.event_queue_per_concurrency_id.setdefault(line(engine), EventQueue(line(engine), 1))
        self._sweeper = run_coro_in_background(self._keep_sweeping)

    async def push(self, body: PredictBodyInternal, request: fastapi.Request, username: str | None) -> Pushed:
        """Queue an event, or say why not; one that was sent before under the same name keeps its place."""
        session = body.session_hash = body.session_hash or uuid.uuid4().hex
        if body.fn_index not in self.blocks.fns:
            return False, f"This page has no event {body.fn_index}. Read it anew.", "error"
        name = (session, request.headers.get(REPEAT_HEADER, "")[:64])
        if known := self._repeats.get(name) if all(name) else None:
            return True, known, "success"
        loads = self._is_load(body) and len(self._loading) < LOADS_AT_ONCE and not self._loads(session)
        if not loads and (refusal := self._refusal(session, _address(request))):
            return False, refusal, "queue_full"
        self.mailboxes.setdefault(session, Mailbox())
        pushed = await super().push(body, request, username)
        event = self.event_ids_to_events.get(str(pushed[1])) if pushed[0] else None
        if event is None:
            return pushed
        if all(name):
            self._repeats[name] = event._id
            while len(self._repeats) > _REPEATS:
                self._repeats.popitem(last=False)
        if loads:
            self._begin(event)
        else:
            self._to_its_line(event)
            self._take_turns(event)
        return pushed

    async def clean_events(self, *, session_hash: str | None = None, event_id: str | None = None) -> None:
        """Drop one event; those of a session whose line broke stay for LISTEN_SECONDS, as it may come back."""
        if event_id is not None:
            await super().clean_events(event_id=event_id)

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Tell a session how an event of it stands, if there still is one."""
        if event.session_hash in self.mailboxes:
            super().send_message(event, event_message)

    def ended(self, session: str, event_id: str) -> bool:
        """Note that a session has been told how an event ended; return whether it waits for nothing more."""
        waiting = self.pending_event_ids_session.get(session, set())
        waiting.discard(event_id)
        return not waiting

    def _waiting(self) -> list[Event]:
        return [event for each in self.event_queue_per_concurrency_id.values() for event in each.queue]

    def _is_load(self, body: PredictBodyInternal) -> bool:
        return any(trigger == "load" for _, trigger in self.blocks.fns[body.fn_index or 0].targets)

    def _loads(self, session: str) -> bool:
        return any(task.get_name() == session for task in self._loading)

    def _refusal(self, session: str, address: str | None) -> str | None:
        """Return why an event may not wait here, None where it may; a place may be taken from who holds most."""
        waiting = self._waiting()
        held = Counter(event.session_hash for event in waiting)
        if held[session] >= SESSION_SHARE:
            return f"{held[session]} questions of this page wait already. Ask again when some are answered."
        near = [event for event in waiting if _address(event.request) == address] if address else []
        if len(near) >= max(1, self.most // 2):
            return f"{len(near)} questions from your address wait already. Ask again when some are answered."
        if len(waiting) < self.most:
            return None
        (most, count), *_ = held.most_common(1)
        if count <= held[session] + 1:
            return f"{len(waiting)} questions wait already, as many as fit. Ask again in a moment."
        self._drop(next(event for event in reversed(waiting) if event.session_hash == most), CROWDED)
        return None

    def _to_its_line(self, event: Event) -> None:
        """Move an event into the line of the engine that it asks, where its handler says how to read that."""
        engine_of = getattr(event.fn.fn, "engine_of", None)
        if engine_of is None or event.data is None:
            return
        try:
            wanted = line(engine_of(event.data.data))
        except (AppError, LookupError, TypeError):  # what was sent is told to be wrong by its handler
            return
        if wanted in self.event_queue_per_concurrency_id and wanted != event.concurrency_id:
            self.event_queue_per_concurrency_id[event.concurrency_id].queue.remove(event)
            event.concurrency_id = wanted
            self.event_queue_per_concurrency_id[wanted].queue.append(event)

    def _take_turns(self, event: Event) -> None:
        """Move an event before those of sessions that have more before them in the same line than it has."""
        line = self.event_queue_per_concurrency_id[event.concurrency_id].queue
        with suppress(ValueError):
            line.remove(event)
            own = sum(each.session_hash == event.session_hash for each in line)
            before: Counter[str] = Counter()
            for place, each in enumerate(line):
                if before[each.session_hash] > own:
                    line.insert(place, event)
                    return
                before[each.session_hash] += 1
            line.append(event)

    def _begin(self, event: Event) -> None:
        """Run an event at once, beside those that have a place in the line."""
        line = self.event_queue_per_concurrency_id[event.concurrency_id]
        line.queue.remove(event)
        line.current_concurrency += 1
        began = time.time()
        line.start_times_per_fn[event.fn].add(began)
        task = asyncio.create_task(self.process_events([event], False, began, event.fn), name=event.session_hash)
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)

    def _drop(self, event: Event, reason: str) -> None:
        """Take a waiting event out of its line, and tell its session should it listen after all."""
        with suppress(ValueError):
            self.event_queue_per_concurrency_id[event.concurrency_id].queue.remove(event)
        self.event_ids_to_events.pop(event._id, None)
        self.send_message(event, ProcessCompletedMessage(output={"error": reason}, success=False))

    async def _keep_sweeping(self) -> None:
        while not self.stopped:
            await asyncio.sleep(_SWEEP_SECONDS)
            async with self.delete_lock:
                self.sweep()

    def sweep(self) -> None:
        """Drop what nobody has listened for long enough: waiting events, generators, and at last the messages."""
        running = {event for job in self.active_jobs if job for event in job}
        for event in self._waiting():
            box = self.mailboxes.get(event.session_hash)
            if box is None or box.unheard(event.enqueue_time) > LISTEN_SECONDS:
                self._drop(event, GONE)
        for event in running:
            box = self.mailboxes.get(event.session_hash)
            if box is not None and box.unheard(event.enqueue_time) > LISTEN_SECONDS:
                event.alive = False
        busy = {event.session_hash for event in (*self._waiting(), *running)}
        for session, box in list(self.mailboxes.items()):
            if session not in busy and (box.unheard(0.0) > KEEP_SECONDS or len(self.mailboxes) > _MOST_MAILBOXES):
                self.mailboxes.discard(session)
                self.pending_event_ids_session.pop(session, None)


def _address(request: fastapi.Request) -> str | None:
    """Return where a request comes from, None where that says nothing: everybody behind a tunnel is this machine."""
    host = request.client.host if request.client else ""
    try:
        return None if ipaddress.ip_address(host).is_loopback else host
    except ValueError:
        return None
