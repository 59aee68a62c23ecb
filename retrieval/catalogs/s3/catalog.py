"""The catalogue `s3://BUCKET/PREFIX`: pictures in a bucket, read when they are wanted and never all at once."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from retrieval.catalogs.local import annotations as garments
from retrieval.catalogs.local import labels, tables
from retrieval.catalogs.local.tables import lookup
from retrieval.catalogs.local.tables.names import key as key_of
from retrieval.catalogs.local.tables.names import keys_of
from retrieval.catalogs.s3.bucket import Bucket, GoneError
from retrieval.catalogs.s3.listing import Listed, Listing
from retrieval.catalogs.s3.picture_cache import PictureCache
from retrieval.core import AppError, Attributes, BadPictureError, Item, Origin, UnreadableError, fingerprint
from retrieval.pictures import decoding, formats

log = logging.getLogger(__name__)

FORM = "s3://BUCKET/PREFIX"
FAILURES = 16
"""So many objects in a row that cannot be read are no trouble of theirs: the store is asked no more."""

_READERS = 16
_RELIST_SECONDS = 60.0
_RELIST_SHARE = 20
_SHOWN = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".avif"})
_TOLD = 100_000


@dataclass(frozen=True, slots=True)
class S3Options:
    """Where listings and pictures are kept, at most `cache_bytes` of pictures; `links`: thumbnails by signed links."""

    folder: Path = Path("index_cache", "s3")
    cache_bytes: int = 2 * 1024**3
    links: bool = False


class S3Catalog:
    """Pictures below a prefix; an id is the key below it, with attributes from tables and folders as `folder:` has.

    In DeepFashion2's layout, alone or in folders train/ and validation/, it is the garments instead, with the ids of
    `deepfashion2:`. A picture's stamp is its entity tag. The listing is kept on disk, and made anew when somebody
    iterates _RELIST_SECONDS after the last one, or later where one takes long.
    """

    def __init__(self, name: str, options: S3Options, label_pattern: str | None = None) -> None:
        """Look whether anything is there; raises AppError: no boto3, no credentials, no such bucket, nothing in it."""
        bucket, prefix = parse(name)
        self._bucket = Bucket(bucket, prefix)
        self.name = self._bucket.address
        self.title = PurePosixPath(prefix or bucket).name
        self.origin = Origin(self.name)
        self._pattern = labels.compiled(label_pattern)
        if not self._bucket.any():
            raise AppError(f"There is nothing in {self.name}. Check the prefix: it is written as a folder is.")
        self._halves = self._layout()
        self.readers = _READERS
        self._links = options.links
        self._listing = Listing(listing_file(options.folder, self.name))
        self._cache = PictureCache(options.folder / "pictures", options.cache_bytes)
        self._renewing = threading.Lock()
        self._relist_at = time.monotonic()
        self._failed = 0

    def __iter__(self) -> Iterator[Item]:
        """Yield every picture or garment, in order of key, as the bucket has them now."""
        with self._renewing:
            if time.monotonic() >= self._relist_at or not self._listing.complete:
                self._renew()
        yield from self._items()

    def known(self) -> Iterator[Item]:
        """Yield them as they were when last listed, without a request."""
        if not self._listing.complete:
            return iter(self)
        return self._items()

    def fingerprint(self) -> str:
        """Return a digest of every id, entity tag, box and attribute, as last listed."""
        return fingerprint(self.known())

    def read(self, item_id: str) -> bytes:
        """Return the encoded picture, from disk where it was read before.

        Raises UnreadableError for what may be readable later, BadPictureError for what is too large, AppError when
        many in a row could not be read.
        """
        key = self._key(item_id)
        tag = self._listing.etag(key)
        held = self._cache.get(f"{self.name} {key} {tag}") if tag else None
        if held is not None:
            return held
        try:
            data, tag = self._bucket.read(key, decoding.MAX_BYTES)
        except GoneError:
            if self._halves and tag is None:
                raise BadPictureError(f"There is an annotation of {item_id}, but no picture {key}.") from None
            raise
        except UnreadableError as error:
            self._failed += 1
            if self._failed >= FAILURES:
                raise AppError(
                    f"{FAILURES} pictures of {self.name} in a row could not be read. {error} What is done is kept; "
                    "try again later."
                ) from None
            raise
        self._failed = 0
        self._cache.put(f"{self.name} {key} {tag}", data)
        return data

    def open(self, item_id: str, shorter_side: int | None = None) -> Image.Image:
        """Return the picture, or the garment's part of it, decoded, upright, RGB."""
        box = None
        if self._halves:
            _, _, garment = item_id.rpartition("/")
            box = garments.box(self._notes(item_id).get(garment, {}))
        return decoding.decode(self.read(item_id), shorter_side, box)

    def link(self, item_id: str) -> str | None:
        """Return an address from which a browser gets the picture itself, where that is wanted and possible."""
        key = self._key(item_id)
        if not self._links or self._halves or _suffix(key) not in _SHOWN:
            return None
        return self._bucket.link(key)

    def _layout(self) -> Sequence[str]:
        """Return the folders that are in DeepFashion2's layout, each empty or ending in `/`."""
        for halves in ([""], [f"{split}/" for split in garments.SPLITS]):
            found = [half for half in halves if all(self._bucket.any(f"{half}{each}/") for each in ("image", "annos"))]
            if found:
                return found
        return ()

    def _renew(self) -> None:
        started = time.monotonic()
        found: dict[str, dict[str, str]] = {}
        self._listing.renew(self._wanted(found))
        if self._halves:
            self._read_annotations()
        else:
            self._read_tables(found)
        self._listing.mark_complete()
        took = time.monotonic() - started
        self._relist_at = time.monotonic() + max(_RELIST_SECONDS, _RELIST_SHARE * took)

    def _wanted(self, found: dict[str, dict[str, str]]) -> Iterator[list[Listed]]:
        """Yield pages of what matters in the bucket; `found` gets folder -> name -> entity tag of the tables."""
        below = [f"{half}{folder}" for half in self._halves for folder in ("annos/", "image/")]
        count = 0
        for page in itertools.chain.from_iterable(map(self._bucket.pages, below or [""])):
            kept = [each for each in page if (_in_layout(each.key, below) if below else _is_picture(each.key))]
            for each in page:
                path = _path(each.key)
                if not below and tables.is_expected(path.name):
                    found.setdefault(_named(path.parent), {})[path.name] = each.etag
            if (count + len(kept)) // _TOLD > count // _TOLD:
                log.info("%s: %d objects listed", self.name, count + len(kept))
            count += len(kept)
            yield kept

    def _read_annotations(self) -> None:
        with ThreadPoolExecutor(_READERS, thread_name_prefix="annotations") as readers:
            for half in self._halves:
                for page in self._listing.objects(f"{half}annos/"):
                    keys = [each.key for each in page]
                    noted = self._listing.noted(keys)
                    fresh = [key for key in keys if key not in noted]
                    self._listing.note(zip(fresh, readers.map(self._annotation, fresh), strict=True))

    def _annotation(self, key: str) -> str:
        try:
            data, _ = self._bucket.read(key, decoding.MAX_BYTES)
        except GoneError:
            data = b""
        except UnreadableError as error:
            raise AppError(f"{self.name}/{key} is needed. {error} What is done is kept; try again later.") from None
        except BadPictureError:
            data = b""
        return json.dumps(garments.read_notes(data))

    def _read_tables(self, found: dict[str, dict[str, str]]) -> None:
        known = self._listing.tables()
        for base in known.keys() - found.keys():
            self._listing.drop_labels(base)
        for base, stamps in found.items():
            name = min(stamps, key=tables.order)
            mark = f"{name} {stamps[name]}"
            if known.get(base) == mark:
                continue
            try:
                self._read_table(base, name, mark)
            except AppError as error:
                log.warning("%s: %s", self.name, error)
                self._listing.drop_labels(base)

    def _read_table(self, base: str, name: str, mark: str) -> None:
        key = f"{base}/{name}" if base else name
        folder = PurePosixPath(base)
        first = next(self._listing.objects(f"{base}/" if base else ""), ())
        pictures = {each for listed in first for each in keys_of(_path(listed.key).relative_to(folder))}
        with tempfile.NamedTemporaryFile(suffix=PurePosixPath(name).suffix) as file:
            self._bucket.copy(key, file)
            file.flush()
            table, naming = tables.opened(Path(file.name), key, pictures)
            rows = ((key_of(named), row) for named, row in lookup.named(table, naming))
            self._listing.keep_labels(base, mark, rows)

    def _items(self) -> Iterator[Item]:
        return self._garments() if self._halves else self._pictures()

    def _pictures(self) -> Iterator[Item]:
        bases = {PurePosixPath(base) for base in self._listing.tables()}
        for page in self._listing.objects():
            for each in page:
                yield Item(each.key, self._attributes(_path(each.key), bases), each.etag)

    def _attributes(self, path: PurePosixPath, bases: set[PurePosixPath]) -> Attributes:
        base = next((folder for folder in path.parents if folder in bases), None)
        if base is None:
            return labels.without_table(path, self._pattern)
        return self._listing.labels(_named(base), keys_of(path.relative_to(base)))

    def _garments(self) -> Iterator[Item]:
        for half in self._halves:
            for page in self._listing.objects(f"{half}image/"):
                stems = [PurePosixPath(each.key).stem for each in page]
                notes = self._listing.noted([f"{half}annos/{stem}.json" for stem in stems])
                for stem, each in zip(stems, page, strict=True):
                    said = json.loads(notes.get(f"{half}annos/{stem}.json", "null")) or garments.read_notes(b"")
                    yield from garments.items(f"{half}{stem}", said, each.etag, half[:-1])
            for page in self._listing.objects(f"{half}annos/"):
                stems = [PurePosixPath(each.key).stem for each in page]
                there = self._listing.present([f"{half}image/{stem}.jpg" for stem in stems])
                for stem in stems:
                    if f"{half}image/{stem}.jpg" not in there:
                        yield Item(f"{half}{stem}/{garments.WHOLE}", stamp="no picture")

    def _key(self, item_id: str) -> str:
        if not self._halves:
            return item_id
        half, stem = self._parts(item_id)
        return f"{half}image/{stem}.jpg"

    def _notes(self, item_id: str) -> garments.Notes:
        half, stem = self._parts(item_id)
        key = f"{half}annos/{stem}.json"
        return json.loads(self._listing.noted([key]).get(key) or self._annotation(key))

    def _parts(self, item_id: str) -> tuple[str, str]:
        """Return half and picture of a garment's id."""
        half = next((half for half in self._halves if half and item_id.startswith(half)), "")
        if half not in self._halves:
            raise BadPictureError(f"'{item_id}' is no garment of this corpus.")
        return half, item_id.removeprefix(half).rpartition("/")[0]


