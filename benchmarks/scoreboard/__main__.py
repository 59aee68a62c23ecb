"""Measure every engine on every set that can be reached, and write docs/scoreboard.md and docs/scoreboard.json.

python -m benchmarks.scoreboard
python -m benchmarks.scoreboard --set shop --set wikiart-7 --engine squeezenet:fashion --regions
INSHOP=/data/inshop python -m benchmarks.scoreboard --set deepfashion-inshop --engine clip

What was measured with the same weights before is kept, so that it can be done piece by piece, and stopped.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import engines
from benchmarks.scoreboard import our_sets, public_sets
from benchmarks.scoreboard.bench import Bench, MeasuredSet
from benchmarks.scoreboard.page import Results, write
from retrieval.core import AppError
from services import Services
from settings import ROOT, Settings

SETS = (*our_sets.SETS, *public_sets.SETS)


def main() -> None:
    """Measure what is asked for, and write the page after each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [each.name for each in SETS]
    parser.add_argument("--set", action="append", choices=names, help="one set (repeatable); ours by default")
    parser.add_argument("--engine", action="append", help="engine or engine:weights (repeatable); all by default")
    parser.add_argument("--regions", action="store_true", help="with an index of regions too")
    parser.add_argument("--again", action="store_true", help="measure anew what is known")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="where our sets lie")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="the folder of scoreboard.md and .json")
    given = parser.parse_args()
    services = Services(Settings.from_environment(), [])
    chosen = [each for each in SETS if each.name in (given.set or [own.name for own in our_sets.SETS])]
    here = [spec for spec in engines.specs() if engines.missing(spec) is None]
    specs = [engines.spec(name) for name in given.engine] if given.engine else here
    results = Results(given.out / "scoreboard.json")
    for measured in chosen:
        for spec in specs:
            for regions in (False, True)[: 1 + given.regions]:
                if given.again or not results.known(measured.name, spec.name, regions, engines.digest(spec)):
                    results.keep(row(measured, Bench(services, spec, regions, given.data)))
                    write(given.out / "scoreboard.md", SETS, results, engines.specs())
    write(given.out / "scoreboard.md", SETS, results, engines.specs())
    services.close()


def row(measured: MeasuredSet, bench: Bench) -> dict[str, object]:
    """Measure one engine on one set, and return the figures or the reason why there are none."""
    spec, started = bench.spec, time.perf_counter()
    about = {"set": measured.name, "engine": spec.name, "regions": bench.regions, "digest": engines.digest(spec)}
    try:
        figures = {name: round(value, 4) for name, value in measured.measure(bench).items()}
    except AppError as error:
        sys.stderr.write(f"{measured.name} · {spec.name}: {error}\n")
        return about | {"failed": str(error)}
    first = next(iter(measured.columns))
    sys.stderr.write(
        f"{measured.name} · {spec.name}{' regions' * bench.regions}: {measured.columns[first]} {figures[first]:.3f}, "
        f"{time.perf_counter() - started:.0f} s\n"
    )
    return about | {"figures": figures}


if __name__ == "__main__":
    main()
