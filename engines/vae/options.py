"""What a latent space is trained by, checked before a framework is loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from retrieval.core import AppError

LATENTS = (2, 256)
MOST_EPOCHS = 500
BETAS = (0.01, 100.0)
LIFTED = 2


@dataclass(frozen=True, slots=True)
class LatentTraining:
    """What a run is made by: everything but the pictures.

    The loss of a picture, in nats, is reconstruction + `beta` x KL + `label_weight` x cross-entropy of its class; the
    last is there for labelled pictures only, and 0 makes a plain variational autoencoder.
    """

    latent: int
    epochs: int
    beta: float = 1.0
    label_weight: float = 0.0
    rate: float = 1.5e-3
    seed: int = 7

    def check(self) -> None:
        """Raise AppError for what cannot be trained."""
        if not LATENTS[0] <= self.latent <= LATENTS[1]:
            raise AppError(
                f"A latent space of {self.latent} numbers cannot be trained. Choose {LATENTS[0]} to {LATENTS[1]}."
            )
        if not 1 <= self.epochs <= MOST_EPOCHS:
            raise AppError(f"{self.epochs} epochs cannot be trained. Choose 1 to {MOST_EPOCHS}.")
        if not BETAS[0] <= self.beta <= BETAS[1]:
            raise AppError(f"A beta of {self.beta:g} cannot be trained. Choose {BETAS[0]:g} to {BETAS[1]:g}.")

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON."""
        return asdict(self)

    @property
    def dim(self) -> int:
        """How many numbers an index holds of a picture: one more for a plane, which is lifted onto a sphere."""
        return self.latent + (self.latent <= LIFTED)
