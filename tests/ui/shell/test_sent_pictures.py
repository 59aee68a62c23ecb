"""Pictures that clients send as text: data URIs and public https addresses become uploads; nothing else is opened."""

from __future__ import annotations

import asyncio
import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from retrieval.core import AppError
from ui.shell import sent_pictures
from ui.shell.sent_pictures import receive

LIMIT = 100_000


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, "JPEG")
    return file.getvalue()


def test_a_data_uri_becomes_an_upload_with_the_same_bytes(uploads: Path) -> None:
    data = jpeg()
    file = receive("data:image/jpeg;base64," + base64.b64encode(data).decode(), LIMIT)
    assert Path(file.path).read_bytes() == data
    assert Path(file.path).is_relative_to(uploads)


def test_a_data_uri_may_have_parameters_line_breaks_and_percent_signs(uploads: Path) -> None:
    wrapped = base64.encodebytes(jpeg()).decode()
    assert Path(receive(f"DATA:image/jpeg;name=a.jpg;base64,{wrapped}", LIMIT).path).read_bytes() == jpeg()
    assert Path(receive("data:image/svg+xml,%3Csvg/%3E", LIMIT).path).read_bytes() == b"<svg/>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data:image/jpeg;base64,@@@", "not base64"),
        ("data:image/jpeg;base64", "cannot be read"),
        ("/etc/passwd", "no picture"),
        ("file:///etc/passwd", "no picture"),
        ("http://example.org/a.jpg", "no picture"),
        ("", "no picture"),
        ("https://user:secret@example.org/a.jpg", "plain https"),
        ("https://127.0.0.1/a.jpg", "public internet"),
        ("https://[::1]/a.jpg", "public internet"),
        ("https://[::ffff:10.0.0.1]/a.jpg", "public internet"),
        ("https://169.254.169.254/latest/meta-data", "public internet"),
        ("https://100.64.0.1/a.jpg", "public internet"),
        ("https://0/a.jpg", "public internet"),
        ("https://2130706433/a.jpg", "public internet"),
        ("https://localhost:7860/a.jpg", "public internet"),
    ],
)
def test_what_is_no_public_picture_is_refused_in_a_sentence(uploads: Path, text: str, said: str) -> None:
    with pytest.raises(AppError, match=said):
        receive(text, LIMIT)
    assert not list(uploads.iterdir())


def test_too_many_bytes_are_refused(uploads: Path) -> None:
    sent = base64.b64encode(bytes(LIMIT + 1)).decode()
    with pytest.raises(AppError, match="too large"):
        receive(f"data:image/png;base64,{sent}", LIMIT)


def test_a_redirect_to_a_private_host_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([(None, "https://10.0.0.1/a.jpg")])
    real = sent_pictures._answer

    async def answer(address: str, limit: int) -> tuple[bytes | None, str]:
        return next(answers) if "example.org" in address else await real(address, limit)

    monkeypatch.setattr(sent_pictures, "_answer", answer)
    with pytest.raises(AppError, match="public internet"):
        asyncio.run(sent_pictures._fetch("https://example.org/a.jpg", LIMIT))


def test_an_endless_chain_of_redirects_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(address: str, limit: int) -> tuple[bytes | None, str]:
        return None, address + "x"

    monkeypatch.setattr(sent_pictures, "_answer", answer)
    with pytest.raises(AppError, match="redirects"):
        asyncio.run(sent_pictures._fetch("https://example.org/a.jpg", LIMIT))
