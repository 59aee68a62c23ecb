"""Make the index that ships with the drawn sample: `python -m training.prepare_sample_index`."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from services import Services
from settings import Settings


def main() -> None:
    """Index the sample with the default weights and put table and manifest into assets/prepared/sample."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = Settings.from_environment()
    with TemporaryDirectory() as scratch:
        services = Services(replace(settings, index_cache=Path(scratch), prepared=Path(scratch) / "none"))
        report = services.build("sample", "squeezenet")
        target = settings.prepared / "sample"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(Path(scratch) / "sample", target)
    logging.info("%d garments, %d bytes", report.pictures, sum(p.stat().st_size for p in target.iterdir()))


if __name__ == "__main__":
    main()
