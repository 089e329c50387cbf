"""Video introductions: probe, transcode, poster and strip, waveform, loudness.

Pure functions over file paths: no database, no settings. Codecs parse hostile bytes in native code, so
call them in the job's child process, never in a web process. `probe` first: it is the gate the others
rely on.
"""

from __future__ import annotations

from uploads.video.container import Limits
from uploads.video.probe import VideoFacts, probe
from uploads.video.transcode import transcode
from uploads.video.transcoder import Transcoded, Transcoder

__all__ = ["Limits", "Transcoded", "Transcoder", "VideoFacts", "probe", "transcode"]
