"""What a search from Python gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload


@dataclass(frozen=True, slots=True)
class Hit:
    """One picture that was found: its id in the gallery, its score, what is known of it, and its file if it is one.

    `score` is the cosine similarity, higher is better; of words that were matched with what is written and seen it is a
    fused rank, 0 to 1.
    """

    id: str
    score: float
    attributes: Mapping[str, str]
    path: Path | None = None

    def __str__(self) -> str:
        """Return one line: score, id, attributes."""
        words = ", ".join(f"{name} {value}" for name, value in self.attributes.items())
        return f"{self.score:.3f}  {self.id}" + (f"  ({words})" if words else "")


class Hits(Sequence[Hit]):
    """Ranked hits, best first; `strong` is how many stand out, `notes` what a person should know of the answer."""

    def __init__(self, hits: Sequence[Hit], strong: int, notes: Sequence[str] = ()) -> None:
        """Hold `hits` as they are ranked."""
        self._hits, self.strong, self.notes = tuple(hits), strong, tuple(notes)

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, index: int | slice) -> Hit | tuple[Hit, ...]:
        """Return the hit at a rank from 0, or some of them."""
        return self._hits[index]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._hits)

    def __repr__(self) -> str:
        """Return a table: one numbered line a hit."""
        lines = [f"{rank:>3}  {hit}" for rank, hit in enumerate(self, 1)]
        return "\n".join([f"{len(self)} hits, {self.strong} of them strong", *lines, *self.notes])
