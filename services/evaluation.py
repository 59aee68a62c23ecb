"""Measuring engines on the open catalogues: one alone, several side by side, and the near-duplicates of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import engines
from retrieval import catalogs
from retrieval.core import AppError, EncoderSpec
from retrieval.evaluation import comparison, consumer_to_shop, measures
from retrieval.evaluation.protocol import EvaluationProtocol
from retrieval.search import duplicates
from services.catalogs.open_catalogs import OpenCatalogs
from services.health import CatalogHealth
from services.indexes.indexes import Indexes
from services.sessions import MACHINE
from services.tasks import Task, Tasks


class Evaluation:
    """Measures with the indexes that there are; safe to share between threads."""

    def __init__(self, catalogs: OpenCatalogs, indexes: Indexes, tasks: Tasks, health: CatalogHealth) -> None:
        """Measure on the given catalogues and indexes; `health` knows the copies."""
        self._catalogs, self._indexes, self._tasks, self._health = catalogs, indexes, tasks, health

    def check(self, protocol: EvaluationProtocol, gallery: str, queries: str | None = None) -> None:
        """Raise AppError where these catalogues have nothing that the protocol asks for; no index is needed."""
        if protocol.match != consumer_to_shop.PAIR:
            others = None if queries in (None, gallery) else self._listed(str(queries))
            measures.check(self._listed(gallery), others, protocol)

    def _listed(self, catalog: str) -> measures.Collection:
        items = list(catalogs.known(self._catalogs.catalog(catalog)))
        nothing = np.empty((len(items), 0), np.float32)
        return measures.Collection([item.id for item in items], nothing, [item.attributes for item in items])

    def evaluate(
        self, spec: EncoderSpec, protocol: EvaluationProtocol, gallery: str, queries: str | None = None
    ) -> dict[str, Any]:
        """Measure one engine on labelled catalogues whose indexes are built: quality, and warm milliseconds per query.

        Pictures are encoded, and searched for, one at a time; see retrieval.evaluation.measures. To `match` "pair" is
        consumer-to-shop retrieval, within one catalogue. Matching by label adds `knn_accuracy`, how often the ten
        nearest vote for the right one.
        """
        held = measures.Collection.of(self._indexes.folder(gallery), spec)
        others = None
        if queries not in (None, gallery):
            others = measures.Collection.of(self._indexes.folder(str(queries)), spec)
        if protocol.match == consumer_to_shop.PAIR:
            quality = consumer_to_shop.consumer_to_shop(held, protocol)
        else:
            quality = measures.evaluate(held, others, protocol).as_dict()
            if protocol.match == "label":
                quality["knn_accuracy"] = measures.knn_accuracy(held, others, protocol)
        searcher = self._indexes.searcher(gallery, spec)
        asked, source = held if others is None else others, self._catalogs.catalog(queries or gallery)
        timings = measures.time_queries(searcher, source, asked)
        return {"engine": spec.engine, "weights": spec.weights} | quality | timings

    def matchable(self, catalog: str) -> dict[str, int]:
        """Return attribute -> how many pictures share theirs with another, the best one to match results by first."""
        return measures.matchable(item.attributes for item in catalogs.known(self._catalogs.catalog(catalog)))

    def compare(
        self,
        catalog: str,
        specs: Sequence[EncoderSpec],
        protocol: EvaluationProtocol | None,
        on_progress: comparison.OnProgress = lambda step: None,
    ) -> comparison.Comparison:
        """Measure engines side by side, building the indexes that are missing.

        Without a protocol only speed is measured. An engine that cannot be loaded is named in the result with the
        reason. `on_progress` may raise Stopped.
        """
        if protocol and protocol.match == consumer_to_shop.PAIR:
            protocol = consumer_to_shop.spelled_out(protocol)
        contestants, failed = [], {}
        for name, spec in {spec.name: spec for spec in specs}.items():
            try:
                on_progress(comparison.Step(spec.title, "loading", 0, 0))
                engines.load(spec)
                spec = engines.spec(name)  # a checkpoint that has just come tells its facts only now
                searcher = self._indexes.brought_up(catalog, spec, on_progress)
            except AppError as error:
                failed[name] = str(error)
                continue
            collection = measures.Collection.of(self._indexes.folder(catalog), spec)
            contestants.append(comparison.Contestant(name, spec.title, collection, searcher))
        source = self._catalogs.catalog(catalog)
        return replace(comparison.compare(contestants, source, protocol, on_progress), failed=failed)

    def comparing(
        self, catalog: str, specs: Sequence[EncoderSpec], protocol: EvaluationProtocol | None, owner: str = MACHINE
    ) -> Task[comparison.Comparison]:
        """Return the task that compares engines, one comparison at a time; raises AppError when too many wait."""

        def work(task: Task[comparison.Comparison]) -> comparison.Comparison:
            def on_progress(step: comparison.Step) -> None:
                task.advance(step.done, step.total, seconds_left=step.seconds_left, doing=f"{step.title}: {step.doing}")

            return self.compare(catalog, specs, protocol, on_progress)

        return self._tasks.submit("comparison", f"comparing on {catalog}", work, owner)

    def duplicates(
        self, catalog: str, spec: EncoderSpec, on_progress: Callable[[int, int], None] = lambda done, total: None
    ) -> duplicates.Forest:
        """Return what groups of near-duplicates a catalogue has at every threshold; its index has to be built.

        Copies by their pixels, mirrored and turned ones among them, count as 1. `on_progress` hears of both passes.
        """
        held = measures.Collection.of(self._indexes.folder(catalog), spec)
        copies = self._health.survey(catalog, on_progress).copies(held.ids)
        return duplicates.forest(held.ids, held.vectors, on_progress, copies)
