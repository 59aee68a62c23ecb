"""The commands that index a catalogue and find pictures in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from commands import (
    DEFAULT_ENGINE,
    AsJson,
    Catalog,
    Engine,
    Index,
    Pattern,
    Weights,
    Where,
    bar,
    build,
    err,
    open_catalog,
    out,
    print_json,
    read,
    ready,
)
from retrieval.core import AppError, Filter
from retrieval.core import Catalog as Pictures
from retrieval.evaluation.protocol import parse_where
from retrieval.indexing.build import IndexFacts, Progress, Report
from retrieval.search.duplicates import Group
from retrieval.search.grouping import grouped
from retrieval.search.searcher import Result
from retrieval.words import columns
from retrieval.words.answer import Answer, Scope
from services import Services

_MOST_GROUPED = 10_000


def index(
    engine: Engine = DEFAULT_ENGINE,
    weights: Weights = None,
    catalog: Catalog = "sample",
    label_pattern: Pattern = None,
    workers: Annotated[
        str | None,
        typer.Option(help="'ray': encode with Ray on every core or GPU of this machine, or of RAY_ADDRESS."),
    ] = None,
    index: Index = None,
    regions: Annotated[
        bool | None,
        typer.Option(
            help="Hold the whole, upper, lower and middle of each picture, and score by the best: finds details, takes "
            "four times as long and as much. An index stays as it was made unless one of the two is given."
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Read every picture again, whatever size and time it has; what is the same keeps its vector.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Encode what is new or changed in a catalogue; a second run has nothing to do."""
    services, key = open_catalog(catalog, label_pattern, index=index)
    spec = services.engines.spec(engine, weights)
    if force:
        services.indexes.read_again(key, spec)
    report = build(services, key, spec, workers, regions)
    speed = report.encoded / report.seconds if report.encoded else None
    if as_json:
        print_json(asdict(report) | {"per_second": speed})
        return
    out.print(
        f"{report.pictures} pictures indexed: {report.encoded} encoded, {report.reused} unchanged, "
        f"{report.removed} removed, {len(report.skipped)} skipped"
        + (f", {len(report.unavailable)} unavailable now" if report.unavailable else "")
        + f", in {report.seconds:.1f} s"
        + (f" ({speed:.0f} pictures/s)" if speed else ""),
        highlight=False,
    )
    if report.index.summary:
        out.print(_searched(report.index), highlight=False)
    name_notes(report.notes)
    _name_skipped(report)


def search(
    image: Annotated[list[Path] | None, typer.Option(help="A picture to search by; several are one question.")] = None,
    words: Annotated[
        str | None,
        typer.Option(help="Words to search by: 'a red dress under 50, floral:0.5, no stripes'."),
    ] = None,
    picture_weight: Annotated[
        float, typer.Option(min=0, max=1, help="With both: 0 is the words alone, 1 the picture alone.")
    ] = 0.5,
    engine: Annotated[
        str | None,
        typer.Option(help="Which network sees the pictures; squeezenet. With --words alone none is needed."),
    ] = None,
    weights: Weights = None,
    catalog: Catalog = "sample",
    k: Annotated[int, typer.Option("-k", min=1, max=10_000, help="How many results.")] = 10,
    start: Annotated[int, typer.Option(min=0, help="How many of the best results to leave out: the next page.")] = 0,
    where: Where = None,
    group: Annotated[
        str | None, typer.Option(help="With --words alone: one result for each value of this attribute, the best.")
    ] = None,
    label_pattern: Pattern = None,
    index: Index = None,
    as_json: AsJson = False,
) -> None:
    """List the pictures of a catalogue that look most like a picture, fit words, or both."""
    if not image and words is None:
        raise AppError("Say what to look for: --image FILE, --words '…' or both.")
    services, key = open_catalog(catalog, label_pattern, index=index)
    if words is not None and not image and engine is None:
        scope = Scope(k, start, _filter(where or ()))
        found = _by_words(services, key, words, replace(scope, count=_MOST_GROUPED, start=0) if group else scope)
        others: dict[str, tuple[str, ...]] = {}
        if group:
            parts = grouped(found.found, group)[start : start + k]
            others = {each.id: ids for each, ids in parts}
            found = replace(found, found=[each for each, _ in parts], strong=min(found.strong, len(parts)))
        if as_json:
            more = [{"others": list(others[each.id])} if group else {} for each in found.found]
            print_json([asdict(each) | rest for each, rest in zip(found.found, more, strict=True)])
        else:
            print_found(found)
        return
    result = _by_network(services, key, image or [], words, _Wanted(engine, weights, k, picture_weight))
    for note in result.notes:
        err.print(note, style="yellow", highlight=False, markup=False)
    if as_json:
        print_json([asdict(hit) for hit in result.hits])
        return
    print_hits(result)


