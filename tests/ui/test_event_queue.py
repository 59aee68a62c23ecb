"""The queue of page events among many: shares, turns, those who never listen, and lines that break."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import gradio as gr
import httpx
import pytest

from ui.shell import event_queue, event_stream

MOST = 24
WAIT = 120.0


class Page:
    """A page of three events: one that waits for `gate`, one that answers at once, one that runs as a page opens."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.calls: list[str] = []
        with gr.Blocks(analytics_enabled=False) as self.demo:
            asked, told = gr.Textbox(), gr.Textbox()
            gr.Button().click(self.work, asked, told, concurrency_id="work")
            gr.Button().click(lambda text: f"quick {text}", asked, told)
            self.demo.load(lambda: "loaded", None, told)
            seen = event_queue.in_line(lambda engine: self.seen(engine), lambda data: data[0])
            gr.Button().click(seen, asked, told, concurrency_id=event_queue.line("small"))
        self.queue = event_queue.install(self.demo, MOST, 1.0, ["small", "large"])
        routes = [event_stream.route()]
        _, self.url, _ = self.demo.launch(
            server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, app_kwargs={"routes": routes}
        )
        self.client = httpx.Client(base_url=str(self.url), timeout=WAIT)

    def work(self, text: str) -> str:
        """Wait for the gate and say the text back."""
        self.calls.append(text)
        assert self.gate.wait(WAIT)
        return f"worked on {text}"

    def seen(self, engine: str) -> str:
        """Answer by an engine; the large one waits for the gate."""
        self.calls.append(engine)
        assert engine != "large:1" or self.gate.wait(WAIT)
        return f"seen by {engine}"

    def post(self, event: int, text: str = "", session: str = "", name: str = "") -> httpx.Response:
        """Ask as a browser does, without listening for the answer."""
        asked = {"data": [text] if event != 2 else [], "fn_index": event, "session_hash": session or uuid.uuid4().hex}
        headers = {event_queue.REPEAT_HEADER: name} if name else {}
        return self.client.post("gradio_api/queue/join", json=asked, headers=headers)

    @contextmanager
    def line(self, session: str, **query: str) -> Iterator[Iterator[dict[str, Any]]]:
        """Listen to a session."""
        query |= {"session_hash": session}
        with self.client.stream("GET", "gradio_api/queue/data", params=query) as stream:
            yield (json.loads(line[5:]) for line in stream.iter_lines() if line.startswith("data:"))

    def answers(self, session: str, **query: str) -> list[dict[str, Any]]:
        """Return how the events of a session ended, in order."""
        with self.line(session, **query) as messages:
            return [each for each in messages if each["msg"] == "process_completed"]

    def ask(self, event: int, text: str = "") -> Any:  # noqa: ANN401 - what the page answers
        """Ask and listen."""
        session = uuid.uuid4().hex
        joined = self.post(event, text, session)
        assert joined.status_code == 200, joined.text
        (answer,) = self.answers(session)
        return answer["output"]["data"][0] if answer["success"] else answer["output"]["error"]


@pytest.fixture(scope="module")
def served() -> Iterator[Page]:
    page = Page()
    yield page
    page.gate.set()
    page.client.close()
    page.demo.close()


