"""The files of a CLIP checkpoint as the registry asks for them: in a folder, or in the cache of the Hub."""

from __future__ import annotations

from engines.clip import checkpoints
from retrieval.core import AppError, EncoderSpec


class Checkpoint:
    """The files of a checkpoint, fetched from the Hub where they are not here."""

    def missing(self, spec: EncoderSpec) -> str | None:
        """Return which file is missing or refused, and how to get it, or None."""
        try:
            checkpoints.check(spec)
        except AppError as error:
            return str(error)
        return None

    def found(self, spec: EncoderSpec) -> str:
        """Return how large the checkpoint is."""
        checkpoints.check(spec)
        return f"{checkpoints.size(spec.checkpoint) / 1e6:.0f} MB, {spec.dim} numbers a picture"

    def remedy(self, spec: EncoderSpec) -> str:
        """Return the command that gets the checkpoint."""
        return checkpoints.command(spec.checkpoint)

    def digest(self, spec: EncoderSpec) -> str:
        """Return what names the content of the weights and of the preprocessing."""
        return checkpoints.digest(spec.checkpoint)

    def fetch(self, spec: EncoderSpec) -> None:
        """Download what is missing; raises AppError at once without a network."""
        if not checkpoints.is_here(spec.checkpoint):
            from engines.clip.download import fetch

            fetch(spec.checkpoint)


CHECKPOINT = Checkpoint()