def _filter(where: Sequence[str]) -> Filter | None:
    """Return `--where view=main,back` as a filter; a value may itself have a comma."""
    found = parse_where(where)
    return {name: [*texts, *(v.strip() for t in texts for v in t.split(","))] for name, texts in found.items()} or None


@dataclass(frozen=True, slots=True)
class _Wanted:
    engine: str | None
    weights: str | None
    count: int
    picture_weight: float


def _by_words(services: Services, key: str, text: str, scope: Scope) -> Answer:
    """Answer words by all that is here: the table's text, what is seen, numbers, an image-text model with an index."""
    with bar("Looking at the pictures") as track:
        services.words.prepare(key, lambda done, total: track(Progress(done, total, 0, 0.0)))
    found = services.words.search(key, text, scope)
    for note in found.notes:
        err.print(note, style="yellow", highlight=False, markup=False)
    return found


def _by_network(services: Services, key: str, images: Sequence[Path], words: str | None, wanted: _Wanted) -> Result:
    """Search by one network: pictures, words where it reads them, or both."""
    from retrieval.pictures import decoding as pictures
    from retrieval.search.words import parse

    by_attributes = words is not None and not images and wanted.engine == "product"
    phrases = None if words is None or by_attributes else parse(words)
    engine = wanted.engine or services.engines.first("look-alike", words=phrases is not None).engine
    spec = services.engines.spec(engine, wanted.weights)
    if phrases and not spec.accepts_text:
        raise AppError(f"The engine {engine} cannot read words. Choose one that does: --engine clip")
    data = [read(image) for image in images]
    shown = [
        pictures.decode(each, spec.image_size) for each in data
    ]  # what is no picture is said before an index is made
    found = ready(services, key, spec)
    if found.image_size != spec.image_size:
        shown = [pictures.decode(each, found.image_size) for each in data]
    spec, searcher = found, services.indexes.searcher(key, found)
    if by_attributes:
        return services.products.by_words(key, spec, words or "", wanted.count)[1]
    if phrases is None:
        return searcher.by_images(shown, wanted.count)
    vector = searcher.vector(shown) if shown else None
    return searcher.by_words(phrases, wanted.count, picture=vector, picture_weight=wanted.picture_weight)


def print_found(answer: Answer) -> None:
    """Print what answers words as a table, with why each does; those that meet not everything dim."""
    table = Table("rank", "score", box=None)
    for name in ("id", "name", "price", "why"):
        table.add_column(name, overflow="fold")
    for rank, each in enumerate(answer.found, 1):
        facts = columns.facts(each.attributes)
        style = None if rank <= answer.strong else "dim"
        cells = (each.id, facts.title, facts.price, " · ".join(each.why))
        table.add_row(str(rank), f"{each.score:.3f}", *map(escape, cells), style=style)
    out.print(table)


