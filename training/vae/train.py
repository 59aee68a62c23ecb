"""Train the two latent spaces that ship, on Fashion-MNIST: `python -m training.vae.train --data FOLDER`.

`fashion` has 32 numbers and knows the classes; `map` has 2 and does not. About 25 minutes of one core; nothing but the
folder of Fashion-MNIST's training files is needed.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

from engines import WEIGHTS_FOLDER
from engines.vae.network import unpacked
from engines.vae.options import LatentTraining
from engines.vae.training import Epoch, fit
from engines.vae.weights import finished
from retrieval.disk import write_atomically
from training.vae.fashion_mnist import load

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """One file in assets/weights/."""

    file: str
    recipe: LatentTraining


RUNS = {
    "fashion": Run("vae_fashion.safetensors", LatentTraining(32, 10, label_weight=30.0)),
    "map": Run("vae_map.safetensors", LatentTraining(2, 6)),
    "plain": Run("vae_plain.safetensors", LatentTraining(32, 3)),
}
"""`plain` is what `fashion` is without labels: it is measured beside it, and does not ship."""


def main() -> None:
    """Train the runs that were asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder of train-images-idx3-ubyte.gz and its labels.")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FOLDER)
    parser.add_argument("--keep-networks", action="store_true", help="Only measure anew what lies in --out already.")
    parser.add_argument("--run", choices=[*RUNS], nargs="+", default=["fashion", "map"])
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    pictures, _ = load(options.data)
    for name in options.run:
        run = RUNS[name]
        labels = pictures.labels.astype("int32")
        if options.keep_networks:
            networks, _, _ = unpacked(options.out / run.file)
        else:
            networks = fit(pictures.pixels, labels, run.recipe, told)
        data = finished(networks, run.recipe, pictures.pixels)
        write_atomically(options.out / run.file, data)
        log.info("%s: %d bytes", run.file, len(data))


def told(epoch: Epoch) -> None:
    """Log how training stands."""
    log.info(
        "epoch %d of %d: reconstruction %.1f, KL %.1f, evidence of held-out pictures %.1f nats, %.0f s",
        epoch.number, epoch.of, epoch.reconstruction, epoch.kl, -epoch.held_out, epoch.seconds,
    )  # fmt: skip


if __name__ == "__main__":
    main()
