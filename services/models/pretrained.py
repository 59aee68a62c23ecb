"""Pretrained models that a person chooses: which there are, getting one with progress, forgetting it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import engines
from engines.clip import added, checkpoints, download
from engines.clip.known import KNOWN, known
from engines.registry import Registry, named
from retrieval.core import AppError, EncoderSpec
from settings import Settings

_TIMED = 8
"""Pictures that the first measure of a model's speed takes."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a person chooses by; `engine` names it to a search, `where` is its folder, empty while it is not here.

    `megabytes` are of its weights; `languages` and `quality` are as published; `pictures_per_second` was measured here
    when it was added, None before. `problem` says why it cannot be used yet.
    """

    name: str
    engine: str
    title: str
    good_for: str
    licence: str
    megabytes: float | None
    languages: str
    quality: str
    pictures_per_second: float | None
    reads_words: bool
    added: bool
    where: str
    problem: str


class Pretrained:
    """The pretrained models that the registry offers besides those that came with the app; shares settings' file."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        """Offer the models of the settings and of the list in the index cache."""
        self._settings, self._registry = settings, registry
        self._offer()

    def facts(self) -> list[ModelFacts]:
        """Return what is known of every model offered, and of those that are worth adding."""
        rows = [row for row in self._registry.specs() if row.checkpoint]
        offered = {row.checkpoint for row in rows}
        more = checkpoints.rows([each.name for each in KNOWN if each.name not in offered])
        return [self._facts(row) for row in (*rows, *more)]

    def add(self, name: str, on_progress: Callable[[int, int], None] = lambda done, total: None) -> ModelFacts:
        """Get a model of the Hub, or take a folder as it is, try it on a few pictures, and offer it from now on.

        `on_progress` is told how many bytes of its weights are here, and how many there are. Raises AppError with what
        is wrong with it; nothing is offered then, and what has arrived is kept.
        """
        name = _resolved(name)
        download.fetch(name, on_progress)
        row = checkpoints.rows([name], self._settings.trusted)[0]
        checkpoints.check(row)
        speed = self._speed(row)
        models = added.read(self._settings.added_models)
        added.write(self._settings.added_models, models | {name: speed})
        self._offer()
        return self._facts(self._row(name))

    def remove(self, name: str) -> str:
        """Stop offering a model and return what it is called; its files stay where they are. Raises AppError."""
        models = added.read(self._settings.added_models)
        wanted = _resolved(name) if checkpoints.is_folder(name) else name
        found = next((each for each in models if wanted in (each, self._row(each).name)), None)
        if found is None:
            known_names = ", ".join(models) or "none"
            raise AppError(f"There is no added model '{name}'. There are: {known_names}.")
        added.write(self._settings.added_models, {each: speed for each, speed in models.items() if each != found})
        self._offer()
        return found

    def _offer(self) -> None:
        self._registry.offer_clip(self._settings.clip, self._settings.trusted, self._settings.added_models)

    def _row(self, name: str) -> EncoderSpec:
        return next(row for row in self._registry.specs() if row.checkpoint == name)

    def _speed(self, row: EncoderSpec) -> float:
        """Return how many pictures a second the model encodes here, which also shows that it works."""
        encoder = named(row.load)(row)
        pictures = [Image.new("RGB", (row.image_size + 40 * n, row.image_size + 300), (40 * n % 256, 90, 200 - 20 * n))
                    for n in range(_TIMED)]  # fmt: skip
        encoder.encode_images(pictures)
        started = time.perf_counter()
        encoder.encode_images(pictures)
        return round(_TIMED / (time.perf_counter() - started), 1)

    def _facts(self, row: EncoderSpec) -> ModelFacts:
        name, models = row.checkpoint, added.read(self._settings.added_models)
        published, problem = known(name), engines.missing(row)
        size: float | None = published.megabytes if published else None
        if problem is None:
            size = round(checkpoints.size(name) / 1e6, 1)
        return ModelFacts(
            name=name, engine=row.name, title=row.title, licence=row.licence, megabytes=size,
            good_for=published.good_for if published else "", languages=published.languages if published else "",
            quality=published.quality if published else "", pictures_per_second=models.get(name),
            reads_words=row.accepts_text, added=name in models, where=checkpoints.where(name), problem=problem or "",
        )  # fmt: skip


def _resolved(name: str) -> str:
    return str(Path(name).expanduser().resolve()) if checkpoints.is_folder(name) else name