def print_hits(result: Result) -> None:
    """Print ranked hits as a table, the weak ones dim."""
    table = Table("rank", "score", box=None)
    table.add_column("id", overflow="fold")
    table.add_column("attributes", overflow="fold")
    for rank, hit in enumerate(result.hits, 1):
        words = ", ".join(f"{name} {value}" for name, value in hit.attributes.items())
        table.add_row(str(rank), f"{hit.score:.3f}", hit.id, words, style=None if rank <= result.strong else "dim")
    out.print(table)


def duplicates(
    threshold: Annotated[float, typer.Option(min=0.8, max=1.0, help="How similar: 1 is the same.")] = 0.97,
    engine: Engine = DEFAULT_ENGINE,
    weights: Weights = None,
    catalog: Catalog = "sample",
    label_pattern: Pattern = None,
    format: Annotated[
        str, typer.Option(help="'csv': a line a picture, with the one of each group to keep. Nothing is deleted.")
    ] = "text",
    as_json: AsJson = False,
) -> None:
    """Group the pictures of a catalogue that are nearly the same."""
    from retrieval.search.duplicates import THRESHOLDS

    if format not in ("text", "csv"):
        raise AppError(f"--format '{format}' is not known. Choose text or csv.")

    services, key = open_catalog(catalog, label_pattern)
    spec = services.engines.spec(engine, weights)
    forest = services.evaluation.duplicates(key, ready(services, key, spec))
    groups = forest.groups(threshold)
    if format == "csv":
        _print_decisions(services.catalogs.catalog(key), groups)
        return
    counts = [(each, *forest.counts(each)) for each in THRESHOLDS]
    if as_json:
        names = ("threshold", "groups", "pictures")
        by_threshold = [dict(zip(names, each, strict=True)) for each in counts]
        found = [asdict(group) for group in groups]
        print_json({"threshold": threshold, "groups": found, "by_threshold": by_threshold})
        return
    for number, group in enumerate(groups, 1):
        out.print(f"{number}. {len(group.ids)} pictures, linked at {group.weakest:.3f} and more", highlight=False)
        out.print("   " + "\n   ".join(group.ids), highlight=False, markup=False)
    table = Table("threshold", "groups", "pictures in them", box=None)
    for each, many, pictures in counts:
        table.add_row(f"{each:.2f}", str(many), str(pictures))
    out.print(table)


def _print_decisions(catalog: Pictures, groups: Sequence[Group]) -> None:
    """Print group, keep or drop, id, width, height and bytes: most pixels are kept, then most bytes, then by name."""
    import csv
    import sys

    from retrieval.pictures import decoding

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("group", "decision", "id", "width", "height", "bytes", "similarity"))
    for number, group in enumerate(groups, 1):
        sizes = {}
        for item_id in group.ids:
            data = catalog.read(item_id)
            sizes[item_id] = (*decoding.dimensions(data), len(data))
        ranked = sorted(group.ids, key=lambda i: (-sizes[i][0] * sizes[i][1], -sizes[i][2], i))
        for place, item_id in enumerate(ranked):
            writer.writerow((number, "drop" if place else "keep", item_id, *sizes[item_id], f"{group.weakest:.3f}"))


def _searched(facts: IndexFacts) -> str:
    size = f", {facts.size / 1e6:,.0f} MB beside the vectors, made in {facts.seconds:.1f} s" if facts.size else ""
    return f"Search: {facts.summary}{size}. {facts.note}".rstrip()


def name_notes(notes: Sequence[tuple[str, str]]) -> None:
    """Say on the error stream what lies beside the pictures and could not be used."""
    for file, note in notes:
        err.print(f"{file}: {note}", style="yellow", highlight=False, markup=False)


def _name_skipped(report: Report) -> None:
    for said, files in (("skipped", report.skipped), ("unavailable", report.unavailable)):
        for item_id, problem in files[:20]:
            err.print(f"{said} {item_id}: {problem}", style="yellow", highlight=False, markup=False)
        if len(files) > 20:
            err.print(f"… and {len(files) - 20} more {said}; --json lists all.", style="yellow")
