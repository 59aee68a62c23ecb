"""Never a traceback: every command and every endpoint answers odd values with an answer or a sentence."""

from __future__ import annotations

import base64
import inspect
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import engines
import ui
from cli import app
from retrieval.core import AppError
from services import Services
from settings import Settings
from tests.conftest import COLOUR_SPEC, ColourEncoder, jpeg, write_picture
from ui.shell.error_boundary import OURS


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401
    """Yield every command by the words that call it; Typer brings its own copy of click's classes."""
    if hasattr(group, "commands"):
        for name, command in group.commands.items():
            yield from _commands(command, (*path, name))
    else:
        yield path, group


COMMANDS = {path: command for path, command in _commands(typer.main.get_command(app)) if path != ("app",)}
"""All but the one that opens the page, which tests/test_app.py asks."""

ODD = st.sampled_from(
    ["", " ", "-1", "0", "1e999", "nan", "null", "[x]", "🧥", ":smile:", "x" * 3000, "../..", "\udce9", "a=b", "=",
     "a=,", "(", "é", "1", "2.5", "--", "label", "colours", "colours:none", "product", "none", "csv", "folder:",
     "folder:/no/such/place", "folder:\0", "idx:/etc", "deepfashion2:.", "s3:", "hf:", "hf:a/b/c#x", "cats", "ray"]
)  # fmt: skip
TEXT = ODD | st.text(max_size=12)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a place with a folder of two pictures, one file that is none, and an engine without weights."""
    root = tmp_path_factory.mktemp("odd")
    for n, label in enumerate(("red", "blue")):
        write_picture(root / "pictures" / label / f"{n}.jpg", n)
    (root / "bad.jpg").write_text("no picture")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("VISUAL_SEARCH_CACHE", str(root / "cache"))
        patched.setenv("VISUAL_SEARCH_CLIP", "")
        patched.setenv("HF_HUB_OFFLINE", "1")
        patched.delenv("OPENAI_API_KEY", raising=False)
        patched.chdir(root)
        yield root


@pytest.fixture(scope="module")
def page(place: Path) -> Iterator[dict[str, Any]]:
    """Return the public endpoints by name, over the folder; only the toy engine is there once the page is built."""
    services = Services(Settings.from_environment(), [f"folder:{place / 'pictures'}", "sample"])
    demo = ui.build(services)
    endpoints: dict[str, Any] = {
        str(each.api_name): each.fn for each in demo.fns.values() if each.api_visibility == "public"
    }
    with pytest.MonkeyPatch.context() as patched:
        _only_colours(patched)
        services.indexes.build(services.catalogs.infos()[0].key, COLOUR_SPEC)
        yield endpoints
    services.close()


def _only_colours(patched: pytest.MonkeyPatch) -> None:
    patched.setattr(engines.REGISTRY, "rows", (COLOUR_SPEC,))
    patched.setattr(engines.REGISTRY, "_loaded", {("colours", "none", "d1"): ColourEncoder()})


def _said(error: BaseException) -> None:
    """Assert that what a person is told is a sentence, without the insides of the program."""
    text = str(error)
    assert text.strip()
    assert "Traceback" not in text
    assert OURS not in text
    assert "object at 0x" not in text


RIGHT = {"engine": "colours", "engines": "colours", "search": "colours", "words": "red", "image": "pictures/red/0.jpg",
         "catalog": "folder:pictures", "name": "folder:pictures", "queries": "folder:pictures"}  # fmt: skip


@st.composite
def _call(draw: st.DrawFn, command: Any) -> list[str]:  # noqa: ANN401 - a command of Typer
    """Draw arguments of a command: half of the needed ones as they should be, anything else odd."""
    words: list[str] = []
    for each in command.params:
        needed = each.required or each.name in ("catalog", "engine", "image", "queries", "engines")
        if each.name == "help" or not (needed or draw(st.integers(0, 3)) == 0):
            continue
        value = RIGHT[each.name] if each.name in RIGHT and draw(st.booleans()) else draw(TEXT)
        if each.param_type_name == "option":
            words.append(each.opts[0])
            if each.is_flag:
                continue
        words.append(value)
    return words


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_answers_anything_with_an_answer_or_a_sentence(
    path: tuple[str, ...], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _only_colours(monkeypatch)

    @settings(max_examples=10)
    @given(_call(COMMANDS[path]))
    def asked(words: list[str]) -> None:
        done = CliRunner().invoke(app, [*path, *words])
        if isinstance(done.exception, AppError):
            _said(done.exception)  # cli.run prints it and exits with 2
        else:
            assert done.exception is None or isinstance(done.exception, SystemExit), (words, done.exc_info)
            assert done.exit_code in (0, 2), (words, done.output)

    asked()


def _parameters(endpoint: Any) -> list[str]:  # noqa: ANN401 - a function
    return [name for name in inspect.signature(endpoint).parameters if name != "request"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.sampled_from([10**400, math.inf, -0.0, 1e308]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
PICTURE = f"data:image/jpeg;base64,{base64.b64encode(jpeg(1)).decode()}"
NAMES = (
    "catalogs",
    "edit",
    "anomalies",
    "latent_neighbours",
    "look_alike",
    "compare",
    "duplicates",
    "style",
    "product_type",
)


@pytest.mark.parametrize("name", NAMES)
def test_an_endpoint_answers_anything_with_an_answer_or_a_sentence(name: str, page: dict[str, Any]) -> None:
    endpoint = page[name]

    def value(parameter: str) -> st.SearchStrategy[Any]:
        right: dict[str, Any] = {"picture": PICTURE, "engine": "colours", "engines": ["colours"], "catalog": None}
        return st.just(right[parameter]) | JSON if parameter in right else JSON

    @settings(max_examples=20)
    @given(st.tuples(*map(value, _parameters(endpoint))))
    def asked(sent: tuple[Any, ...]) -> None:
        try:
            found = endpoint(*sent)
        except gr.Error as error:
            _said(error)
        else:
            json.dumps(found)

    asked()


def test_every_endpoint_is_asked(page: dict[str, Any]) -> None:
    assert set(page) == set(NAMES)


def test_null_is_as_if_it_were_not_sent_and_another_type_is_told_by_name(page: dict[str, Any]) -> None:
    sent = dict.fromkeys(_parameters(page["look_alike"])) | {"picture": PICTURE, "engine": "colours", "k": None}
    assert len(page["look_alike"](*sent.values())["results"]) == 2
    with pytest.raises(gr.Error, match="k is 'many': Input should be a valid integer"):
        page["look_alike"](*(sent | {"k": "many"}).values())
    with pytest.raises(gr.Error, match="balance is nan: Input should be a finite number"):
        page["look_alike"](*(sent | {"balance": math.nan}).values())
