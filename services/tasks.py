"""Long work in the background: one kind of task for all of it, in queues that say who comes when."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from retrieval.core import AppError, Stopped
from services.sessions import MACHINE

log = logging.getLogger(__name__)

Result = TypeVar("Result")
ENDED = frozenset({"done", "stopped", "failed"})
FAILED = "It failed on our side ({}). The log of the app says why."


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is: `done` of `total`, at what speed, how long the rest takes, and what it is doing now."""

    done: int = 0
    total: int = 0
    per_second: float = 0.0
    seconds_left: float | None = None
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """How tasks of one kind are run: so many at once, the others wait, up to a number of all and of one session."""

    at_once: int = 1
    most_waiting: int | None = None
    per_session: int | None = None


KINDS: Mapping[str, Kind] = {
    "opening": Kind(at_once=4),
    "index": Kind(),
    "content": Kind(),
    "map": Kind(),
    "anomalies": Kind(),
    "training": Kind(most_waiting=8, per_session=2),
    "comparison": Kind(most_waiting=16, per_session=2),
    "catalogue": Kind(at_once=4, most_waiting=32, per_session=2),
    "words": Kind(),
}
"""Each kind has a queue of its own; `opening` is what is quick and must not wait behind builds."""


class Task(Generic[Result]):
    """One piece of work: `state` is waiting, running, done, stopped or failed; `owner` is the session it is for.

    What no session asked for belongs to MACHINE.

    The work gets the task itself. It calls `advance` as it goes, which raises Stopped once somebody has called
    `cancel`; or it looks at `cancelled` and returns early with what it has. `result` is there when the state is done
    or, for what was kept, stopped; `error` is for people. `events` are what a task of its kind tells besides, in order.
    """

    def __init__(self, title: str, work: Callable[[Task[Result]], Result], owner: str = MACHINE) -> None:
        """Wait with this work; Tasks.submit makes and runs it."""
        self.title, self.owner = title, owner
        self.state = "waiting"
        self.error = ""
        self.progress = Progress()
        self.result: Result | None = None
        self.events: list[dict[str, Any]] = []
        self.ended_at: float | None = None
        self._work = work
        self._queue: _Queue | None = None
        self._cancelled, self._over = threading.Event(), threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for an early end."""
        return self._cancelled.is_set()

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self._over.is_set()

    @property
    def place(self) -> int:
        """How many go before this one, the running ones included; 0 when it runs or has ended."""
        return self._queue.place(self) if self._queue else 0

    def cancel(self) -> None:
        """Ask for an early end; a task that still waits never starts."""
        self._cancelled.set()
        if self._queue and self._queue.drop(self):
            self._end("stopped")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the task has ended, or so long, and return whether it has."""
        return self._over.wait(seconds)

    def advance(
        self, done: int, total: int, per_second: float = 0.0, seconds_left: float | None = None, doing: str = ""
    ) -> None:
        """Say how far the work is; raises Stopped when somebody asked for an early end."""
        if self.cancelled:
            raise Stopped
        self.progress = Progress(done, total, per_second, seconds_left, doing)

    def report(self, event: dict[str, Any]) -> None:
        """Add one event; the dictionary is kept as it is."""
        self.events.append(event)

    def outcome(self) -> Result:
        """Return the result of a task that has ended; raises Stopped, or AppError with the words of its failure."""
        if self.state == "failed":
            raise AppError(self.error)
        if self.state != "done":
            raise Stopped
        return self.result  # type: ignore[return-value]

    def run(self) -> None:
        """Do the work on the queue's thread, and note how it ended."""
        if self.cancelled:
            self._end("stopped")
            return
        self.state = "running"
        try:
            self.result = self._work(self)
        except Stopped:
            self._end("stopped")
        except AppError as error:
            self.error = str(error)
            self._end("failed")
        except Exception as error:
            log.exception("%s failed", self.title)
            self.error = FAILED.format(type(error).__name__)
            self._end("failed")
        else:
            self._end("stopped" if self.cancelled else "done")

    def _end(self, state: str) -> None:
        self.state, self.ended_at = state, time.time()
        self._over.set()


