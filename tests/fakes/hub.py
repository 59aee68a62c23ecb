"""Data sets on this machine in the layouts of the library's and of the Hub client's own caches."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
from datasets import ClassLabel, Dataset, Features, Image, Value, config, load_dataset

from tests.conftest import jpeg

COMMIT = "c" * 40
KINDS = ["Dress", "Hat", "Shoe"]


def rows(count: int, first: int = 0, names: bool = True) -> Dataset:
    """Return `count` rows: two pictures, a class, a short and a long string, a number, a truth."""
    features = Features(
        {"number": Value("int64"), "title": Value("string"), "story": Value("string"), "photo": Image(),
         "mask": Image(), "kind": ClassLabel(names=KINDS), "new": Value("bool")}
    )  # fmt: skip
    numbers = range(first, first + count)
    return Dataset.from_dict(
        {
            "number": list(numbers),
            "title": [f"no {n % 5}" for n in numbers],
            "story": [f"Once upon a time there was garment {n}. " * 5 for n in numbers],
            "photo": [{"bytes": jpeg(n), "path": f"{n:04}.jpg" if names else None} for n in numbers],
            "mask": [{"bytes": jpeg(n + 5000), "path": None} for n in numbers],
            "kind": [n % 4 if n % 4 < 3 else -1 for n in numbers],
            "new": [n % 2 == 0 for n in numbers],
        },
        features=features,
    )


def write_repo(folder: Path, **splits: Dataset) -> Path:
    """Write splits as Parquet files in two parts each, as the Hub has them."""
    (folder / "data").mkdir(parents=True)
    for split, data in splits.items():
        middle = len(data) // 2
        for number, part in enumerate((data.select(range(middle)), data.select(range(middle, len(data))))):
            table = part.with_format("arrow")[:].replace_schema_metadata(part.features.arrow_schema.metadata)
            # Not to_parquet: it would put the content of a file that a cell names into the cell.
            parquet.write_table(table, folder / "data" / f"{split}-0000{number}-of-00002.parquet")
    return folder


def into_library_cache(repo: str, scratch: Path, **splits: Dataset) -> Path:
    """Let the library itself make its cache of Arrow files, under the name `repo`; return the cached folder."""
    owner, _, name = repo.partition("/")
    load_dataset(str(write_repo(scratch / name, **splits)))
    cache = Path(config.HF_DATASETS_CACHE)
    target = cache / f"{owner}___{name}"
    shutil.move(cache / name, target)
    return target


def into_hub_cache(repo: str, scratch: Path, cache: Path, **splits: Dataset) -> Path:
    """Put Parquet files where the Hub's client keeps what it downloads: blobs, and a snapshot of links to them."""
    return folder_into_hub_cache(repo, write_repo(scratch / "made", **splits), cache)


def folder_into_hub_cache(repo: str, made: Path, cache: Path) -> Path:
    """Put the files of a folder where the Hub's client keeps what it downloads; return the cached folder."""
    home = cache / f"datasets--{repo.replace('/', '--')}"
    snapshot = home / "snapshots" / COMMIT
    for folder in (home / "blobs", home / "refs"):
        folder.mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    for number, file in enumerate(sorted(path for path in made.rglob("*") if path.is_file())):
        link = snapshot / file.relative_to(made)
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, home / "blobs" / f"{number:040}")
        os.symlink(home / "blobs" / f"{number:040}", link)
    return home


def cells(*given: Any) -> Dataset:  # noqa: ANN401 - what the library takes as a picture
    """Return rows of one picture column with these cells as they are."""
    data = Dataset.from_dict({"image": list(given)}, features=Features({"image": Image(decode=False)}))
    return data.cast(Features({"image": Image()}))
