"""A service on this machine that speaks OpenAI's images-edit route, checks what it gets, and edits for real.

It follows `types/image_edit_params.py` and the event types of openai 3.54.0, read by a person: nothing here comes from
the engine that it tests.
"""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

KEY = "sk-test-0123456789abcdef"
COLOURS = {"red": (220, 30, 30), "green": (20, 160, 60), "blue": (30, 60, 220)}
KNOWN = {"image", "mask", "prompt", "model", "n", "size", "quality", "input_fidelity", "response_format", "stream",
         "partial_images", "background", "output_format", "output_compression", "user"}  # fmt: skip
MODELS = re.compile(r"(gpt-image-(1\.5|1-mini|2|2\.5-flare|2\.5-sunburst|2\.6-flare)|dall-e-2)(-\d{4}-\d\d-\d\d)?")
STANDARD = ("1024x1024", "1536x1024", "1024x1536")


class Refused(Exception):
    """An answer with an error body."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        kind = "image_generation_user_error" if code == "moderation_blocked" else "invalid_request_error"
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


Sent = tuple[int, bytes, str, str]
REFUSALS = {
    "quota": Refused(429, "You exceeded your current quota.", "insufficient_quota"),
    "moderation": Refused(400, "Your request was rejected by the safety system.", "moderation_blocked"),
    "echo": Refused(400, f"Bad header: Bearer {KEY} and sk-another-0123456789.", "odd"),
}
HUGE = b'{"created": 1, "data": [{"b64_json": "' + b"A" * (40 << 20) + b'"}]}'
ANSWERS: dict[str, Sent] = {
    "429": (429, b'{"error": {"message": "Slow down.", "code": "rate_limit_exceeded"}}', "application/json", "0.05"),
    "500": (500, b'{"error": {"message": "The server had an error.", "type": "server_error"}}', "application/json",
            "0.05"),
    "garbage": (200, b"<html>welcome to the hotel network</html>", "text/html", ""),
    "not json": (200, b'{"data": [{"b64_json": ', "application/json", ""),
    "empty": (200, b'{"created": 1, "data": []}', "application/json", ""),
    "huge": (200, HUGE, "application/json", ""),
}  # fmt: skip
"""What goes wrong, by its name: an error body, or an answer of status, body, form and Retry-After."""


@dataclass
class Received:
    """One request as it came."""

    fields: dict[str, str]
    image: Image.Image
    mask: Image.Image | None
    headers: dict[str, str]


@dataclass
class Service:
    """What a test says and sees: `faults` are used up one a request, the rest is answered well."""

    url: str = ""
    faults: deque[str] = field(default_factory=deque)
    seen: list[Received] = field(default_factory=list)
    broken_off: threading.Event = field(default_factory=threading.Event)
    files: dict[str, bytes] = field(default_factory=dict)
    file_headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def running() -> Iterator[Service]:
    """Serve on a free port while inside."""
    service = Service()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"service": service}))
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}/v1"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield service
    finally:
        service.broken_off.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.service.file_headers.append(dict(self.headers))
        data = self.service.files.get(self.path)
        self._send(200 if data else 404, data or b"", "image/png")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            fault = self.service.faults.popleft() if self.service.faults else ""
            if self.path != "/v1/images/edits":
                raise Refused(404, f"Invalid URL (POST {self.path})")
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                given = self.headers.get("Authorization", "")[7:]
                raise Refused(401, f"Incorrect API key provided: {given}.", "invalid_api_key")
            got = received(self.headers["Content-Type"], body, dict(self.headers))
            self.service.seen.append(got)
            check(got)
            if not self._failed(fault):
                self._answer(got, fault)
        except Refused as refused:
            self._send(refused.status, json.dumps(refused.body).encode())
        except (BrokenPipeError, ConnectionResetError):
            self.service.broken_off.set()
            self.close_connection = True

    def _failed(self, fault: str) -> bool:
        """Play `fault`; return whether that was the whole answer."""
        if fault in REFUSALS:
            raise REFUSALS[fault]
        if fault in ANSWERS:
            self._send(*ANSWERS[fault])
        elif fault == "huge, unannounced":
            self._start("text/event-stream", None)
            for _ in range(40):
                self.wfile.write(b"A" * (1 << 20))
            self.close_connection = True
        elif fault == "slow":
            while not self.service.broken_off.is_set():
                self.connection.settimeout(0.05)
                try:
                    if not self.connection.recv(1):
                        self.service.broken_off.set()
                except TimeoutError:
                    continue
            self.close_connection = True
        else:
            return False
        return True

    def _answer(self, got: Received, fault: str) -> None:
        edited = tinted(got)
        if got.fields.get("stream") == "true":
            return self._stream(got, edited, fault)
        data = []
        for number in range(int(got.fields.get("n", "1"))):
            png = encoded(edited)
            if fault.startswith("url"):
                self.service.files[f"/files/{number}.png"] = png
                home = self.service.url.removesuffix("/v1")
                place = {"url": home, "url elsewhere": "http://127.0.0.2:9"}[fault]
                data.append({"url": f"{place}/files/{number}.png"})
            else:
                data.append({"b64_json": base64.b64encode(b"no picture" if fault == "no picture" else png).decode()})
        body = json.dumps({"created": int(time.time()), "data": data, "usage": USAGE}).encode()
        if fault == "cut":
            self._start("application/json", len(body))
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return None
        return self._send(200, body)

    def _stream(self, got: Received, edited: Image.Image, fault: str) -> None:
        self._start("text/event-stream", None)
        facts = {"background": "opaque", "created_at": int(time.time()), "output_format": "png", "quality": "auto",
                 "size": got.fields["size"]}  # fmt: skip
        for number in range(int(got.fields["partial_images"])):
            rough = edited.filter(ImageFilter.GaussianBlur(16 >> number))
            self._event("image_edit.partial_image", {**facts, "partial_image_index": number}, rough)
            if fault == "cut":
                self.close_connection = True
                return
            if fault == "stall":
                self.service.broken_off.wait(30)
        if fault == "error event":
            body = {"error": {"message": "Rejected.", "code": "moderation_blocked", "type": "user_error"}}
            self.wfile.write(b"event: error\ndata: " + json.dumps(body).encode() + b"\n\n")
        else:
            self._event("image_edit.completed", {**facts, "usage": USAGE}, edited)
        self.close_connection = True

    def _event(self, name: str, body: dict[str, Any], image: Image.Image) -> None:
        text = json.dumps({"type": name, **body, "b64_json": base64.b64encode(encoded(image)).decode()})
        self.wfile.write(f"event: {name}\ndata: {text}\n\n".encode())
        self.wfile.flush()

    def _start(self, form: str, length: int | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", form)
        if length is None:
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send(self, status: int, body: bytes, form: str = "application/json", retry_after: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", form)
        self.send_header("Content-Length", str(len(body)))
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)


USAGE = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30,
         "input_tokens_details": {"image_tokens": 8, "text_tokens": 2}}  # fmt: skip


def received(form: str, body: bytes, headers: dict[str, str]) -> Received:
    """Read a multipart body; every field once."""
    fields: dict[str, bytes] = {}
    for part in body.split(b"--" + form.partition("boundary=")[2].strip('"').encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        if not name or name[1].decode() in fields:
            raise Refused(400, f"A field without a name, or twice: {head!r}")
        fields[name[1].decode()] = content.removesuffix(b"\r\n")
    if unknown := set(fields) - KNOWN:
        raise Refused(400, f"Unknown parameter: {sorted(unknown)}", "unknown_parameter", sorted(unknown)[0])
    if "image" not in fields:
        raise Refused(400, "Missing required parameter: 'image'.", "missing_required_parameter", "image")
    mask = Image.open(io.BytesIO(fields.pop("mask"))) if "mask" in fields else None
    if mask and mask.format != "PNG":
        raise Refused(400, "The mask must be a PNG.", "invalid_image", "mask")
    image = Image.open(io.BytesIO(fields.pop("image")))
    return Received({name: value.decode() for name, value in fields.items()}, image, mask, headers)


def check(got: Received) -> None:
    """Refuse what the service that this stands for would refuse."""
    fields, model = got.fields, got.fields.get("model", "")
    if not MODELS.fullmatch(model):
        raise Refused(404, f"The model '{model}' does not exist.", "model_not_found", "model")
    if not fields.get("prompt", "").strip():
        raise Refused(400, "Missing prompt.", "missing_required_parameter", "prompt")
    if got.mask and got.mask.size != got.image.size:
        raise Refused(400, "Image and mask must have the same dimensions.", "invalid_image_format", "mask")
    if got.mask and "A" not in got.mask.getbands():
        raise Refused(400, "The mask has no alpha channel.", "invalid_image_format", "mask")
    if not 1 <= int(fields.get("n", "1")) <= 10:
        raise Refused(400, "n is out of range", "integer_above_max_value", "n")
    dalle = model.startswith("dall-e")
    untaken = {
        "input_fidelity": model not in ("gpt-image-1.5", "gpt-image-1-mini"),
        "response_format": not dalle,
        "quality": dalle,
        "stream": dalle,
        "partial_images": dalle or fields.get("stream") != "true",
    }
    for name, wrong in untaken.items():
        if wrong and name in fields:
            raise Refused(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name)
    if fields.get("input_fidelity") == "high" and model == "gpt-image-1-mini":
        raise Refused(400, "gpt-image-1-mini takes only low.", "invalid_value", "input_fidelity")
    best = {"xhigh", "max"} if model.startswith("gpt-image-2.5") else set()
    if fields.get("quality", "auto") not in {"auto", "low", "medium", "high"} | best:
        raise Refused(400, "Invalid quality.", "invalid_value", "quality")
    check_size(fields.get("size", "auto"), model)


def check_size(size: str, model: str) -> None:
    """Refuse a size that `model` does not make."""
    if model == "dall-e-2":
        good = size in ("256x256", "512x512", "1024x1024")
    elif re.match(r"gpt-image-2(\.5|-2026|$)", model) and "x" in size:
        width, height = map(int, size.split("x"))
        good = not (width % 16 or height % 16) and 1 / 3 <= width / height <= 3 and width * height <= 3840 * 2160
    else:
        good = size in (*STANDARD, "auto")
    if not good:
        raise Refused(400, f"Invalid size '{size}'.", "invalid_value", "size")


def tinted(got: Received) -> Image.Image:
    """Return the picture with the part that the mask leaves transparent in the colour that the words name."""
    width, height = map(int, got.fields["size"].split("x"))
    image = got.image.convert("RGB")
    colour = next((rgb for name, rgb in COLOURS.items() if name in got.fields["prompt"]), (128, 128, 128))
    pixels = np.asarray(image, np.float32)
    free = np.ones(pixels.shape[:2], bool)
    if got.mask:
        free = np.asarray(got.mask.convert("RGBA").getchannel("A")) == 0
    shade = pixels.mean(axis=2, keepdims=True) / 255
    painted = np.where(free[..., None], np.array(colour, np.float32) * (0.6 + 0.4 * shade), pixels)
    return Image.fromarray(painted.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image) -> bytes:
    """Return a PNG, quickly."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
