"""What the nearest neighbours of a point say of its kind: a vote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.core import Hit

NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class Votes:
    """How many of the nearest `of` items are of each category, the most first; ties go to the nearest item's."""

    of: int
    counts: tuple[tuple[str, int], ...]

    @property
    def winner(self) -> str | None:
        """The category with the most votes, or None where no item has one."""
        return self.counts[0][0] if self.counts else None


def category(hit: Hit) -> str:
    """Return what kind of thing an item is: its label, else its category, else nothing."""
    return hit.attributes.get("label") or hit.attributes.get("category", "")


def votes(hits: Sequence[Hit]) -> Votes:
    """Let the nearest NEIGHBOURS of ranked `hits` vote for their category; those without one abstain."""
    nearest = [category(hit) for hit in hits[:NEIGHBOURS]]
    named = [name for name in nearest if name]
    # Counter keeps the order of first sight, and sorting keeps it among equals.
    return Votes(len(nearest), tuple(sorted(Counter(named).items(), key=lambda pair: -pair[1])))
