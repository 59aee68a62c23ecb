"""What keeps the page from opening is one sentence and exit code 2."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import app
from retrieval.core import AppError
from settings import Settings


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return a port that is in use, to the one before which Gradio's own words would be a traceback."""
    monkeypatch.setenv("VISUAL_SEARCH_CACHE", str(tmp_path / "cache"))
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]

        def launch(**options: object) -> None:
            raise OSError(f"Cannot find empty port in range: {port}-{port}.")

        monkeypatch.setattr(app.ui, "build", lambda services: SimpleNamespace(launch=launch))
        monkeypatch.setattr(app.ui, "launch_options", lambda services: {})
        yield port


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--port", "{port}"), "The port {port} is in use. Stop what uses it, or choose another one: --port"),
        (("--host", "203.0.113.9"), "The page cannot listen on 203.0.113.9"),
        (("--host", "no such host"), "The page cannot listen on no such host"),
        (("--port", "99999"), "'99999' is no port: give a number below 65536"),
        (("--port", "http"), "'http' is no port"),
        (("--catalog", "cats"), "'cats' names no catalogue"),
        (("--auth",), "VISUAL_SEARCH_AUTH"),
    ],
)
def test_what_keeps_the_page_from_opening_is_a_sentence(
    arguments: tuple[str, ...], said: str, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        app.main([each.format(port=taken) for each in arguments])
    assert ended.value.code == 2
    assert said.format(port=taken) in capsys.readouterr().err


def test_a_catalogue_that_is_missing_does_not_keep_another_from_opening(
    taken: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        app.main(["--port", str(taken), "--catalog", f"folder:{tmp_path / 'later'}", "--catalog", f"folder:{tmp_path}"])
    said = capsys.readouterr().err
    assert "There is no folder" in said
    assert "is in use" in said  # it went on to open the page


@pytest.mark.parametrize(
    ("written", "pairs"),
    [
        ("ann:s3cret, bob:x:y", (("ann", "s3cret"), ("bob", "x:y"))),
        ('"ann:one,two",bob:three', (("ann", "one,two"), ("bob", "three"))),
        ("ann:x,", (("ann", "x"),)),
        ("", ()),
    ],
)
def test_a_password_may_have_a_comma(written: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert Settings.from_environment({"VISUAL_SEARCH_AUTH": written}).auth == pairs


@pytest.mark.parametrize("written", ["ann:one,two", '"ann:x', "ann", ":x", "ann:"])
def test_a_log_in_that_cannot_be_read_says_how_to_write_it(written: str) -> None:
    with pytest.raises(AppError, match='in double quotes: "ann:one,two",bob:three'):
        Settings.from_environment({"VISUAL_SEARCH_AUTH": written})


@pytest.mark.parametrize("port", ["65536", "-1", "http", "8 0"])
def test_a_port_that_is_none_is_told(port: str) -> None:
    with pytest.raises(AppError, match="GRADIO_SERVER_PORT"):
        Settings.from_environment({"GRADIO_SERVER_PORT": port})
