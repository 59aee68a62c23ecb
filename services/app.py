"""The composition root: settings become catalogues, encoders, indexes and searchers, for app, cli and benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

import engines
from retrieval import catalogs
from retrieval.core import AppError, Catalog, Encoder, EncoderSpec, StyleEncoder, StyleMatch
from retrieval.evaluation import comparison, consumer_to_shop, measures
from retrieval.evaluation.projection import Projection, Track
from retrieval.evaluation.protocol import EvaluationProtocol
from retrieval.indexing.build import Progress, Report
from retrieval.search import duplicates
from retrieval.search.searcher import Searcher
from services.catalogs.open_catalogs import CatalogInfo, Opened
from services.catalogs.overview import Overview
from services.catalogs.saved_catalogs import Shelf
from services.catalogs.uploads import Uploads
from services.edits import Edits
from services.indexes.indexes import Indexes, Status
from services.indexes.maps import Maps, MapStatus
from services.indexes.views import Views
from services.models.latent import Latent
from services.models.latent_runs import LatentRuns
from services.models.product import Products
from services.models.product_runs import ProductRuns
from services.models.store import ModelStore
from services.tasks import Job, Queue
from settings import Settings

__all__ = ["CatalogInfo", "Job", "MapStatus", "Services", "Status"]


class Services:
    """Everything that app, command line and benchmarks ask for; safe to share between threads.

    The parts do the work: `opened` holds the catalogues, `shelf` those that stay, `uploads` those of a visit;
    `indexes` builds and opens, `views` and `overview` show, `edits` edits, `maps` lays out, `models` keeps what users
    trained, `training` is the one queue in which they train, `latent` is for what latent spaces do beyond search, and
    `latent_runs` trains them; `products` says what a garment is, and `product_runs` trains that.
    """

    def __init__(
        self, settings: Settings, names: Sequence[str] = ("sample",), label_pattern: str | None = None
    ) -> None:
        """Open the catalogues called `names`; raises AppError. `label_pattern` is for folders and buckets."""
        self.settings = settings
        engines.offer_clip(settings.clip, settings.trusted)
        self.opened = Opened(settings, label_pattern)
        for name in names:
            self.opened.open(name)
        self.indexes = Indexes(settings, self.opened)
        self.views = Views(settings, self.opened, self.indexes)
        self.overview = Overview(self.opened, self.indexes, self.views)
        self.shelf = Shelf(settings, self.opened, self.indexes)
        self.uploads = Uploads(settings, self.opened, self.indexes, self.views)
        self.edits = Edits(settings)
        self.maps = Maps(self.indexes)
        self.models = ModelStore(settings.index_cache / "models")
        self.training = Queue()
        engines.offer_models(self.models.rows())
        self.products = Products(self.opened, self.indexes, self.views)
        self.product_runs = ProductRuns(self.opened, self.training, self.models, self.save_model)
        self.latent = Latent(self.opened, self.indexes)
        self.latent_runs = LatentRuns(self.opened, self.training, self.models, self.save_model)

    def catalogs(self, engine: str | None = None) -> list[CatalogInfo]:
        """Return the open catalogues, in the order in which they were given; those that do not suit `engine` last."""
        return self.opened.infos(engine)

    def key(self, name: str) -> str:
        """Return the key of a catalogue that was opened as `name`."""
        return self.opened.key(name)

    def catalog(self, key: str) -> Catalog:
        """Return an open catalogue; raises AppError with the valid keys."""
        return self.opened.catalog(key)

    def folder(self, catalog: str) -> Path:
        """Return where the indexes of a catalogue lie."""
        return self.indexes.folder(catalog)

    def spec(self, engine: str, weights: str | None = None) -> EncoderSpec:
        """Return the facts of an engine; raises AppError with the valid names."""
        return engines.spec(engine, weights)

    def named(self, name: str) -> EncoderSpec:
        """Return the facts of an engine called `engine` or `engine:weights`; raises AppError with the valid names."""
        engine, _, weights = name.partition(":")
        return self.spec(engine, weights or None)

    def choices(self) -> list[tuple[EncoderSpec, str | None]]:
        """Return every engine, with what is known to be missing for it on this machine, or None."""
        return [(row, engines.missing(row)) for row in engines.specs()]

    def status(self, catalog: str, engine: str, weights: str | None = None) -> Status:
        """Return how the index of `catalog` under `engine` stands."""
        return self.indexes.status(catalog, engine, weights)

    def ensure(self, catalog: str, engine: str, weights: str | None = None) -> None:
        """Bring the index up to date in the background, unless that runs or ended within the last seconds."""
        self.indexes.ensure(catalog, engine, weights)

    def build(
        self,
        catalog: str,
        engine: str,
        weights: str | None = None,
        track: Callable[[Progress], None] | None = None,
        workers: str | None = None,
    ) -> Report:
        """Bring the index up to date now and return what was done; `workers` may be "ray", else it is this process."""
        return self.indexes.build(catalog, engine, weights, track, workers)

    def searcher(self, catalog: str, engine: str, weights: str | None = None) -> Searcher:
        """Return the searcher of a finished index; raises MissingIndexError or StaleIndexError."""
        return self.indexes.searcher(catalog, engine, weights)

    def encoder(self, engine: str, weights: str | None = None) -> Encoder:
        """Return the loaded network itself, for what it does beyond search; raises AppError."""
        return engines.load(engine, weights)

    def save_model(self, facts: EncoderSpec, files: Mapping[str, bytes], about: Any = None) -> None:  # noqa: ANN401 - any JSON
        """Keep a model that a user trained, and offer it from now on; see `ModelStore.save`."""
        self.models.save(facts.engine, facts.weights, files, facts, about)
        engines.offer_models(self.models.rows())

    def match_styles(
        self, picture: Image.Image, other: Image.Image, engine: str, weights: str | None, patches: int = 3
    ) -> StyleMatch:
        """Say why two pictures are alike in style, by an engine that can tell."""
        return cast(StyleEncoder, self.encoder(engine, weights)).match_styles(picture, other, patches)

    def gram(self, picture: Image.Image, engine: str, weights: str | None) -> np.ndarray:
        """Return the Gram matrix of a picture's finest layer, float32 (c, c)."""
        return cast(StyleEncoder, self.encoder(engine, weights)).gram(picture)

    def evaluate(
        self, gallery: str, queries: str | None, engine: str, weights: str | None, protocol: EvaluationProtocol
    ) -> dict[str, Any]:
        """Measure one engine on labelled catalogues whose indexes are built: quality, and warm milliseconds per query.

        Pictures are encoded, and searched for, one at a time; see retrieval.evaluation.measures. To `match` "pair" is
        consumer-to-shop retrieval, within one catalogue. Matching by label adds `knn_accuracy`, how often the ten
        nearest vote for the right one.
        """
        spec = self.spec(engine, weights)
        held = measures.Collection.of(self.folder(gallery), spec)
        others = measures.Collection.of(self.folder(queries), spec) if queries not in (None, gallery) else None
        asked = held if others is None else others
        if protocol.match == consumer_to_shop.PAIR:
            quality = consumer_to_shop.consumer_to_shop(held, protocol)
        else:
            quality = measures.evaluate(held, others, protocol).as_dict()
            if protocol.match == "label":
                quality["knn_accuracy"] = measures.knn_accuracy(held, others, protocol)
        timings = measures.time_queries(
            self.searcher(gallery, engine, weights), self.catalog(queries or gallery), asked
        )
        return {"engine": spec.engine, "weights": spec.weights} | quality | timings

    def matchable(self, catalog: str) -> dict[str, int]:
        """Return attribute -> how many pictures share theirs with another, the best one to match results by first."""
        return measures.matchable(item.attributes for item in catalogs.known(self.catalog(catalog)))

    def compare(
        self,
        catalog: str,
        names: Sequence[str],
        protocol: EvaluationProtocol | None,
        track: comparison.Track = lambda step: None,
    ) -> comparison.Comparison:
        """Measure engines (`engine` or `engine:weights`) side by side, building the indexes that are missing.

        Without a protocol only speed is measured. An engine that cannot be loaded is named in the result with the
        reason. `track` may raise Stopped.
        """
        if protocol and protocol.match == consumer_to_shop.PAIR:
            protocol = consumer_to_shop.spelled_out(protocol)
        contestants, failed = [], {}
        for name in dict.fromkeys(f"{spec.engine}:{spec.weights}" for spec in map(self.named, names)):
            spec = self.named(name)
            try:
                track(comparison.Step(spec.title, "loading", 0, 0))
                engines.load(spec.engine, spec.weights)
                spec = self.named(name)  # a checkpoint that has just come tells its facts only now
                searcher = self.indexes.brought_up(catalog, spec, track)
            except AppError as error:
                failed[name] = str(error)
                continue
            collection = measures.Collection.of(self.folder(catalog), spec)
            contestants.append(comparison.Contestant(name, spec.title, collection, searcher))
        return replace(comparison.compare(contestants, self.catalog(catalog), protocol, track), failed=failed)

    def duplicates(
        self,
        catalog: str,
        engine: str,
        weights: str | None = None,
        track: Callable[[int, int], None] = lambda done, total: None,
    ) -> duplicates.Forest:
        """Return what groups of near-duplicates a catalogue has at every threshold; its index has to be built."""
        held = measures.Collection.of(self.folder(catalog), self.spec(engine, weights))
        return duplicates.forest(held.ids, held.vectors, track)

    def projection(
        self,
        catalog: str,
        engine: str,
        weights: str | None = None,
        method: str = "tsne",
        track: Track = lambda done, total: None,
    ) -> Projection:
        """Return the map of a finished index, made now unless it lies beside the index; `track` may raise Stopped."""
        return self.maps.make(catalog, self.spec(engine, weights), method, track).layout

    def map(self, catalog: str, engine: str, weights: str | None = None, method: str = "tsne") -> MapStatus:
        """Return how the map of a finished index stands, and have it made in the background if it is not there."""
        self.catalog(catalog)
        return self.maps.ask(catalog, self.spec(engine, weights), method)

    def facets(self, catalog: str) -> dict[str, dict[str, int]]:
        """Return attribute -> value -> count for the attributes that are useful as filters, common values first."""
        return self.views.facets(catalog)

    def examples(self, catalog: str) -> list[str]:
        """Return a few ids that make good first queries: chosen ones of the sample, others spread over the labels."""
        return self.views.examples(catalog)

    def picture(self, catalog: str, item_id: str) -> Image.Image:
        """Return an item's picture, upright RGB; raises AppError for an id that no index of the catalogue holds."""
        return self.views.picture(catalog, item_id)

    def thumbnail(self, catalog: str, item_id: str, side: int = 320) -> bytes:
        """Return an item as a JPEG of at most `side` pixels; raises AppError for an id that no index holds."""
        return self.views.thumbnail(catalog, item_id, side)

    def link(self, catalog: str, item_id: str) -> str | None:
        """Return an address from which a browser gets an item itself, or None: then the app hands it out."""
        return self.views.link(catalog, item_id)

    def close(self) -> None:
        """Ask running builds, maps and trainings to stop; what they stored is kept, visitors' pictures are not."""
        self.indexes.close()
        self.maps.close()
        self.training.close()
        self.latent.close()
        self.uploads.close()
