"""The commands of the latent space: which pictures are strange to it, and training one of one's own."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from commands import AsJson, Pattern, Weights, bar, err, open_catalog, out, print_json
from retrieval.indexing import Progress


def anomaly(
    queries: Annotated[str, typer.Option(help="The pictures to judge: folder:PATH, idx:PATH or any other catalogue.")],
    weights: Weights = None,
    label_pattern: Pattern = None,
    as_json: AsJson = False,
) -> None:
    """Say how strange each picture is to the latent space of clothes; higher is stranger."""
    services, key = open_catalog(queries, label_pattern)
    with bar() as track:
        found, problems = services.latent.judge(key, weights, lambda done, total: track(Progress(done, total)))
    for name, problem in problems:
        err.print(f"skipped {name}: {problem}", style="yellow", highlight=False, markup=False)
    if as_json:
        print_json([{"id": name, "score": score} for name, score in found])
        return
    table = Table("strangeness", box=None)
    table.add_column("id", overflow="fold")
    for name, score in sorted(found, key=lambda pair: -pair[1]):
        table.add_row(f"{score:.3f}", name)
    out.print(table)
