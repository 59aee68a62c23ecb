"""The pattern of a garment: plain, striped, checked, dotted, floral or printed, from the garment's own pixels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 144
WEIGHTS = Path(__file__).resolve().parents[2] / "assets" / "weights" / "patterns.npz"
NAMES = ("plain", "striped", "checked", "dotted", "floral", "printed")
SAID_FROM = {"plain": 0.8, "striped": 0.8, "checked": 0.9, "dotted": 0.9, "floral": 0.9}
"""From which probability on a pattern is named. A print never is: on photos, seams and creases look like one."""
_SPREADS = (1.0, 2.0, 4.0)
_BINS = 12
_LAGS = 24


def pattern(image: Image.Image, garment: np.ndarray) -> dict[str, float]:
    """Return pattern -> probability, the likeliest first, of an RGB picture where `garment` (float32 (h, w)) is high.

    A logistic regression over what `measure` measures, trained by training/train_patterns.py on the drawn sample.
    """
    mean, deviation, kernel, bias = _weights()
    scores = ((measure(image, garment) - mean) / deviation) @ kernel + bias
    probabilities = np.exp(scores - scores.max())
    probabilities /= probabilities.sum()
    return {NAMES[number]: float(probabilities[number]) for number in np.argsort(-probabilities)}


def said(probabilities: Mapping[str, float]) -> str | None:
    """Return the likeliest pattern where it can be trusted, else None."""
    name = max(probabilities, key=probabilities.__getitem__)
    return name if probabilities[name] >= SAID_FROM.get(name, np.inf) else None


def measure(image: Image.Image, garment: np.ndarray) -> np.ndarray:
    """Measure a garment's texture, float32 (n,): contrast, directions of edges and repetition, at three scales.

    Edges all one way are stripes, two ways checks, all ways dots, flowers or prints; what repeats on a grid is woven
    or dotted (autocorrelation), what does not is printed. Light falls softly, so slow changes are taken out first.
    """
    import cv2

    lab, inside = _cut(image, garment)
    weight = inside / max(float(inside.sum()), 1e-6)
    numbers: list[float] = []
    blurred = cv2.GaussianBlur(inside, (0, 0), 16) + 1e-3
    slow = cv2.GaussianBlur(lab * inside[..., None], (0, 0), 16) / blurred[..., None]
    fast = (lab - slow) * inside[..., None]
    numbers += [float(np.log1p(np.sqrt((weight * fast[..., each] ** 2).sum()))) for each in range(3)]
    strongest = fast[..., int(np.argmax([(weight * fast[..., each] ** 2).sum() for each in range(3)]))]
    inner = cv2.erode(inside, np.ones((9, 9), np.uint8))
    for spread in _SPREADS:
        numbers += _directions(cv2, cv2.GaussianBlur(strongest, (0, 0), spread), inner)
    numbers += _repetition(strongest, inside)
    numbers += _shades(cv2, lab, inside)
    return np.array(numbers, np.float32)


def _cut(image: Image.Image, garment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the garment's middle as CIELAB float32 (SIDE, SIDE, 3), and where in it the garment is."""
    import cv2

    solid = garment > min(0.5, float(garment.max()) * 0.7)
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    top, bottom = np.quantile(rows, (0.06, 0.94)).astype(int)
    left, right = np.quantile(columns, (0.06, 0.94)).astype(int)
    side = max(bottom - top, right - left, 8)
    middle_y, middle_x = (top + bottom) / 2, (left + right) / 2
    box = (middle_x - side / 2, middle_y - side / 2, middle_x + side / 2, middle_y + side / 2)
    whole = tuple(round(each) for each in box)
    rgb = np.asarray(image.convert("RGB").crop(whole).resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 255
    mask = Image.fromarray((garment * 255).astype(np.uint8)).crop(whole).resize((SIDE, SIDE), Image.Resampling.BOX)
    inside: np.ndarray = (np.asarray(mask, np.float32) / 255 > 0.5).astype(np.float32)
    inside = np.asarray(cv2.erode(inside, np.ones((5, 5), np.uint8)), np.float32)
    if inside.sum() < 64:
        inside[SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = 1
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)), inside


def _directions(cv2: object, maps: np.ndarray, inside: np.ndarray) -> list[float]:
    """Say how strong edges are, how much they prefer one way, or two ways at a right angle, and which."""
    down, across = np.gradient(maps)
    power = np.hypot(down, across) * (inside > 0)
    angle = (np.arctan2(down, across) % np.pi) / np.pi * _BINS
    counts = np.bincount(angle.ravel().astype(int) % _BINS, power.ravel(), _BINS)
    share = counts / max(float(counts.sum()), 1e-6)
    best = int(share.argmax())
    turned = np.roll(share, -best)
    area = max(float((inside > 0).sum()), 1.0)
    sparse = float((power > 2 * power.sum() / area).sum()) / area
    near = float(turned[[0, 1, -1]].sum())
    crossing = float(turned[[_BINS // 2 - 1, _BINS // 2, _BINS // 2 + 1]].sum())
    entropy = float(-(share * np.log(share + 1e-9)).sum())
    return [float(np.log1p(power.sum() / area)), near, crossing, near * crossing, entropy, sparse]


def _repetition(maps: np.ndarray, inside: np.ndarray) -> list[float]:
    """Say how well the texture fits itself when moved: the best and mean fit across, down and aslant."""

    def correlate(one: np.ndarray) -> np.ndarray:
        padded = np.zeros((2 * SIDE, 2 * SIDE), np.float32)
        padded[:SIDE, :SIDE] = one
        return np.asarray(np.fft.irfft2(np.abs(np.fft.rfft2(padded)) ** 2))

    inside = (inside > 0).astype(np.float32)
    area = max(float(inside.sum()), 1.0)
    centred = (maps - (maps * inside).sum() / area) * inside
    fit = correlate(centred) / np.maximum(correlate(inside), 0.15 * area) * area / max(float((centred**2).sum()), 1e-6)
    numbers = []
    for step in ((0, 1), (1, 0), (1, 1), (1, -1)):
        line = np.array([fit[lag * step[0], lag * step[1]] for lag in range(1, _LAGS * 2)])
        low = int(line.argmin())
        rise = float(line[low:].max() - line[low])
        numbers += [float(line.min()), rise, float(line[:8].mean())]
    return numbers


def _shades(cv2: object, lab: np.ndarray, inside: np.ndarray) -> list[float]:
    """Say how the colours spread: quantiles of the distance to the commonest shade, and the spread of hues."""
    pixels = lab[inside > 0]
    middle = np.median(pixels, axis=0)
    distance = np.linalg.norm((pixels - middle) * (0.6, 1, 1), axis=1)
    numbers = [float(np.log1p(each)) for each in np.quantile(distance, (0.5, 0.75, 0.9, 0.97))]
    coloured = float((distance > 18).mean())
    return [*numbers, coloured, float(np.log1p(pixels[:, 1].std())), float(np.log1p(pixels[:, 2].std()))]


@cache
def _weights() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        return stored["mean"], stored["deviation"], stored["kernel"], stored["bias"]
