"""cli.py models list, add and remove: the pretrained models that the page and the commands offer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar

from commands import AsJson, err, out, print_json
from services import Services
from services.models.pretrained import ModelFacts
from settings import Settings

app = typer.Typer(help="Pretrained models for Look-alike and for words: choose, add, remove.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A name on the Hugging Face Hub (facebook/dinov2-small) or a folder.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the models that are here, and those worth adding: what each is good at, its licence, size and languages."""
    found = Services(Settings.from_environment(), []).pretrained.facts()
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        words = f"words in {each.languages}" if each.languages else "words" if each.reads_words else "no words"
        size = f"{each.megabytes:,.0f} MB" if each.megabytes else "size not known"
        speed = f"{each.pictures_per_second} photos/s here" if each.pictures_per_second else "speed not measured here"
        out.print(f"{each.name}  ({_state(each)})", style="bold", highlight=False, markup=False)
        for line in (each.good_for, f"{each.licence}, {size}, {words}, {speed}", each.quality, each.where):
            if line:
                out.print(f"  {line}", highlight=False, markup=False)


@app.command()
def add(name: Name, as_json: AsJson = False) -> None:
    """Get a model, going on where an earlier try broke off, try it, and offer it in the page and in every command."""
    with _downloading() as on_progress:
        added = Services(Settings.from_environment(), []).pretrained.add(name, on_progress)
    if as_json:
        print_json(asdict(added))
        return
    out.print(
        f"{added.title} is added ({added.megabytes:,.0f} MB, {added.pictures_per_second} photos/s here). Use it:\n"
        f"  python cli.py search --image PICTURE --engine {added.engine.partition(':')[0]} --weights "
        f"{added.engine.partition(':')[2]}", highlight=False, markup=False,
    )  # fmt: skip


@app.command()
def remove(name: Name) -> None:
    """Stop offering a model that was added; its files stay in the cache of the Hub or in their folder."""
    removed = Services(Settings.from_environment(), []).pretrained.remove(name)
    out.print(f"{removed} is removed; its files were left where they are.", highlight=False, markup=False)


@contextmanager
def _downloading() -> Iterator[Callable[[int, int], None]]:
    """Show how much of a model has arrived while inside, moved by what is yielded."""
    columns = (TextColumn("Fetching"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bar(*columns, console=err, transient=True) as shown:
        task = shown.add_task("Fetching", total=None)
        yield lambda here, total: shown.update(task, completed=here, total=total)


def _state(model: ModelFacts) -> str:
    if model.problem:
        return "not here" if not model.where else "not whole"
    return "added" if model.added else "here"
