"""The 28 x 28 pixels that any picture of a garment becomes, made as the pictures of Fashion-MNIST were made."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from retrieval.pictures.foreground import foreground

SIDE = 28
_WORKING_SIDE = 256
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_NEAR = 14
_FLAT_SHARE = 0.7
_FLOOR = 0.3
_SPECK = 0.05


def garment_pixels(image: Image.Image) -> np.ndarray:
    """Return uint8 (28, 28): the garment of an upright RGB picture, bright on black, its longer side 28, centred.

    The ground goes, brightness is inverted when the ground is light and stretched to its full range, and the aspect
    stays, as in Fashion-MNIST (Xiao et al. 2017, section 2). A garment in the colour of the ground still shows, at
    FLOOR. A grey picture of 28 x 28 is taken as it is, but for the inversion. A picture with nothing on its ground
    gives zeros.
    """
    small = image.convert("RGB")
    if small.size == (SIDE, SIDE):
        pixels = np.asarray(small)
        if (pixels == pixels[..., :1]).all():
            return _upright_tone(pixels[..., 0])
    small.thumbnail((_WORKING_SIDE, _WORKING_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    pixels = np.asarray(small, np.float32)
    ground, flat = _ground(pixels)
    share = _off_ground(pixels, ground) if flat else np.asarray(foreground(small), np.float32)
    share = share * _whole_parts(share > 0.5)
    inside = share > 0.5
    if not inside.any():
        return np.zeros((SIDE, SIDE), np.uint8)
    tone = pixels @ _LUMA / 255
    tone = 1 - tone if float(ground @ _LUMA) > 127 else tone
    tone = _FLOOR + (1 - _FLOOR) * tone
    return _centred(tone / np.quantile(tone[inside], 0.99) * share, inside)


def _upright_tone(grey: np.ndarray) -> np.ndarray:
    """Return a grey uint8 (28, 28) bright on dark: inverted when nearly all of its outermost pixels are light."""
    rim = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    return 255 - grey if float(np.quantile(rim, 0.1)) > 127 else grey.copy()


def _ground(pixels: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return the ground's colour, float32 (3,), and whether it is flat, judged by the outermost two pixels."""
    rim = np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3),
                          pixels[2:-2, :2].reshape(-1, 3), pixels[2:-2, -2:].reshape(-1, 3)])  # fmt: skip
    colour = np.median(rim, axis=0)
    return colour, float((np.abs(rim - colour).max(axis=1) < _NEAR).mean()) >= _FLAT_SHARE


def _off_ground(pixels: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Return float32 (h, w) in 0..1, how far pixels are from a flat ground; what they enclose is inside too."""
    share = np.clip((np.abs(pixels - ground).max(axis=2) - _NEAR) / (2 * _NEAR), 0, 1)
    outside = np.pad((share < 0.5).astype(np.uint8), 1, constant_values=1)
    cv2.floodFill(outside, None, (0, 0), 2)
    return np.where(outside[1:-1, 1:-1] == 2, share, 1.0).astype(np.float32)


def _whole_parts(inside: np.ndarray) -> np.ndarray:
    """Return bool (h, w): the connected parts of `inside` that are no specks beside the largest."""
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    keep = areas >= max(4.0, _SPECK * areas.max())
    keep[0] = False
    # The soft edge around a part belongs to it.
    return cv2.dilate(keep[numbers].astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def _centred(tone: np.ndarray, inside: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    width, height = box[2] - box[0], box[3] - box[1]
    scale = SIDE / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    whole = Image.fromarray(np.round(255 * np.clip(tone, 0, 1)).astype(np.uint8))
    canvas = Image.new("L", (SIDE, SIDE))
    canvas.paste(whole.resize(size, Image.Resampling.BILINEAR, box), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return np.asarray(canvas).copy()
