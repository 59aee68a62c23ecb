"""Public benchmarks in the layout in which their authors give them out, each with its authors' own protocol.

None of them may be redistributed, so each is read from a folder that a person who has it names.
"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.scoreboard.bench import Bench, Figures, MeasuredSet, ranking
from retrieval.core import AppError, BadPictureError, Box, Item, fingerprint
from retrieval.evaluation import measures
from retrieval.evaluation.consumer_to_shop import consumer_to_shop
from retrieval.evaluation.protocol import EvaluationProtocol
from retrieval.pictures import decoding

ASK = EvaluationProtocol("item", (), {"role": ["query"]}, {"role": ["gallery"]})
FINE = replace(ASK, match="category+main_attribute")
LOOKS = ("real_studio_flat", "aigen_studio", "real_streetlook", "aigen_streetlook")
_RECALL = {"p_at_1": "top-1", "hit_at_10": "top-10", "hit_at_20": "top-20"}


@dataclass
class Listed:
    """A catalogue of pictures that a list names; `read_bytes` returns the file that holds an item."""

    name: str
    items: Sequence[Item]
    read_bytes: Callable[[str], bytes]
    title: str = ""

    def __iter__(self) -> Iterator[Item]:
        """Yield the items in the order of the list."""
        return iter(self.items)

    def fingerprint(self) -> str:
        """Return a digest of every id, stamp, box and attribute."""
        return fingerprint(self)

    def read(self, item_id: str) -> bytes:
        """Return the bytes of the picture that holds the item."""
        try:
            return self.read_bytes(item_id)
        except OSError as error:
            raise BadPictureError(f"{item_id} cannot be read ({error.strerror}).") from None

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        """Return the item decoded, upright, RGB."""
        box = next((item.box for item in self.items if item.id == item_id), None)
        return decoding.decode(self.read(item_id), shorter_side, box)


def in_shop(root: Path) -> Listed:
    """Read DeepFashion's In-shop Clothes Retrieval (Liu et al. 2016): queries and gallery of the test products."""
    boxes = _boxes(root / "Anno" / "list_bbox_inshop.txt")
    rows = _table(root / "Eval" / "list_eval_partition.txt", 3)
    items = [
        Item(name, {"item": item, "role": role}, "", boxes.get(name))
        for name, item, role in rows
        if role in ("query", "gallery")
    ]
    return Listed(f"inshop:{root}", items, lambda name: _picture(root, name))


def to_shop(root: Path) -> Listed:
    """Read DeepFashion's Consumer-to-shop Clothes Retrieval (Liu et al. 2016): the test split's pairs."""
    boxes = _boxes(root / "Anno" / "list_bbox_consumer2shop.txt")
    found: dict[str, Item] = {}
    for consumer, shop, item, split in _table(root / "Eval" / "list_eval_partition.txt", 4):
        if split == "test":
            for name, role in ((consumer, "query"), (shop, "gallery")):
                found[name] = Item(name, {"item": item, "role": role}, "", boxes.get(name))
    return Listed(f"toshop:{root}", list(found.values()), lambda name: _picture(root, name))


def look_bench(root: Path, subset: str) -> Listed:
    """Read one subset of LookBench (Gao et al. 2026, arXiv:2601.14706), its noise in the gallery, from parquet files.

    The files lie as on the Hub: SUBSET/query.parquet, SUBSET/gallery.parquet and noise/*.parquet, below `root` or below
    the folder of a version.
    """
    query, gallery = _parquet(root, subset, "query"), _parquet(root, subset, "gallery")
    noise = sorted(root.rglob("noise/*.parquet"))
    files = [("query", query), ("gallery", gallery), *(("gallery", path) for path in noise)]
    items = []
    for number, (role, path) in enumerate(files):
        for row, each in enumerate(_columns(path, ("category", "main_attribute"))):
            notes = {name: str(value).strip() for name, value in each.items() if value}
            items.append(Item(f"{number}/{row}", {"role": role, **notes}, path.name))

    def read(item_id: str) -> bytes:
        number, _, row = item_id.partition("/")
        return _picture_in(str(files[int(number)][1]), int(row))

    return Listed(f"lookbench:{root}:{subset}", items, read)


def listed(reader: Callable[[Path], Listed], name: str, variable: str) -> Callable[[Bench], Figures]:
    """Return what measures the set that `reader` finds in the folder named by an environment variable."""

    def measure(bench: Bench) -> Figures:
        return ranking(measures.evaluate(bench.collection_of(reader(_root(variable)), name), None, ASK))

    return measure


def deepfashion2(bench: Bench) -> Figures:
    """Consumer-to-shop retrieval on DeepFashion2's validation split, with the true boxes."""
    found = consumer_to_shop(bench.collection(f"deepfashion2:{_root('DEEPFASHION2')}:validation"))
    return {
        "queries": found["queries"], "gallery": found["gallery"], "p_at_1": found["top_1"],
        "hit_at_10": found["top_10"], "hit_at_20": found["top_20"],
    }  # fmt: skip


