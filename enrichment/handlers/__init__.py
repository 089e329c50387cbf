"""One file for each kind; importing this package registers them."""

from enrichment.handlers import document

__all__ = ["document"]
