"""The command that edits a picture in words, and searches with what comes out."""

from __future__ import annotations

import io
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from commands import AsJson, Weights, err, open_catalog, out, print_json, read, ready
from commands.results import Results, show
from retrieval.core import AppError, Hit
from retrieval.pictures import decoding
from services import Services
from services.edits import AUTO, CancelToken, EditRequest, Failed, PartialImage, RetryAfter, Variant, read_mask
from settings import Settings

GARMENT = "garment"


def edit(
    image: Annotated[Path, typer.Option(help="The picture to edit.")],
    prompt: Annotated[str, typer.Option(help="What should change, in words.")],
    to: Annotated[Path, typer.Option("--out", help="Where the edited picture goes; more variants get -2, -3, …")],
    mask: Annotated[
        str | None,
        typer.Option(
            help="A picture that is transparent, or white, where to change; 'garment' finds it. Else all of it may."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Which model; VISUAL_SEARCH_EDIT_MODEL by default.")] = None,
    variants: Annotated[int, typer.Option(min=1, max=4, help="How many pictures to make of it.")] = 1,
    size: Annotated[str, typer.Option(help="auto, or WIDTHxHEIGHT.")] = AUTO,
    quality: Annotated[str, typer.Option(help="auto, low, medium, high; some models more.")] = AUTO,
    search: Annotated[str | None, typer.Option(help="Then search by the result with this engine.")] = None,
    weights: Weights = None,
    catalog: Annotated[str, typer.Option(help="Where to search: sample, folder:PATH, …")] = "sample",
    k: Annotated[int, typer.Option("-k", min=1, max=10_000, help="How many results.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Edit a picture in words (OPENAI_API_KEY), and search with what comes out."""
    form = _form(to)
    picture = decoding.decode(read(image))
    services, key = open_catalog(catalog, None) if search else (Services(Settings.from_environment(), ()), "")
    if search:  # what could fail for nothing goes before what costs money
        spec = services.engines.spec(search, weights)
        spec = ready(services, key, spec)
    request = EditRequest(
        picture, prompt, _change(services, mask, picture), model or services.edits.model, variants, size, quality
    )
    answers = []
    for number, edited in enumerate(_made(services, request), start=1):
        path = to if number == 1 else to.with_name(f"{to.stem}-{number}{to.suffix}")
        _write(path, edited, form)
        found = services.indexes.searcher(key, spec).by_image(edited, k) if search else None
        answers.append((path, found))
    if as_json:
        told = [_as_json(path, found.hits if found else None) for path, found in answers]
        print_json({"model": request.model, "pictures": told})
        return
    for path, found in answers:
        out.print(str(path), highlight=False, markup=False)
        if found:
            show(Results.of(found), as_json=False)


def _made(services: Services, request: EditRequest) -> list[Image.Image]:
    """Return the pictures that came, by variant, and say on the error stream how it goes."""
    cancel, made = CancelToken(), {}
    try:
        with err.status("The picture is on its way …"):
            for step in services.edits.edit(request, cancel):
                if isinstance(step, Variant):
                    made[step.variant] = step.image
                elif isinstance(step, PartialImage):
                    err.print(f"variant {step.variant + 1}: rough picture {step.step + 1}", style="dim")
                elif isinstance(step, RetryAfter):
                    err.print(f"The service is busy; the next try is in {step.seconds:.0f} s.", style="yellow")
                elif isinstance(step, Failed):
                    err.print(f"variant {step.variant + 1}: {step.reason}", style="yellow", markup=False)
    finally:
        cancel.set()
    return [made[variant] for variant in sorted(made)]


def _change(services: Services, mask: str | None, picture: Image.Image) -> Image.Image | None:
    if mask == GARMENT:
        return services.edits.garment(picture)
    return read_mask(read(Path(mask)), picture.size) if mask else None


def _form(path: Path) -> str:
    """Return the format that a file's ending names; raises AppError while nothing is spent yet."""
    form = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}.get(path.suffix.lower())
    if not form:
        raise AppError(f"{path} ends in '{path.suffix}'. Name a file that ends in .png, .jpg or .webp.")
    if not path.parent.is_dir():
        raise AppError(f"There is no folder {path.parent} to put {path.name} into. Make it first.")
    return form


def _write(path: Path, image: Image.Image, form: str) -> None:
    data = io.BytesIO()
    image.save(data, form, **({"quality": 95} if form != "PNG" else {}))
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(data.getvalue())
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise AppError(f"{path} cannot be written ({error.strerror}).") from None


def _as_json(path: Path, hits: list[Hit] | None) -> dict[str, Any]:
    return {"file": str(path)} | ({"results": [asdict(hit) for hit in hits]} if hits is not None else {})