def looks(bench: Bench) -> Figures:
    """Fine recall@1, the same category and main attribute, over all queries of LookBench's four subsets."""
    root, right, queries = _root("LOOKBENCH"), 0.0, 0
    figures: Figures = {}
    for subset in LOOKS:
        quality = measures.evaluate(bench.collection_of(look_bench(root, subset), f"lookbench-{subset}"), None, FINE)
        figures[subset] = quality.precision[1]
        right, queries = right + quality.precision[1] * quality.queries, queries + quality.queries
    return figures | {"queries": float(queries), "overall": right / queries}


def _root(variable: str) -> Path:
    place = os.environ.get(variable)
    if not place:
        raise AppError(f"Nothing says where this set lies. Set {variable} to its folder.")
    return Path(place).expanduser()


def _table(path: Path, columns: int) -> list[list[str]]:
    """Return the rows of a list whose first line counts them and whose second names the columns."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise AppError(f"{path} cannot be read ({error.strerror}). It belongs to the set as it is given out.") from None
    rows = [line.split() for line in lines[2:] if line.strip()]
    if not rows or any(len(row) != columns for row in rows):
        raise AppError(f"{path} is no list of {columns} columns below two lines of heading.")
    return rows


def _boxes(path: Path) -> dict[str, Box]:
    """Return picture -> box of an annotation whose last four columns are corners; none where there is no such file."""
    if not path.is_file():
        return {}
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()[2:] if line.strip()]
    return {row[0]: (int(row[-4]), int(row[-3]), int(row[-2]), int(row[-1])) for row in rows}


def _picture(root: Path, name: str) -> bytes:
    place = root / "Img" / name
    return (place if place.is_file() else root / name).read_bytes()


def _parquet(root: Path, subset: str, split: str) -> Path:
    found = sorted(root.rglob(f"{subset}/{split}.parquet"))
    if not found:
        raise AppError(f"{root} has no {subset}/{split}.parquet. Fetch srpone/look-bench from the Hub into it.")
    return found[-1]


def _columns(path: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=list(names)).to_pylist()


@functools.lru_cache(2)
def _group(path: str, number: int) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read_row_group(number, columns=["image"]).to_pylist()


@functools.lru_cache(16)
def _group_starts(path: str) -> list[int]:
    import pyarrow.parquet as pq

    facts, starts = pq.ParquetFile(path).metadata, [0]
    for number in range(facts.num_row_groups):
        starts.append(starts[-1] + facts.row_group(number).num_rows)
    return starts


def _picture_in(path: str, row: int) -> bytes:
    """Return the picture in a row of a parquet file; pictures that follow each other are read together."""
    starts = _group_starts(path)
    number = next(n for n in range(len(starts) - 1) if starts[n] <= row < starts[n + 1])
    held = _group(path, number)[row - starts[number]]["image"]
    data = held["bytes"] if isinstance(held, dict) else held
    if not data:
        raise BadPictureError(f"Row {row} of {path} holds no picture.")
    return io.BytesIO(data).getvalue()


SETS = (
    MeasuredSet(
        "deepfashion-inshop", "DeepFashion, In-shop Clothes Retrieval",
        "Liu et al. 2016: test queries among the test gallery, boxes as annotated. Folder: `INSHOP`.",
        _RECALL, listed(in_shop, "inshop", "INSHOP"),
    ),
    MeasuredSet(
        "deepfashion-to-shop", "DeepFashion, Consumer-to-shop Clothes Retrieval",
        "Liu et al. 2016: consumers' test photos among the shops', boxes as annotated. Folder: `CONSUMER_TO_SHOP`.",
        _RECALL, listed(to_shop, "to-shop", "CONSUMER_TO_SHOP"),
    ),
    MeasuredSet(
        "deepfashion2", "DeepFashion2, consumer to shop",
        "Ge et al. 2019 (arXiv:1901.07973): the validation split with true boxes. Folder: `DEEPFASHION2`.",
        _RECALL, deepfashion2,
        published=(("Match R-CNN, trained on it", {"p_at_1": 0.268, "hit_at_10": 0.574, "hit_at_20": 0.665}),),
    ),
    MeasuredSet(
        "lookbench", "LookBench",
        "Gao et al. 2026 (arXiv:2601.14706): fine recall@1, the same category and main attribute, with the noise in "
        "every gallery. Folder: `LOOKBENCH`, as on the Hub (srpone/look-bench).",
        {"overall": "overall", **{subset: subset.replace("_", " ") for subset in LOOKS}}, looks,
        published=(("Marqo FashionSigLIP (ViT-B)", {"overall": 0.638}),),
    ),
)  # fmt: skip
