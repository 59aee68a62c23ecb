"""The image-text model that helps to answer words: which one is here, how well pictures fit by it, or what to get."""

from __future__ import annotations

from collections.abc import Sequence

import engines
from retrieval.core import EncoderSpec, MissingIndexError, StaleIndexError
from retrieval.search.words import Phrase
from services.indexes.indexes import Indexes

_MOST = 10_000


def present() -> EncoderSpec | None:
    """Return the first image-text model whose weights are on this machine, None where none is."""
    return next((spec for spec in engines.specs() if spec.accepts_text and engines.missing(spec) is None), None)


def offer() -> str:
    """Return one line on the model that could be got, with its size and licence; empty where one is here."""
    models = [spec for spec in engines.specs() if spec.accepts_text]
    if not models or present():
        return ""
    model = models[0]
    return (
        f"Words are matched with the catalogue's text and with the colour, kind and pattern that are seen. "
        f"{model.title} would understand any words ({model.source}; licence {model.licence}). "
        f"To get it: {engines.files(model).remedy(model)}"
    )


def similarities(indexes: Indexes, catalog: str, phrases: Sequence[Phrase]) -> dict[str, float]:
    """Return id -> cosine with what `phrases` say, of the pictures that fit best by the model that is here.

    Nothing where there is no model, no finished index under it, or no phrase to look for. Raises AppError where the
    model cannot answer.
    """
    spec = present()
    if spec is None or not any(phrase.weight > 0 for phrase in phrases):
        return {}
    try:
        searcher = indexes.searcher(catalog, engines.spec(spec.name))
    except (MissingIndexError, StaleIndexError):
        return {}
    return {hit.id: hit.score for hit in searcher.by_words(phrases, _MOST).hits}
