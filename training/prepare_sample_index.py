"""Make the indexes that ship with the drawn sample: `python -m training.prepare_sample_index [ENGINE:WEIGHTS …]`."""

from __future__ import annotations

import argparse
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from services import Services
from settings import Settings

SHIPPED = ("squeezenet:fashion", "vae:fashion", "vae:map")


def main() -> None:
    """Index the sample with the engines asked for and put tables and manifests into assets/prepared/sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", default=SHIPPED)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = Settings.from_environment()
    with TemporaryDirectory() as scratch:
        services = Services(replace(settings, index_cache=Path(scratch), prepared=Path(scratch) / "none"))
        target = settings.prepared / "sample"
        for spec in map(services.named, options.engines):
            report = services.build("sample", spec.engine, spec.weights)
            if spec.engine == "vae":
                services.latent.measure("sample", spec.weights)
            for old in target.glob(f"{spec.engine}-{spec.weights}[.-]*"):
                old.unlink()
            logging.info("%s %s: %d garments", spec.engine, spec.weights, report.pictures)
        shutil.copytree(Path(scratch) / "sample", target, dirs_exist_ok=True)
    logging.info("%d bytes", sum(path.stat().st_size for path in target.iterdir()))


if __name__ == "__main__":
    main()
