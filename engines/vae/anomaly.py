"""How strange a picture is to a latent space: how far its features lie from those of the pictures it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 5
REFERENCES = 4000
COMPONENTS = 64


@dataclass(frozen=True, slots=True)
class AnomalyScorer:
    """Deep nearest neighbours (Sun et al. 2022, arXiv:2204.06507) among training pictures.

    `components` float32 (features, COMPONENTS) are the directions in which features are longest, not centred: that
    serves better here. `references` float16 (n, COMPONENTS) of unit length are the training pictures in those.
    """

    components: np.ndarray
    references: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, rng: np.random.Generator) -> AnomalyScorer:
        """Take its measure from the features, float32 (n, features), of training pictures."""
        _, directions = np.linalg.eigh(features.T @ features)
        components = directions[:, ::-1][:, :COMPONENTS].astype(np.float32)
        chosen = rng.permutation(len(features))[:REFERENCES]
        return cls(components, _unit(features[chosen] @ components).astype(np.float16))

    @classmethod
    def unpacked(cls, arrays: Mapping[str, np.ndarray]) -> AnomalyScorer:
        """Return what `arrays` made."""
        return cls(arrays["components"], arrays["references"])

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a file has to keep."""
        return {"components": self.components, "references": self.references}

    def score(self, features: np.ndarray) -> np.ndarray:
        """Return float32 (n,), 0 to 1: one minus the mean cosine with the NEIGHBOURS nearest training pictures."""
        cosines = _unit(features @ self.components) @ self.references.astype(np.float32).T
        count = min(NEIGHBOURS, cosines.shape[1])
        nearest = np.partition(cosines, -count, axis=1)[:, -count:]
        return (1 - nearest.mean(axis=1)).astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
