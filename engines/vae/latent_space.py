"""A latent space: its axes, ways through it (planes, walks, morphs), and what its encoder can do beyond search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image

from retrieval.core import AppError, Encoder

CELLS = (3, 24)
REACH = 6.0


@dataclass(frozen=True, slots=True)
class Axes:
    """The directions in which the points of a latent space spread most, from its `centre` float32 (latent,).

    `directions` float32 (k, latent) are of unit length and at right angles, `spread` float32 (k,) is the standard
    deviation of the training pictures along each, the largest first.
    """

    centre: np.ndarray
    directions: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True, slots=True)
class Reconstructions:
    """What a latent space makes of n pictures.

    `latents` float32 (n, latent), `decoded` float32 (n, 28, 28) in 0..1 what comes back of them, `evidence` float32
    (n,) the evidence lower bound of log p(x) in nats, `anomaly_scores` float32 (n,), higher is more unusual.
    """

    latents: np.ndarray
    decoded: np.ndarray
    evidence: np.ndarray
    anomaly_scores: np.ndarray


class LatentEncoder(Encoder, Protocol):
    """An encoder whose vectors are points of a latent space that can be turned back into pictures."""

    latent: int
    axes: Axes

    def garments(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return uint8 (n, 28, 28), what the network sees of pictures; zeros where nothing is on the ground."""
        ...

    def latents(self, pixels: np.ndarray) -> np.ndarray:
        """Return float32 (n, latent), the points of uint8 (n, 28, 28)."""
        ...

    def vectors(self, latents: np.ndarray) -> np.ndarray:
        """Return float32 (n, dim) of unit length, points of the latent space as the index holds them."""
        ...

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Return float32 (n, 28, 28) in 0..1, the pictures at float32 (n, latent)."""
        ...

    def examine(self, pixels: np.ndarray) -> Reconstructions:
        """Return what the model makes of uint8 (n, 28, 28)."""


def plane(
    axes: Axes, at: np.ndarray, pair: tuple[int, int], reach: tuple[float, float], cells: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 (cells², latent), the points of a square grid in the plane of two axes, row by row from the top.

    The grid covers `reach` in standard deviations along both axes of `pair`, whose own coordinates in `at` it
    replaces; the second result, float32 (cells,), has the coordinates of its columns. Raises AppError.
    """
    check_cells(cells)
    low, high = check_reach(reach)
    first, second = (check_axis(axes, number) for number in pair)
    if first == second:
        raise AppError("A plane needs two different directions. Choose another one for up and down.")
    steps = np.linspace(low, high, cells, dtype=np.float32)
    base = _moved(axes, _moved(axes, at, first, np.zeros(1))[0], second, np.zeros(1))[0]
    across = steps[None, :, None] * axes.spread[first] * axes.directions[first]
    up = steps[::-1][:, None, None] * axes.spread[second] * axes.directions[second]
    return (base + across + up).reshape(cells * cells, -1).astype(np.float32), steps


def walk(axes: Axes, at: np.ndarray, number: int, reach: tuple[float, float], steps: int) -> np.ndarray:
    """Return float32 (steps, latent): `at` with its coordinate along one axis moved from end to end of `reach`."""
    low, high = check_reach(reach)
    return _moved(axes, at, check_axis(axes, number), np.linspace(low, high, steps))


def coordinates(axes: Axes, at: np.ndarray) -> np.ndarray:
    """Return float32 (k,), where a point of the latent space lies along each axis, in standard deviations."""
    return (axes.directions @ (at - axes.centre) / axes.spread).astype(np.float32)


def morph(start: np.ndarray, end: np.ndarray, frames: int) -> np.ndarray:
    """Return float32 (frames, latent), points evenly spaced on the line between two."""
    share = np.linspace(0, 1, frames, dtype=np.float32)[:, None]
    return ((1 - share) * start + share * end).astype(np.float32)


def check_axis(axes: Axes, number: int) -> int:
    """Return the number of an axis; raises AppError when there is no such axis."""
    if not 0 <= number < len(axes.spread):
        raise AppError(f"There is no direction {number + 1}. Choose 1 to {len(axes.spread)}.")
    return number


def check_cells(cells: int) -> None:
    """Raise AppError for a grid that is too coarse or too fine."""
    if not CELLS[0] <= cells <= CELLS[1]:
        raise AppError(f"A grid of {cells} x {cells} cannot be shown. Choose {CELLS[0]} to {CELLS[1]} a side.")


def check_reach(reach: tuple[float, float]) -> tuple[float, float]:
    """Return a range in standard deviations; raises AppError unless it has an extent and stays within REACH."""
    low, high = reach
    if not (-REACH <= low < high <= REACH):
        raise AppError(f"A range from {low:g} to {high:g} cannot be shown. Choose one within -{REACH:g} to {REACH:g}.")
    return low, high


def _moved(axes: Axes, at: np.ndarray, number: int, to: np.ndarray) -> np.ndarray:
    direction, spread = axes.directions[number], axes.spread[number]
    here = float(direction @ (at - axes.centre)) / float(spread)
    return (at + ((to - here) * spread)[:, None] * direction).astype(np.float32)
