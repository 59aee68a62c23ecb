"""The cutting book of the drawn corpus: what a garment can be made of, and the table of every cut, category by category."""

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
    """One cut: what the pattern maker needs to know, and the prints and colours it is sold in."""

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
    sold: tuple[str, ...] = field(default=(), kw_only=True)


def cuts() -> list[Cut]:
    """Return the whole cutting book in category order."""
    return [*TOPS, *OUTWEAR, *SLEEVELESS, *BOTTOMS, *DRESSES]


# Each `sold` entry is "colour/print" or "colour/print/inks": one garment of the corpus.
TOPS = [
    Cut(1, "crew", "regular", 62, "short", sold=("white/plain", "navy/breton/white", "tomato/plain")),
    Cut(1, "crew", "boxy", 60, "rolled", pockets="chest", sold=("sage/plain", "mustard/breton/white", "charcoal/plain")),
    Cut(1, "crew", "loose", 66, "elbow", extras=("sunset",), sold=("ecru/plain", "ink/plain")),
    Cut(1, "crew", "regular", 62, "ringer", extras=("chest stripes",), sold=("butter/plain", "sky/plain")),
    Cut(1, "v", "slim", 60, "short", sold=("lilac/plain", "burgundy/pin dot")),
    Cut(1, "scoop", "slim", 58, "cap", hem="knot", sold=("rose/plain", "white/hearts/tomato")),
    Cut(1, "polo", "regular", 63, "polo", front="polo", sold=("emerald/plain", "white/multi stripe/cornflower tomato")),
    Cut(1, "shirt", "boxy", 61, "rolled", front="buttons", pockets="chest", sold=("teal/leaf/mint ecru", "sky/pinstripe")),
    Cut(1, "square", "slim", 46, "puff", hem="frill", sold=("blush/ditsy floral", "cornflower/gingham/white")),
    Cut(1, "boat", "slim", 58, "flutter", sold=("terracotta/polka dot/ecru", "plum/plain")),
    Cut(2, "crew", "regular", 62, "long", sold=("white/breton/navy", "forest/plain", "rose/plain")),
    Cut(2, "crew", "loose", 60, "ribbed long", hem="rib", extras=("rib neck",), sold=("dove/plain", "apricot/plain", "cobalt/plain")),
    Cut(2, "roll", "slim", 60, "slim long", sold=("ink/rib knit", "camel/rib knit", "burgundy/rib knit")),
    Cut(2, "crew", "boxy", 58, "balloon", hem="rib", extras=("rib neck",), sold=("ecru/cable knit", "sage/knit", "lilac/knit")),
    Cut(2, "hood", "loose", 62, "ribbed long", hem="rib", pockets="kangaroo", sold=("slate/plain", "mustard/plain")),
    Cut(2, "shirt", "regular", 70, "shirt long", "curved", "buttons", "chest", sold=("white/plain", "sky/deckchair stripe/white", "tomato/tartan/ink navy butter")),
    Cut(2, "bow", "regular", 62, "bishop", front="hidden", sold=("blush/plain", "navy/polka dot/white")),
    Cut(2, "v", "regular", 60, "bell", hem="frill", sold=("terracotta/sprig/ecru butter", "white/large floral/rose apricot cornflower")),
]

