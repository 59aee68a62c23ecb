"""The commands that index a catalogue and find what is in it more than once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from commands import (
    AsJson,
    Catalog,
    Engine,
    Index,
    Pattern,
    Weights,
    bar,
    build,
    err,
    name_notes,
    open_catalog,
    out,
    print_json,
    ready,
)
from retrieval.core import AppError
from retrieval.indexing.build import IndexFacts, Progress, Report
from services import DEFAULT_ENGINE
from services.health import Decision


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
        _print_decisions(services.health.decisions(key, groups))
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


def _print_decisions(decisions: Iterable[Decision]) -> None:
    """Print group, keep or drop, id, width, height, bytes and similarity, a line a picture."""
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("group", "decision", "id", "width", "height", "bytes", "similarity"))
    for each in decisions:
        decision = "keep" if each.keep else "drop"
        sizes = (each.width, each.height, each.bytes)
        writer.writerow((each.group, decision, each.id, *sizes, f"{each.similarity:.3f}"))


def health(catalog: Catalog = "sample", label_pattern: Pattern = None, as_json: AsJson = False) -> None:
    """Name the pictures of a catalogue that are blurred, dark or tiny, and those that are copies of others."""
    services, key = open_catalog(catalog, label_pattern)
    with bar("Looking at the pictures") as on_progress:
        survey = services.health.survey(key, lambda done, total: on_progress(Progress(done, total, 0, 0.0)))
    first, second = survey.copies(survey.ids)
    copies = [(survey.ids[a], survey.ids[b]) for a, b in zip(first, second, strict=True)]
    if as_json:
        problems = {
            name: [{"id": item_id} | asdict(measures) for item_id, measures in found]
            for name, found in survey.problems().items()
        }
        print_json({"pictures": len(survey.ids), **problems, "copies": copies})
        return
    for problem, found in survey.problems().items():
        out.print(f"{problem}: {len(found)} of {len(survey.ids)} pictures", highlight=False)
        for item_id, each in found:
            said = {"blurred": f"blur {each.blur:.2f}", "dark": f"light {each.light:.0f} of 255"}
            size = f"{each.width} x {each.height} pixels"
            out.print(f"   {item_id}  {said.get(problem, size)}", highlight=False, markup=False)
    out.print(f"copies: {len(copies)} pairs; see duplicates", highlight=False)


def _searched(facts: IndexFacts) -> str:
    size = f", {facts.size / 1e6:,.0f} MB beside the vectors, made in {facts.seconds:.1f} s" if facts.size else ""
    return f"Search: {facts.summary}{size}. {facts.note}".rstrip()


def _name_skipped(report: Report) -> None:
    for said, files in (("skipped", report.skipped), ("unavailable", report.unavailable)):
        for item_id, problem in files[:20]:
            err.print(f"{said} {item_id}: {problem}", style="yellow", highlight=False, markup=False)
        if len(files) > 20:
            err.print(f"… and {len(files) - 20} more {said}; --json lists all.", style="yellow")
