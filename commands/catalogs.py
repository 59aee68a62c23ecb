"""cli.py catalogs: which catalogues there are, what one holds and how it stands with every engine, add and remove."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from commands import AsJson, err, fetching, out, print_json
from retrieval.core import AppError
from services import Services
from services.catalogs.open_catalogs import OURS
from settings import Settings

app = typer.Typer(help="The catalogues that the app opens at every start.", no_args_is_help=True)
Name = Annotated[
    str, typer.Argument(help="sample, folder:PATH, deepfashion2:PATH[:SPLIT], hf:NAME[:SPLIT][#LIMIT] or s3://….")
]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the catalogues, and which engines have indexed them."""
    services = Services(Settings.from_environment(), OURS)
    services.saved_catalogs.open_all()
    entries = services.saved_catalogs.entries()
    names = [*((name, name, "") for name in OURS), *((entry.name, entry.key, entry.problem) for entry in entries)]
    found: list[dict[str, Any]] = []
    for name, key, problem in names:
        rows = services.overview.rows(key) if key else []
        found.append(
            {
                "name": name, "key": key, "problem": problem,
                "title": services.catalogs.catalog(key).title if key else "",
                "indexed": [f"{row.engine}:{row.weights}" for row in rows if row.state == "indexed"],
                "stale": [f"{row.engine}:{row.weights}" for row in rows if row.state == "stale"],
                "bytes": sum(row.size for row in rows),
            }
        )  # fmt: skip
    if as_json:
        print_json(found)
        return
    table = Table("name", "indexed by", "on disk", box=None)
    for each in found:
        table.add_row(each["name"], ", ".join(each["indexed"]) or "-", _size(each["bytes"]))
    out.print(table)
    for each in found:
        if each["problem"]:
            err.print(f"{each['name']}: {each['problem']}", style="yellow", highlight=False, markup=False)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show what a catalogue holds, where it comes from, and how it stands with every engine."""
    services = Services(Settings.from_environment(), [name])
    key = services.catalogs.key(name)
    info, facts, rows = (
        services.catalogs.info(key),
        services.overview.facts(key),
        services.overview.rows(key, fresh=True),
    )
    if as_json:
        attributes = {
            attribute: {"values": values, "different": different}
            for attribute, (values, different) in facts.attributes.items()
        }
        engines = [{n: v for n, v in asdict(row).items() if n != "job"} for row in rows]
        about = {"name": name, "key": key, "title": info.title, "source": info.source, "licence": info.licence}
        print_json(about | {"pictures": facts.pictures, "attributes": attributes, "engines": engines})
        return
    licence = f", licence {info.licence}" if info.licence else ""
    source = f" from {info.source}{licence}" if info.source else ""
    out.print(f"{info.title}: {facts.pictures:,} pictures{source}", highlight=False, markup=False)
    for attribute, (values, different) in facts.attributes.items():
        listed = ", ".join(f"{value} {count:,}" for value, count in values.items())
        out.print(f"  {attribute} ({different:,}): {listed}{' …' if different > len(values) else ''}", markup=False)
    table = Table("engine", "state", "pictures", "on disk", "made", box=None)
    for row in rows:
        searched = f" ({row.searched})" if row.searched and not row.why else ""
        table.add_row(
            f"{row.engine}:{row.weights}", row.state + searched,
            f"{row.pictures:,}" if row.pictures else "", _size(row.size), row.made[:16].replace("T", " "),
        )  # fmt: skip
    out.print(table)
    for row in rows:
        if row.why:
            out.print(f"{row.engine}:{row.weights}: {row.why}", highlight=False)


@app.command()
def add(name: Name, as_json: AsJson = False) -> None:
    """Open a catalogue at every start; a data set of the Hub is fetched now, going on where an earlier try broke."""
    services = Services(Settings.from_environment(), [])
    with fetching() as on_progress:
        key = services.saved_catalogs.add(name, on_progress)
    count = sum(1 for _ in services.catalogs.catalog(key))
    if as_json:
        print_json({"name": services.catalogs.catalog(key).name, "key": key, "pictures": count})
        return
    out.print(f"{services.catalogs.catalog(key).title} is open with {count:,} pictures. Index it:", markup=False)
    out.print(f"  python cli.py index --catalog '{name}'", highlight=False, markup=False)


@app.command()
def remove(name: Name) -> None:
    """Forget a catalogue, and delete its indexes and the copy of a data set; pictures of a folder or bucket stay."""
    services = Services(Settings.from_environment(), [])
    services.saved_catalogs.open_all()
    if not services.saved_catalogs.remove(services.saved_catalogs.called(name)):
        known = ", ".join(entry.name for entry in services.saved_catalogs.entries()) or "none"
        raise AppError(f"There is no catalogue '{name}' to remove. There are: {known}.")
    out.print(f"{name} is removed.", highlight=False, markup=False)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size else ""
