"""The engines of style beyond search: why two pictures are alike."""

from __future__ import annotations

from typing import cast

import engines
from engines.style.match import StyleEncoder, StyleMatch
from retrieval.core import EncoderSpec

__all__ = ["StyleMatch", "style_encoder"]


def style_encoder(spec: EncoderSpec) -> StyleEncoder:
    """Return a loaded network that says why two pictures are alike in style; raises AppError."""
    return cast(StyleEncoder, engines.load(spec))
