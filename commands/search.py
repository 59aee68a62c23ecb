"""The command that finds pictures in a catalogue: by pictures, by words, or by both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from commands import (
    AsJson,
    Catalog,
    Index,
    Pattern,
    Weights,
    Where,
    bar,
    err,
    name_notes,
    open_catalog,
    read,
    ready,
)
from commands.results import Outputs, Results, hand_on, show
from retrieval import catalogs
from retrieval.core import AppError, BadPictureError, EncoderSpec, Filter
from retrieval.core import Catalog as Pictures
from retrieval.indexing.build import Progress
from retrieval.pictures import signature
from retrieval.search import sorting
from retrieval.search.grouping import grouped
from retrieval.words import question
from retrieval.words.answer import SIGHT, TEXT, Found, Scope
from services import Services
from services.words import models

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Wanted:
    """By which engine, how many, of which, and how much pictures count beside words."""

    engine: str | None
    weights: str | None
    count: int
    filter: Filter | None
    picture_weight: float


def search(
    image: Annotated[list[Path] | None, typer.Option(help="A picture to search by; several are one question.")] = None,
    words: Annotated[
        str | None,
        typer.Option(help="Words to search by: 'a red dress under 50, floral:0.5, no stripes'."),
    ] = None,
    picture_weight: Annotated[
        float, typer.Option(min=0, max=1, help="With both: 0 is the words alone, 1 the picture alone.")
    ] = 0.5,
    engine: Annotated[
        str | None,
        typer.Option(help="Which network sees the pictures; look. With --words none is needed."),
    ] = None,
    weights: Weights = None,
    catalog: Catalog = "sample",
    k: Annotated[int, typer.Option("-k", min=1, max=_MOST, help="How many results.")] = 10,
    start: Annotated[int, typer.Option(min=0, help="How many of the best results to leave out: the next page.")] = 0,
    where: Where = None,
    group: Annotated[
        str | None, typer.Option(help="One result for each value of this attribute, the best: product, say.")
    ] = None,
    unique: Annotated[bool, typer.Option("--unique", help="Leave out copies of better results.")] = False,
    sort: Annotated[str, typer.Option(help=f"In which order: {', '.join(sorting.ORDERS)}.")] = "match",
    copy_to: Annotated[Path | None, typer.Option(help="A folder to copy the found pictures to.")] = None,
    html: Annotated[Path | None, typer.Option(help="A file to write the results to, as a page for a browser.")] = None,
    open: Annotated[bool, typer.Option("--open", help="Open the results in a browser.")] = False,
    label_pattern: Pattern = None,
    index: Index = None,
    as_json: AsJson = False,
) -> None:
    """List the pictures of a catalogue that look most like a picture, fit words, or both."""
    if not image and words is None:
        raise AppError("Say what to look for: --image FILE, --words '…' or both.")
    told = words if engine in (None, "product") else None  # by no network alone, whatever sees the pictures
    if told is not None:
        question.read(told)
    sorting.ordered((), sort)
    pictures = [read(each) for each in image or []]
    services, key = open_catalog(catalog, label_pattern, index=index)
    source = services.catalogs.catalog(key)
    wanted = _Wanted(engine, weights, start + k, services.words.filter(key, where or ()), picture_weight)
    if group or unique:
        wanted = replace(wanted, count=_MOST)
    elif sort != "match" and not image:
        wanted = replace(wanted, count=_MOST)
    if told is not None:
        results = _by_words(services, key, told, pictures, wanted)
    else:
        results = _by_network(services, key, words, pictures, wanted)
    name_notes(catalogs.notes(source))
    results = _grouped(results, group) if group else results
    results = _sorted(results, sort, None if told is not None else start + k)
    results = _without_copies(results, source, start + k) if unique else results
    show(replace(results, found=results.found[start : start + k], strong=max(0, results.strong - start)), as_json)
    hand_on(results, source, words or ", ".join(each.name for each in image or []), Outputs(copy_to, html, open))


def _by_words(services: Services, key: str, words: str, pictures: Sequence[bytes], wanted: _Wanted) -> Results:
    """Answer words by all that is here: the table's text, what is seen, numbers, and pictures as one more ranking."""
    with bar("Looking at the pictures") as on_progress:
        services.words.prepare(key, lambda done, total: on_progress(Progress(done, total, 0, 0.0)))
    if model := models.present():
        ready(services, key, model)
    elif offer := models.offer():
        err.print(offer, style="dim", highlight=False, markup=False)
    scope = Scope(wanted.count, 0, wanted.filter)
    if pictures:
        alike = _by_network(services, key, None, pictures, replace(wanted, count=_MOST))
        share = min(wanted.picture_weight, 0.99)
        weight = (TEXT + SIGHT) * share / (1 - share)
        scope = replace(scope, alike={each.id: each.score for each in alike.found}, alike_weight=weight)
    answer = services.words.search(key, words, scope)
    _say(answer.notes)
    return Results(answer.found, answer.strong, explained=True)


