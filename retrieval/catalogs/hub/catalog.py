"""The catalogue `hf:NAME[:SPLIT][#LIMIT]`: a data set of the Hub, read from Arrow files on this machine."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from PIL import Image

from retrieval.catalogs.hub import columns as hub_columns
from retrieval.catalogs.hub import download, source
from retrieval.catalogs.hub.names import HubName
from retrieval.catalogs.local.files import read_inside
from retrieval.core import AppError, BadPictureError, Item, Origin, fingerprint
from retrieval.pictures import decoding

if TYPE_CHECKING:
    from datasets import Dataset

_CHUNK = 1000
HOMEPAGE = "https://huggingface.co/datasets/"


class HubCatalog:
    """The rows of one split that are wanted, with the picture of one column and the attributes of others.

    An id is the file name that the data set gives a picture where every row has another one, else `SPLIT/ROW` with the
    row's number in the whole split; so an id stays when more rows are wanted. Nothing is decoded but what is opened.
    """

    def __init__(self, wanted: HubName, data: Dataset, split: str, stamp: str, licence: str = "") -> None:
        """Choose rows and columns of `data`; `stamp` is its revision. Raises AppError where there is no picture."""
        from datasets import Image as Picture

        self.name = str(wanted)
        self.title = _title(wanted, split)
        self.origin = Origin(f"{HOMEPAGE}{wanted.repo}", licence)
        self._stamp = stamp
        chosen = hub_columns.choose(data.features, wanted)
        self.pictures = chosen.pictures
        self._features = data.features
        first = list(data.select_columns(list(chosen.attributes)).select(range(min(_CHUNK, len(data)))))
        always = wanted.where[:1] if wanted.where else ()
        short = hub_columns.short(chosen.attributes, data.features, first)
        self._attributes = tuple(dict.fromkeys((*always, *short)))
        self._notes = data.select_columns(list(self._attributes))
        self._column = chosen.picture
        self._pictures = data.select_columns([chosen.picture]).cast_column(chosen.picture, Picture(decode=False))
        self._places = _homes(wanted)
        rows = [row for row, item in enumerate(self._all_attributes()) if _passes(item, wanted)][: wanted.limit]
        numbers = data["__row"] if download.ROW in data.features else range(len(data))
        self._rows = dict(zip(_keys(data, chosen.picture, split, rows, numbers), rows, strict=True))

    def __iter__(self) -> Iterator[Item]:
        """Yield the rows in their order."""
        notes = self._all_attributes()
        row, found = -1, {}
        for item_id, wanted in self._rows.items():
            while row < wanted:
                row, found = row + 1, next(notes)
            yield Item(item_id, found, self._stamp)

    def fingerprint(self) -> str:
        """Return a digest of every id, of the revision and of every attribute."""
        return fingerprint(self)

    def read(self, item_id: str) -> bytes:
        """Return the picture file in the row; raises BadPictureError for an empty cell, or a file outside the cache."""
        if item_id not in self._rows:
            raise BadPictureError(f"'{item_id}' is no row of this data set.")
        cell = self._pictures[self._rows[item_id]][self._column] or {}
        if cell.get("bytes"):
            return bytes(cell["bytes"])
        path = Path(cell.get("path") or "")
        for home in self._places:
            if path.is_absolute() and path.is_relative_to(home):
                return read_inside(home.resolve(), path)
        raise BadPictureError("The row has no picture.")

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        """Return the picture decoded, upright, RGB."""
        return decoding.decode(self.read(item_id), shorter_side)

    def _all_attributes(self) -> Iterator[dict[str, str]]:
        if not self._attributes:
            yield from itertools.repeat({}, len(self._pictures))
            return
        for start in range(0, len(self._notes), _CHUNK):
            columns = self._notes[start : start + _CHUNK]
            for values in zip(*columns.values(), strict=True):
                row = dict(zip(columns, values, strict=True))
                yield dict(hub_columns.attributes(row, self._attributes, self._features))


def open_hub(
    wanted: HubName, store: Path, anonymous: bool = False, on_progress: download.OnProgress = lambda fetching: None
) -> HubCatalog:
    """Return a data set as a catalogue: from `store` or the library's cache at once, else fetched into `store`.

    `anonymous` leaves this machine's own token out. Raises AppError, at once where there is no network.
    """
    place = download.place(store, wanted)
    return _fetched(wanted, place) or _cached(wanted) or _fetch(wanted, place, anonymous, on_progress)


def is_here(wanted: HubName, store: Path) -> bool:
    """Return whether a data set opens without a network."""
    return (download.place(store, wanted) / download.FACTS).is_file() or _cached(wanted) is not None


def _fetch(wanted: HubName, place: Path, anonymous: bool, on_progress: download.OnProgress) -> HubCatalog:
    download.fetch(wanted, place, anonymous, on_progress)
    catalog = _fetched(wanted, place)
    assert catalog is not None
    return catalog


def _fetched(wanted: HubName, place: Path) -> HubCatalog | None:
    from datasets import Dataset, concatenate_datasets

    try:
        facts = json.loads((place / download.FACTS).read_bytes())
        parts = [Dataset.from_file(str(place / name)) for name in facts["parts"]]
        # The rows were chosen when they were fetched.
        whole = HubName(wanted.repo, wanted.config, wanted.split, image=wanted.image)
        catalog = HubCatalog(whole, concatenate_datasets(parts), facts["split"], facts["revision"], facts["licence"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AppError(
            f"{place} is damaged ({source.line(error)}). Delete this folder and open the data set again."
        ) from None
    catalog.name, catalog.title = str(wanted), _title(wanted, facts["split"])
    return catalog


def _cached(wanted: HubName) -> HubCatalog | None:
    """Return the data set from the library's own cache of Arrow files, or None; no network is asked."""
    from datasets.packaged_modules.cache.cache import Cache

    with download.quiet():
        try:
            builder = Cache(
                repo_id=wanted.repo, dataset_name=wanted.repo.rpartition("/")[2], config_name=wanted.config,
                version="auto", hash="auto",
            )  # fmt: skip
            splits = list(builder.info.splits or ())
            split = download.split_of(wanted, splits)
            data = builder.as_dataset(split=split)
        except (ValueError, OSError, KeyError, AppError):
            return None
    return HubCatalog(wanted, data, split, str(builder.hash), str(builder.info.license or ""))


def _keys(data: Dataset, column: str, split: str, rows: Sequence[int], numbers: Sequence[int]) -> list[str]:
    """Return a stable id for each of `rows`."""
    import pyarrow.compute as pc

    paths = pc.struct_field(data.data.table.column(column), "path").to_pylist()
    names = [PurePath(path.replace("\\", "/")).name if path else "" for path in paths]
    if all(names) and len(set(names)) == len(names):
        return [names[row] for row in rows]
    return [f"{split}/{numbers[row]:06}" for row in rows]


def _passes(attributes: dict[str, str], wanted: HubName) -> bool:
    return wanted.where is None or attributes.get(wanted.where[0]) == wanted.where[1]


def _homes(wanted: HubName) -> tuple[Path, ...]:
    """Return where the library keeps files of this data set: no other file is opened, whatever a cell names."""
    from datasets import config
    from huggingface_hub import constants

    hub = Path(constants.HF_HUB_CACHE) / f"datasets--{wanted.repo.replace('/', '--')}"
    return hub, Path(config.DOWNLOADED_DATASETS_PATH)


def _title(wanted: HubName, split: str) -> str:
    where = f", {wanted.where[0]} {wanted.where[1]}" if wanted.where else ""
    return f"{wanted.repo.rpartition('/')[2]} ({split}{where})"
