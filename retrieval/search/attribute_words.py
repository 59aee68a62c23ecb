"""Words that name attributes: "red striped shirt" becomes a colour, a pattern and a kind, without a network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from retrieval.pictures import colours, patterns

_COLOURS = {
    "gray": "grey", "silver": "grey", "violet": "purple", "lilac": "purple", "cream": "beige", "tan": "beige",
    "camel": "beige", "khaki": "green", "olive": "green", "mint": "green", "turquoise": "teal", "gold": "yellow",
    "mustard": "yellow", "maroon": "burgundy", "wine": "burgundy", "scarlet": "red", "rose": "pink", "sky": "blue",
}  # fmt: skip
_PATTERNS = {
    "stripe": "striped", "stripy": "striped", "check": "checked", "checkered": "checked", "plaid": "checked",
    "tartan": "checked", "dot": "dotted", "polka": "dotted", "spotted": "dotted", "flower": "floral",
    "flowery": "floral", "flowered": "floral", "solid": "plain", "unicolour": "plain", "print": "printed",
    "graphic": "printed",
}  # fmt: skip
_KINDS = {
    "tee": "t-shirt", "tshirt": "t-shirt", "trouser": "pants", "jean": "pants", "pant": "pants", "jacket": "outwear",
    "coat": "outwear", "outerwear": "outwear", "parka": "outwear", "sneaker": "shoes", "boot": "shoes",
    "shoe": "shoes", "sandal": "shoes", "jumper": "longsleeve", "sweater": "longsleeve", "pullover": "longsleeve",
    "sweatshirt": "hoodie", "cap": "hat", "beanie": "hat", "tank": "undershirt", "gown": "dress", "short": "shorts",
}  # fmt: skip
_IGNORED = frozenset({"a", "an", "the", "with", "and", "in", "of", "for", "some", "or"})
_NOT = frozenset({"no", "not", "without"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What words ask for; of one attribute any of its values will do, all attributes have to fit.

    `values` are whole attribute values of the catalogue that the words name; `unknown` says which words mean nothing.
    """

    kinds: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing was understood."""
        return not (self.kinds or self.colours or self.patterns or self.values or self.unwanted)


@dataclass
class _Found:
    lists: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in Wanted.__slots__})


def parse(text: str, kinds: Sequence[str], values: Iterable[str] = ()) -> Wanted:
    """Read words; `kinds` are the names that the classifier knows, `values` the catalogue's own attribute values."""
    tokens = re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", text.lower())
    by_kind = {_stem(kind.lower()): kind for kind in kinds}
    by_value = {value.lower(): value for value in values}
    found, place, negated = _Found().lists, 0, False
    while place < len(tokens):
        whole = next(
            (n for n in (3, 2) if " ".join(tokens[place : place + n]) in by_value and place + n <= len(tokens)), 0
        )
        if whole:
            found["unwanted" if negated else "values"].append(by_value[" ".join(tokens[place : place + whole])])
            place, negated = place + whole, False
            continue
        token = tokens[place]
        place += 1
        if token in _NOT:
            negated = True
        elif token not in _IGNORED:
            slot, name = _meaning(token, by_kind, by_value)
            found["unwanted" if negated and slot != "unknown" else slot].append(name)
            negated = False
    return Wanted(**{name: tuple(dict.fromkeys(each)) for name, each in found.items()})


def _meaning(token: str, by_kind: dict[str, str], by_value: dict[str, str]) -> tuple[str, str]:
    stem = _stem(token)
    for name in (token, stem):
        if (colour := _COLOURS.get(name, name)) in colours.names():
            return "colours", colour
        if (pattern := _PATTERNS.get(name, name)) in patterns.NAMES:
            return "patterns", pattern
    kind = by_kind.get(stem) or by_kind.get(_stem(_KINDS.get(stem, stem)))
    if kind:
        return "kinds", kind
    if token in by_value:
        return "values", by_value[token]
    return "unknown", token


def _stem(word: str) -> str:
    """Take the plural off: dresses and dress, shoes and shoe, are one word."""
    for ending, rest in (("sses", "ss"), ("ies", "y")):
        if word.endswith(ending):
            return word[: -len(ending)] + rest
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
