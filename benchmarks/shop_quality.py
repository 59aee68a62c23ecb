"""How well engines find a shop's products that no weights were trained on, asked with other views of them. JSON.

python -m benchmarks.shop_quality --catalog folder:../shared/data/shop
python -m benchmarks.shop_quality --regions --engine squeezenet:fashion --engine squeezenet:imagenet --engine style
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import engines
from retrieval.core import AppError
from retrieval.evaluation.protocol import EvaluationProtocol, parse_where
from services import Services
from settings import Settings

SHOP = EvaluationProtocol("product", (), parse_where(["view=back,alt1"]), parse_where(["view=main"]))
"""Back and detail views ask for the front views of the same product, in whatever colour."""
FIGURES = ("p_at_1", "hit_at_10", "map")


def measure(services: Services, key: str, name: str, regions: bool = False) -> dict[str, Any]:
    """Return the figures of one engine, `engine` or `engine:weights`, or the reason why it could not be measured."""
    started = time.perf_counter()
    try:
        spec = services.engines.spec(name)
        report = services.indexes.build(key, spec, regions=regions)
        measured = services.evaluation.evaluate(services.engines.spec(name), SHOP, key)
    except AppError as error:
        return {"engine": name, "regions": regions, "failed": str(error)}
    speed = {"seconds": time.perf_counter() - started, "encoded": report.encoded}
    return (
        {"engine": name, "regions": regions}
        | {name: measured[name] for name in ("queries", "gallery", *FIGURES)}
        | speed
    )


def main() -> None:
    """Measure the engines and print one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", default="folder:../shared/data/shop", help="with the attributes product and view")
    parser.add_argument("--engine", action="append", help="engine or engine:weights (repeatable); all by default")
    parser.add_argument("--regions", action="store_true", help="measure with regions too")
    given = parser.parse_args()
    services = Services(Settings.from_environment(), [given.catalog])
    here = [spec.name for spec in engines.specs() if engines.missing(spec) is None]
    key = services.catalogs.key(given.catalog)
    for name in given.engine or here:
        for regions in (False, True)[: 1 + given.regions]:
            sys.stdout.write(json.dumps(measure(services, key, name, regions)) + "\n")
            sys.stdout.flush()
    services.close()


if __name__ == "__main__":
    main()
