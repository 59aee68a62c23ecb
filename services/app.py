"""The composition root: settings become catalogues, encoders, indexes and searchers, for app, cli and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

import engines
from services.catalogs.open_catalogs import CatalogInfo, OpenCatalogs
from services.catalogs.overview import Overview
from services.catalogs.saved_catalogs import SavedCatalogs
from services.catalogs.uploads import Uploads
from services.edits import Edits
from services.evaluation import Evaluation
from services.health import CatalogHealth
from services.indexes.indexes import Indexes, Status
from services.indexes.maps import Maps
from services.indexes.views import Views
from services.models.latent import Latent
from services.models.latent_runs import LatentRuns
from services.models.owned import Models
from services.models.pretrained import Pretrained
from services.models.product import Products
from services.models.product_runs import ProductRuns
from services.models.runs import Trainer
from services.sessions import Sessions
from services.tasks import Task, Tasks
from services.words.search import WordSearch
from settings import Settings

__all__ = ["CatalogInfo", "Services", "Status", "Task"]


class Services:
    """The parts that do the work, for app, command line and benchmarks; safe to share between threads.

    `tasks` runs what is long in the background, `sessions` knows who is here and what belongs to whom; `engines` knows
    the networks; `catalogs` holds the open catalogues, `saved_catalogs` those that stay, `uploads` those of a session;
    `indexes` builds and opens, `views` and `overview` show, `maps` lays out, `evaluation` measures; `edits` edits;
    `pretrained` offers published models, `models` keeps what users trained; `latent` is for what latent spaces do
    beyond search, and `latent_runs` trains them; `products` says what a garment is, and `product_runs` trains that;
    `words` answers questions in words.
    """

    def __init__(
        self, settings: Settings, names: Sequence[str] = ("sample",), label_pattern: str | None = None
    ) -> None:
        """Open the catalogues called `names`; raises AppError. `label_pattern` is for folders and buckets."""
        self.settings = settings
        self.engines = engines.REGISTRY
        self.pretrained = Pretrained(settings, self.engines)
        self.tasks = Tasks()
        self.sessions = Sessions(settings)
        self.catalogs = OpenCatalogs(settings, label_pattern)
        for name in names:
            self.catalogs.open(name)
        self.indexes = Indexes(settings, self.catalogs, self.tasks)
        self.views = Views(settings, self.catalogs, self.indexes)
        self.overview = Overview(self.catalogs, self.indexes, self.views)
        self.saved_catalogs = SavedCatalogs(settings, self.catalogs, self.indexes)
        self.uploads = Uploads(settings, self.sessions, self.catalogs, self.indexes)
        self.health = CatalogHealth(self.catalogs)
        self.evaluation = Evaluation(self.catalogs, self.indexes, self.tasks, self.health)
        self.edits = Edits(settings)
        self.maps = Maps(self.catalogs, self.indexes, self.tasks)
        self.models = Models(settings, self.sessions, self.indexes)
        trainer = Trainer(self.catalogs, self.sessions, self.tasks, self.models)
        self.products = Products(self.catalogs, self.indexes, self.views)
        self.product_runs = ProductRuns(trainer)
        self.latent = Latent(self.catalogs, self.indexes, self.tasks)
        self.words = WordSearch(self.catalogs, self.indexes, self.tasks)
        self.latent_runs = LatentRuns(trainer)

    def close(self) -> None:
        """Cancel the tasks that wait and run; what they stored is kept, what sessions hold is not."""
        self.tasks.close()
        self.words.close()
        self.sessions.close()
