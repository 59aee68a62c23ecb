"""What app, command line and benchmarks ask: `Services` and the nouns of its answers."""

import engines
from services.app import CatalogInfo, Services, Status, Task

__all__ = ["DEFAULT_ENGINE", "CatalogInfo", "Services", "Status", "Task"]

DEFAULT_ENGINE = engines.REGISTRY.first("look-alike").name
"""The engine that answers where nobody has chosen one."""
