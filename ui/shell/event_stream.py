"""The line on which a page hears its answers; one that broke goes on where it was when the page comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

import orjson
from gradio.routes import API_PREFIX
from gradio.server_messages import (
    CloseStreamMessage,
    EventMessage,
    HeartbeatMessage,
    ProcessCompletedMessage,
    UnexpectedErrorMessage,
)
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ui.shell import auth
from ui.shell.event_queue import FairQueue

if TYPE_CHECKING:
    from starlette.routing import Route

HEARTBEAT_SECONDS = 10.0
LOST = "The answer to this was lost. Ask again."
_MOST_ASKED = 64


def route() -> Route:
    """Return `GET /gradio_api/queue/data?session_hash=…`, for the `routes` of the web application.

    It takes the place of Gradio's own, which forgets a session's questions as soon as its line breaks. A client that
    comes back says with `after` the `number` of the last message it has, and with `waiting` (ids, a comma between them)
    what it still waits for; of what is not known here it is told so.
    """
    return auth.require_login(f"{API_PREFIX}/queue/data", listen)


async def listen(request: Request) -> Response:
    """Answer with the messages to a session as server-sent events, until it waits for nothing more."""
    queue = request.app.get_blocks()._queue
    session, after = request.query_params.get("session_hash", ""), request.query_params.get("after", "")
    waiting = request.query_params.get("waiting", "").split(",")[:_MOST_ASKED]
    messages = partial(_messages, queue, session, int(after) if after.isdecimal() else None, waiting)
    return StreamingResponse(messages(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _messages(queue: FairQueue, session: str, after: int | None, waiting: list[str]) -> AsyncIterator[bytes]:
    box = queue.mailboxes.get(session)
    if box is None:
        yield _event(UnexpectedErrorMessage(message="This session is over.", session_not_found=True))
        return
    with box.listening():
        for event_id in waiting:
            if event_id and event_id not in queue.event_ids_to_events and not box.completed(event_id):
                lost = ProcessCompletedMessage(output={"error": LOST}, success=False, event_id=event_id)
                queue.ended(session, event_id)
                yield _event(lost)
        number = box.fetched if after is None else after
        while True:
            if queue.stopped:
                yield _event(UnexpectedErrorMessage(message="Server stopped unexpectedly."))
                return
            found = await box.after(number, HEARTBEAT_SECONDS)
            if found is None:
                yield _event(HeartbeatMessage())
                continue
            number, message = found
            yield _event(message, number)
            if isinstance(message, ProcessCompletedMessage) and queue.ended(session, message.event_id or ""):
                yield _event(CloseStreamMessage())
                return


def _event(message: EventMessage, number: int | None = None) -> bytes:
    numbered = message.model_dump() | ({} if number is None else {"number": number})
    return b"data: " + orjson.dumps(numbered, default=str) + b"\n\n"