def parse(name: str) -> tuple[str, str]:
    """Return bucket and prefix of s3://BUCKET/PREFIX; the prefix is empty or ends in `/`. Raises AppError."""
    bucket, _, prefix = name.removeprefix("s3://").partition("/")
    if not bucket or not name.startswith("s3://"):
        raise AppError(f"'{name}' is no place in S3. It is written {FORM}.")
    prefix = prefix.strip("/")
    return bucket, f"{prefix}/" if prefix else ""


def listing_file(folder: Path, name: str) -> Path:
    """Return where the listing of the catalogue called `name` lies."""
    return folder / f"{hashlib.sha256(name.rstrip('/').encode()).hexdigest()[:16]}.sqlite"


def _path(key: str) -> PurePosixPath:
    return PurePosixPath(key.lstrip("/"))


def _suffix(key: str) -> str:
    return PurePosixPath(key).suffix.lower()


def _is_picture(key: str) -> bool:
    """Return whether an object is named like a picture; like files, those with a dot in front are hidden."""
    return formats.is_named_like_a_picture(key) and not any(part.startswith(".") for part in _path(key).parts)


def _in_layout(key: str, folders: Sequence[str]) -> bool:
    folder, _, name = key.rpartition("/")
    wanted = ".jpg" if folder.endswith("image") else ".json"
    return f"{folder}/" in folders and name.endswith(wanted) and not name.startswith(".")


def _named(folder: PurePosixPath) -> str:
    return "" if folder == PurePosixPath() else str(folder)
