"""The endpoint that edits a picture in words, for clients of the API and MCP tools."""

from __future__ import annotations

from typing import Any

import gradio as gr

from retrieval.core import AppError
from retrieval.pictures.decoding import decode
from services import Services
from services.edits import AUTO, CancelToken, EditRequest, Failed, Variant
from ui.search import question as asking
from ui.search.endpoint import site_of
from ui.tabs.edit import board


def edit(
    services: Services,
    picture: str,
    prompt: str,
    garment_only: bool = True,
    model: str = "",
    size: str = AUTO,
    quality: str = AUTO,
    key: str = "",
    request: gr.Request | None = None,
) -> dict[str, Any]:
    """Change a picture of a garment as words say, with a picture-editing model. It takes up to two minutes and money.

    Parameters:
        picture: a data URI (data:image/jpeg;base64,…) or an https address of the picture; files of Gradio clients too.
        prompt: what should change, such as "the same in green, with long sleeves".
        garment_only: change the garment alone, found by its colours; false lets all of the picture change.
        model: which model; the app's own choice without it.
        size: "auto" (as the picture) or WIDTHxHEIGHT.
        quality: "auto", "low", "medium" or "high"; some models have others.
        key: your key of the service, which is used once and not kept; the owner's is used without it, if there is one.

    Returns:
        {"picture": the address of the edited picture, "width", "height", "model"}; the other endpoints take the address
        of a public site as their picture.
    """
    question = asking.of_client(services, picture)
    if question.picture is None:
        raise AppError("Send the picture that is to be changed.")
    image = decode(asking.read(question.picture, services.settings.max_upload_bytes))
    change = services.edits.garment(image) if garment_only else None
    wanted = EditRequest(image, prompt, change, model or services.edits.model, 1, size, quality)
    cancel, made = CancelToken(), None
    try:
        for step in services.edits.edit(wanted, cancel, key):
            if isinstance(step, Failed):
                raise AppError(step.reason)
            if isinstance(step, Variant):
                made = step.image
    finally:
        cancel.set()
    if made is None:
        raise AppError("The service sent no picture. Try again.")
    kept = board.kept(made, "", prompt, 1)
    return {
        "picture": f"{site_of(request)}{kept['after']}",
        "width": made.width,
        "height": made.height,
        "model": wanted.model,
    }
