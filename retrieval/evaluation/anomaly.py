"""How unusual every picture of a catalogue is to a latent space: measured once, kept beside the index."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from retrieval.core import AppError, BadPictureError, Catalog, EncoderSpec
from retrieval.disk import write_atomically

CHUNK = 64
OnProgress = Callable[[int, int], None]
Score = Callable[[Sequence[Image.Image]], np.ndarray]


@dataclass(frozen=True, slots=True)
class AnomalyScores:
    """The anomaly scores of `ids`, float32 (n,), the most unusual first; `mark` names the index that they are of."""

    mark: str
    ids: tuple[str, ...]
    scores: np.ndarray

    def share_below(self, score: float) -> float:
        """Return the part of the catalogue, 0 to 1, that is less unusual than `score`."""
        return float((self.scores < score).mean()) if len(self.scores) else 0.0

    def flagged(self, false_alarms: float) -> tuple[float, int]:
        """Return the threshold that so large a part of the catalogue (0 to 1) exceeds, and how many pictures do.

        If the catalogue is as it should be, that part of it is the rate of false alarms.
        """
        count = min(int(np.ceil(false_alarms * len(self.scores))), len(self.scores))
        return (float(self.scores[count - 1]) if count else float("inf")), count


def mark(ids: Sequence[str], vectors: np.ndarray, weights: str) -> str:
    """Return what names an index by its content, wherever it lies: pictures, and the digest of the weights."""
    digest = hashlib.blake2b("\n".join([weights, *ids]).encode("utf-8", "surrogateescape"), digest_size=16)
    digest.update(np.ascontiguousarray(vectors).tobytes())
    return digest.hexdigest()


def score_pictures(
    catalog: Catalog,
    ids: Sequence[str],
    image_size: int,
    score: Score,
    on_progress: OnProgress = lambda done, total: None,
) -> tuple[list[tuple[str, float]], list[tuple[str, str]]]:
    """Return (id, anomaly score) of the pictures called `ids` in their order, and (id, problem) of those skipped.

    `score` turns upright RGB pictures, opened at a shorter side of at least `image_size` pixels, into float32 (n,),
    higher is more unusual. `on_progress` may raise to stop.
    """
    found: list[tuple[str, float]] = []
    problems: list[tuple[str, str]] = []
    for start in range(0, len(ids), CHUNK):
        on_progress(start, len(ids))
        names, images = [], []
        for name in ids[start : start + CHUNK]:
            try:
                images.append(catalog.open(name, image_size))
                names.append(name)
            except BadPictureError as error:
                problems.append((name, str(error)))
        if images:
            found += zip(names, score(images).tolist(), strict=True)
    on_progress(len(ids), len(ids))
    return found, problems


def ranked(mark: str, found: Sequence[tuple[str, float]]) -> AnomalyScores:
    """Return what `score_pictures` found, the most unusual first, for the index that `mark` names."""
    scores = np.array([score for _, score in found], np.float32)
    order = np.argsort(-scores, kind="stable")
    return AnomalyScores(mark, tuple(found[row][0] for row in order), scores[order])


def save(folder: Path, spec: EncoderSpec, found: AnomalyScores) -> None:
    """Keep the measurement in the folder of the catalogue's indexes; raises AppError when the disk does not take it."""
    out = io.BytesIO()
    ids = np.frombuffer("\n".join(found.ids).encode("utf-8", "surrogateescape"), np.uint8)
    mark = np.frombuffer(found.mark.encode(), np.uint8)
    np.savez_compressed(out, mark=mark, ids=ids, scores=found.scores)
    write_atomically(_path(folder, spec), out.getvalue())


def load(folder: Path, spec: EncoderSpec, mark: str) -> AnomalyScores | None:
    """Return what was kept for the index that `mark` names, or None: none, another's, or a damaged one."""
    try:
        with np.load(_path(folder, spec), allow_pickle=False) as file:
            ids = tuple(file["ids"].tobytes().decode("utf-8", "surrogateescape").split("\n"))
            found = AnomalyScores(file["mark"].tobytes().decode(), ids, file["scores"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return found if found.mark == mark and len(found.ids) == len(found.scores) else None


def check_rate(false_alarms: float) -> None:
    """Raise AppError for a rate of false alarms that is no part of the catalogue."""
    if not 0 < false_alarms <= 0.5:
        raise AppError(f"A false-alarm rate of {false_alarms:g} makes no sense here. Choose above 0 to 0.5.")


def _path(folder: Path, spec: EncoderSpec) -> Path:
    return folder / f"{spec.engine}-{spec.weights}.strangeness.npz"
