"""Long work in the background, one at a time: whoever comes second waits, and sees that they wait."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from retrieval.core import AppError

log = logging.getLogger(__name__)

MOST_WAITING = 8
ENDED = frozenset({"done", "stopped", "failed"})


class Job:
    """One piece of work: `state` is waiting, running, done, stopped or failed; `events` tells how it went.

    The work polls `stopped` and ends early where it is set, keeping what it has; then its state is "stopped".
    """

    def __init__(self, queue: Queue, title: str, work: Callable[[Job], None]) -> None:
        """Made by `Queue.submit`."""
        self.title = title
        self.state = "waiting"
        self.error = ""
        self.events: list[dict[str, Any]] = []
        self._queue, self._work = queue, work
        self._stop = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether somebody asked for an early end."""
        return self._stop.is_set()

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ENDED

    @property
    def place(self) -> int:
        """How many go before this one, the running one included; 0 when it runs or has ended."""
        return self._queue.place(self)

    def stop(self) -> None:
        """Ask for an early end; a job that still waits never starts."""
        self._stop.set()
        self._queue.drop(self)

    def report(self, event: dict[str, Any]) -> None:
        """Add one step of progress; the dictionary is kept as it is."""
        self.events.append(event)

    def run(self) -> None:
        """Do the work on the queue's thread, and note how it ended."""
        self.state = "running"
        try:
            self._work(self)
        except AppError as error:
            self.error = str(error)
        except Exception as error:
            log.exception("%s failed", self.title)
            self.error = f"It failed on our side ({type(error).__name__}). The log of the app says why."
        if self.error:
            self.state = "failed"
        else:
            self.state = "stopped" if self.stopped else "done"


class Queue:
    """Runs jobs in the order in which they came, one at a time, on a thread of its own."""

    def __init__(self) -> None:
        """Start with nothing to do; the thread is started with the first job and ends with the last."""
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._lock = threading.Lock()

    def submit(self, title: str, work: Callable[[Job], None]) -> Job:
        """Put work in the queue; raises AppError when too many wait already."""
        job = Job(self, title, work)
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                raise AppError(f"{len(self._waiting)} trainings wait already. Try again when some are done.")
            self._waiting.append(job)
            if self._running is None:
                self._running = self._waiting.popleft()
                threading.Thread(target=self._serve, args=(self._running,), name="training", daemon=True).start()
        return job

    def place(self, job: Job) -> int:
        """Return how many jobs go before `job`."""
        with self._lock:
            return self._waiting.index(job) + 1 if job in self._waiting else 0

    def drop(self, job: Job) -> None:
        """Take a job out that has not started."""
        with self._lock:
            if job in self._waiting:
                self._waiting.remove(job)
                job.state = "stopped"

    def close(self, seconds: float = 5.0) -> None:
        """Stop everything, and give the running job a moment to keep what it has."""
        with self._lock:
            jobs = [*self._waiting, *([self._running] if self._running else [])]
        for job in jobs:
            job.stop()
        deadline = time.monotonic() + seconds
        while any(not job.ended for job in jobs) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _serve(self, job: Job | None) -> None:
        while job is not None:
            job.run()
            with self._lock:
                job = self._running = self._waiting.popleft() if self._waiting else None
