"""Background tasks: one at a time of a kind, whoever comes second sees that they wait, a stop keeps what there is."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from retrieval.core import AppError, Stopped
from services.tasks import KINDS, Task, Tasks

MOST_WAITING = KINDS["training"].most_waiting or 0


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


def wait_for(task: Task[Any], *states: str) -> None:
    """Give a task ten seconds to come into one of `states`."""
    ticks = threading.Event()
    for _ in range(1000):
        if task.state in states:
            return
        ticks.wait(0.01)
    raise AssertionError(f"the task is {task.state}, not {states}")


def until_cancelled(task: Task[None]) -> None:
    while not task.cancelled:
        threading.Event().wait(0.005)


def test_the_second_visitor_waits_and_sees_it_then_is_served(tasks: Tasks) -> None:
    go = threading.Event()
    first = tasks.submit("training", "first", lambda task: go.wait(10))
    second = tasks.submit("training", "second", lambda task: task.report({"epoch": 1}))
    third = tasks.submit("training", "third", lambda task: None)
    wait_for(first, "running")
    assert (first.place, second.state, second.place, third.place) == (0, "waiting", 1, 2)
    go.set()
    wait_for(third, "done")
    assert (first.state, second.state, second.events) == ("done", "done", [{"epoch": 1}])


def test_one_kind_of_task_does_not_wait_for_another(tasks: Tasks) -> None:
    building = tasks.submit("index", "building", until_cancelled)
    opening = tasks.submit("opening", "opening", lambda task: "open")
    assert opening.wait(10)
    assert (opening.state, opening.result, building.ended) == ("done", "open", False)
    building.cancel()


def test_a_stopped_task_ends_as_stopped_and_one_that_waits_never_starts(tasks: Tasks) -> None:
    began = threading.Event()

    def work(task: Task[None]) -> None:
        began.set()
        until_cancelled(task)
        task.report({"kept": "best"})

    first, second = tasks.submit("training", "first", work), tasks.submit("training", "second", work)
    assert began.wait(10)
    second.cancel()
    first.cancel()
    wait_for(first, "stopped")
    assert second.state == "stopped"
    assert (first.events, second.events) == ([{"kept": "best"}], [])


def test_progress_is_told_and_a_cancelled_task_stops_at_its_next_step(tasks: Tasks) -> None:
    seen, go = threading.Event(), threading.Event()

    def work(task: Task[int]) -> int:
        task.advance(3, 12, per_second=1.5, seconds_left=6.0, doing="counting")
        seen.set()
        assert go.wait(10)
        task.advance(4, 12)
        return 12

    task = tasks.submit("map", "counting", work)
    assert seen.wait(10)
    told = task.progress
    assert (told.done, told.total, told.per_second, told.seconds_left, told.doing) == (3, 12, 1.5, 6.0, "counting")
    task.cancel()
    go.set()
    assert task.wait(10)
    assert (task.state, task.result, task.progress.done) == ("stopped", None, 3)
    with pytest.raises(Stopped):
        task.outcome()


def test_a_failure_is_told_in_its_own_words_and_the_next_task_runs(tasks: Tasks) -> None:
    def plain(task: Task[None]) -> None:
        raise AppError("The disk is full.")

    def odd(task: Task[None]) -> None:
        raise ZeroDivisionError("secret")

    known = [tasks.submit("map", name, work) for name, work in (("plain", plain), ("odd", odd))]
    fine = tasks.submit("map", "fine", lambda task: 7)
    wait_for(fine, "done")
    assert [task.state for task in known] == ["failed", "failed"]
    assert known[0].error == "The disk is full."
    assert "secret" not in known[1].error
    assert "our side" in known[1].error
    assert fine.outcome() == 7
    with pytest.raises(AppError, match="The disk is full"):
        known[0].outcome()


def test_too_many_are_refused_and_closing_stops_all_and_refuses_more(tasks: Tasks) -> None:
    known = [tasks.submit("training", "one", until_cancelled) for _ in range(MOST_WAITING + 1)]
    with pytest.raises(AppError, match="wait already"):
        tasks.submit("training", "one more", until_cancelled)
    tasks.close()
    late = tasks.submit("map", "late", until_cancelled)
    assert {task.state for task in [*known, late]} == {"stopped"}


def test_a_session_s_tasks_are_those_that_wait_or_run_for_it(tasks: Tasks) -> None:
    mine = [tasks.submit("map", "mine", until_cancelled, "me"), tasks.submit("index", "mine", until_cancelled, "me")]
    tasks.submit("comparison", "another's", until_cancelled, "you")
    assert {id(task) for task in tasks.of("me")} == {id(task) for task in mine}
    tasks.close()
    assert tasks.of("me") == []


def test_one_session_has_its_share_of_the_places_and_sessions_take_turns(tasks: Tasks) -> None:
    most = KINDS["training"].per_session or 0
    greedy = [tasks.submit("training", "greedy", until_cancelled, "ann") for _ in range(most)]
    with pytest.raises(AppError, match=f"{most} of yours wait or run already"):
        tasks.submit("training", "one more", until_cancelled, "ann")
    modest = tasks.submit("training", "modest", until_cancelled, "bob")
    assert modest.place
    builds = [tasks.submit("index", "builds", until_cancelled, "ann") for _ in range(4)]
    other = tasks.submit("index", "build", until_cancelled, "bob")
    assert [task.place for task in builds] == [0, 1, 3, 4]
    assert other.place == 2
    greedy[-1].cancel()
    assert tasks.submit("training", "again", until_cancelled, "ann").place
    tasks.close()
