"""Where pictures come from, by name: sample, paintings, folder:, deepfashion2:, idx:, hf:, s3:// and a place."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from retrieval.catalogs.hub import catalog as huggingface
from retrieval.catalogs.hub import names
from retrieval.catalogs.hub.download import OnProgress
from retrieval.catalogs.local import unpack as unpack
from retrieval.catalogs.local.deepfashion2 import DeepFashion2Catalog, open_split
from retrieval.catalogs.local.folder import FolderCatalog
from retrieval.catalogs.local.idx import IdxCatalog
from retrieval.catalogs.s3.catalog import S3Catalog, S3Options
from retrieval.core import AppError, Catalog, Item, Origin, printable

FORMS = (
    "sample, paintings, folder:PATH, deepfashion2:PATH[:SPLIT], idx:PATH[:train|:test], hf:NAME[:SPLIT][#LIMIT], "
    "s3://BUCKET/PREFIX"
)

LOCAL = ("folder", "deepfashion2", "idx")
"""Forms of catalogues that lie on this machine."""

REMOTE = ("hf", "s3")


def open_catalog(
    name: str,
    sample: Path,
    label_pattern: str | None = None,
    hub: Path = Path("index_cache", "hub"),
    anonymous: bool = False,
    on_progress: OnProgress = lambda fetching: None,
    s3: S3Options | None = None,
) -> Catalog:
    """Return the catalogue called `name`; raises AppError for an unknown form, a missing folder or a bad pattern.

    The drawn paintings lie beside `sample`, the folder of the drawn garments.
    A data set of the Hub that is not on this machine is fetched into `hub` (see huggingface.open_hub for `anonymous`
    and `on_progress`).
    """
    form, _, place = name.partition(":")
    root = Path(os.path.expanduser(place))
    if name == "sample":
        return DeepFashion2Catalog(sample, name="sample", title="Drawn sample")
    if name == "paintings":
        return FolderCatalog(sample.parent / "paintings", name="paintings", title="Drawn paintings")
    if form == "folder" and place:
        return FolderCatalog(root, label_pattern)
    if form == "deepfashion2" and place:
        return open_split(place)
    if form == "idx" and place:
        return IdxCatalog(os.path.expanduser(place))
    if form == "hf" and place:
        return huggingface.open_hub(names.parse(name), hub, anonymous, on_progress)
    if form == "s3":
        return S3Catalog(name, s3 or S3Options(), label_pattern)
    raise AppError(f"'{name}' names no catalogue. Choose one of: {FORMS}.")


def origin(catalog: Catalog) -> Origin:
    """Return where a catalogue's pictures come from and their licence, as far as it says so."""
    return getattr(catalog, "origin", Origin())


def known(catalog: Catalog) -> Iterator[Item]:
    """Yield the items of a catalogue as far as they are known without waiting: a bucket as it was last listed.

    What has a name that is no Unicode is not among them: nothing can show it or look it up.
    """
    items = catalog.known() if isinstance(catalog, S3Catalog) else iter(catalog)
    return (item for item in items if printable(item.id) == item.id)


def link(catalog: Catalog, item_id: str) -> str | None:
    """Return an address from which a browser gets an item itself, or None: then the app has to hand it out."""
    return catalog.link(item_id) if isinstance(catalog, S3Catalog) else None


def path(catalog: Catalog, item_id: str) -> Path | None:
    """Return the file that holds an item's picture, or None where it is no file of this machine's."""
    return catalog.path(item_id) if isinstance(catalog, FolderCatalog | DeepFashion2Catalog) else None


def notes(catalog: Catalog) -> Sequence[tuple[str, str]]:
    """Return (file, sentence) of what lies beside the pictures and could not be used when they were last listed."""
    return catalog.notes() if isinstance(catalog, FolderCatalog) else ()


def there(catalog: Catalog) -> bool:
    """Return whether the place of a catalogue's pictures is there now; True where only reading them tells."""
    return catalog.there() if isinstance(catalog, FolderCatalog) else True


def key(catalog: Catalog) -> str:
    """Return a short name that is safe in a URL and as a folder's name, the same for the same place."""
    return key_of(catalog.name)


def key_of(name: str) -> str:
    """Return the key of a catalogue by its full name, whether it can be opened or not."""
    form, _, place = name.partition(":")
    if not place:
        return name
    slug = re.sub(r"[^a-z0-9]+", "-", Path(place).name.lower()).strip("-")[:40]
    mark = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return "-".join(part for part in (form, slug, mark) if part)


def full_name(name: str) -> str:
    """Return the name of a catalogue as its index knows it: a path resolved, a data set's name in one form."""
    form, _, place = name.partition(":")
    if form in LOCAL and place:
        return f"{form}:{Path(place).expanduser().resolve()}"
    return str(names.parse(name)) if form == "hf" else name.rstrip("/")
