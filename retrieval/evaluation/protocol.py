"""An evaluation protocol: which pictures ask, which are searched, and what makes a result right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from retrieval.core import AppError, Attributes

Where = Mapping[str, Sequence[str]]
"""Attribute -> values as they were written; each is one value, or several with a comma between."""

JOINT = "\x1f"
"""Between the values of an item that several attributes have to match by."""
_SHOWN = 30


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """What an evaluation asks.

    A result is right when it shares `match` with the query: an attribute, "label" (the attribute, or else the
    category), "name" (the file's name), "id", or several of these joined by `+`. Pictures with a label in `exclude`
    are left out. Only pictures that meet `query_where` ask; only those that meet `gallery_where` are searched.
    Labels and values compare without case.
    """

    match: str = "label"
    exclude: Sequence[str] = ()
    query_where: Where = field(default_factory=dict)
    gallery_where: Where = field(default_factory=dict)


def parse_where(texts: Sequence[str]) -> Where:
    """Read conditions such as "view=back,alt1"; raises AppError for one without an attribute and a value.

    Values of one attribute add up, attributes have to be met together.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        attribute, equals, values = (part.strip() for part in text.partition("="))
        if not (attribute and equals and values):
            raise AppError(f"'{text}' is no condition. Write ATTRIBUTE=VALUE[,VALUE], for example view=back,alt1.")
        found.setdefault(attribute, []).append(values)
    return found


def meeting(ids: Sequence[str], attributes: Sequence[Attributes], where: Where) -> np.ndarray:
    """Return bool (n,), the items that meet every condition; raises AppError listing what there is to choose from."""
    met = np.ones(len(ids), bool)
    for attribute, texts in where.items():
        values = values_of(ids, attributes, attribute)
        known = set(values.tolist()) - {""}
        if not known:
            raise AppError(f"No picture has the attribute '{attribute}'. Choose one of: {_known(attributes)}.")
        met &= np.isin(values, [value for text in texts for value in _split(text, attribute, known)])
    return met


def matched_by(ids: Sequence[str], attributes: Sequence[Attributes], match: str) -> np.ndarray:
    """Return, for each item, what must be equal for two items to match, as object (n,) of str.

    Empty where an item lacks an attribute of `match`. Raises AppError for an attribute that no item has.
    """
    names = [match] if any(match in each for each in attributes) else [name.strip() for name in match.split("+")]
    columns = [values_of(ids, attributes, name) for name in names]
    for name, column in zip(names, columns, strict=True):
        if len(names) > 1 and not (column != "").any():
            raise AppError(f"No picture has the attribute '{name}'. Choose some of: {_known(attributes)}.")
    joined = [JOINT.join(row) if all(row) else "" for row in zip(*columns, strict=True)]
    return np.array(joined, object)


def excluded(ids: Sequence[str], attributes: Sequence[Attributes], labels: Sequence[str]) -> np.ndarray:
    """Return bool (n,), the items whose label is one of `labels`."""
    unwanted = {plain(label) for label in labels}
    return np.array([value in unwanted for value in values_of(ids, attributes, "label")], bool)


def values_of(ids: Sequence[str], attributes: Sequence[Attributes], name: str) -> np.ndarray:
    """Return the value called `name` of each item, plain, as object (n,) of str; empty where it has none."""
    if name == "label":
        values = [each.get("label") or each.get("category", "") for each in attributes]
    elif name == "name":
        values = [PurePosixPath(item_id).name for item_id in ids]
        return np.array(values, object)
    elif name == "id":
        return np.array(list(ids), object)
    else:
        values = [each.get(name, "") for each in attributes]
    return np.array([plain(value) for value in values], object)


def nothing_to_match(attributes: Sequence[Attributes], match: str, what: str) -> str:
    """Say why no picture of the gallery or the queries can be matched, and what to do."""
    if match in ("label", "name", "id"):
        return f"No picture of the {what} has a label. Give labels by folder names, metadata.csv or --label-pattern."
    attribute = "attributes" if "+" in match else "attribute"
    return f"No picture of the {what} has the {attribute} '{match}' to match by. Choose one of: {_known(attributes)}."


def plain(value: str) -> str:
    """Return a value as it is compared: without case, without blanks around it."""
    return value.strip().casefold()


def _split(text: str, attribute: str, known: set[str]) -> list[str]:
    """Return the values that `text` names: itself where there is such a value, else what its commas part."""
    if plain(text) in known:
        return [plain(text)]
    wanted = [plain(value) for value in text.split(",") if value.strip()]
    for value in wanted:
        if value not in known:
            shown = ", ".join(sorted(known)[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" * (len(known) > _SHOWN))
            raise AppError(f"No picture has {attribute} '{value}'. There are: {shown}.")
    return wanted


def _known(attributes: Sequence[Attributes]) -> str:
    return ", ".join([*sorted({"label", "name"}.union(*attributes)), "id"])
