"""Makes each garment of the corpus: its cut, its cloth, its attributes and its painted sprite."""

from dataclasses import dataclass

import numpy as np

from training.corpus.cuts import CATEGORIES, NECKS, Cut
from training.corpus.cutting_book import cuts
from training.corpus.fabric import Cloth, Drawing, Sprite, lining_of, painted, solid, swatch
from training.corpus.lowers import draw_bottom
from training.corpus.prints import COLOURS, PRINTS, Colour, is_dark, mixed, plain, rgb, ribs
from training.corpus.uppers import Pose, draw_upper

LEATHERS = ((122, 82, 54), (58, 44, 40), (176, 132, 88))
HORN: Colour = (86, 66, 54)
PEARL: Colour = (240, 234, 224)


@dataclass(frozen=True)
class Garment:
    """One garment: its number, cut, colour, print and inks."""

    number: int
    cut: Cut
    colour: str
    print_name: str
    inks: tuple[str, ...]

    @property
    def category_name(self) -> str:
        """DeepFashion2's name of its category."""
        return CATEGORIES[self.cut.category - 1]

    def attributes(self) -> dict[str, str]:
        """Return what a user would filter on: colour, pattern and, where they apply, neckline and length."""
        found = {"colour": COLOURS[self.colour][0], "pattern": PRINTS[self.print_name].pattern}
        if "sunset" in self.cut.extras:
            found["pattern"] = "graphic"
        elif "chest stripes" in self.cut.extras:
            found["pattern"] = "striped"
        if self.cut.category not in (7, 8, 9):
            found["neckline"] = NECKS[self.cut.neck].word
        if length := length_word(self.cut):
            found["length"] = length
        return found


def length_word(cut: Cut) -> str:
    """Return the word for a garment's length, or nothing where nobody would ask."""
    bands = {
        "top": ((50, "cropped"), (66, "regular"), (999, "long")),
        "shorts": ((33.5, "short"), (40, "mid-thigh"), (999, "knee-length")),
        "trousers": ((999, "full-length"),),
        "skirt": ((48, "mini"), (64, "knee-length"), (79, "midi"), (999, "maxi")),
        "dress": ((91, "mini"), (99, "knee-length"), (111, "midi"), (999, "maxi")),
    }
    kind = {7: "shorts", 8: "trousers", 9: "skirt"}.get(cut.category, "dress" if cut.category > 9 else "top")
    return next(word for limit, word in bands[kind] if cut.length <= limit)


def garments() -> list[Garment]:
    """Return every garment of the cutting book, one for each colour and print a cut is sold in."""
    found: list[Garment] = []
    for cut in cuts():
        for sold in cut.sold.split(", "):
            colour, print_name, *inks = sold.split("/")
            chosen = inks[0].split() if inks else COLOURS[colour][2].split()[:3]
            found.append(Garment(len(found), cut, colour, print_name, tuple(chosen)))
    return found


def wardrobe(garment: Garment, rng: np.random.Generator) -> dict[str, Cloth]:
    """Return the cloths a garment is made of."""
    ground = rgb(garment.colour)
    inks = [rgb(name) for name in garment.inks]
    accents = [rgb(name) for name in COLOURS[garment.colour][2].split()]
    scale = 1.0 if garment.cut.category < 7 else 1.35
    if garment.cut.category == 7:
        scale = 0.8
    row = PRINTS[garment.print_name]
    glossy = garment.cut.neck in ("cowl", "strappy v", "bow") or garment.cut.skirt == "bias"
    main = swatch(row.make(ground, inks, rng, scale), ground, 0.9 if glossy else 0.45)
    button = PEARL if is_dark(ground) or garment.cut.category < 3 else HORN
    if garment.print_name == "denim":
        button = (176, 142, 98)
    thread = {"thread": solid((214, 160, 92))} if garment.print_name == "denim" and garment.colour != "ecru" else {}
    return {
        **thread,
        "main": main,
        "trim": swatch(ribs(ground, [], rng, scale), ground, 0.3)
        if row.pattern in ("knitted", "plain", "ribbed")
        else solid(ground, 0.3),
        "lining": lining_of(ground),
        "reverse": swatch(
            plain(mixed(ground, (255, 255, 255), 0.45), [], rng, 1.0), mixed(ground, (255, 255, 255), 0.45)
        ),
        "contrast": solid(accents[0]),
        "accent": solid(accents[1 % len(accents)]),
        "lace": solid(mixed(ground, (255, 255, 255), 0.22), 0.2),
        "label": solid((244, 240, 232), 0.1),
        "button": solid(button, 0.6),
        "metal": solid((190, 180, 160), 0.9),
        "leather": solid(LEATHERS[garment.number % 3], 0.7),
        "cord": solid((244, 240, 232) if ground != rgb("white") else (70, 70, 78), 0.3),
    }


def sprite_of(garment: Garment, pose: Pose, folds_seed: int, print_seed: int, room: tuple[float, float]) -> Sprite:
    """Paint a garment; the print seed is the garment's own, the pose and the folds are the picture's."""
    cloths = wardrobe(garment, np.random.default_rng(print_seed))
    drawing, rng = Drawing(), np.random.default_rng(folds_seed)
    if garment.cut.category in (7, 8, 9):
        draw_bottom(drawing, garment.cut, rng)
    else:
        draw_upper(drawing, garment.cut, pose, rng)
    return painted(drawing, cloths, room)
