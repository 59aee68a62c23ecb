"""Edits a picture in words through OpenAI's images-edit route, or any service that speaks it."""

from __future__ import annotations

import base64
import binascii
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2
import numpy as np
import openai
from openai.types import ImageEditCompletedEvent, ImageEditPartialImageEvent, ImagesResponse
from PIL import Image

from engines.editing import errors
from engines.editing.framing import Frame
from engines.editing.models import AUTO, EditModel, facts, frame_size
from engines.editing.requests import (
    Access,
    CancelToken,
    EditRequest,
    Failed,
    PartialImage,
    RetryAfter,
    Step,
    StoppedError,
    Variant,
)
from engines.editing.transport import client
from retrieval.core import AppError, BadPictureError

TRIES = 4
MOST_BYTES = 24 * 1024 * 1024
"""An answer may be this long whatever is asked for; larger pictures raise it, see _most_bytes."""

Decode = Callable[[bytes], Image.Image]

_FAULTS = (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, ValueError, TypeError, AttributeError)
"""What the packages raise; the last three at an answer that is not of the form that its type says."""


def edit(request: EditRequest, access: Access, cancel: CancelToken, decode: Decode) -> Iterator[Step]:
    """Yield what comes of a request as it comes; `decode` turns the bytes of an answer into an RGB picture.

    A model that sends pictures on the way is asked for each variant by itself, all at once, so that each can be seen
    coming. Raises AppError, in words for a shopper, when no variant came; StoppedError when stopped or out of time.
    """
    model = facts(request.model)
    _check(request, model, access)
    frame = Frame.fit(request.image.size, frame_size(model, request.size, request.image.size))
    fields = {**_fields(request, model, frame), "image": ("picture.png", frame.picture(request.image), "image/png")}
    if request.change is not None:
        fields["mask"] = ("mask.png", frame.mask(request.change), "image/png")
    asking = _Asking(model, access, cancel, lambda data: frame.cut(decode(data)))
    late = f"No picture came within {access.seconds:.0f} s. Try again, or choose a lower quality."
    clock = threading.Timer(access.seconds, cancel.set, [late])
    clock.daemon = True
    clock.start()
    try:
        if model.partials and request.variants > 1:
            yield from _side_by_side(asking, fields, request.variants)
        else:
            yield from asking.steps(fields, 0)
    finally:
        clock.cancel()
        cancel.set()


def _check(request: EditRequest, model: EditModel, access: Access) -> None:
    if not access.key:
        raise AppError("An edit needs a key of the service: set OPENAI_API_KEY, or type one for this visit.")
    if not access.key.isascii() or any(mark.isspace() or not mark.isprintable() for mark in access.key):
        raise AppError("The key has a character that no key has. Check that it was copied whole, and nothing else.")
    if not model.edits:
        raise AppError(f"{model.name} never edited pictures, and it is retired. Choose another model.")
    if not request.prompt.strip():
        raise AppError("Say in words what should change.")
    if len(request.prompt) > model.longest_prompt:
        raise AppError(f"The words have {len(request.prompt)} characters; {model.name} reads {model.longest_prompt}.")
    if not 1 <= request.variants <= model.most:
        raise AppError(f"{request.variants} variants were asked for; 1 to {model.most} can be made at once.")
    if request.quality not in model.qualities:
        raise AppError(f"{model.name} has no quality '{request.quality}'. Choose one of: {', '.join(model.qualities)}.")
    if request.change is not None and request.change.size != request.image.size:
        raise AppError(
            f"The mask has {request.change.size} pixels, the picture {request.image.size}. They must be the same."
        )
    if request.change is not None and np.asarray(request.change).max() < 128:
        raise AppError("No part of the picture is marked. Paint over what should change, or let all of it change.")


def _fields(request: EditRequest, model: EditModel, frame: Frame) -> dict[str, object]:
    """Return the fields of the request that this model takes, without the pictures."""
    size = f"{frame.size[0]}x{frame.size[1]}"
    fields: dict[str, object] = {"prompt": request.prompt.strip(), "model": model.name, "size": size}
    if request.quality != AUTO:
        fields["quality"] = request.quality
    if model.fidelity:
        fields["input_fidelity"] = model.fidelity
    if model.answers:
        fields["response_format"] = model.answers
    if model.partials:
        return fields | {"stream": True, "partial_images": model.partials}
    return fields | {"n": request.variants}