class Tasks:
    """The queues of this process, one for each of KINDS; safe to share between threads."""

    def __init__(self) -> None:
        """Start with nothing to do."""
        self._queues = {name: _Queue(name, kind) for name, kind in KINDS.items()}

    def submit(
        self, kind: str, title: str, work: Callable[[Task[Result]], Result], owner: str = MACHINE
    ) -> Task[Result]:
        """Put work in the queue of its kind; raises AppError when too many wait there already, or of this session."""
        task = Task(title, work, owner)
        self._queues[kind].put(task)
        return task

    def of(self, owner: str) -> list[Task[Any]]:
        """Return the tasks of a session that wait or run."""
        return [task for queue in self._queues.values() for task in queue.tasks() if task.owner == owner]

    def wait(self, seconds: float) -> bool:
        """Wait until nothing waits or runs any more, or so long, and return whether that is so."""
        deadline = time.monotonic() + seconds
        while busy := [task for queue in self._queues.values() for task in queue.tasks()]:
            if not busy[0].wait(max(0.0, deadline - time.monotonic())):
                return False
        return True

    def close(self, seconds: float = 5.0) -> None:
        """Cancel everything, refuse what comes later, and give what runs a moment to keep what it has."""
        for queue in self._queues.values():
            queue.close()
        self.wait(seconds)


class _Queue:
    """Runs tasks on threads that end with the last of them: the sessions in turn, each in the order of its tasks."""

    def __init__(self, name: str, kind: Kind) -> None:
        self._name, self._kind = name, kind
        self._waiting: deque[Task[Any]] = deque()
        self._running: list[Task[Any]] = []
        self._closed = False
        self._lock = threading.Lock()

    def put(self, task: Task[Any]) -> None:
        task._queue = self
        with self._lock:
            if not self._closed:
                self._check_room(task.owner)
                self._waiting.insert(self._turn(task.owner), task)
                if len(self._running) < self._kind.at_once:
                    self._start()
                return
        task.cancel()
        task._end("stopped")

    def _check_room(self, owner: str) -> None:
        """Raise AppError where one more task of an owner is too many."""
        most, each = self._kind.most_waiting, self._kind.per_session
        if most is not None and len(self._waiting) >= most:
            raise AppError(f"{len(self._waiting)} wait already. Try again when some are done.")
        own = sum(task.owner == owner for task in (*self._running, *self._waiting))
        if each is not None and owner != MACHINE and own >= each:
            raise AppError(f"{own} of yours wait or run already. Try again when one is done.")

    def _turn(self, owner: str) -> int:
        """Return where a task of an owner waits: before those of owners who have more tasks before theirs."""
        own = sum(task.owner == owner for task in self._waiting)
        before: Counter[str] = Counter()
        for place, task in enumerate(self._waiting):
            if before[task.owner] > own:
                return place
            before[task.owner] += 1
        return len(self._waiting)

    def place(self, task: Task[Any]) -> int:
        with self._lock:
            return self._waiting.index(task) + len(self._running) if task in self._waiting else 0

    def drop(self, task: Task[Any]) -> bool:
        """Take a task out that has not started, and return whether it was there."""
        with self._lock:
            if task not in self._waiting:
                return False
            self._waiting.remove(task)
            return True

    def tasks(self) -> list[Task[Any]]:
        with self._lock:
            return [*self._running, *self._waiting]

    def close(self) -> None:
        with self._lock:
            self._closed = True
        for task in reversed(self.tasks()):
            task.cancel()

    def _start(self) -> None:
        task = self._waiting.popleft()
        self._running.append(task)
        threading.Thread(target=self._serve, args=(task,), name=f"{self._name} tasks", daemon=True).start()

    def _serve(self, task: Task[Any]) -> None:
        while True:
            task.run()
            with self._lock:
                self._running.remove(task)
                if not self._waiting:
                    return
                task = self._waiting.popleft()
                self._running.append(task)
