"""The commands that measure how good and how fast engines are, and what works on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from commands import (
    AsJson,
    Catalog,
    Engine,
    Pattern,
    Weights,
    bar,
    err,
    open_catalog,
    out,
    print_json,
    ready,
)
from retrieval.core import AppError
from retrieval.evaluation.comparison import Comparison
from retrieval.evaluation.protocol import EvaluationProtocol, parse_where
from retrieval.indexing.build import Progress
from services import DEFAULT_ENGINE
from settings import Settings

Match = Annotated[
    str,
    typer.Option(
        metavar="ATTRIBUTE[+ATTRIBUTE]",
        help="What a right result shares: label, any other attribute, the file's name, id, or several joined by +; "
        "'pair' is garment with --query-where source=user --gallery-where source=shop.",
    ),
]
QueryWhere = Annotated[
    list[str] | None,
    typer.Option(metavar="ATTRIBUTE=VALUE[,VALUE]", help="Ask only with such pictures: view=back,alt1 (repeatable)."),
]
GalleryWhere = Annotated[
    list[str] | None,
    typer.Option(metavar="ATTRIBUTE=VALUE[,VALUE]", help="Search only such pictures: view=main (repeatable)."),
]
ExcludeLabel = Annotated[list[str] | None, typer.Option(help="Leave a label out (repeatable).")]


def evaluate(
    engine: Engine = DEFAULT_ENGINE,
    weights: Weights = None,
    catalog: Catalog = "sample",
    queries: Annotated[str | None, typer.Option(help="Another catalogue to ask from; else leave one out.")] = None,
    match: Match = "label",
    query_where: QueryWhere = None,
    gallery_where: GalleryWhere = None,
    exclude_label: ExcludeLabel = None,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Measure how good and how fast an engine is on labelled pictures."""
    protocol = EvaluationProtocol(
        match, exclude_label or (), parse_where(query_where or ()), parse_where(gallery_where or ())
    )
    if match == "pair" and queries:
        raise AppError("--match pair asks within one catalogue: leave --queries out.")
    services, key = open_catalog(catalog, label_pattern, queries)
    spec, asked = services.engines.spec(engine, weights), services.catalogs.key(queries) if queries else None
    services.evaluation.check(protocol, key, asked)  # before an hour of indexing
    found = [ready(services, each, spec) for each in dict.fromkeys([key, asked or key])]
    measured = services.evaluation.evaluate(found[0], protocol, key, asked)
    if as_json:
        print_json(measured)
        return
    table = Table(box=None, show_header=False)
    paper = measured.pop("paper", {})
    for name, value in measured.items():
        beside = f"  (DeepFashion2's paper, its own validation photos: {paper[name]:.3f})" if name in paper else ""
        table.add_row(name, (f"{value:.3f}" if isinstance(value, float) else str(value)) + beside)
    out.print(table)


def compare(
    engines: Annotated[str, typer.Option(help="Engines, with a comma between: squeezenet, squeezenet:imagenet, …")],
    catalog: Catalog = "sample",
    match: Annotated[str | None, typer.Option(help="As for evaluate; the likeliest attribute by default.")] = None,
    query_where: QueryWhere = None,
    gallery_where: GalleryWhere = None,
    exclude_label: ExcludeLabel = None,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Measure engines side by side: which finds better, how sure that is, and which is faster."""
    from retrieval.evaluation import comparison

    services, key = open_catalog(catalog, label_pattern)
    specs = [services.engines.spec(name.strip()) for name in engines.split(",") if name.strip()]
    match = match or next(iter(services.evaluation.matchable(key)), None)
    asked, searched = parse_where(query_where or ()), parse_where(gallery_where or ())
    protocol = EvaluationProtocol(match, exclude_label or (), asked, searched) if match else None
    with bar() as on_progress:
        found = services.evaluation.compare(
            key, specs, protocol, lambda step: on_progress(Progress(step.done, step.total or 1))
        )
    if as_json:
        print_json(comparison.as_dict(found))
    else:
        _print_comparison(found)
    if not found.engines:
        raise AppError("None of these engines could be loaded.")


def _print_comparison(found: Comparison) -> None:
    out.print(
        f"{found.queries} queries among {found.gallery} pictures, right when '{found.match}' is the same; "
        f"{found.unmatched} have no match and count as 0"
        if found.match
        else "These pictures have nothing to match by (a label, say): only speed is measured.",
        highlight=False,
    )
    quality = ("P@1", "P@10", "R@1", "R@10", "one in 10", "mAP") if found.match else ()
    speeds = ("pictures/s", "ms/query", "MB weights", "MB index")
    table = Table("", "engine", *quality, *(["95 %"] if quality else []), *speeds, box=None)
    for engine in found.engines:
        figures = [f"{value.value:.3f}" for value in engine.quality.values()]
        ends = [f"{engine.quality['map'].low:.3f}-{engine.quality['map'].high:.3f}"] if figures else []
        cost = engine.speed
        weights = "?" if cost.weights_mb is None else f"{cost.weights_mb:.1f}"
        costs = (f"{cost.pictures_per_second:.1f}", f"{cost.query_ms:.1f}", weights, f"{cost.index_mb:.1f}")
        table.add_row("*" if engine.on_front else "", engine.name, *figures, *ends, *costs)
    Console(width=max(out.width, 160), soft_wrap=True).print(table)  # a figure that is cut off is none
    if quality:
        out.print("* no other engine is both better (mAP) and faster (pictures/s)", highlight=False, style="dim")
    for each in found.differences:
        gap = f"mAP {each.map.value:+.3f} ({each.map.low:+.3f} to {each.map.high:+.3f})"
        verdict = "finds better than" if each.clear else "is not clearly better than"
        out.print(f"{each.better} {verdict} {each.other}: {gap}", highlight=False)
    for name, reason in found.failed.items():
        err.print(f"{name} took no part: {reason}", style="yellow", highlight=False, markup=False)


def doctor(as_json: AsJson = False) -> None:
    """Say what works on this machine, and the command that mends what doesn't."""
    from doctor import examine

    checks = examine(Settings.from_environment())
    if as_json:
        print_json([asdict(check) for check in checks])
        return
    for check in checks:
        out.print(f"{'ok' if check.ok else '--'}  {check.name}: {check.found}", highlight=False, markup=False)
        if check.remedy:
            out.print(f"      {check.remedy}", highlight=False, markup=False)
