"""One file for each kind; importing this package registers them."""

from uploads.handlers import document

__all__ = ["document"]
