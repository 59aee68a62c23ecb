"""What app, command line and benchmarks ask: `Services` and the nouns of its answers."""

from services.app import CatalogInfo, Services, Status, Task

__all__ = ["CatalogInfo", "Services", "Status", "Task"]
