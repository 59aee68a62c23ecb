"""Which column of a table names the pictures: the one whose cells name pictures that are there, else by its name."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from retrieval.catalogs.local.tables import names
from retrieval.catalogs.local.tables.reading import Row
from retrieval.pictures import formats

SAMPLE = 200
_DEEPEST = 6
_TELLING = (
    "filename file imagefile imagefilename imagename image imagepath filepath path img imgname imgpath imgfile picture "
    "picturename photo photoname photofile relativepath imageid"
).split()
"""Names of columns that say by themselves that they are of pictures, without spaces and marks; then those that may."""
_BY_NAME = [
    *_TELLING,
    *"imgid pictureid photoid id productid sku itemid articleid imageurl imagelink imgurl link url".split(),
]


@dataclass(frozen=True, slots=True)
class Naming:
    """How a table names pictures: in `column`, below `depth` folders that are not of this catalogue."""

    column: str
    depth: int = 0


def naming(columns: Sequence[str], sample: Sequence[Row], pictures: Set[str]) -> Naming | None:
    """Return how a table names pictures, None where it does not; `pictures` are keys of some that are there.

    The column with the most cells that name one counts, of equal ones that whose own name is of pictures. Where none
    does, a column that is called so and whose cells have a picture's suffix.
    """
    best, most = None, (0, 0)
    for column in columns:
        cells = {names.key(names.plain(row[column])) for row in sample if row.get(column)} - {""}
        for depth in range(_DEEPEST):
            hits = len(pictures & {names.below(cell, depth) for cell in cells})
            if (hits, -_rank(column)) > most:
                best, most = Naming(column, depth), (hits, -_rank(column))
            if not any(cell.count("/") > depth for cell in cells):
                break
    if best and most[0]:
        return best
    called = [column for column in columns if _rank(column) < len(_TELLING)]
    named = [c for c in called if any(formats.is_named_like_a_picture(row.get(c, "")) for row in sample)]
    return Naming(min(named or called, key=_rank)) if named or (called and not pictures) else None


def _rank(column: str) -> int:
    squeezed = "".join(filter(str.isalnum, column.casefold()))
    return _BY_NAME.index(squeezed) if squeezed in _BY_NAME else len(_BY_NAME)
