"""The cutting room of the drawn corpus: the fits, necklines, sleeves and skirts a garment can be made of."""

from dataclasses import dataclass, field

CATEGORIES = (
    "short sleeve top",
    "long sleeve top",
    "short sleeve outwear",
    "long sleeve outwear",
    "vest",
    "sling",
    "shorts",
    "trousers",
    "skirt",
    "short sleeve dress",
    "long sleeve dress",
    "vest dress",
    "sling dress",
)


@dataclass(frozen=True)
class Fit:
    """Half widths of a torso in centimetres and where the underarm sits."""

    shoulder: float
    chest: float
    waist: float
    hem: float
    underarm: float


FITS = {
    "slim": Fit(17.8, 21.5, 18.8, 21.5, 20.5),
    "regular": Fit(19.5, 24.0, 22.4, 24.4, 22.0),
    "boxy": Fit(21.5, 26.0, 25.6, 26.2, 23.5),
    "loose": Fit(25.0, 29.5, 29.2, 28.8, 26.5),
    "shell": Fit(17.5, 22.6, 20.8, 23.4, 22.5),
    "tank": Fit(13.4, 21.6, 20.0, 22.6, 23.5),
    "racer": Fit(10.8, 21.4, 19.6, 22.0, 24.5),
    "muscle": Fit(19.0, 25.0, 24.2, 25.0, 25.5),
    "strappy": Fit(12.0, 20.4, 18.6, 22.4, 22.5),
    "bodice": Fit(17.8, 21.6, 16.6, 16.6, 21.0),
    "tank bodice": Fit(13.6, 20.8, 16.4, 16.4, 22.5),
    "strappy bodice": Fit(11.6, 19.6, 16.2, 16.2, 22.0),
}


@dataclass(frozen=True)
class Neck:
    """A neckline: half width, depth, and the word a user filters on."""

    width: float
    depth: float
    word: str


NECKS = {
    "crew": Neck(8.6, 8.4, "crew neck"),
    "henley": Neck(8.6, 8.4, "henley"),
    "v": Neck(8.8, 19.0, "V-neck"),
    "deep v": Neck(9.0, 26.0, "V-neck"),
    "scoop": Neck(10.6, 15.0, "scoop neck"),
    "boat": Neck(13.4, 5.0, "boat neck"),
    "square": Neck(10.8, 13.5, "square neck"),
    "roll": Neck(7.4, 3.4, "roll neck"),
    "mock": Neck(7.4, 3.4, "mock neck"),
    "shirt": Neck(7.6, 8.6, "shirt collar"),
    "polo": Neck(7.6, 8.6, "polo collar"),
    "band": Neck(7.4, 7.6, "band collar"),
    "round collar": Neck(7.8, 7.4, "round collar"),
    "bow": Neck(7.6, 9.0, "bow neck"),
    "wrap": Neck(8.8, 25.0, "wrap"),
    "lapel": Neck(8.0, 30.0, "lapel"),
    "hood": Neck(8.6, 9.0, "hood"),
    "keyhole": Neck(9.0, 7.6, "keyhole"),
    "straight": Neck(11.5, 17.0, "straight neck"),
    "sweetheart": Neck(11.5, 17.5, "sweetheart neck"),
    "strappy v": Neck(10.6, 23.0, "V-neck"),
    "cowl": Neck(10.4, 20.5, "cowl neck"),
    "halter": Neck(6.6, 13.0, "halter neck"),
    "strappy square": Neck(11.6, 17.0, "square neck"),
}


@dataclass(frozen=True)
class Sleeve:
    """A sleeve: degrees out from straight down, length, widths at a third, two thirds and the end, its finish."""

    angle: float
    length: float
    widths: tuple[float, float, float]
    finish: str = "hem"
    puff: float = 0.0


SLEEVES = {
    "cap": Sleeve(52, 9.5, (14, 12.5, 11.5)),
    "short": Sleeve(40, 20, (18, 17, 16)),
    "rolled": Sleeve(38, 17, (18, 17.2, 16.6), "roll"),
    "ringer": Sleeve(40, 20, (18, 17, 16), "band"),
    "elbow": Sleeve(34, 27, (20, 19.6, 19)),
    "flutter": Sleeve(46, 18, (19, 23, 29), "wave"),
    "puff": Sleeve(44, 17, (23, 23, 15), "gather", 3.0),
    "polo": Sleeve(38, 19, (17.4, 16.2, 14.8), "rib"),
    "long": Sleeve(14, 58, (16, 13.2, 10.2)),
    "slim long": Sleeve(13, 58, (14, 11.2, 8.4)),
    "ribbed long": Sleeve(14, 54, (17, 14.6, 11.6), "rib"),
    "shirt long": Sleeve(14, 53, (17, 15, 12.6), "cuff"),
    "bishop": Sleeve(16, 53, (18, 20, 21), "gather cuff"),
    "balloon": Sleeve(18, 50, (22, 25, 23), "gather rib", 1.5),
    "bell": Sleeve(16, 54, (15, 15.5, 25), "wave"),
    "coat": Sleeve(13, 59, (18.5, 16, 14), "vent"),
    "leg-of-mutton": Sleeve(14, 56, (21, 12, 8.6), "hem", 3.2),
}


@dataclass(frozen=True)
class Skirt:
    """A skirt: its kind, half width at the hem, depth of the hem's waves, number of folds."""

    kind: str
    hem: float
    wave: float = 0.0
    folds: int = 4


SKIRTS = {
    "a-line": Skirt("flare", 33, 0.5, 5),
    "full": Skirt("flare", 43, 1.7, 8),
    "circle": Skirt("flare", 50, 2.3, 9),
    "pencil": Skirt("pencil", 21.5, 0.0, 2),
    "straight": Skirt("pencil", 26.0, 0.0, 3),
    "tulip": Skirt("wrap", 25.0, 0.0, 3),
    "wrap": Skirt("wrap", 32.0, 0.6, 4),
    "pleated": Skirt("pleats", 37, 0.0, 11),
    "kilt": Skirt("pleats", 32, 0.0, 9),
    "tiered": Skirt("tiers", 40, 1.0, 8),
    "bias": Skirt("flare", 29, 0.8, 3),
    "trumpet": Skirt("trumpet", 34, 1.9, 6),
    "high-low": Skirt("high-low", 36, 1.2, 6),
    "frilled": Skirt("frill", 29, 0.8, 4),
    "buttoned": Skirt("buttoned", 31, 0.3, 4),
}


@dataclass(frozen=True)
class Cut:
    """One cut: what the pattern maker needs to know, and what it is sold in: "colour/print" or "colour/print/inks"."""

    category: int
    neck: str = "crew"
    fit: str = "regular"
    length: float = 62.0
    sleeve: str = ""
    hem: str = "straight"
    front: str = ""
    pockets: str = ""
    extras: tuple[str, ...] = ()
    skirt: str = ""
    legs: str = ""
    sold: str = field(default="", kw_only=True)
