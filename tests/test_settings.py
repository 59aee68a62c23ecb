"""What the environment says becomes settings."""

from __future__ import annotations

import pytest

from settings import NO_KEY, Settings


@pytest.mark.parametrize(
    ("environment", "key"),
    [
        ({}, ""),
        ({"OPENAI_BASE_URL": "https://api.openai.com/v1"}, ""),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}, NO_KEY),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1", "OPENAI_API_KEY": ""}, ""),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1", "OPENAI_API_KEY": "sk-own"}, "sk-own"),
    ],
)
def test_a_server_of_ones_own_needs_no_key_and_openai_does(environment: dict[str, str], key: str) -> None:
    assert Settings.from_environment(environment).openai_key == key
