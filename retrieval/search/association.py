"""Which attributes of a catalogue go with a question: those that its neighbours have oftener than the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrieval.core import Attributes
from retrieval.evaluation.intervals import wilson

LEAST_COUNT = 3
LEAST_LIFT = 1.5


@dataclass(frozen=True, slots=True)
class Association:
    """One attribute value: `near` of `neighbours` have it, `all` of `pictures` do; `lift` is how much oftener."""

    attribute: str
    value: str
    near: int
    neighbours: int
    all: int
    pictures: int

    @property
    def lift(self) -> float:
        """The share among the neighbours over the share in the catalogue."""
        return (self.near / self.neighbours) / (self.all / self.pictures)


def associated(near: Sequence[Attributes], counts: Mapping[str, Mapping[str, int]], pictures: int) -> list[Association]:
    """Return what goes with a question whose neighbours have the attributes `near`, the commonest among them first.

    `counts` holds attribute -> value -> count over the whole catalogue. A value counts when LEAST_COUNT neighbours have
    it and even the low end of the 95 % interval of their share (Wilson) is above the catalogue's; of an attribute only
    the value with the most neighbours is told. Lift is that of association rules (Brin et al., 1997).
    """
    found: dict[str, Association] = {}
    for name, values in counts.items():
        for value, count in Counter(each[name] for each in near if name in each).most_common():
            each = Association(name, value, count, len(near), values.get(value, 0), pictures)
            if count < LEAST_COUNT or not each.all or each.lift < LEAST_LIFT or name in found:
                continue
            if wilson(count, len(near)).low > each.all / pictures:
                found[name] = each
    return sorted(found.values(), key=lambda each: (-each.near, -each.lift))