@pytest.fixture
def page(served: Page, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """Return the page with nothing to do, and leave it so."""
    served.gate.clear()
    served.calls.clear()
    yield served
    monkeypatch.setattr(event_queue, "LISTEN_SECONDS", 0.0)
    served.gate.set()
    until(lambda: not len(served.queue) and not served.queue.get_active_worker_count())


def until(true: Callable[[], object]) -> None:
    """Wait for something that happens on another thread."""
    deadline = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_session_that_never_listens_closes_the_page_for_nobody(page: Page) -> None:
    taken = [page.post(0, str(number), session="greedy").status_code for number in range(65)]
    assert taken.count(200) <= event_queue.SESSION_SHARE + 1
    assert set(taken) == {200, 503}
    assert page.ask(1, "me") == "quick me"


def test_page_loads_never_wait_behind_work(page: Page) -> None:
    while page.post(0, session=uuid.uuid4().hex).status_code == 200:
        pass
    assert len(page.queue) >= MOST
    assert page.ask(2) == "loaded"


def test_a_full_queue_gives_a_place_of_who_holds_most_to_a_newcomer(page: Page) -> None:
    for number in range(MOST + 2):
        page.post(0, str(number), session=f"greedy {number % 2}")
    assert len(page.queue) == MOST
    with ThreadPoolExecutor(1) as elsewhere:
        answer = elsewhere.submit(page.ask, 0, "mine")
        until(lambda: any(event.data and event.data.data == ["mine"] for event in page.queue._waiting()))
        assert len(page.queue) == MOST
        page.gate.set()
        assert answer.result(WAIT) == "worked on mine"


def test_when_everyone_holds_one_place_the_newcomer_is_told_in_a_sentence(page: Page) -> None:
    last = page.post(0)
    for _ in range(2 * MOST):
        last = page.post(0)
        if last.status_code != 200:
            break
    assert last.status_code == 503
    assert f"{MOST} questions wait already" in last.json()["detail"]


def test_sessions_take_turns(page: Page) -> None:
    page.post(0, "running", session="first")
    until(lambda: page.calls == ["running"])
    for session in ("greedy", "greedy", "greedy", "modest"):
        page.post(0, session, session=session)
    page.gate.set()
    until(lambda: len(page.calls) == 5)
    assert page.calls == ["running", "greedy", "modest", "greedy", "greedy"]


def test_a_question_waits_behind_those_to_its_own_engine_alone(page: Page) -> None:
    page.post(3, "large:1")
    until(lambda: page.calls == ["large:1"])
    with ThreadPoolExecutor(1) as elsewhere:
        behind = elsewhere.submit(page.ask, 3, "large:1")
        assert page.ask(3, "small:1") == "seen by small:1"
        assert page.ask(3, "no engine") == "seen by no engine"
        assert page.calls == ["large:1", "small:1", "no engine"]
        page.gate.set()
        assert behind.result(WAIT) == "seen by large:1"


def test_places_of_sessions_that_do_not_listen_are_freed(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.post(0, "running", session="first")
    until(lambda: page.calls == ["running"])
    page.post(0, "unheard", session="silent")
    with page.line("listening"), ThreadPoolExecutor(1) as elsewhere:
        heard = elsewhere.submit(page.ask, 0, "heard")
        until(lambda: len(page.queue) == 2)
        monkeypatch.setattr(event_queue, "LISTEN_SECONDS", 3.0)
        until(lambda: len(page.queue) == 1)
        page.gate.set()
        assert heard.result(WAIT) == "worked on heard"
    assert "unheard" not in page.calls
    (told,) = page.answers("silent")
    assert not told["success"]


def test_a_question_whose_line_breaks_is_answered_on_the_next_line(page: Page) -> None:
    page.post(0, "kept", session="broken")
    with page.line("broken") as messages:
        assert next(messages)["msg"] in ("estimation", "process_starts")
    page.gate.set()
    time.sleep(0.5)
    (answer,) = page.answers("broken")
    assert answer["output"]["data"] == ["worked on kept"]
    (again,) = page.answers("broken", after=str(answer["number"] - 1), waiting=answer["event_id"])
    assert again == answer


def test_a_question_that_is_sent_twice_is_asked_once(page: Page) -> None:
    first, second = (page.post(0, "once", session="twice", name="a").json() for _ in range(2))
    assert first == second
    page.gate.set()
    (answer,) = page.answers("twice")
    assert answer["success"]
    assert page.calls == ["once"]


def test_a_client_that_waits_for_what_is_not_known_is_told(page: Page) -> None:
    page.post(1, "known", session="restarted")
    told = page.answers("restarted", waiting="0123,4567")
    assert {each["event_id"]: each["success"] for each in told}.items() >= {"0123": False, "4567": False}.items()
    with page.line("never seen") as messages:
        assert next(messages)["session_not_found"]


@pytest.mark.parametrize("number", [99, -1])
def test_an_event_that_does_not_exist_is_refused_in_a_sentence(page: Page, number: int) -> None:
    answer = page.post(number)
    assert answer.status_code == 400
    assert "no event" in answer.json()["detail"]


def test_lines_that_break_leave_nothing_in_the_log(page: Page, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(20):
        page.post(0, str(number), session=f"leaving {number % 5}")
        with page.line(f"leaving {number % 5}") as messages:
            next(messages)
        with page.client.stream("GET", f"gradio_api/heartbeat/leaving{number}") as stream:
            next(stream.iter_lines())
    page.gate.set()
    time.sleep(1.0)
    said = capfd.readouterr()
    assert "Traceback" not in said.out + said.err
