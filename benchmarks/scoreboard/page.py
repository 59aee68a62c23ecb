"""The scoreboard's page: a table for each set, from results that are kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.scoreboard.bench import MeasuredSet
from retrieval.core import EncoderSpec
from retrieval.disk import write_atomically

HEAD = """# Scoreboard

Written by `python -m benchmarks.scoreboard`; the figures lie in `scoreboard.json` beside it. Piece by piece:
`python -m benchmarks.scoreboard --set shop --engine squeezenet --regions`. P@k: the share of the first k results
that is right; R@k: the share of what is right that is among the first k; one in ten: the share of the questions with
something right among the first ten; mAP: mean average precision over the whole gallery. **Bold** is the best of a
column. † marks weights that were trained on such pictures, these included: their figure says little about others.
"Regions" marks an index that holds the whole, upper, lower and middle of every picture.
"""


class Results:
    """Figures by set, engine and kind of index, kept in one JSON file; an engine with new weights replaces the old."""

    def __init__(self, path: Path) -> None:
        """Read what is kept at `path`, nothing where there is no such file."""
        self._path = path
        self._rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []

    def keep(self, row: dict[str, Any]) -> None:
        """Add a row, in the place of the one of the same set, engine and kind of index, and write the file."""
        self._rows = sorted([each for each in self._rows if _key(each) != _key(row)] + [row], key=_key)
        write_atomically(self._path, (json.dumps(self._rows, indent=1) + "\n").encode())

    def known(self, name: str, engine: str, regions: bool, digest: str) -> bool:
        """Return whether these very weights were measured on the set called `name`."""
        return any(
            _key(row) == (name, engine, regions) and row["digest"] == digest and "figures" in row for row in self._rows
        )

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of the set called `name`."""
        return [row for row in self._rows if row["set"] == name]


def write(path: Path, sets: Sequence[MeasuredSet], results: Results, specs: Iterable[EncoderSpec]) -> None:
    """Write the page for all `sets` with what is known of each."""
    sources = {spec.name: f"{spec.title} {spec.source}" for spec in specs}
    parts = [HEAD, *(section(each, results.of(each.name), sources) for each in sets)]
    write_atomically(path, "\n".join(parts).encode())


def section(measured: MeasuredSet, rows: Sequence[dict[str, Any]], sources: Mapping[str, str]) -> str:
    """Return the heading, what is measured and the table of one set."""
    lines = [f"## {measured.title}", "", measured.about, ""]
    shown = [row for row in rows if "figures" in row]
    if not shown and not measured.published:
        return "\n".join([*lines, f"Not measured yet: `python -m benchmarks.scoreboard --set {measured.name}`.", ""])
    if shown:
        counts = shown[0]["figures"]
        among = f" among {counts['gallery']:,.0f} pictures" if "gallery" in counts else ""
        lines[-1:] = [f"{counts['queries']:,.0f} questions{among}.", ""]
    heads = ["engine", "regions", *measured.columns.values()]
    lines += ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    best = {name: max((row["figures"].get(name, -1.0) for row in shown), default=-1.0) for name in measured.columns}
    first = next(iter(measured.columns))
    for row in sorted(shown, key=lambda row: (-row["figures"].get(first, 0.0), row["engine"], row["regions"])):
        learned = measured.learned_from and measured.learned_from in sources.get(row["engine"], "")
        figures = [_cell(row["figures"].get(name), best[name]) for name in measured.columns]
        lines.append(" | ".join([f"| {row['engine']}{' †' * bool(learned)}", "yes" * row["regions"], *figures]) + " |")
    for whose, published in measured.published:
        told = [f"{published[name]:.3f}" if name in published else "" for name in measured.columns]
        lines.append(" | ".join([f"| *{whose}, published*", "", *told]) + " |")
    return "\n".join([*lines, ""])


def _cell(value: float | None, best: float) -> str:
    if value is None:
        return ""
    return f"**{value:.3f}**" if value == best else f"{value:.3f}"


def _key(row: Mapping[str, Any]) -> tuple[str, str, bool]:
    return row["set"], row["engine"], row["regions"]
