"""Where pictures come from, by name: sample · folder:PATH · deepfashion2:PATH · idx:PATH."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from retrieval.catalogs.deepfashion2 import DeepFashion2Catalog
from retrieval.catalogs.folder import FolderCatalog
from retrieval.catalogs.idx import IdxCatalog
from retrieval.core import AppError, Catalog

FORMS = "sample, folder:PATH, deepfashion2:PATH, idx:PATH[:train|:test]"


def open_catalog(name: str, sample: Path, label_pattern: str | None = None) -> Catalog:
    """Return the catalogue called `name`; raises AppError for an unknown form, a missing folder or a bad pattern."""
    form, _, place = name.partition(":")
    root = Path(os.path.expanduser(place))
    if name == "sample":
        return DeepFashion2Catalog(sample, name="sample", title="Drawn sample")
    if form == "folder" and place:
        return FolderCatalog(root, label_pattern)
    if form == "deepfashion2" and place:
        return DeepFashion2Catalog(root, name=name, title=f"DeepFashion2 {root.name}")
    if form == "idx" and place:
        return IdxCatalog(os.path.expanduser(place))
    raise AppError(f"'{name}' names no catalogue. Choose one of: {FORMS}.")


def key(catalog: Catalog) -> str:
    """Return a short name that is safe in a URL and as a folder's name, the same for the same place."""
    if ":" not in catalog.name:
        return catalog.name
    form, _, place = catalog.name.partition(":")
    slug = re.sub(r"[^a-z0-9]+", "-", Path(place).name.lower()).strip("-")[:40]
    mark = hashlib.sha256(catalog.name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return "-".join(part for part in (form, slug, mark) if part)
