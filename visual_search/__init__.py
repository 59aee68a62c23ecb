"""Search pictures from Python: `Gallery("folder:photos").search("query.jpg", k=10)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

from retrieval import catalogs
from retrieval.core import AppError, EncoderSpec
from retrieval.pictures import decoding
from retrieval.search.words import parse
from retrieval.words.answer import Scope
from services import Services
from services.words.models import present
from settings import Settings
from visual_search.hits import Hit, Hits

if TYPE_CHECKING:
    from retrieval.core import Hit as Indexed
    from retrieval.indexing.build import Progress, Report
    from retrieval.search.searcher import Result, Searcher
    from retrieval.words.answer import Found

__all__ = ["AppError", "Gallery", "Hit", "Hits"]


NEAR = 1000
"""How many of the nearest to a picture take part when words are matched beside it."""

Picture: TypeAlias = str | Path | Image.Image | Hit
"""A file, a picture in memory, or a hit of the same gallery."""


class Gallery:
    """The pictures of one catalogue, searched by pictures, words or both.

    The first search of an engine encodes what is new or changed since last time; `update` does so again.
    """

    def __init__(
        self, catalog: str = "sample", engine: str | None = None, index_cache: str | Path | None = None
    ) -> None:
        """Open `catalog`: sample, paintings, folder:PATH, idx:PATH, hf:NAME, deepfashion2:PATH or s3://BUCKET/PREFIX.

        `engine` is look (the default), squeezenet, clip, style, product or vae, or with weights as in
        `squeezenet:imagenet`. Where none is named, words are read by clip if its model is here, else matched with what
        is written and seen. Indexes are kept in `index_cache`. Raises AppError.
        """
        settings = Settings.from_environment()
        settings.place_downloads()
        self._services = Services(
            replace(settings, index_cache=Path(index_cache)) if index_cache else settings, [catalog]
        )
        self._key = self._services.catalogs.key(catalog)
        self._catalog, self._engine = self._services.catalogs.catalog(self._key), engine
        self._searchers: dict[str, Searcher] = {}
        self._spec(words=False)

    def __repr__(self) -> str:
        """Return the constructor's call."""
        return f"Gallery({self._catalog.name!r}" + (f", engine={self._engine!r})" if self._engine else ")")

    def update(self, on_progress: Callable[[Progress], None] | None = None) -> Report:
        """Encode what is new or changed now; the report counts pictures and names those that were skipped."""
        return self._update(self._spec(words=False), on_progress)

    def search(
        self,
        pictures: Picture | Sequence[Picture] | None = None,
        words: str | None = None,
        where: Mapping[str, str | Sequence[str]] | None = None,
        k: int = 10,
    ) -> Hits:
        """Return the `k` nearest pictures to a picture, to the mean of several, to `words`, or to both together.

        Words are weighted phrases, "a red dress, floral:0.5, - stripes". `where` lets through attributes that have one
        of the values: `{"label": ["Dress", "Skirt"]}`. A hit given as the question is not found again. Raises AppError.
        """
        asked = [pictures] if isinstance(pictures, str | Path | Image.Image | Hit) else list(pictures or ())
        if not asked and words is None:
            raise AppError("Say what to look for: a picture, several, or words='…'.")
        passing, given = self._filter(where or {}), {each.id for each in asked if isinstance(each, Hit)}
        unread = words is not None and self._engine is None and present() is None
        spec = self._spec(words is not None and not unread)
        if not unread or asked:
            searcher = self._searcher(spec)
            vector = self._mean(searcher, asked)
        if words is None and vector is not None:
            return self._hits(searcher.by_vector(vector, k, passing, given))
        if unread or (spec.engine == "product" and not asked):
            near = searcher.by_vector(vector, NEAR, passing, given).hits if asked and vector is not None else []
            scope = Scope(k + len(given), filter=passing, alike={each.id: each.score for each in near})
            found = self._worded(words or "", scope)
            return Hits([hit for hit in found if hit.id not in given][:k], found.strong, found.notes)
        if searcher.encoder.spec.accepts_text:
            return self._hits(searcher.by_words(parse(words or ""), k, passing, vector, exclude_ids=given))
        raise AppError(f"The engine {spec.engine} cannot read these words. Open the gallery with engine='clip'.")

    def open(self, hit: Hit | str) -> Image.Image:
        """Return the picture of a hit or of an id, upright RGB; of a garment in a larger picture, its part."""
        return self._catalog.open(hit.id if isinstance(hit, Hit) else hit)

    def _spec(self, words: bool) -> EncoderSpec:
        known = self._services.engines
        return known.spec(self._engine) if self._engine else known.first("look-alike", words)

    def _update(self, spec: EncoderSpec, on_progress: Callable[[Progress], None] | None) -> Report:
        indexes = self._services.indexes
        report = indexes.build(self._key, spec, on_progress)
        indexes.forget(self._key, lambda: None)  # what was opened before the update
        self._searchers[spec.name] = indexes.searcher(self._key, self._services.engines.spec(spec.name))
        return report

    def _searcher(self, spec: EncoderSpec) -> Searcher:
        if spec.name not in self._searchers:
            self._update(spec, None)
        return self._searchers[spec.name]

    def _worded(self, words: str, scope: Scope) -> Hits:
        """Answer words by what is written and seen of the pictures."""
        self._services.words.prepare(self._key)
        fits = self._services.words.search(self._key, words, scope)
        return Hits([self._hit(each) for each in fits.found], fits.strong, fits.notes)

    def _mean(self, searcher: Searcher, asked: Sequence[Picture]) -> np.ndarray | None:
        if not asked:
            return None
        vectors = [self._vector(searcher, each) for each in asked]
        mean = np.mean(vectors, axis=0, dtype=np.float32)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6))

    def _vector(self, searcher: Searcher, asked: Picture) -> np.ndarray:
        if isinstance(asked, Hit):
            return searcher.index.vectors([asked.id])[0]
        if not isinstance(asked, Image.Image):
            try:
                asked = decoding.decode(Path(asked).expanduser().read_bytes(), searcher.encoder.spec.image_size)
            except OSError as error:
                raise AppError(f"{asked} cannot be read ({error.strerror or error}).") from None
        return searcher.encoder.encode_images([asked.convert("RGB")])[0]

    def _filter(self, where: Mapping[str, str | Sequence[str]]) -> dict[str, Sequence[str]]:
        passing: dict[str, Sequence[str]] = {
            name: [values] if isinstance(values, str) else list(values) for name, values in where.items()
        }
        known: dict[str, set[str]] = {}
        for item in catalogs.known(self._catalog) if passing else ():
            for name, value in item.attributes.items():
                known.setdefault(name, set()).add(value)
        for name, values in passing.items():
            if name not in known:
                raise AppError(f"No picture here has the attribute '{name}'. There are: {', '.join(sorted(known))}.")
            if unknown := set(values) - known[name]:
                some = ", ".join(sorted(known[name])[:20])
                raise AppError(f"No picture here has the {name} '{min(unknown)}'. There are: {some}.")
        return passing

    def _hits(self, result: Result) -> Hits:
        return Hits([self._hit(each) for each in result.hits], result.strong, result.notes)

    def _hit(self, found: Indexed | Found) -> Hit:
        return Hit(found.id, found.score, dict(found.attributes), catalogs.path(self._catalog, found.id))
