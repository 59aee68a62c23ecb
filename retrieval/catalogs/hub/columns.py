"""Which columns of a data set are the picture and its attributes: told by their types, never by their names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.catalogs.hub.names import HubName
from retrieval.core import AppError, Attributes

LONG = 60
"""A column of strings is an attribute when nine in ten of its values have at most so many characters."""

CUT = 200


@dataclass(frozen=True, slots=True)
class Columns:
    """The picture's column, the columns that may be attributes, and all that could be the picture."""

    picture: str
    attributes: tuple[str, ...]
    pictures: tuple[str, ...]


def choose(features: Mapping[str, Any], wanted: HubName) -> Columns:
    """Return the columns by the types of `features` (datasets.Features); raises AppError where none is a picture."""
    found = tuple(name for name, feature in features.items() if is_picture(feature))
    if not found:
        raise AppError(
            f"{wanted.repo} has no pictures: its columns are {', '.join(list(features)[:20]) or 'none'}, "
            "none of them of the type Image. Choose another data set."
        )
    if wanted.image and wanted.image not in found:
        raise AppError(f"{wanted.repo} has no picture column '{wanted.image}'. Choose one of: {', '.join(found)}.")
    attributes = tuple(name for name, feature in features.items() if _may_be_attribute(feature))
    if wanted.where and wanted.where[0] not in attributes:
        raise AppError(
            f"{wanted.repo} has no attribute '{wanted.where[0]}'. Choose one of: {', '.join(attributes) or 'none'}."
        )
    return Columns(wanted.image or found[0], attributes, found)


def is_picture(feature: Any) -> bool:  # noqa: ANN401 - any type of the library
    """Return whether a feature is a picture: the type Image, or its storage where a file does not say the type."""
    from datasets import Image, Value

    storage = {"bytes": Value("binary"), "path": Value("string")}
    return isinstance(feature, Image) or (isinstance(feature, dict) and feature == storage)


def _may_be_attribute(feature: Any) -> bool:  # noqa: ANN401
    from datasets import ClassLabel, Value

    return isinstance(feature, ClassLabel) or (
        isinstance(feature, Value) and feature.dtype in ("string", "large_string", "bool")
    )


def short(names: Sequence[str], features: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return those of the columns `names` whose values in `rows` are short enough for an attribute."""
    return tuple(name for name in names if _is_short(features[name], [row[name] for row in rows]))


def _is_short(feature: Any, values: Sequence[object]) -> bool:  # noqa: ANN401
    if getattr(feature, "dtype", "") not in ("string", "large_string"):
        return True
    lengths = sorted(len(value) for value in values if isinstance(value, str) and value)
    return bool(lengths) and lengths[math.ceil(0.9 * len(lengths)) - 1] <= LONG


def attributes(row: Mapping[str, Any], names: Sequence[str], features: Mapping[str, Any]) -> Attributes:
    """Return the attributes of one row in words: a class by its name, yes and no as true and false, no empty ones."""
    found = {name: in_words(row[name], features[name]) for name in names}
    return {name: value for name, value in found.items() if value}


def in_words(value: object, feature: Any) -> str:  # noqa: ANN401
    """Return one cell in words, empty where it says nothing (no value; a class of -1, which means unlabelled)."""
    from datasets import ClassLabel

    if value is None:
        return ""
    if isinstance(feature, ClassLabel) and isinstance(value, int):
        return str(feature.names[value]) if 0 <= value < len(feature.names) else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()[:CUT]
