"""What shoppers call things: names of colours, garments, patterns and fabrics, read from the tables in assets/words."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from retrieval.words.folding import fold, tokens

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "words"
LONGEST = 3
"""The most words that one name in the tables has."""
_COLOURS_WITHIN = {"blue": ("navy",), "red": ("burgundy",)}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name means: `group` is colour, kind, pattern or fabric, `value` the one word for it there.

    `shade` is #rrggbb of a colour that is one shade, such as mint, and empty for a family, such as green. `names` are
    the folded names that mean the same, for text: of a family also the names of its shades.
    """

    group: str
    value: str
    names: tuple[str, ...]
    shade: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of garment as a network may see it: class of the network -> how much of it counts.

    `part` is where it is worn (upper, lower, whole, feet, head), `sleeves` how long its sleeves or legs are (long,
    short, none), `reach` whether it ends at the chest (short) or the waist (full), each empty where it may be either.
    `includes` are kinds that are cases of it.
    """

    classes: Mapping[str, float]
    part: str
    sleeves: str
    reach: str = ""
    includes: tuple[str, ...] = ()


@cache
def meanings() -> dict[str, Meaning]:
    """Return squeezed name -> what it means; a garment goes before a colour of the same name, and so on."""
    found: dict[str, Meaning] = {}
    for group, file in (("kind", "garments"), ("colour", "colours"), ("pattern", "patterns"), ("fabric", "fabrics")):
        rows = _rows(file)
        value_column = list(rows[0])[-1]
        names: defaultdict[str, list[str]] = defaultdict(list)
        for row in rows:
            names[row[value_column]].append(fold(row["name"]))
        for row in rows:
            value = row[value_column]
            single = group == "colour" and row["name"] not in (value, "gray")
            mine = (fold(row["name"]),) if single else tuple(names[value])
            found.setdefault(squeezed(row["name"]), Meaning(group, value, mine, row["shade"] if single else ""))
    return found


@cache
def kinds() -> dict[str, Kind]:
    """Return kind -> how a network may see it, for the kinds that can be seen."""
    found = {}
    for row in _rows("kinds"):
        classes = {name: float(share) for name, _, share in (each.rpartition(":") for each in row["classes"].split())}
        within = tuple(filter(None, row["includes"].split(";")))
        found[row["kind"]] = Kind(classes, row["part"], row["sleeves"], row["reach"], within)
    return found


def meaning(words: Sequence[str]) -> Meaning | None:
    """Return what folded words mean together, in the singular or the plural; None for what no table has."""
    known = meanings()
    together = "".join(words)
    found = known.get(together)
    if found is None and together.endswith("s"):
        return next((known[name] for name in singular(together) if name in known), None)
    return found


def includes(known: Meaning) -> tuple[str, ...]:
    """Return the values of the same group that are cases of this one: jeans are pants, navy is blue."""
    if known.group == "colour":
        return () if known.shade else _COLOURS_WITHIN.get(known.value, ())
    return kinds()[known.value].includes if known.group == "kind" and known.value in kinds() else ()


def singular(word: str) -> tuple[str, ...]:
    """Return what `word` may be the plural of."""
    if word.endswith("ies"):
        return (word[:-3] + "y", word[:-1])
    if word.endswith(("sses", "shes", "ches", "xes")):
        return (word[:-2],)
    return (word[:-1],) if word.endswith("s") and not word.endswith("ss") else ()


def squeezed(name: str) -> str:
    """Return a name folded, without spaces and hyphens: `T-Shirt` and `tee shirt` are one word each."""
    return "".join(tokens(fold(name)))


def _rows(file: str) -> list[dict[str, str]]:
    with (FOLDER / f"{file}.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))
