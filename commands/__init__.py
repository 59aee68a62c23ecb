"""What every command shares: how a catalogue is opened and brought up to date, and how an answer is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from retrieval.catalogs.hub.download import Fetching
from retrieval.core import AppError, EncoderSpec
from retrieval.indexing.build import Progress, Report
from services import Services
from settings import INDEXES, Settings

out = Console(soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, soft_wrap=True, markup=False, emoji=False)

Engine = Annotated[str, typer.Option(help="Which network sees the pictures.")]
Weights = Annotated[str | None, typer.Option(help="Which weights of it; the engine's first by default.")]
Catalog = Annotated[
    str,
    typer.Option(
        help="sample, paintings, folder:PATH, deepfashion2:PATH[:SPLIT], idx:PATH[:train|:test], hf:NAME#LIMIT or "
        "s3://BUCKET/PREFIX."
    ),
]
Pattern = Annotated[str | None, typer.Option(help="Regular expression that finds labels in file names (folder:, s3:).")]
Index = Annotated[
    str | None,
    typer.Option(help=f"How vectors are searched: {', '.join(INDEXES)}; as VISUAL_SEARCH_INDEX says by default."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(help="What a picture has to be: view=main,back, price=20..60, 'added>=2026-05'; all must fit."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one document.")]
AsJsonLines = Annotated[bool, typer.Option("--jsonl", help="Print a line of JSON for each picture, as it comes.")]


def print_json(value: Any) -> None:  # noqa: ANN401 - JSON is any value
    """Print `value` as plain JSON."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a pipe on Windows, a file name that is no UTF-8: escaped, it is the same JSON
        text = json.dumps(value)
    sys.stdout.write(text + "\n")


def open_catalog(
    catalog: str, label_pattern: str | None, *more: str | None, index: str | None = None
) -> tuple[Services, str]:
    """Return services over the catalogue called `catalog`, and `more` beside it, with its key; raises AppError."""
    settings = Settings.from_environment()
    services = Services(replace(settings, index=index) if index else settings, [], label_pattern)
    for name in (catalog, *more):
        if name is not None:
            with fetching() if name.startswith("hf:") else nullcontext(lambda state: None) as on_progress:
                services.catalogs.open(name, on_progress=on_progress)
    return services, services.catalogs.key(catalog)


def read(path: Path) -> bytes:
    """Return the content of a file that the command line names; raises AppError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise AppError(f"{path} cannot be read ({error.strerror}).") from None


def name_notes(notes: Sequence[tuple[str, str]]) -> None:
    """Say on the error stream what lies beside the pictures and could not be used."""
    for file, note in notes:
        err.print(f"{file}: {note}", style="yellow", highlight=False, markup=False)


def build(
    services: Services, key: str, spec: EncoderSpec, workers: str | None = None, regions: bool | None = None
) -> Report:
    """Bring an index up to date behind a progress bar, encoding in this process or on `workers`."""
    with bar() as on_progress:
        return services.indexes.build(key, spec, on_progress, workers, regions)


def ready(services: Services, key: str, spec: EncoderSpec) -> EncoderSpec:
    """Bring an index up to date behind a progress bar, as far as the disk lets it, and return the engine's facts.

    A checkpoint that has just come tells its facts only now.
    """
    with bar() as on_progress:
        note = services.indexes.prepare(key, spec, on_progress)
    if note:
        err.print(note, style="yellow", highlight=False)
    return services.engines.spec(spec.name)


@contextmanager
def fetching() -> Iterator[Callable[[Fetching], None]]:
    """Show how far the fetch of a data set is while inside, moved by what is yielded."""
    with bar("Fetching") as on_progress:
        yield lambda state: on_progress(Progress(state.kept, state.total or state.kept, 0, state.per_second))


@contextmanager
def bar(doing: str = "Indexing") -> Iterator[Callable[[Progress], None]]:
    """Show a progress bar, called `doing`, on the error stream while inside, moved by what is yielded."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"))
    with Bar(*columns, TimeRemainingColumn(), console=err, transient=True) as shown:
        task = shown.add_task(doing, total=None, speed="")

        def on_progress(progress: Progress) -> None:
            shown.update(
                task,
                description=progress.doing if doing == "Indexing" else doing,
                completed=progress.done,
                total=progress.total,
                speed=f"{progress.per_second:.0f} pictures/s",
            )

        yield on_progress