def _by_network(services: Services, key: str, words: str | None, pictures: Sequence[bytes], wanted: _Wanted) -> Results:
    """Search by one network: pictures, words where it reads them, or both."""
    from retrieval.pictures import decoding
    from retrieval.search.words import parse

    phrases = None if words is None else parse(words)
    spec = _spec(services, wanted, reads=phrases is not None)
    shown = [decoding.decode(each, spec.image_size) for each in pictures]  # said before an index is made
    found = ready(services, key, spec)
    if found.image_size != spec.image_size:
        shown = [decoding.decode(each, found.image_size) for each in pictures]
    spec, searcher = found, services.indexes.searcher(key, found)
    if phrases is None:
        result = searcher.by_images(shown, wanted.count, wanted.filter)
    else:
        vector = searcher.vector(shown) if shown else None
        result = searcher.by_words(
            phrases, wanted.count, wanted.filter, picture=vector, picture_weight=wanted.picture_weight
        )
    _say(result.notes)
    return Results.of(result)


def _spec(services: Services, wanted: _Wanted, reads: bool) -> EncoderSpec:
    """Return the engine that is asked, or the first that can answer; raises AppError for one that reads no words."""
    engine = wanted.engine or services.engines.first("look-alike", words=reads).engine
    spec = services.engines.spec(engine, wanted.weights)
    if reads and not spec.accepts_text:
        raise AppError(f"The engine {engine} cannot read words. Choose one that does: --engine clip")
    return spec


def _say(notes: Sequence[str]) -> None:
    for note in notes:
        err.print(note, style="yellow", highlight=False, markup=False)


def _grouped(results: Results, attribute: str) -> Results:
    """Return one result for each value of an attribute, the best; the others' ids beside it."""
    strong = {each.id for each in results.found[: results.strong]}
    parts = grouped(results.found, attribute)
    found = [each for each, _ in parts]
    others = {each.id: ids for each, ids in parts}
    return replace(results, found=found, strong=sum(each.id in strong for each in found), others=others)


def _sorted(results: Results, by: str, top: int | None) -> Results:
    """Return results in an order: of all that fit well, then of the rest; or of the `top` best together."""
    edge = results.strong if top is None else top
    first, rest = results.found[:edge], results.found[edge:]
    return replace(results, found=[*sorting.ordered(first, by), *sorting.ordered(rest, by)])


def _without_copies(results: Results, catalog: Pictures, count: int) -> Results:
    """Return the first `count` results that are no copy of a better one; what cannot be opened stays."""
    found: list[Found] = []
    seen: list[np.ndarray] = []
    strong = 0
    for place, each in enumerate(results.found):
        if len(found) == count:
            break
        try:
            mark = signature.signature(catalog.open(each.id, signature.DECODED))
        except BadPictureError:
            mark = None
        if mark is not None:
            if seen and signature.same(mark, np.stack(seen)).any():
                continue
            seen.append(mark)
        found.append(each)
        strong += place < results.strong
    return replace(results, found=found, strong=strong)
