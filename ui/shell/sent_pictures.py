"""Pictures that API and MCP clients send as text: a data URI, or an https address that is fetched within bounds."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import re
import socket
from urllib.parse import unquote_to_bytes

import httpx
from gradio.data_classes import FileData
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder
from safehttpx import AsyncSecureTransport

from retrieval.core import AppError

SECONDS = 15
"""A fetch that takes longer is given up."""

REDIRECTS = 3

_DATA = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<parameters>(?:;[\w.+-]+=[^;,]*)*)(?P<base64>;base64)?,", re.I)
_SHOWN = 60
"""Characters of a text that an error repeats."""


def receive(text: str, limit: int) -> FileData:
    """Return the picture that `text` holds or names, as a file among Gradio's uploads, which are deleted in time.

    `text` is a data URI or an https address; `limit` counts bytes. Raises AppError; an address is only fetched from
    hosts of the public internet, and no path of this machine is ever opened.
    """
    if text[:5].lower() == "data:":
        data = _decode(text, limit)
    elif text[:8].lower() == "https://":
        data = asyncio.run(_fetch(text, limit))
    else:
        raise AppError(
            f"'{text[:_SHOWN]}' is no picture. Send a data URI (data:image/jpeg;base64,…), an https address or an "
            "uploaded file."
        )
    return FileData(path=save_bytes_to_cache(data, "picture", get_upload_folder()))


def _decode(uri: str, limit: int) -> bytes:
    head = _DATA.match(uri)
    if head is None:
        raise AppError(
            f"The data URI cannot be read: '{uri[:_SHOWN]}…'. It begins with data:image/jpeg;base64, or alike."
        )
    if len(uri) > limit * 4:  # base64 takes 4/3, percent signs 3
        raise _too_large(limit)
    body = uri[head.end() :]
    try:
        data = unquote_to_bytes(body)
        if head["base64"]:
            data = base64.b64decode(re.sub(rb"\s", b"", data), validate=True)
    except (binascii.Error, ValueError):
        raise AppError("The data URI cannot be read: what follows the comma is not base64.") from None
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _too_large(limit: int) -> AppError:
    return AppError(f"The picture is too large; at most {limit / 2**20:.0f} MB can be searched.")


async def _fetch(address: str, limit: int) -> bytes:
    try:
        async with asyncio.timeout(SECONDS):
            for _ in range(REDIRECTS + 1):
                data, address = await _answer(address, limit)
                if data is not None:
                    return data
    except TimeoutError:
        raise AppError(f"The picture did not arrive within {SECONDS} seconds. Send the picture itself.") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise AppError(f"The picture could not be fetched ({reason[:200]}). Send the picture itself.") from None
    raise AppError(f"The address redirects more than {REDIRECTS} times. Send the picture's own address.")


async def _answer(address: str, limit: int) -> tuple[bytes | None, str]:
    """Return the bytes at an address, or None and the address to which it redirects."""
    url = httpx.URL(address)
    if url.scheme != "https" or not url.host or url.userinfo:
        raise AppError("Only plain https addresses are fetched. Send the picture itself.")
    transport = AsyncSecureTransport(await _public_ip(url.host, url.port or 443))
    async with (
        httpx.AsyncClient(transport=transport, timeout=SECONDS, trust_env=False) as client,
        client.stream("GET", url, headers={"Accept": "image/*"}) as response,
    ):
        if response.is_redirect:
            return None, str(url.join(response.headers["Location"]))
        if response.status_code != httpx.codes.OK:
            raise AppError(f"The address answers {response.status_code}. Send the address of a public picture.")
        data = bytearray()
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > limit:
                raise _too_large(limit)
        return bytes(data), address


async def _public_ip(host: str, port: int) -> str:
    """Return an address of `host` to connect to; raises AppError unless all of its addresses are public."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise AppError(f"The host {host[:_SHOWN]} is not known. Check the address.") from None
    addresses = [str(entry[4][0]) for entry in found]
    for each in addresses:
        ip = ipaddress.ip_address(each.partition("%")[0])
        if not ip.is_global or ip.is_multicast:
            raise AppError(f"{host[:_SHOWN]} is no host of the public internet. Send the picture itself.")
    return addresses[0]
