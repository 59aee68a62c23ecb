"""The linear algebra of the engine `look`: axes that copies of a photo share, kinds of clothes, what scatters."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name every torch reader expects)

SMALL = 1e-8
_EPOCHS, _BATCH, _RATE = 12, 512, 0.005


def unit(rows: np.ndarray) -> np.ndarray:
    """Bring rows (n, d) to length 1, float32."""
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), SMALL)).astype(np.float32)


def inverse_root(scatter: np.ndarray, share: float) -> np.ndarray:
    """Return the inverse square root (d, d) of a scatter matrix, shrunk to the identity by 1 - share.

    Directions that vary within what should be the same count less: within-class covariance normalisation (Hatch et
    al. 2006), shrunk.
    """
    size = len(scatter)
    scaled = scatter * size / np.trace(scatter)
    values, vectors = np.linalg.eigh(share * scaled + (1 - share) * np.eye(size))
    return vectors / np.sqrt(values) @ vectors.T


def fit_part(clean: np.ndarray, copies: np.ndarray, size: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit mean (d,) and axes (d, size) of one part on photos (n, d) and copies of each of them (n, m, d).

    The axes are the principal ones of the photos, then what differs between a photo and its copies is made small.
    """
    mean = clean.mean(axis=0)
    centred = clean - mean
    # Fewer photos than numbers: the axes come from the products of photos, which are the smaller matrix.
    values, vectors = np.linalg.eigh(centred @ centred.T)
    axes = centred.T @ vectors[:, -size:] / np.sqrt(np.maximum(values[-size:], SMALL))
    first = unit(centred @ axes)
    scatter = np.zeros((size, size))
    for number in range(copies.shape[1]):
        gaps = first - unit((copies[:, number] - mean) @ axes)
        scatter += gaps.T @ gaps / len(gaps)
    return mean, axes @ inverse_root(scatter, share)


def fit_kinds(rows: np.ndarray, targets: np.ndarray, decay: float, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Fit weights (d, classes) and biases (classes,) of a softmax regression, divided by `temperature`.

    `rows` (n, d), `targets` (n,) class numbers from 0. `decay` shrinks the weights of standardised inputs.
    """
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    inputs, wanted = torch.from_numpy((rows - mean) / spread), torch.from_numpy(targets)
    weights = torch.zeros(rows.shape[1], int(targets.max()) + 1, requires_grad=True)
    biases = torch.zeros(weights.shape[1], requires_grad=True)
    optimiser = torch.optim.Adam([weights, biases], lr=_RATE)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _EPOCHS)
    order = torch.Generator().manual_seed(0)
    for _ in range(_EPOCHS):
        for batch in torch.randperm(len(rows), generator=order).split(_BATCH):
            loss = F.cross_entropy(inputs[batch] @ weights + biases, wanted[batch]) + decay * weights.square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        falling.step()
    axes = weights.detach().numpy() / spread[:, None]
    return axes / temperature, (biases.detach().numpy() - mean @ axes) / temperature


def scatter_within(rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the scatter matrix (d, d), of trace 1, of rows (n, d) about the means of their groups (n,)."""
    scatter = np.zeros((rows.shape[1], rows.shape[1]))
    for group in np.unique(groups):
        gaps = rows[groups == group] - rows[groups == group].mean(axis=0)
        scatter += gaps.T @ gaps
    return scatter / np.trace(scatter)