OUTWEAR = [
    Cut(3, "shirt", "boxy", 64, "elbow", front="open", pockets="chest", sold=("white/cut-outs/cobalt tomato mustard", "forest/leaf/sage mint", "ecru/deckchair stripe/terracotta")),
    Cut(3, "lapel", "regular", 62, "elbow", front="blazer", pockets="flap", sold=("camel/plain", "blush/plain", "navy/pinstripe/white")),
    Cut(3, "v", "slim", 50, "short", hem="rib", front="cardigan", extras=("rib neck",), sold=("butter/knit", "rose/knit", "mint/rib knit")),
    Cut(3, "crew", "boxy", 48, "elbow", front="cardigan", pockets="patch", extras=("fringe", "braid"), sold=("white/tartan/rose sky butter", "lilac/windowpane/white")),
    Cut(3, "shirt", "boxy", 54, "rolled", front="jacket", pockets="flap", extras=("yoke",), sold=("cornflower/denim", "olive/plain", "ecru/plain")),
    Cut(3, "wrap", "loose", 72, "elbow", front="kimono", extras=("belt",), sold=("teal/large floral/apricot ecru rose", "ink/large floral/tomato butter blush")),
    Cut(3, "hood", "loose", 64, "elbow", front="zip", pockets="welt", sold=("mustard/plain", "slate/plain", "tomato/plain")),
    Cut(4, "lapel", "regular", 70, "coat", front="blazer", pockets="flap", sold=("ink/plain", "camel/windowpane/ecru", "forest/plain")),
    Cut(4, "lapel", "regular", 104, "coat", front="double", pockets="flap", extras=("belt", "storm flap"), sold=("sand/plain", "navy/plain")),
    Cut(4, "shirt", "boxy", 58, "shirt long", front="jacket", pockets="flap", extras=("yoke",), sold=("cornflower/denim", "navy/denim", "ecru/plain")),
    Cut(4, "crew", "boxy", 60, "ribbed long", hem="rib", front="zip", pockets="welt", extras=("rib neck",), sold=("olive/plain", "burgundy/plain", "blush/plain")),
    Cut(4, "deep v", "loose", 76, "ribbed long", hem="rib", front="cardigan", pockets="patch", extras=("rib neck",), sold=("dove/cable knit", "rust/knit", "teal/knit")),
    Cut(4, "mock", "loose", 64, "ribbed long", hem="rib", front="puffer", pockets="welt", sold=("tomato/plain", "sky/plain")),
    Cut(4, "hood", "loose", 84, "coat", front="zip", pockets="flap", extras=("drawcord",), sold=("mustard/plain", "sage/plain")),
    Cut(4, "lapel", "boxy", 56, "coat", front="biker", pockets="welt", sold=("ink/plain", "cocoa/plain")),
]

SLEEVELESS = [
    Cut(5, "scoop", "tank", 60, sold=("white/plain", "tomato/breton/white", "olive/plain")),
    Cut(5, "crew", "racer", 58, extras=("binding",), sold=("cobalt/plain", "dove/stars/ink")),
    Cut(5, "crew", "muscle", 62, extras=("sunset",), sold=("ecru/plain", "charcoal/plain")),
    Cut(5, "v", "shell", 60, hem="rib", extras=("rib neck", "rib arms"), sold=("camel/cable knit", "navy/knit", "mint/cable knit")),
    Cut(5, "mock", "shell", 58, sold=("forest/rib knit", "blush/pin dot", "mustard/plain")),
    Cut(5, "v", "shell", 54, hem="points", front="waistcoat", pockets="welt", sold=("slate/pinstripe/white", "sand/plain", "burgundy/windowpane")),
    Cut(5, "shirt", "shell", 60, "", "curved", "buttons", sold=("sky/gingham/white", "white/ditsy floral/cornflower rose")),
    Cut(5, "square", "tank", 44, front="hidden", hem="frill", sold=("apricot/plain", "lilac/gingham/white")),
    Cut(6, "straight", "strappy", 56, sold=("ink/plain", "blush/plain", "emerald/plain")),
    Cut(6, "strappy v", "strappy", 58, extras=("lace",), sold=("ecru/plain", "plum/plain", "navy/plain")),
    Cut(6, "cowl", "strappy", 58, sold=("camel/plain", "teal/plain", "rose/plain")),
    Cut(6, "sweetheart", "strappy", 46, extras=("bust seams",), hem="points", sold=("white/ditsy floral/rose cornflower", "tomato/polka dot/white", "cornflower/denim")),
    Cut(6, "strappy square", "strappy", 44, extras=("smocking", "shoulder bows"), hem="frill", sold=("butter/gingham/white", "mint/plain", "terracotta/ditsy floral")),
    Cut(6, "halter", "strappy", 56, sold=("mustard/leaf/white olive", "ink/pin dot/white")),
    Cut(6, "strappy v", "strappy", 60, hem="peplum", extras=("shoulder bows",), sold=("lilac/sprig/white plum", "sage/plain", "white/deckchair stripe/navy")),
]

