"""Make the indexes that ship: `python -m training.prepare_sample_index [CATALOGUE:ENGINE:WEIGHTS …]`."""

from __future__ import annotations

import argparse
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from services import Services
from settings import Settings

SHIPPED = (
    "sample:look:fashion",
    "paintings:look:fashion",
    "sample:squeezenet:fashion",
    "sample:product:fashion",
    "sample:vae:fashion",
    "sample:vae:map",
    "paintings:style:distilled",
    "paintings:squeezenet:fashion",
)


def main() -> None:
    """Index what was drawn with the engines asked for and put tables and manifests into assets/prepared/."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("indexes", nargs="*", default=SHIPPED)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = Settings.from_environment()
    for catalog, _, engine in (name.partition(":") for name in options.indexes):
        with TemporaryDirectory() as scratch:
            settings_here = replace(settings, index_cache=Path(scratch), prepared=Path(scratch) / "none", regions=False)
            if (settings.prepared / catalog).is_dir():  # what is still true is not encoded again
                shutil.copytree(settings.prepared / catalog, Path(scratch) / catalog)
            services = Services(settings_here, [catalog])
            target, spec = settings.prepared / catalog, services.engines.spec(engine)
            report = services.indexes.build(catalog, spec)
            if spec.engine == "vae":
                services.latent.measure(catalog, spec)
            for old in target.glob(f"{spec.engine}-{spec.weights}[.-]*"):
                old.unlink()
            shutil.copytree(Path(scratch) / catalog, target, dirs_exist_ok=True)
        logging.info("%s %s %s: %d items", catalog, spec.engine, spec.weights, report.pictures)


if __name__ == "__main__":
    main()
