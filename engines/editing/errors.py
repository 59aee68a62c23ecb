"""What went wrong with an edit, in sentences for a shopper; a key never gets into one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx2
import openai

from retrieval.core import AppError

_KEY = re.compile(r"\b(sk|sess|org|proj)-[\w*.-]{4,}")
_NO_CREDIT = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_REFUSED = {"moderation_blocked", "content_policy_violation", "safety_violation", "image_generation_user_error"}
_LONGEST = 200


def retried(error: Exception) -> bool:
    """Return whether the same request may succeed a little later: too many at once, or a fault of the service."""
    if isinstance(error, openai.RateLimitError):
        return error.code not in _NO_CREDIT
    return isinstance(error, openai.InternalServerError)


def pause(error: Exception, attempt: int, longest: float = 60.0) -> float:
    """Return how many seconds to wait before attempt + 1: what the service asked for, else 2, 4, 8."""
    wanted = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
    try:
        return min(max(float(wanted), 0.0), longest)
    except ValueError:
        return min(2.0**attempt, longest)


def sentence(error: BaseException, model: str, base_url: str, key: str) -> str:
    """Return what a person is told of an error of the openai package or of its HTTP client."""
    ours = _cause(error, AppError)
    if ours:
        return str(ours)
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return "The service did not answer in time. Try again, or choose a lower quality."
    if isinstance(error, openai.APIStatusError):
        return _status(error, model, key)
    if isinstance(error, openai.APIConnectionError | httpx2.TransportError):
        if _cause(error, httpx2.RemoteProtocolError) or _cause(error, httpx2.ReadError):
            return "The connection broke off before the picture had come. Try again."
        return f"{urlsplit(base_url).hostname} cannot be reached. Check the internet connection and try again."
    if isinstance(error, openai.APIError) and not isinstance(error, openai.APIResponseValidationError):
        return _told(error, model, key)
    return "The answer of the service cannot be understood. Try again, or choose another model."


def _status(error: openai.APIStatusError, model: str, key: str) -> str:
    status = error.status_code
    if status == 401:
        return "The key was not accepted. Check that it was copied whole, or make a new one at the service."
    if status == 403:
        return f"This key may not use {model}. Choose another model, or ask whoever owns the account."
    if status == 413:
        return "The picture is too large for the service. Choose a smaller size."
    if status >= 500:
        return "The service has trouble of its own, several tries in a row. Try again in a few minutes."
    return _told(error, model, key)


def _told(error: openai.APIError, model: str, key: str) -> str:
    """Return the sentence for an error that names its code, its parameter or at least a reason."""
    code, param, kind = (str(value or "") for value in (error.code, error.param, error.type))
    if code in _NO_CREDIT or kind == "insufficient_quota":
        return "The account behind this key has no credit left, or reached its limit. Top it up at the service."
    if code in _REFUSED or kind in _REFUSED:
        return (
            "The service declined this edit: it reads as something it does not draw. Say it in other words, or mark "
            "a smaller part."
        )
    if isinstance(error, openai.RateLimitError) or code == "rate_limit_exceeded":
        return "The service is busy, or this key asked too often. Wait a minute and try again."
    if isinstance(error, openai.NotFoundError) or code == "model_not_found" or param == "model":
        return f"The service knows no model called '{model}'. Choose another model."
    if param == "size":
        return f"{model} makes no pictures of this size. Choose another size."
    said = _message(error, key)
    return f"The service did not accept this edit{f': {said}' if said else '.'}"


def _message(error: openai.APIError, key: str) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    said = body.get("message")
    said = " ".join(said.split()) if isinstance(said, str) else ""
    said = _KEY.sub("(key)", said.replace(key, "(key)") if key else said)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__
    return error
