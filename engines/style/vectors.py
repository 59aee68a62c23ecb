"""From Gram matrices to a vector: logarithms, a change of channels, and the projection that was fitted once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

GAIN = 10.0
"""In log(1 + GAIN g): Gram matrices have few giant entries, which alone would decide a plain cosine."""

GRID = (5, 5)
"""Rows and columns of places over which the content is pooled."""

_SMALL = 1e-8

SHARES = {"block3b": 0.5, "block4c": 0.5}
"""How much the Gram matrix of each layer counts for the style. Measured: with VGG's layers too it is no better."""

SHARES_OF_VGG = {"block2_conv2": 0.5, "block3_conv1": 0.5}
"""The same for a network that has no deeper front."""

CHANNELS = {
    "block1_conv1": 16, "block2_conv1": 24, "block2_conv2": 40, "block3_conv1": 32, "block3b": 40, "block4c": 48
}  # fmt: skip
"""How many directions between its channels are kept of each layer whose Gram matrix is made."""

CONTENT_CHANNELS = 40


class Projection:
    """The fitted numbers, by name; training/style/fit.py made them, `unfitted` makes some that know no pictures.

    `channels.LAYER` float32 (c, r) and `mean.LAYER` (r (r + 1) / 2,) for every layer, `style.axes` (d, style dim) for
    the blocks of the layers in `shares`, `content.channels` (c, q), `content.mean` and `content.axes`.
    """

    def __init__(self, fitted: Mapping[str, np.ndarray], shares: Mapping[str, float]) -> None:
        """Keep `fitted`, all float32, and how much each layer counts."""
        self._fitted, self._shares = fitted, shares

    def block(self, layer: str, gram: np.ndarray) -> np.ndarray:
        """Return a layer's block (see `block`) less the mean of the pictures that were fitted: then cosines differ."""
        return block(gram, self._fitted[f"channels.{layer}"]) - self._fitted[f"mean.{layer}"]

    def style(self, grams: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the style of Gram matrices by layer as float32 of length 1."""
        blocks = [share**0.5 * unit(self.block(layer, grams[layer])) for layer, share in self._shares.items()]
        return unit(np.concatenate(blocks) @ self._fitted["style.axes"])

    def content(self, maps: np.ndarray) -> np.ndarray:
        """Return the content of the last layer's maps, float32 (h, w, c), as float32 of length 1."""
        laid = (halves(cells(maps)) @ self._fitted["content.channels"]).ravel()
        return unit((laid - self._fitted["content.mean"]) @ self._fitted["content.axes"])


def unfitted(widths: Mapping[str, int], style_dim: int, content_dim: int, seed: int = 0) -> Projection:
    """Return a projection that is drawn at random for layers of `widths` channels, for weights without a fit.

    Random directions keep cosines nearly (Johnson and Lindenstrauss 1984); nothing is centred.
    """
    random = np.random.default_rng(seed)

    def axes(rows: int, columns: int) -> np.ndarray:
        return np.linalg.qr(random.normal(size=(rows, columns)))[0].astype(np.float32)

    few = {layer: CHANNELS[layer] for layer in widths if layer in CHANNELS}
    sizes = {layer: count * (count + 1) // 2 for layer, count in few.items()}
    laid = GRID[0] * (GRID[1] + 1) // 2 * CONTENT_CHANNELS
    return Projection(
        {f"channels.{layer}": axes(widths[layer], count) for layer, count in few.items()}
        | {f"mean.{layer}": np.zeros(size, np.float32) for layer, size in sizes.items()}
        | {"style.axes": axes(sum(sizes[layer] for layer in SHARES_OF_VGG), style_dim)}
        | {"content.channels": axes(widths["block3_conv1"], CONTENT_CHANNELS)}
        | {"content.mean": np.zeros(laid, np.float32), "content.axes": axes(laid, content_dim)},
        SHARES_OF_VGG,
    )


def logarithms(gram: np.ndarray) -> np.ndarray:
    """Return log(1 + GAIN |g|) with the sign of g of a Gram matrix (c, c), brought to length 1."""
    logs = np.sign(gram) * np.log1p(GAIN * np.abs(gram))
    return logs / max(float(np.linalg.norm(logs)), _SMALL)


def block(gram: np.ndarray, channels: np.ndarray) -> np.ndarray:
    """Turn a Gram matrix (c, c) into float32 (r (r + 1) / 2,) by `channels` (c, r), orthonormal.

    Its `logarithms` are taken to the r directions between the channels that vary most; of the symmetric matrix that
    results the upper triangle is kept, off its diagonal times sqrt 2, which changes no cosine.
    """
    small = channels.T @ logarithms(gram) @ channels
    return small[np.triu_indices(len(small))] * triangle_weights(len(small))


def triangle_weights(size: int) -> np.ndarray:
    """Return float32: 1 on the diagonal of an upper triangle, sqrt 2 off it."""
    rows, columns = np.triu_indices(size)
    return np.where(rows == columns, 1.0, np.sqrt(2.0)).astype(np.float32)


def cells(maps: np.ndarray) -> np.ndarray:
    """Return float32 (rows, columns, c): where maps (h, w, c) have more than elsewhere in the picture, over a grid.

    What is everywhere in the picture is its style; where something is more than elsewhere is its content.
    """
    bands = [np.array_split(band, GRID[1], axis=1) for band in np.array_split(maps, GRID[0], axis=0)]
    means = np.array([[cell.mean(axis=(0, 1)) for cell in band] for band in bands])
    return means - means.mean(axis=(0, 1))


def halves(grid: np.ndarray) -> np.ndarray:
    """Return the half of a grid (rows, columns, c) that is left when a picture and its mirror image count the same."""
    return ((grid + grid[:, ::-1]) / 2)[:, : (grid.shape[1] + 1) // 2]


def unit(vector: np.ndarray) -> np.ndarray:
    """Bring a vector to length 1, float32; one of zeros to any fixed direction."""
    length = float(np.linalg.norm(vector))
    if length < _SMALL:  # a picture of one colour has no layout
        vector, length = np.ones_like(vector), float(np.sqrt(len(vector)))
    return (vector / length).astype(np.float32)