BOTTOMS = [
    Cut(7, legs="short", length=34, pockets="slant", front="fly", extras=("crease",), sold=("sand/plain", "navy/plain", "rust/plain")),
    Cut(7, legs="short", length=30, pockets="jeans", front="fly", extras=("turn-up",), sold=("cornflower/denim", "sky/denim", "ink/denim")),
    Cut(7, legs="wide short", length=36, pockets="slant", extras=("pleats", "belt"), sold=("ecru/plain", "olive/plain", "terracotta/plain")),
    Cut(7, legs="sport short", length=32, front="drawcord", extras=("side stripe",), sold=("tomato/plain", "cobalt/plain", "dove/plain")),
    Cut(7, legs="sport short", length=36, front="drawcord", pockets="slant", sold=("white/leaf/forest sage", "teal/cut-outs/mint apricot", "blush/deckchair stripe/white")),
    Cut(7, legs="bermuda", length=50, pockets="slant", front="fly", extras=("crease",), sold=("slate/windowpane/white", "camel/plain")),
    Cut(7, legs="wide short", length=33, extras=("paperbag", "sash"), sold=("sage/plain", "rose/gingham/white", "mustard/polka dot/white")),
    Cut(8, legs="straight", length=104, pockets="jeans", front="fly", sold=("cornflower/denim", "navy/denim", "ecru/denim")),
    Cut(8, legs="slim", length=100, pockets="slant", front="fly", extras=("crease",), sold=("ink/plain", "camel/plain", "dove/tartan/charcoal white slate")),
    Cut(8, legs="wide", length=106, pockets="slant", front="fly", extras=("pleats", "crease"), sold=("sand/plain", "forest/plain", "navy/pinstripe/white")),
    Cut(8, legs="flare", length=106, pockets="jeans", front="fly", sold=("sky/denim", "rust/plain", "plum/plain")),
    Cut(8, legs="cargo", length=102, pockets="cargo", front="drawcord", sold=("olive/plain", "charcoal/plain")),
    Cut(8, legs="jogger", length=98, front="drawcord", pockets="slant", extras=("side stripe",), sold=("dove/plain", "burgundy/plain")),
    Cut(8, legs="palazzo", length=106, extras=("sash", "paperbag"), sold=("terracotta/sprig/ecru butter", "white/wide stripe/navy", "teal/plain")),
    Cut(9, skirt="a-line", length=46, front="buttons", pockets="jeans", sold=("cornflower/denim", "camel/plain")),
    Cut(9, skirt="pencil", length=62, extras=("slit",), sold=("ink/plain", "burgundy/plain", "slate/windowpane/white")),
    Cut(9, skirt="pleated", length=74, sold=("emerald/plain", "blush/plain", "mustard/plain")),
    Cut(9, skirt="kilt", length=42, sold=("tomato/tartan/ink navy butter", "forest/tartan/navy ink mustard")),
    Cut(9, skirt="tiered", length=82, sold=("white/plain", "terracotta/ditsy floral", "navy/ditsy floral/white sky")),
    Cut(9, skirt="full", length=62, extras=("sash",), sold=("cobalt/polka dot/white", "butter/large gingham/white", "ink/large floral/rose butter sky")),
    Cut(9, skirt="wrap", length=70, sold=("olive/leaf/ecru sage", "rose/plain")),
    Cut(9, skirt="bias", length=76, sold=("dove/plain", "sand/leopard/ink")),
]

