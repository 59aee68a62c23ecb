"""The training queue: one at a time, whoever comes second sees that they wait, a stop keeps what there is."""

from __future__ import annotations

import threading

import pytest

from retrieval.core import AppError
from services.tasks import MOST_WAITING, Job, Queue


def wait_for(job: Job, *states: str) -> None:
    """Give a job ten seconds to come into one of `states`."""
    ticks = threading.Event()
    for _ in range(1000):
        if job.state in states:
            return
        ticks.wait(0.01)
    raise AssertionError(f"the job is {job.state}, not {states}")


def test_the_second_visitor_waits_and_sees_it_then_is_served() -> None:
    queue, go = Queue(), threading.Event()

    def wait(job: Job) -> None:
        go.wait(10)

    first = queue.submit("first", wait)
    second = queue.submit("second", lambda job: job.report({"epoch": 1}))
    third = queue.submit("third", lambda job: None)
    wait_for(first, "running")
    assert (first.place, second.state, second.place, third.place) == (0, "waiting", 1, 2)
    go.set()
    wait_for(third, "done")
    assert (first.state, second.state, second.events) == ("done", "done", [{"epoch": 1}])


def test_a_stopped_job_ends_as_stopped_and_one_that_waits_never_starts() -> None:
    queue, began = Queue(), threading.Event()

    def work(job: Job) -> None:
        began.set()
        while not job.stopped:
            threading.Event().wait(0.005)
        job.report({"kept": "best"})

    first, second = queue.submit("first", work), queue.submit("second", lambda job: job.report({}))
    assert began.wait(10)
    second.stop()
    first.stop()
    wait_for(first, "stopped")
    assert second.state == "stopped"
    assert (first.events, second.events) == ([{"kept": "best"}], [])


def test_a_failure_is_told_in_its_own_words_and_the_next_job_runs() -> None:
    queue = Queue()

    def plain(job: Job) -> None:
        raise AppError("The disk is full.")

    def odd(job: Job) -> None:
        raise ZeroDivisionError("secret")

    jobs = [queue.submit("plain", plain), queue.submit("odd", odd), queue.submit("fine", lambda job: None)]
    wait_for(jobs[2], "done")
    assert [job.state for job in jobs] == ["failed", "failed", "done"]
    assert jobs[0].error == "The disk is full."
    assert "secret" not in jobs[1].error
    assert "our side" in jobs[1].error


def test_too_many_are_refused_and_closing_stops_all() -> None:
    queue = Queue()

    def work(job: Job) -> None:
        while not job.stopped:
            threading.Event().wait(0.005)

    jobs = [queue.submit("one", work) for _ in range(MOST_WAITING + 1)]
    with pytest.raises(AppError, match="wait already"):
        queue.submit("one more", work)
    queue.close()
    assert {job.state for job in jobs} == {"stopped"}
