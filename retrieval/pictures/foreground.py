"""Which pixels of a picture belong to the garment: an estimate from colours and place alone, no network."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

SIDE = 160
"""The longer side, in pixels, at which the estimate is made; benchmarks/foreground.py says what it is worth."""

_GROUNDS = 3
_RING = 0.05
_COLOUR_STEP = 10.0
_ROUNDS = 2
_SURE_GROUND, _SURE_GARMENT, _CORE = 0.02, 0.75, 0.9
_LEAST, _MOST = 0.01, 0.98


def foreground(image: Image.Image) -> np.ndarray:
    """Return float32 (h, w) in 0..1, how much each pixel of an RGB picture belongs to the garment; never empty.

    GrabCut (Rother, Kolmogorov, Blake 2004, "GrabCut", SIGGRAPH) over two guesses: the colours along the frame are the
    background's, and the garment lies about the middle. A picture that it cannot part (one flat colour, say) gets the
    second guess alone. The same picture gives the same answer.
    """
    import cv2

    scale = SIDE / max(image.size)
    small = image.resize(
        (max(8, round(image.width * scale)), max(8, round(image.height * scale))), Image.Resampling.BOX
    )
    rgb = np.asarray(small.convert("RGB"))
    middle = centre_prior(*rgb.shape[:2])
    parted = _parted(cv2, rgb, middle)
    soft = cv2.GaussianBlur(parted.astype(np.float32), (0, 0), 0.8) if _LEAST < parted.mean() < _MOST else middle
    return np.clip(cv2.resize(soft, image.size, interpolation=cv2.INTER_LINEAR), 0.0, 1.0)


def centre_prior(height: int, width: int) -> np.ndarray:
    """Return float32 (height, width) in 0..1: a bell about the middle, what is known of a picture not yet seen."""
    y = (np.arange(height, dtype=np.float32) + 0.5) / height - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) / width - 0.5
    return np.exp(-0.5 * ((x[None] / 0.3) ** 2 + (y[:, None] / 0.35) ** 2)).astype(np.float32)


def _parted(cv2: Any, rgb: np.ndarray, middle: np.ndarray) -> np.ndarray:  # noqa: ANN401 - a module, imported late
    """Return uint8 (h, w), 1 for the garment, of uint8 (h, w, 3)."""
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    cv2.setRNGSeed(0)
    lab = cv2.cvtColor(cv2.medianBlur(bgr, 5).astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    unlike = np.clip(_ground_distance(cv2, lab) / _COLOUR_STEP, 0, 2.5)
    likely = 1 / (1 + np.exp(-2 * (unlike - 1 + 4 * middle - 2)))
    labels = np.where(likely > 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[likely < _SURE_GROUND] = cv2.GC_BGD
    labels[(likely > _SURE_GARMENT) & (middle > _CORE)] = cv2.GC_FGD
    if len({bool(label & 1) for label in np.unique(labels)}) < 2:
        return np.zeros(labels.shape, np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(bgr, labels, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return _tidied(cv2, labels & 1, middle)


def _ground_distance(cv2: Any, lab: np.ndarray) -> np.ndarray:  # noqa: ANN401 - a module, imported late
    """Return float32 (h, w), the CIELAB distance to the nearest of the colours along the frame.

    The middle of the upper and lower edges is left out: a garment that is cut by the frame is cut there.
    """
    height, width = lab.shape[:2]
    thick = max(2, round(_RING * min(height, width)))
    ring = np.ones((height, width), bool)
    ring[thick:-thick, thick:-thick] = False
    aside = np.abs((np.arange(width) + 0.5) / width - 0.5)
    ring[-thick:, aside < 0.3] = False
    ring[:thick, aside < 0.2] = False
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    _, _, grounds = cv2.kmeans(lab[ring], _GROUNDS, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    return np.min([np.linalg.norm(lab - ground, axis=2) for ground in grounds], axis=0)


def _tidied(cv2: Any, parted: np.ndarray, middle: np.ndarray) -> np.ndarray:  # noqa: ANN401 - a module, imported late
    """Return uint8 (h, w) without crumbs, islands far from the middle, and small holes."""
    opened = cv2.morphologyEx(parted, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, islands = cv2.connectedComponents(opened, connectivity=8)
    if count < 2:
        return opened
    weight = np.bincount(islands.ravel(), middle.ravel(), count)
    weight[0] = 0
    kept = (weight >= 0.2 * weight.max())[islands].astype(np.uint8)
    count, holes, facts, _ = cv2.connectedComponentsWithStats(1 - kept, connectivity=4)
    at_edge = np.unique(np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]]))
    for hole in set(range(1, count)) - set(at_edge.tolist()):
        if facts[hole, cv2.CC_STAT_AREA] < 0.04 * kept.size:
            kept[holes == hole] = 1
    return kept
