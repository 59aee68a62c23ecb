"""How a handler joins the page: bound to the services, its errors turned into words for a visitor in one place."""

from __future__ import annotations

import functools
import inspect
import logging
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

import gradio as gr
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from retrieval.core import AppError, printable
from services import Services

log = logging.getLogger(__name__)
Model = TypeVar("Model", bound=BaseModel)

_ITSELF = frozenset({"services", "request", "picture", "subject", "return"})
"""Parameters of endpoints that are not checked by their type: what is no JSON, and pictures."""

_FINITE = ConfigDict(allow_inf_nan=False)

OURS = "Something went wrong on our side. Try again; if it stays, the log of the app says why."
PRIVATE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Arguments of every listener that is no part of the public API."""


def answering(shown: gr.Component) -> dict[str, Any]:
    """Return what PRIVATE is for a listener that may have to wait for others: `shown` says the place in the queue."""
    return PRIVATE | {"show_progress": "minimal", "show_progress_on": shown}


def user_message(error: Exception) -> str:
    """Return what a visitor is told: an AppError's own sentence, else that it is our fault, with the cause logged."""
    if isinstance(error, AppError):
        return printable(str(error))
    log.error("a page event failed", exc_info=error)
    return OURS


def bound(handler: Callable[..., Any], services: Services) -> Callable[..., Any]:
    """Return `handler` with its first argument given, failing as gr.Error in plain words.

    The result keeps the rest of the signature, which Gradio reads for gr.Request and for the public API; it cannot
    read that of a functools.partial.
    """

    @functools.wraps(handler)
    def event(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - a page event carries whatever its inputs hold
        try:
            return handler(services, *given, **named)
        except Exception as error:
            raise gr.Error(user_message(error), print_exception=False) from error

    signature = inspect.signature(handler)
    event.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    return event


def public(handler: Callable[..., Any], services: Services) -> Callable[..., Any]:
    """Return `handler` bound, for gr.api: whatever a client sends has the type that the handler declares.

    What is null is as if it were not sent. Pictures come in several forms, which the handler itself reads.
    """
    forms = {name: form for name, form in get_type_hints(handler).items() if name not in _ITSELF}
    named = list(inspect.signature(handler).parameters.values())[1:]
    adapters = {name: TypeAdapter(form, config=_FINITE) for name, form in forms.items()}

    @functools.wraps(handler)
    def strict(held: Services, *given: Any, **more: Any) -> Any:  # noqa: ANN401 - JSON is any value
        sent = dict(zip((each.name for each in named), given, strict=False)) | more
        read: dict[str, Any] = {}
        for each in named:
            value = sent.get(each.name)
            if value is None and each.default is not inspect.Parameter.empty:
                continue
            read[each.name] = _read(each.name, value, adapters.get(each.name))
        return handler(held, **read)

    return bound(strict, services)


def _read(name: str, value: object, adapter: TypeAdapter[Any] | None) -> Any:  # noqa: ANN401 - as declared
    if adapter is None:
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        shown = "null" if value is None else reprlib.repr(value)
        raise AppError(f"{name} is {shown}: {error.errors()[0]['msg']}.") from None


def served(handler: Callable[..., Any], *given: Any) -> Callable[..., Any]:  # noqa: ANN401 - a handler's own arguments
    """Return `handler`, its first arguments `given`, for gr.HTML's server_functions: JSON in, JSON out.

    A handler that has a `page` beside the data gets Gradio's name of the page that calls. A failure is an answer too,
    {"problem": plain words}: the component shows it where it happened.
    """
    paged = "page" in inspect.signature(handler).parameters

    async def answer(data: Any, request: gr.Request) -> Any:  # noqa: ANN401 - JSON is any value
        more = {"page": await _page(request)} if paged else {}
        try:
            return await run_in_threadpool(handler, *given, data, **more)
        except Exception as error:
            return {"problem": user_message(error)}

    answer.__name__ = handler.__name__
    return answer


async def _page(request: gr.Request) -> str:
    """Return the name of the page that called a server function, nothing where it gives none."""
    try:
        body = await request.json()
    except (RuntimeError, ValueError):
        return ""
    page = body.get("session_hash") if isinstance(body, dict) else None
    return page if isinstance(page, str) else ""


def detail(event: gr.EventData) -> Mapping[str, Any]:
    """Return what a component says of its own event; raises AppError where that is no object."""
    data = getattr(event, "_data", None)
    if not isinstance(data, Mapping):
        raise AppError(f"The page sent something odd ({repr(data)[:60]} in place of an object). Read it anew.")
    return data


def checked(form: type[Model], data: object) -> Model:
    """Read what a component of the page sent as `form`; raises AppError."""
    try:
        return form.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise AppError(f"The page sent something odd ({'.'.join(map(str, first['loc']))}: {first['msg']}).") from None
