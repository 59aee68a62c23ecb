"""Many small grey pictures as one: a sheet travels and is drawn faster than its pictures one by one."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def sheet(pictures: np.ndarray, columns: int) -> str:
    """Return uint8 (n, h, w) or (n, h, w, 3), `columns` a row, as the data address of one PNG."""
    height, width, *rest = pictures.shape[1:]
    rows = -(-len(pictures) // columns)
    full = np.zeros((rows * columns, height, width, *rest), np.uint8)
    full[: len(pictures)] = pictures
    joined = full.reshape(rows, columns, height, width, *rest).swapaxes(1, 2)
    out = io.BytesIO()
    Image.fromarray(joined.reshape(rows * height, columns * width, *rest)).save(out, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def grey(decoded: np.ndarray) -> np.ndarray:
    """Return float (n, h, w) in 0..1 as uint8."""
    return np.round(255 * np.clip(decoded, 0, 1)).astype(np.uint8)
