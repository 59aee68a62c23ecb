"""From a question to its answer by one engine: what every searching tab shares; nothing here is of one engine."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from retrieval.core import EncoderSpec
from retrieval.pictures.decoding import decode
from retrieval.search.words import parse as parse_phrases
from services import Services
from services.models.product import AppearanceFilter
from ui.search import appearance_filters, how_it_works, word_search
from ui.search import question as asking
from ui.search.question import Encoded, Question
from ui.shell.header import open_index, searchable

if TYPE_CHECKING:
    from PIL.Image import Image

    from retrieval.search.searcher import Result, Searcher


@dataclass(frozen=True)
class Answer:
    """What a searching tab makes of a question.

    `result` is None while there is no index to answer from; `seen` is where the browser finds the picture at the
    network's input, and `why` says of an item what of it fits. `panels` holds the value of each panel by its name, and
    `figure` the HTML of "How it works" where a tab draws its own. `shown` takes the place of the usual results, and
    `pending` has the page ask again in a moment.
    """

    spec: EncoderSpec
    result: Result | None = None
    seen: str = ""
    why: Mapping[str, Sequence[str]] = field(default_factory=dict)
    panels: Mapping[str, Any] = field(default_factory=dict)
    figure: str | None = None
    shown: Mapping[str, Any] | None = None
    pending: bool = False


def answer(services: Services, question: Question, spec: EncoderSpec) -> Answer:
    """Search by an item, a picture, a part of either or words, moved by marks where there are any; raises AppError.

    Words that the engine does not read are answered by what is written and seen. Without an index one is begun, and
    words apart the answer has no result yet.
    """
    looks, attributes = appearance_filters.parted(question.filter)
    question = question.model_copy(update={"filter": attributes})
    there = ready(services, question.catalog, spec)
    if question.text and not (there and spec.accepts_text):
        return _worded(services, question, spec, looks)
    if not there:
        return Answer(spec)
    searcher = services.indexes.searcher(question.catalog, spec)
    result, seen = searched(services, searcher, question, spec)
    if looks:
        result = _narrowed(services, question, spec, result, looks)
    note = _so_far(services, question.catalog, spec)
    return Answer(spec, replace(result, notes=(*note, *result.notes)), seen, pending=bool(note))


def _so_far(services: Services, catalog: str, spec: EncoderSpec) -> tuple[str, ...]:
    """Return a sentence that says how much is searched while the first index is made, nothing afterwards."""
    status = services.indexes.status(catalog, spec)
    if status.pictures or status.state not in ("waiting", "building"):
        return ()
    return (f"{status.done:,} of {status.total:,} indexed: these are searched now, the rest joins as it is done.",)


def _narrowed(
    services: Services, question: Question, spec: EncoderSpec, result: Result, looks: AppearanceFilter
) -> Result:
    """Return the results of a question that look as wanted; `result` is the answer without that."""
    itself = [question.whole_item] if question.whole_item else []
    found = services.products.narrowed(
        question.catalog, spec, result.query, question.count, looks, question.filter, [*itself, *question.disliked]
    )
    seconds = {**result.seconds, "search": result.seconds.get("search", 0) + found.seconds["search"]}
    return replace(found, seconds=seconds, notes=(*result.notes, *found.notes))


def ready(services: Services, catalog: str, spec: EncoderSpec) -> bool:
    """Return whether there is an index to answer from; where not, it is begun."""
    if searchable(services, catalog, spec):
        return True
    open_index(services, catalog, spec)
    return searchable(services, catalog, spec)


def searched(services: Services, searcher: Searcher, question: Question, spec: EncoderSpec) -> tuple[Result, str]:
    """Return the engine's own answer, and where the browser finds the picture as the network saw it.

    What the network made of the same subject before is taken from the question's cache. Raises AppError.
    """
    marks = (question.liked, question.disliked)
    if not (question.picture or question.item or question.text):
        return searcher.by_examples(None, *marks, question.count, question.filter), ""
    key = (question.catalog, spec.name, *question.subject)
    itself = [question.whole_item] if question.whole_item else []
    known = question.cache.get(key)
    marked = any(marks)
    if known is None or (question.whole_item and not question.text and not marked):
        result, address = _unmarked(services, searcher, question, spec)
        known = Encoded(result.query, address, result.notes)
        question.cache.keep(key, known)
        if not marked:
            return result, address
    result = searcher.by_examples(known.vector, *marks, question.count, question.filter, itself)
    return replace(result, notes=known.notes), known.address


def _worded(services: Services, question: Question, spec: EncoderSpec, looks: AppearanceFilter) -> Answer:
    """Answer words by what is written and seen, and by the question's picture and marks where they have a say.

    Words need no index; the picture has its say as soon as there is one.
    """
    there = searchable(services, question.catalog, spec)
    vector, seen = None, ""
    if there and (question.pictured or question.liked):
        searcher = services.indexes.searcher(question.catalog, spec)
        subject = {} if question.pictured else {"picture": None, "item": None}
        alone = question.model_copy(update={"text": "", "filter": None, "count": 1, **subject})
        result, seen = searched(services, searcher, alone, spec)
        vector = result.query
    found = word_search.answer(services, question, spec, vector, looks)
    return Answer(spec, found.result, seen, found.why, pending=not there)


def _unmarked(services: Services, searcher: Searcher, question: Question, spec: EncoderSpec) -> tuple[Result, str]:
    """Search by the question without its marks; also return the address of the picture at the network's input."""
    if question.text:
        return _by_phrases(services, searcher, question, spec)
    if question.whole_item:
        return searcher.by_id(question.whole_item, question.count, question.filter), _address(question)
    started = time.perf_counter()
    image = picture(services, question, spec.image_size)
    decoded = time.perf_counter() - started
    result = searcher.by_image(image, question.count, question.filter)
    seen = how_it_works.input_picture(image, spec.image_size)
    return replace(result, seconds={"decode": decoded, **result.seconds}), seen


def _by_phrases(services: Services, searcher: Searcher, question: Question, spec: EncoderSpec) -> tuple[Result, str]:
    """Have the engine read the question's words, and look at its picture too where that has a say."""
    phrases = parse_phrases(question.text)
    if not question.pictured:
        return searcher.by_words(phrases, question.count, question.filter), ""
    if question.whole_item:
        vector, seen = searcher.index.vectors([question.whole_item])[0], _address(question)
        itself = [question.whole_item]
    else:
        image = picture(services, question, spec.image_size)
        vector, seen = searcher.encoder.encode_images([image])[0], how_it_works.input_picture(image, spec.image_size)
        itself = []
    return searcher.by_words(phrases, question.count, question.filter, vector, question.balance, itself), seen


def _address(question: Question) -> str:
    return f"picture/{quote(question.catalog, safe='')}?side=320&id={quote(question.item or '', safe='')}"


def picture(services: Services, question: Question, size: int) -> Image:
    """Return the upright RGB picture, or the chosen part of it, that a network of input `size` is to see."""
    if question.picture:
        data = asking.read(question.picture, services.settings.max_upload_bytes)
        image = decode(data, None if question.box else size)
    else:
        image = services.views.picture(question.catalog, question.item or "")
    return image.crop(asking.pixels(question.box, image.size)) if question.box else image


def place(answer: Answer, question: Question) -> np.ndarray | str | None:
    """Return what says where a question lies on the map: an item's id, or its vector; None for words alone."""
    if question.whole_item and not question.text:
        return question.whole_item
    return answer.result.query if answer.result is not None and answer.result.query.size else None