DRESSES = [
    Cut(10, "crew", "regular", 92, "short", sold=("white/breton/navy", "sage/plain", "ink/plain")),
    Cut(10, "v", "bodice", 104, "flutter", skirt="wrap", front="wrap", extras=("sash",), sold=("tomato/ditsy floral/white butter", "forest/polka dot/white", "cornflower/sprig/white butter")),
    Cut(10, "shirt", "bodice", 104, "rolled", skirt="buttoned", front="buttons", extras=("belt",), sold=("sand/plain", "sky/deckchair stripe/white", "olive/plain")),
    Cut(10, "square", "bodice", 88, "puff", skirt="full", sold=("blush/gingham/white", "butter/ditsy floral/tomato white", "navy/plain")),
    Cut(10, "crew", "bodice", 112, "puff", skirt="tiered", sold=("lilac/plain", "terracotta/large floral/ecru butter blush")),
    Cut(10, "polo", "regular", 88, "polo", front="polo", sold=("burgundy/plain", "cobalt/multi stripe/white sky")),
    Cut(10, "boat", "bodice", 96, "cap", skirt="pencil", extras=("belt",), sold=("teal/plain", "rose/plain")),
    Cut(11, "roll", "slim", 106, "slim long", sold=("charcoal/rib knit", "rust/rib knit", "ecru/rib knit")),
    Cut(11, "wrap", "bodice", 110, "bishop", skirt="wrap", front="wrap", extras=("sash",), sold=("emerald/plain", "ink/ditsy floral/rose butter white", "rose/sprig/white burgundy")),
    Cut(11, "shirt", "bodice", 114, "shirt long", skirt="buttoned", front="buttons", extras=("belt",), sold=("white/tartan/navy sky tomato", "cornflower/denim", "rust/plain")),
    Cut(11, "round collar", "bodice", 88, "bishop", skirt="a-line", front="hidden", sold=("burgundy/plain", "navy/pin dot/white", "sage/gingham/white")),
    Cut(11, "v", "bodice", 118, "balloon", skirt="tiered", sold=("mustard/large floral/white terracotta ink", "white/plain")),
    Cut(11, "square", "bodice", 92, "leg-of-mutton", skirt="a-line", sold=("ink/plain", "plum/plain")),
    Cut(11, "crew", "loose", 88, "ribbed long", hem="rib", extras=("rib neck",), sold=("dove/plain", "teal/cable knit")),
    Cut(12, "crew", "shell", 88, sold=("white/cut-outs/cobalt mustard tomato", "tomato/plain", "charcoal/windowpane/white")),
    Cut(12, "boat", "tank bodice", 92, skirt="full", extras=("sash",), sold=("navy/polka dot/white", "mint/large floral/rose white butter", "rose/plain")),
    Cut(12, "v", "tank bodice", 112, skirt="pleated", extras=("belt",), sold=("sky/plain", "terracotta/plain")),
    Cut(12, "scoop", "tank", 112, sold=("dove/plain", "olive/rib knit", "ecru/breton/navy")),
    Cut(12, "square", "shell", 90, front="pinafore", pockets="patch", sold=("cornflower/denim", "camel/plain", "forest/tartan/navy mustard tomato")),
    Cut(12, "band", "tank bodice", 108, skirt="tiered", front="buttons", sold=("butter/plain", "white/sprig/forest sage")),
    Cut(12, "mock", "shell", 86, sold=("ink/plain", "burgundy/rib knit", "lilac/pin dot")),
    Cut(13, "strappy v", "strappy", 112, extras=("lace",), sold=("camel/plain", "emerald/plain", "ink/plain")),
    Cut(13, "straight", "strappy bodice", 96, skirt="full", sold=("tomato/plain", "white/large floral/tomato cornflower butter", "sky/large gingham/white")),
    Cut(13, "sweetheart", "strappy bodice", 90, skirt="a-line", extras=("bust seams",), sold=("navy/ditsy floral/white rose", "blush/polka dot/burgundy", "cobalt/plain")),
    Cut(13, "strappy square", "strappy bodice", 116, skirt="tiered", extras=("shoulder bows", "smocking"), sold=("sage/plain", "apricot/ditsy floral", "white/plain")),
    Cut(13, "cowl", "strappy", 108, sold=("plum/plain", "mint/plain", "sand/leopard/ink")),
    Cut(13, "halter", "strappy bodice", 114, skirt="circle", extras=("sash",), sold=("mustard/plain", "teal/leaf/mint ecru")),
    Cut(13, "strappy v", "strappy bodice", 108, skirt="wrap", front="wrap", extras=("sash",), sold=("rust/sprig/ecru apricot", "lilac/tie-dye/plum")),
]
