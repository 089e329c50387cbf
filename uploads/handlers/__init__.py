"""One file for each kind; importing this package registers them."""

from uploads.handlers import document, resume, video

__all__ = ["document", "resume", "video"]