def _side_by_side(asking: _Asking, fields: dict[str, object], variants: int) -> Iterator[Step]:
    """Ask for each variant in a thread of its own; a failure is the whole edit's only when nothing came."""
    told: queue.SimpleQueue[Step | AppError | None] = queue.SimpleQueue()

    def one(variant: int) -> None:
        try:
            for step in asking.steps(fields, variant):
                told.put(step)
        except AppError as error:
            told.put(error if isinstance(error, StoppedError) else Failed(variant, str(error)))
        finally:
            told.put(None)

    for variant in range(variants):
        threading.Thread(target=one, args=(variant,), name="edit", daemon=True).start()
    running, came, failures = variants, 0, []
    while running:
        step = told.get()
        running -= step is None
        if isinstance(step, AppError):
            raise step
        if isinstance(step, Failed):
            failures.append(step)
        elif step is not None:
            came += isinstance(step, Variant)
            yield step
    if not came:
        raise AppError(failures[0].reason if failures else "The service sent no picture. Try again.")
    yield from failures


@dataclass(frozen=True, slots=True)
class _Asking:
    """One line of requests to the service: tries, waits, reads, and puts every failure into words."""

    model: EditModel
    access: Access
    cancel: CancelToken
    read: Decode

    def steps(self, fields: dict[str, object], variant: int) -> Iterator[Step]:
        """Yield the steps of one request, tried again while the service is busy; raises AppError."""
        for attempt in range(1, TRIES + 1):
            problem: BaseException | None = None
            try:
                yield from self._once(fields, variant)
                return
            except _FAULTS as error:
                problem = error
            self.cancel.check()  # a stopped line breaks with errors of its own
            if attempt == TRIES or not errors.retried(problem):
                raise AppError(errors.sentence(problem, self.model.name, self.access.base_url, self.access.key))
            seconds = errors.pause(problem, attempt)
            yield RetryAfter(variant, seconds)
            self.cancel.wait(seconds)

    def _once(self, fields: dict[str, object], variant: int) -> Iterator[Step]:
        with client(self.cancel, self.access.seconds, _most_bytes(fields)) as line:
            service = openai.OpenAI(
                api_key=self.access.key, base_url=self.access.base_url, max_retries=0, http_client=line
            )
            if not self.access.own:  # the owner's organisation would not go with a visitor's key
                service.organization = service.project = None
            answer = service.images.edit(**fields)  # type: ignore[call-overload]
            if isinstance(answer, openai.Stream):
                yield from self._streamed(answer, variant)
            elif isinstance(answer, ImagesResponse) and answer.data:
                for place, each in enumerate(answer.data):
                    data = _unpacked(each.b64_json) if each.b64_json else self._fetched(line, each.url or "")
                    yield Variant(variant + place, self._picture(data))
            else:
                raise ValueError("an answer without pictures")

    def _streamed(self, answer: openai.Stream[object], variant: int) -> Iterator[Step]:
        for event in answer:
            if isinstance(event, ImageEditCompletedEvent):
                yield Variant(variant, self._picture(_unpacked(event.b64_json)))
                return
            if isinstance(event, ImageEditPartialImageEvent):
                yield PartialImage(variant, event.partial_image_index, self._picture(_unpacked(event.b64_json)))
        self.cancel.check()  # a line that was shut may end as if the service had closed it
        raise AppError("The connection broke off before the picture had come. Try again.")

    def _picture(self, data: bytes) -> Image.Image:
        try:
            return self.read(data)
        except BadPictureError:
            raise AppError("The service sent something that is no picture. Try again.") from None

    def _fetched(self, line: httpx2.Client, url: str) -> bytes:
        """Return what lies at an address in an answer: on the web, or on the service's own host; no key goes there."""
        place, home = urlsplit(url), urlsplit(self.access.base_url)
        if place.scheme != "https" and (place.scheme, place.netloc) != (home.scheme, home.netloc):
            raise AppError("The service named an address for the picture that is not safe to open.")
        answer = line.get(url)
        if answer.status_code != 200:
            raise AppError("The picture is not where the service said that it is. Try again.")
        return answer.content


def _most_bytes(fields: Mapping[str, object]) -> int:
    """Return how long an answer may be: every picture as PNG of noise, in base64, those on the way included."""
    width, height = (int(side) for side in str(fields["size"]).split("x"))
    packed = width * height * 3 * 1.1 * 4 / 3
    partial, many = (fields.get(name, least) for name, least in (("partial_images", 0), ("n", 1)))
    assert isinstance(partial, int)
    assert isinstance(many, int)
    return max(MOST_BYTES * many, round(packed * (1 + partial) * many))


def _unpacked(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("base64 that is none") from None
