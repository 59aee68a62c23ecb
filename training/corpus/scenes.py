"""Two tables of scenes: the shop's studios and the consumers' rooms, floors and streets."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.corpus.grounds import bed, clothesline, picnic, street, tiles, wooden_floor
from training.corpus.place import Place
from training.corpus.rooms import door, rail, room, sofa
from training.corpus.studios import arch, disc, paper, sweep

Stage = Callable[[np.random.Generator], Place]


@dataclass(frozen=True)
class Scene:
    """A place, how the garment is held there, how far it may turn (degrees), whether things may lie about."""

    stage: Stage
    held: str
    turn: float
    props: bool = False


SHOP = (
    Scene(paper, "flat", 2.5),
    Scene(paper, "ghost", 0.0),
    Scene(sweep, "ghost", 0.0),
    Scene(arch, "hanger", 1.0),
    Scene(disc, "flat", 2.0),
    Scene(paper, "hanger", 0.8),
)
CONSUMER = (
    Scene(wooden_floor, "flat", 25.0, props=True),
    Scene(bed, "flat", 25.0, props=True),
    Scene(door, "hanger", 5.0),
    Scene(street, "form", 4.0),
    Scene(room, "form", 4.0),
    Scene(rail, "hanger", 6.0),
    Scene(tiles, "flat", 25.0, props=True),
    Scene(picnic, "flat", 22.0, props=True),
    Scene(clothesline, "pegs", 6.0),
    Scene(sofa, "flat", 16.0),
    Scene(street, "hanger", 6.0),
)
