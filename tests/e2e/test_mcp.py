"""The page as an MCP server, asked by the official client over HTTP as an assistant would ask it."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

import ui
from services import Services
from settings import Settings
from tests.conftest import ROOT

TOOLS = {
    "look_alike", "style", "product_type", "latent_neighbours", "compare", "duplicates", "anomalies", "edit",
    "catalogs",
}  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    services = Services(Settings(index_cache=tmp_path_factory.mktemp("cache")))
    services.indexes.build(services.catalogs.infos()[0].key, services.engines.first("look-alike"))
    demo = ui.build(services)
    _, local, _ = demo.launch(prevent_thread_lock=True, quiet=True, **ui.launch_options(services))
    yield local.rstrip("/")
    demo.close()
    services.close()


def ask(address: str, tool: str = "", arguments: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - what the tool says
    async def talk() -> Any:  # noqa: ANN401
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as (receive, send, _),
            ClientSession(receive, send) as session,
        ):
            await session.initialize()
            return await (session.call_tool(tool, arguments or {}) if tool else session.list_tools())

    return asyncio.run(talk())


OWN = min(Path(ROOT / "assets" / "sample" / "image").glob("*.jpg"))


def own_picture() -> str:
    return "data:image/jpeg;base64," + base64.b64encode(OWN.read_bytes()).decode()


def test_every_way_of_searching_is_a_tool_with_a_description_and_plain_inputs(address: str) -> None:
    tools = {tool.name: tool for tool in ask(address).tools}
    assert set(tools) >= TOOLS
    for tool in tools.values():
        assert tool.description, tool.name
        assert tool.inputSchema["properties"].keys().isdisjoint({"request", "services"})
    picture = tools["look_alike"].inputSchema["properties"]["picture"]
    assert "data URI" in picture["description"]
    assert "properties" not in json.dumps(picture)


def test_a_picture_sent_as_a_data_uri_finds_ten_pictures_with_thumbnails(address: str) -> None:
    answer = ask(address, "look_alike", {"picture": own_picture(), "k": 10})
    assert not answer.isError
    found = json.loads(answer.content[0].text)["results"]
    assert [row["rank"] for row in found] == [*range(1, 11)]
    assert found[0]["id"].partition("/")[0] == OWN.stem
    for row in found[:2]:
        assert row["thumbnail"].startswith(address)
        with urllib.request.urlopen(row["thumbnail"]) as thumbnail:
            assert thumbnail.read(3) == b"\xff\xd8\xff"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"picture": "/etc/passwd"}, "no picture"),
        ({"picture": "https://127.0.0.1/a.jpg"}, "public internet"),
        ({"picture": "data:image/png;base64,aGVsbG8="}, "picture"),
        ({}, "picture, words or both"),
    ],
)
def test_what_cannot_be_searched_is_told_in_a_sentence(address: str, arguments: dict[str, Any], said: str) -> None:
    answer = ask(address, "look_alike", arguments)
    assert answer.isError
    assert said in answer.content[0].text


def test_the_catalogues_are_listed(address: str) -> None:
    answer = ask(address, "catalogs")
    assert "sample" in answer.content[0].text
