"""The same jobs without a browser: index, search, evaluate, doctor."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from retrieval.comparison import Comparison
from retrieval.core import AppError
from retrieval.indexing import Progress, Report
from services import Services
from settings import Settings

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

Engine = Annotated[str, typer.Option(help="Which network sees the pictures.")]
Weights = Annotated[str | None, typer.Option(help="Which weights of it; the engine's first by default.")]
Catalog = Annotated[str, typer.Option(help="sample, folder:PATH or deepfashion2:PATH.")]
Pattern = Annotated[str | None, typer.Option(help="Regular expression that finds labels in file names (folder:).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def main(quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False) -> None:
    """Find pictures that look alike."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    err.quiet = quiet


@app.command()
def index(
    engine: Engine = "squeezenet",
    weights: Weights = None,
    catalog: Catalog = "sample",
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Encode what is new or changed in a catalogue; a second run has nothing to do."""
    services, key = _open(catalog, label_pattern)
    report = _build(services, key, engine, weights)
    speed = report.encoded / report.seconds if report.encoded else None
    if as_json:
        print_json(asdict(report) | {"per_second": speed})
        return
    out.print(
        f"{report.pictures} pictures indexed: {report.encoded} encoded, {report.reused} unchanged, "
        f"{report.removed} removed, {len(report.skipped)} skipped, in {report.seconds:.1f} s"
        + (f" ({speed:.0f} pictures/s)" if speed else ""),
        highlight=False,
    )
    _name_skipped(report)


@app.command()
def search(
    image: Annotated[Path | None, typer.Option(help="The picture to search by.")] = None,
    words: Annotated[
        str | None, typer.Option(help="Words to search by (engine clip): 'a red dress, floral:0.5, - stripes'.")
    ] = None,
    picture_weight: Annotated[
        float, typer.Option(min=0, max=1, help="With both: 0 is the words alone, 1 the picture alone.")
    ] = 0.5,
    engine: Annotated[
        str | None, typer.Option(help="Which network sees the pictures; squeezenet, or clip for words.")
    ] = None,
    weights: Weights = None,
    catalog: Catalog = "sample",
    k: Annotated[int, typer.Option("-k", min=1, max=10_000, help="How many results.")] = 10,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """List the pictures of a catalogue that look most like a picture, fit words, or both."""
    from retrieval import pictures
    from retrieval.words import parse

    if image is None and words is None:
        raise AppError("Say what to look for: --image FILE, --words '…' or both.")
    phrases = None if words is None else parse(words)
    services, key = _open(catalog, label_pattern)
    engine = engine or ("squeezenet" if phrases is None else "clip")
    if phrases and not services.spec(engine, weights).accepts_text:
        raise AppError(f"The engine {engine} cannot read words. Choose one that does: --engine clip")
    data = _read(image) if image else b""
    _build(services, key, engine, weights)
    searcher = services.searcher(key, engine, weights)
    picture = pictures.decode(data, services.spec(engine, weights).image_size) if image else None
    if phrases is None:
        assert picture is not None
        result = searcher.by_image(picture, k)
    else:
        vector = None if picture is None else searcher.encoder.encode_images([picture])[0]
        result = searcher.by_words(phrases, k, picture=vector, picture_weight=picture_weight)
    for note in result.notes:
        err.print(note, style="yellow", highlight=False, markup=False)
    if as_json:
        print_json([asdict(hit) for hit in result.hits])
        return
    table = Table("rank", "score", box=None)
    table.add_column("id", overflow="fold")
    table.add_column("attributes", overflow="fold")
    for rank, hit in enumerate(result.hits, 1):
        words = ", ".join(f"{name} {value}" for name, value in hit.attributes.items())
        table.add_row(str(rank), f"{hit.score:.3f}", hit.id, words, style=None if rank <= result.strong else "dim")
    out.print(table)


@app.command()
def evaluate(
    engine: Engine = "squeezenet",
    weights: Weights = None,
    catalog: Catalog = "sample",
    queries: Annotated[str | None, typer.Option(help="Another catalogue to ask from; else leave one out.")] = None,
    match: Annotated[str, typer.Option(help="What makes a result right: the same 'label' or file 'name'.")] = "label",
    exclude_label: Annotated[list[str] | None, typer.Option(help="Leave a label out (repeatable).")] = None,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Measure how good and how fast an engine is on labelled pictures."""
    services, key = _open(catalog, label_pattern, queries)
    asked = services.key(queries) if queries else None
    for each in dict.fromkeys([key, asked or key]):
        _build(services, each, engine, weights)
    measured = services.evaluate(key, asked, engine, weights, match, exclude_label or ())
    if as_json:
        print_json(measured)
        return
    table = Table(box=None, show_header=False)
    for name, value in measured.items():
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    out.print(table)


@app.command()
def compare(
    engines: Annotated[str, typer.Option(help="Engines, with a comma between: squeezenet, squeezenet:imagenet, …")],
    catalog: Catalog = "sample",
    match: Annotated[
        str | None, typer.Option(help="What a right result shares: label, name or any attribute; else the likeliest.")
    ] = None,
    exclude_label: Annotated[list[str] | None, typer.Option(help="Leave a label out (repeatable).")] = None,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Measure engines side by side: which finds better, how sure that is, and which is faster."""
    from retrieval import comparison

    services, key = _open(catalog, label_pattern)
    names = [name.strip() for name in engines.split(",") if name.strip()]
    match = match or next(iter(services.matchable(key)), None)
    with _bar() as track:
        found = services.compare(
            key, names, match, exclude_label or (), lambda step: track(Progress(step.done, step.total or 1))
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
    quality = ("P@1", "P@10", "R@1", "R@10", "mAP") if found.match else ()
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


@app.command()
def duplicates(
    threshold: Annotated[float, typer.Option(min=0.8, max=1.0, help="How similar: 1 is the same.")] = 0.97,
    engine: Engine = "squeezenet",
    weights: Weights = None,
    catalog: Catalog = "sample",
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Group the pictures of a catalogue that are nearly the same."""
    from retrieval.duplicates import THRESHOLDS

    services, key = _open(catalog, label_pattern)
    _build(services, key, engine, weights)
    forest = services.duplicates(key, engine, weights)
    groups = forest.groups(threshold)
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


@app.command("doctor")
def doctor_(as_json: AsJson = False) -> None:
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


def print_json(value: Any) -> None:  # noqa: ANN401 - JSON is any value
    """Print `value` as plain JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def _open(catalog: str, label_pattern: str | None, *more: str | None) -> tuple[Services, str]:
    names = [catalog, *(name for name in more if name)]
    services = Services(Settings.from_environment(), names, label_pattern)
    return services, services.key(catalog)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AppError(f"{path} cannot be read ({error.strerror}).") from None


def _build(services: Services, key: str, engine: str, weights: str | None) -> Report:
    with _bar() as track:
        return services.build(key, engine, weights, track)


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"))
    with Bar(*columns, TimeRemainingColumn(), console=err, transient=True) as bar:
        task = bar.add_task("Indexing", total=None, speed="")

        def track(progress: Progress) -> None:
            bar.update(
                task, completed=progress.done, total=progress.total, speed=f"{progress.per_second:.0f} pictures/s"
            )

        yield track


def _name_skipped(report: Report) -> None:
    for item_id, problem in report.skipped[:20]:
        err.print(f"skipped {item_id}: {problem}", style="yellow", highlight=False, markup=False)
    if len(report.skipped) > 20:
        err.print(f"… and {len(report.skipped) - 20} more; --json lists all.", style="yellow")


def run() -> None:
    """Run the command line; an error that a person can act on is one line and exit code 2."""
    try:
        app()
    except AppError as error:
        err.quiet = False
        err.print(str(error), style="red", highlight=False, markup=False)
        raise SystemExit(2) from None


if __name__ == "__main__":
    run()
