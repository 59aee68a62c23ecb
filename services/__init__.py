"""What app, command line and benchmarks ask: `Services` and the nouns of its answers."""

from services.app import CatalogInfo, Job, MapStatus, Services, Status

__all__ = ["CatalogInfo", "Job", "MapStatus", "Services", "Status"]
